"""Cutting frames: the cutter delivers what the library would, however the reads fall."""

import random

import pytest
from websockets.frames import Frame, Opcode

from polymm._core.frames import Cutter

NOW_NS = 7


def text(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=False)


def cut(data: bytes, *, largest: int = 1 << 20, pos: int = 0) -> tuple[list[bytes], int, Cutter]:
    cutter = Cutter(largest)
    taken: list[bytes] = []
    end = cutter.cut(data, pos, lambda payload, ns: taken.append(payload), NOW_NS)
    return taken, end, cutter


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_whole_message_of_any_size_is_delivered(size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    for opcode in (Opcode.TEXT, Opcode.BINARY):
        frame = text(payload, opcode)
        taken, end, cutter = cut(frame)
        assert (taken, end, cutter.stop) == ([payload], len(frame), 0)


def test_a_torn_frame_is_left_and_says_what_it_needs() -> None:
    frame = text(b"x" * 300)
    for have, need in ((1, 2), (2, 4), (3, 4), (4, 304), (303, 304)):
        taken, end, cutter = cut(text(b"first") + frame[:have])
        assert (taken, end, cutter.need, cutter.stop) == ([b"first"], 7, need, 0)


@pytest.mark.parametrize(
    "frame",
    [
        text(b"", Opcode.PING),
        text(b"late", Opcode.PONG),
        text(b"\x03\xe8", Opcode.CLOSE),
        text(b"part", fin=False),
        text(b"part", Opcode.CONT),
        b"\xc1\x02ab",
    ],
)
def test_any_other_frame_is_left_whole(frame: bytes) -> None:
    taken, end, cutter = cut(text(b"first") + frame + text(b"last"))
    assert (taken, end, cutter.stop) == ([b"first"], 7, 7 + len(frame))


def test_a_masked_and_a_giant_frame_are_left_as_far_as_they_came() -> None:
    masked = Frame(Opcode.TEXT, b"abc").serialize(mask=True)
    giant = b"\x81\x7f" + (1 << 62).to_bytes(8, "big") + b"abc"
    negative = b"\x81\x7f" + b"\xff" * 8 + b"abc"
    for frame in (masked, giant, negative, text(b"x" * 11)):
        taken, end, cutter = cut(frame, largest=10)
        assert (taken, end) == ([], 0)
        assert cutter.stop > len(frame)


def test_muted_messages_are_passed_over_and_an_end_stops_at_once() -> None:
    cutter = Cutter(100)
    taken: list[bytes] = []

    def take(payload: bytes, _: int) -> None:
        taken.append(payload)
        cutter.is_ended = payload == b"b"

    data = text(b"a") + text(b"b") + text(b"c")
    cutter.is_muted = True
    assert cutter.cut(data, 0, take, NOW_NS) == len(data)
    assert taken == []
    cutter.is_muted = False
    assert cutter.cut(data, 0, take, NOW_NS) == 6
    assert taken == [b"a", b"b"]


def test_inside_a_fragmented_message_everything_is_the_parsers() -> None:
    cutter = Cutter(100)
    cutter.is_fragmented = True
    assert cutter.cut(text(b"abc"), 0, lambda *_: None, NOW_NS) == 0
    assert cutter.stop == 5


def test_an_error_of_the_callback_comes_through() -> None:
    def fail(payload: bytes, ns: int) -> None:
        raise KeyError(payload, ns)

    with pytest.raises(KeyError, match="7"):
        Cutter(100).cut(text(b"a"), 0, fail, NOW_NS)


@pytest.mark.parametrize("seed", range(50))
def test_a_stream_in_random_reads_gives_every_message_once(seed: int) -> None:
    rng = random.Random(seed)
    sent = [rng.randbytes(rng.choice((0, 3, 125, 126, 400, 70_000))) for _ in range(20)]
    stream = b"".join(map(text, sent))
    cutter, taken, rest = Cutter(1 << 20), [], b""
    while stream:
        size = rng.choice((1, 2, 5, 100, 5_000, 100_000))
        data, stream = rest + stream[:size], stream[size:]
        end = cutter.cut(data, 0, lambda payload, _: taken.append(payload), NOW_NS)
        rest = data[end:]
        assert not rest or cutter.need > len(rest)
    assert (taken, rest) == (sent, b"")


@pytest.mark.parametrize("pos", [-1, 100])
def test_a_position_outside_the_data_is_harmless(pos: int) -> None:
    taken, _, _ = cut(text(b"a"), pos=pos)
    assert taken in ([], [b"a"])
