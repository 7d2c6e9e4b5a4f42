"""Reading a journal back: frames to records to what is known.

Each segment of a journal begins with a checkpoint, so that one segment is enough: the newest whose
checkpoint is whole. One that was begun when the power went has none, and the one before it is
still there, since it goes only when its successor is on the disk.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from polymm.engine.recovered import Recovered
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import Cut, Frame, Kind, read_frames

# What a replay need not look into.
_STEPS = frozenset((Kind.INPUT, Kind.OUTPUT, Kind.GAP))


@dataclass(slots=True)
class JournalRead:
    """What a journal's segments gave.

    Attributes:
        state: What is known.
        cuts: Torn or damaged tails that were left out, newest first.
    """

    state: Recovered = field(default_factory=Recovered)
    cuts: list[Cut] = field(default_factory=list)


def replay(frames: Iterable[Frame]) -> Recovered:
    """Apply all records.

    Raises:
        JournalError: A payload is no record of its kind.
    """
    state = Recovered()
    for frame in frames:
        if frame.kind not in _STEPS:
            state.apply(decode(frame))
    return state


def recover(newest_first: Iterable[bytes]) -> JournalRead:
    """Recover from the newest segment whose checkpoint is whole; older ones are not read.

    Raises:
        JournalError: A segment is damaged in its middle, or another version's.
    """
    read = JournalRead()
    for data in newest_first:
        reading = read_frames(data)
        if reading.cut is not None:
            read.cuts.append(reading.cut)
        if reading.frames and reading.frames[0].kind == Kind.CHECKPOINT:
            read.state = replay(reading.frames)
            break
    return read
