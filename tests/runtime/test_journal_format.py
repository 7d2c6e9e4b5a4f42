"""Frames of a journal's file: whole, torn, flipped, of another version."""

import random
import struct
from zlib import crc32

import pytest

from polymm.errors import JournalError
from polymm.runtime import journal_format
from polymm.runtime.journal_format import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAGIC,
    VERSION,
    Kind,
    make_frame,
    make_header,
    read_frames,
)

PAYLOADS = [b"[1]", b'["0xa",2,[]]', b"[]", b'["' + b"z" * 300 + b'"]']
DATA = make_header() + b"".join(make_frame(Kind.FILL, payload) for payload in PAYLOADS)
LAST = len(DATA) - FRAME_BYTES - len(PAYLOADS[-1])


def test_whole_frames_come_back_with_their_places() -> None:
    frames, cut = read_frames(DATA)
    assert cut is None
    assert [frame.payload for frame in frames] == PAYLOADS
    assert {frame.kind for frame in frames} == {Kind.FILL}
    assert frames[0].offset == HEADER_BYTES
    assert frames[-1].offset == LAST


def test_a_frame_is_laid_out_as_documented() -> None:
    size, crc, kind = struct.unpack("<IIB", make_frame(4, b"[7]")[:9])
    assert (size, kind) == (3, 4)
    assert crc == crc32(b"[7]", 3 ^ 4 << 24 ^ 0x6A6E6C21)
    assert make_header()[:12] == MAGIC + struct.pack("<I", VERSION)


def test_every_prefix_gives_its_whole_frames_and_tells_the_rest() -> None:
    whole, _ = read_frames(DATA)
    for size in range(len(DATA)):
        frames, cut = read_frames(DATA[:size])
        assert frames == whole[: len(frames)]
        end = 0 if size < HEADER_BYTES else HEADER_BYTES
        if frames:
            end = frames[-1].offset + FRAME_BYTES + len(frames[-1].payload)
        assert (cut.offset, cut.n_bytes) == (end, size - end) if cut else end == size
        assert cut is None or size > end


def test_no_flipped_bit_goes_unseen() -> None:
    whole, _ = read_frames(DATA)
    cuts = 0
    for at in range(len(DATA) * 8):
        flipped = bytearray(DATA)
        flipped[at // 8] ^= 1 << at % 8
        try:
            frames, cut = read_frames(bytes(flipped))
        except JournalError:
            assert at // 8 < LAST
            continue
        cuts += 1
        assert at // 8 >= LAST
        assert frames == whole[:-1]
        assert cut is not None
        assert cut.offset == LAST
    assert cuts == (len(DATA) - LAST) * 8


def test_damage_in_the_middle_is_named_by_its_offset() -> None:
    second = HEADER_BYTES + FRAME_BYTES + len(PAYLOADS[0])
    flipped = bytearray(DATA)
    flipped[second + FRAME_BYTES] ^= 1
    with pytest.raises(JournalError, match="damaged in the middle: checksum differs") as caught:
        read_frames(bytes(flipped))
    assert caught.value.offset == second


def test_a_tail_of_zeros_is_cut() -> None:
    frames, cut = read_frames(DATA + bytes(4096))
    assert len(frames) == len(PAYLOADS)
    assert cut is not None
    assert cut.n_bytes == 4096


def test_a_hole_before_whole_frames_is_no_tail() -> None:
    hole = DATA[:LAST] + bytes(4096) + make_frame(Kind.FILL, b"[1]")
    with pytest.raises(JournalError, match=rf"damaged in the middle.*offset {LAST}\)"):
        read_frames(hole)


def test_a_search_that_would_take_too_long_is_no_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_format, "_SEARCH_BYTES_MAX", 0)
    fake = struct.pack("<IIB", 400, 0, 1) + b"["
    with pytest.raises(JournalError, match="damaged in the middle"):
        read_frames(make_header() + bytes(9) + fake * 100)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a journal of ours", "not a journal: begins with b'not a jo'"),
        (b"{", "not a journal"),
        (b"polymm-j" + b"\xff" * 8, "header is damaged"),
        (make_header(1), "version must be 3, was 1"),
        (
            make_header() + make_frame(200, b"[]"),
            rf"kind must be one of 1..{max(Kind)}, was 200 \(offset 16\)",
        ),
        (make_header() + make_frame(0, b"[]"), f"kind must be one of 1..{max(Kind)}, was 0"),
    ],
)
def test_what_is_not_ours_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(JournalError, match=message):
        read_frames(data)


def test_any_bytes_give_frames_a_cut_or_the_documented_error() -> None:
    seed = 11
    draw = random.Random(seed)
    outcomes = {"frames": 0, "cut": 0, "error": 0}
    for _ in range(20_000):
        data = bytearray(DATA)
        for _ in range(draw.randint(1, 4)):
            kind = draw.randrange(4)
            at = draw.randrange(len(data)) if data else 0
            if kind == 0:
                del data[at:]
            elif kind == 1:
                data[at : at + 1] = draw.randbytes(draw.randint(0, 5))
            elif kind == 2:
                data[at:at] = data[draw.randrange(len(data) + 1) :][: draw.randint(1, 80)]
            else:
                data += draw.randbytes(draw.randint(0, 40))
        try:
            reading = read_frames(bytes(data))
        except JournalError:
            outcomes["error"] += 1
        else:
            outcomes["frames" if reading.cut is None else "cut"] += 1
    assert min(outcomes.values()) > 100, (seed, outcomes)
