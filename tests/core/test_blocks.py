"""Blocks of received frames: filled in turn, lost and counted where there is no room."""

import random

import pytest

from polymm._core.blocks import HEAD_BYTES, Blocks, Tap
from polymm.errors import InputError
from polymm.research.recording_format import FRAME_HEAD, Recorded, frames_of

ROOM, FULL = 400, 200


def drained(blocks: Blocks, *, is_due: bool = True) -> list[list[Recorded]]:
    """What each block that can be taken holds."""
    found = []
    while (taken := blocks.take(is_due=is_due)) is not None:
        found.append(list(frames_of(bytes(taken[2]))))
        blocks.give_back(taken[0])
    return found


def test_frames_come_back_as_they_were_put() -> None:
    blocks = Blocks(4, ROOM, FULL)
    frames = [
        Recorded(7, 2, 1, b"[]"),
        Recorded(-5, 255, 65_535, b""),
        Recorded(9, 1, 0, b"x" * 99),
    ]
    for recv_ns, channel, socket, payload in frames:
        assert blocks.put(recv_ns, channel, socket, payload)
    assert blocks.frames == 3
    assert blocks.take(is_due=False) is None, "it is not full"
    number, count, view, first_ns, last_ns, begins_file, loss = (
        blocks.take(is_due=True) or [None] * 7
    )
    assert (count, first_ns, last_ns, begins_file, loss) == (3, -5, 9, False, None)
    assert list(frames_of(bytes(view))) == frames
    blocks.give_back(number)


def test_a_head_is_laid_out_as_the_reader_reads_it() -> None:
    assert FRAME_HEAD.size == HEAD_BYTES
    blocks = Blocks(2, ROOM, FULL)
    blocks.put(2**62, 3, 500, b"abc")
    taken = blocks.take(is_due=True)
    assert taken is not None
    assert bytes(taken[2]) == FRAME_HEAD.pack(2**62, 3, 500, 3) + b"abc"


def test_a_block_is_full_at_its_mark_or_before_a_frame_that_it_has_no_room_for() -> None:
    blocks = Blocks(4, ROOM, FULL)
    blocks.put(1, 1, 1, b"x" * (FULL - HEAD_BYTES))
    assert [len(one) for one in drained(blocks, is_due=False)] == [1]
    blocks.put(1, 1, 1, b"x" * (FULL - HEAD_BYTES - 1))
    blocks.put(2, 1, 1, b"x" * (ROOM - HEAD_BYTES))
    assert [[frame.recv_ns for frame in one] for one in drained(blocks, is_due=False)] == [[1], [2]]


def test_what_finds_no_room_is_lost_counted_and_told_by_the_next_block() -> None:
    blocks = Blocks(2, ROOM, FULL)
    for ns in range(1, 6):
        blocks.put(ns, 1, 1, b"x" * (FULL - HEAD_BYTES))
    assert (blocks.frames, blocks.lost_frames) == (2, 3)
    assert blocks.lost_bytes == 3 * (FULL - HEAD_BYTES)
    first = blocks.take(is_due=True)
    assert first is not None
    blocks.give_back(first[0])
    assert blocks.put(6, 1, 1, b"again")
    second = blocks.take(is_due=True)
    third = blocks.take(is_due=True)
    assert second is not None
    assert third is not None
    assert (first[6], second[6]) == (None, None)
    assert third[6] == (3, 3 * (FULL - HEAD_BYTES), 3, 5)
    assert blocks.take_loss() is None


def test_a_frame_that_no_block_holds_is_lost_alone() -> None:
    blocks = Blocks(2, ROOM, FULL)
    blocks.put(1, 1, 1, b"a")
    assert not blocks.put(2, 1, 1, b"x" * ROOM)
    assert blocks.put(3, 1, 1, b"b")
    assert [[frame.recv_ns for frame in one] for one in drained(blocks)] == [[1, 3]]
    assert blocks.take_loss() == (1, ROOM, 2, 2)
    assert blocks.take_loss() is None


def test_a_file_ends_with_the_block_before_it() -> None:
    blocks = Blocks(4, ROOM, FULL)
    blocks.put(1, 1, 1, b"old")
    blocks.end_file()
    blocks.put(2, 1, 1, b"new")
    taken = [blocks.take(is_due=True), blocks.take(is_due=True)]
    assert [one and (one[1], one[5]) for one in taken] == [(1, False), (1, True)]


def test_a_tap_puts_and_hands_on() -> None:
    blocks, heard = Blocks(2, ROOM, FULL), []
    tap = Tap(blocks, 2, 9, lambda frame, ns: heard.append((frame, ns)))
    tap.take(b"one", 5)
    assert heard == [(b"one", 5)]
    assert drained(blocks) == [[Recorded(5, 2, 9, b"one")]]


def test_an_error_of_whoever_is_told_passes_and_the_frame_is_kept() -> None:
    blocks = Blocks(2, ROOM, FULL)

    def fail(frame: bytes, ns: int) -> None:
        raise ValueError(frame)

    with pytest.raises(ValueError, match="one"):
        Tap(blocks, 2, 9, fail).take(b"one", 5)
    assert len(drained(blocks)[0]) == 1


def test_random_traffic_is_kept_or_counted() -> None:
    """Against a list: whatever the two sides do, each frame is there once or was refused."""
    for seed in range(50):
        draw = random.Random(seed)
        blocks = Blocks(draw.randint(2, 5), ROOM, FULL)
        kept: list[Recorded] = []
        seen: list[Recorded] = []
        held: list[int] = []
        losses = 0
        for ns in range(400):
            frame = Recorded(ns, 2, draw.randrange(3), bytes(draw.randrange(ROOM)))
            if blocks.put(*frame):
                kept.append(frame)
            if draw.random() < 0.3 and (taken := blocks.take(is_due=draw.random() < 0.5)):
                losses += taken[6][0] if taken[6] else 0
                seen += frames_of(bytes(taken[2]))
                held.append(taken[0])
            while held and draw.random() < 0.4:
                blocks.give_back(held.pop(0))
        while (taken := blocks.take(is_due=True)) is not None:
            losses += taken[6][0] if taken[6] else 0
            seen += frames_of(bytes(taken[2]))
        losses += (blocks.take_loss() or (0,))[0]
        assert seen == kept, seed
        assert losses == blocks.lost_frames == 400 - len(kept), seed


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((1, ROOM, FULL), "count must be within 2..1024, was 1"),
        ((2, ROOM, ROOM + 1), "full_bytes must be within 1..400, was 401"),
        ((2, ROOM, 0), "full_bytes must be within"),
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers: tuple[int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Blocks(*numbers)


def test_a_block_is_given_back_once() -> None:
    blocks = Blocks(2, ROOM, FULL)
    with pytest.raises(InputError, match="block must be one that was taken, was 0"):
        blocks.give_back(0)
