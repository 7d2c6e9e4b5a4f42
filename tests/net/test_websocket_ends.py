"""The contract of a websocket over both engines and both loops: how it ends."""

import asyncio
import time
from typing import Any

import pytest

from polymm.net.websocket import (
    Closed,
    Receiver,
    WebSocket,
    WebSocketLimits,
    open_websocket,
)
from tests.support.loopback import (
    CLOSE,
    CONT,
    MS,
    PING,
    PONG,
    TEXT,
    Stage,
    close_frame,
    frame,
    read_frame,
    serving,
    until,
    upgrade,
)
from tests.support.sockets import LIMITS, Heard, noting, scene_of, sending


def test_the_peers_close_is_answered_and_told(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert ended == Closed(
            code=1008, reason="invalid subscription payload", sent_code=1008, detail=""
        )
        assert heard.ends == [ended]
        assert heard.messages == [b"last"]
        assert not ws.send_text(b"PING")
        await until(lambda: bool(frames))
        assert frames[0][0] == CLOSE
        assert frames[0][1][:2] == b"\x03\xf0"

    last = frame(TEXT, b"last") + close_frame(1008, "invalid subscription payload")
    run(scene_of(engine, noting(frames, last, frame(TEXT, b"after")), then))


@pytest.mark.parametrize(
    ("ending", "code", "reason"),
    [
        (frame(CLOSE), 1005, ""),
        (close_frame(1001), 1001, ""),
        (close_frame(4003, "draining"), 4003, "draining"),
        (b"", 1006, ""),
    ],
)
def test_close_codes_are_told(
    run: Stage, engine: str, ending: bytes, code: int, reason: str
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(ending)
        await writer.drain()

    async def then(ws: WebSocket, _: Heard) -> None:
        ended = await ws.wait_closed()
        assert (ended.code, ended.reason) == (code, reason)
        assert (ended.detail == "") == (code != 1006)
        assert ended.sent_code == (None if code == 1006 else code)

    run(scene_of(engine, script, then))


def test_a_reset_is_told(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(TEXT, b"x" * 500)[:100])
        await writer.drain()
        writer.transport.abort()

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert (ended.code, ended.sent_code) == (1006, None)
        assert ended.detail != ""
        assert heard.messages == []

    run(scene_of(engine, script, then))


def test_our_close_waits_for_the_peers_and_delivers_nothing_more(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await read_frame(reader)
        writer.write(frame(TEXT, b"late") + frame(CLOSE, b"\x0f\xa0ok"))
        await reader.read()

    async def then(ws: WebSocket, heard: Heard) -> None:
        ws.close(4000, "swapped")
        assert not ws.is_open
        assert not ws.send_text(b"no")
        ended = await ws.wait_closed()
        assert (ended.code, ended.reason, ended.sent_code) == (4000, "ok", 4000)
        assert heard.messages == []

    run(scene_of(engine, script, then, limits=WebSocketLimits()))


def test_a_half_open_peer_does_not_hold_our_close(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await asyncio.sleep(10)

    async def then(ws: WebSocket, _: Heard) -> None:
        started_ns = time.monotonic_ns()
        ws.close()
        ended = await ws.wait_closed()
        assert (ended.code, ended.sent_code) == (1006, 1000)
        assert time.monotonic_ns() - started_ns >= LIMITS.close_ns_max - MS

    run(scene_of(engine, script, then))


def test_abort_ends_a_silent_peer_at_once(run: Stage, engine: str) -> None:
    async def then(ws: WebSocket, heard: Heard) -> None:
        ws.abort()
        assert not ws.is_open
        assert heard.ends == []  # Not from within the call.
        ended = await ws.wait_closed()
        assert (ended.code, ended.sent_code, ended.detail) == (1006, None, "aborted by us")

    run(scene_of(engine, sending(), then, limits=WebSocketLimits()))


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (frame(3, b"x"), 1002),
        (frame(TEXT, b"x", reserved=4), 1002),
        (frame(CONT, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (b"\x81\x81\x00\x00\x00\x00x", 1002),
        (frame(TEXT, b"x" * (LIMITS.message_bytes_max + 1)), 1009),
        (frame(TEXT, b"x" * 60_000, fin=False) + frame(CONT, b"x" * 60_000), 1009),
        (frame(CLOSE, b"\x03"), 1002),
        (close_frame(999), 1002),
    ],
)
def test_a_peer_that_breaks_the_rules_is_told_and_left(
    run: Stage, engine: str, broken: bytes, code: int
) -> None:
    has_told = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(TEXT, b"good"))
        await writer.drain()
        await asyncio.sleep(0.0005)
        writer.write(broken + frame(TEXT, b"after"))
        opcode, payload = await read_frame(reader)
        assert (opcode, payload[:2]) == (CLOSE, code.to_bytes(2, "big"))
        has_told.set()

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert ended.sent_code == code
        assert ended.detail != ""
        assert heard.messages == [b"good"]
        await has_told.wait()

    run(scene_of(engine, script, then))


def test_a_giant_frame_is_not_gathered(run: Stage, engine: str) -> None:
    sent = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await upgrade(reader, writer)
        writer.write(b"\x81\x7f" + (1 << 40).to_bytes(8, "big"))
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert (ended.sent_code, heard.messages) == (1009, [])
        # What the sockets' own buffers hold.
        assert sent < 16 << 20

    run(scene_of(engine, script, then))


def test_a_peer_that_no_longer_reads_is_left(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.transport.pause_reading()
        await asyncio.sleep(10)

    async def then(ws: WebSocket, _: Heard) -> None:
        for _i in range(1_000):
            if not ws.send_text(b"x" * 60_000):
                break
            await asyncio.sleep(0)
        ended = await ws.wait_closed()
        assert "unread" in ended.detail

    run(scene_of(engine, script, then))


@pytest.mark.parametrize("which", ["on_message", "on_chunk_end", "on_pong"])
def test_an_error_in_a_callback_goes_to_the_loop_and_ends_the_connection(
    run: Stage, engine: str, which: str
) -> None:
    async def scene() -> None:
        messages: list[bytes] = []
        ends: list[Closed] = []

        def broken(*_: object) -> None:
            raise RuntimeError("ours")

        callbacks: dict[str, Any] = {
            "on_message": lambda payload, _: messages.append(payload),
            "on_close": ends.append,
            which: broken,
        }
        script = sending(frame(PONG) + frame(TEXT, b"1") + frame(TEXT, b"2"))
        async with serving(script) as server:
            ws = await open_websocket(
                f"ws://127.0.0.1:{server.port}/", Receiver(**callbacks), engine=engine
            )
            await ws.wait_closed()
        assert len(ends) == 1
        assert ends[0].detail == "a callback raised an error"
        assert messages == ([b"1", b"2"] if which == "on_chunk_end" else [])
        assert [str(run.errors.pop())] == ["ours"]

    run(scene())


def test_a_callback_may_abort_in_the_middle_of_a_chunk(run: Stage, engine: str) -> None:
    async def scene() -> None:
        heard = Heard()
        sockets: list[WebSocket] = []
        go = asyncio.Event()

        def on_message(payload: bytes, _: int) -> None:
            heard.messages.append(payload)
            sockets[0].abort()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upgrade(reader, writer)
            await go.wait()
            writer.write(frame(TEXT, b"1") + frame(TEXT, b"2"))
            await reader.read()

        async with serving(script) as server:
            receiver = Receiver(on_message=on_message, on_close=heard.ends.append)
            sockets.append(
                await open_websocket(f"ws://127.0.0.1:{server.port}/", receiver, engine=engine)
            )
            go.set()
            await sockets[0].wait_closed()
        assert (heard.messages, len(heard.ends)) == ([b"1"], 1)

    run(scene())
