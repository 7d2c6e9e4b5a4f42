"""The contract of a websocket over both engines and both loops: what comes and what goes."""

import asyncio
import random
import time

import pytest

from polymm.net.websocket import (
    WebSocket,
)
from tests.support.loopback import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Stage,
    accept,
    frame,
    until,
    upgrade,
)
from tests.support.sockets import LIMITS, Heard, noting, scene_of, sending


def test_text_and_binary_reach_the_callback_as_bytes(run: Stage, engine: str) -> None:
    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 4)
        assert heard.messages == [b'{"a":1}', b"\x00\xff", b"", "é".encode()]

    frames = frame(TEXT, b'{"a":1}') + frame(BINARY, b"\x00\xff") + frame(TEXT)
    run(scene_of(engine, sending(frames, frame(TEXT, "é".encode())), then))


def test_a_frame_that_comes_with_the_handshake_is_not_lost(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(accept(request) + frame(TEXT, b"early"))
        await reader.read()

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: heard.messages == [b"early"])

    run(scene_of(engine, script, then))


def test_frames_of_one_chunk_carry_one_stamp_and_one_end(run: Stage, engine: str) -> None:
    started_ns = time.monotonic_ns()

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 5)
        assert len(set(heard.stamps[:3])) == 1
        assert started_ns < heard.stamps[2] < heard.stamps[3] <= time.monotonic_ns()
        assert heard.chunks[-2:] == [3, 5]

    three = b"".join(frame(TEXT, b"%d" % i) for i in range(3))
    # A control frame at the end of a chunk must not leave its stamp to the next one.
    run(scene_of(engine, sending(three + frame(PONG), frame(TEXT, b"3") + frame(TEXT, b"4")), then))


@pytest.mark.parametrize("at", [1, 2, 3, 9, 70])
def test_a_frame_in_halves_is_one_message(run: Stage, engine: str, at: int) -> None:
    whole = frame(TEXT, b"x" * 300)

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: bool(heard.messages))
        assert heard.messages == [b"x" * 300]

    run(scene_of(engine, sending(whole[:at], whole[at:]), then))


def test_a_frame_byte_by_byte_is_one_message(run: Stage, engine: str) -> None:
    whole = frame(TEXT, b"hello")

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: bool(heard.messages))
        assert heard.messages == [b"hello"]

    run(scene_of(engine, sending(*(whole[i : i + 1] for i in range(len(whole)))), then))


def test_fragments_are_put_together_around_a_ping(run: Stage, engine: str) -> None:
    pieces = [
        frame(TEXT, b"one ", fin=False),
        frame(PING, b"p"),
        frame(CONT, b"", fin=False),
        frame(CONT, b"message"),
        frame(BINARY, b"next"),
    ]

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 2)
        assert heard.messages == [b"one message", b"next"]

    run(scene_of(engine, sending(b"".join(pieces)), then))


def test_a_message_of_the_largest_size_passes(run: Stage, engine: str) -> None:
    payload = b"x" * LIMITS.message_bytes_max

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 2)
        assert [len(one) for one in heard.messages] == [len(payload)] * 2

    halves = frame(TEXT, payload[1:], fin=False) + frame(CONT, b"x")
    run(scene_of(engine, sending(frame(TEXT, payload), halves), then))


@pytest.mark.parametrize("seed", range(3))
def test_any_cut_of_the_stream_gives_the_same_messages(run: Stage, engine: str, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    wanted: list[bytes] = []
    stream = b""
    for i in range(150):
        payload = b"%d:" % i + b"x" * rng.choice((0, 5, 120, 122, 123, 300, 20_000))
        wanted.append(payload)
        cut = rng.randrange(len(payload))
        if rng.random() < 0.3:
            stream += frame(BINARY, payload[:cut], fin=False)
            stream += frame(PING, b"p") * rng.randrange(2)
            stream += frame(CONT, payload[cut:])
        else:
            stream += frame(TEXT, payload) + frame(PONG) * rng.randrange(2)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        left = accept(request) + stream
        while left:
            size = rng.choice((1, 2, 3, 10, 500, 30_000))
            writer.write(left[:size])
            left = left[size:]
            await asyncio.sleep(0)
        await reader.read()

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == len(wanted))
        assert heard.messages == wanted

    run(scene_of(engine, script, then))


def test_every_message_twice_is_delivered_twice(run: Stage, engine: str) -> None:
    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 400)
        assert heard.messages == [b"%d" % (i // 2) for i in range(400)]

    run(scene_of(engine, sending(b"".join(frame(TEXT, b"%d" % i) * 2 for i in range(200))), then))


def test_what_is_sent_is_masked_and_whole(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(ws: WebSocket, _: Heard) -> None:
        assert ws.send_text(b"PING")
        assert ws.send_binary(b"\x00")
        assert ws.send_text(b"x" * 40_000)
        assert ws.send_ping(b"p")
        ws.close()
        await ws.wait_closed()
        assert frames == [
            (TEXT, b"PING"),
            (BINARY, b"\x00"),
            (TEXT, b"x" * 40_000),
            (PING, b"p"),
            (CLOSE, b"\x03\xe8"),
        ]

    run(scene_of(engine, noting(frames), then))


def test_nothing_is_sent_before_the_caller_sends(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(ws: WebSocket, _: Heard) -> None:
        await asyncio.sleep(0.005)
        ws.send_text(b"subscribe")
        await until(lambda: bool(frames))
        assert frames == [(TEXT, b"subscribe")]

    run(scene_of(engine, noting(frames), then))


def test_a_ping_is_answered_and_a_pong_is_told(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: bool(frames) and bool(heard.pongs))
        assert frames == [(PONG, b"are you there")]
        assert heard.pongs == [b"yes"]
        assert heard.messages == []

    run(scene_of(engine, noting(frames, frame(PING, b"are you there"), frame(PONG, b"yes")), then))


def test_headers_of_the_caller_go_with_the_handshake(run: Stage, engine: str) -> None:
    requests: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await upgrade(reader, writer))
        await reader.read()

    async def then(*_: object) -> None:
        lines = requests[0].split(b"\r\n")
        assert lines[0] == b"GET /ws/market HTTP/1.1"
        assert b"User-Agent: polymm" in lines
        # Compression would cost more than it saves, and neither engine undoes it for us.
        assert b"extensions" not in requests[0].lower()

    run(scene_of(engine, script, then, headers=[("User-Agent", "polymm")]))
