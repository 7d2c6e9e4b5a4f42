"""What a run's own engine was told, did and was answered, read out of its recording.

All of it is the engine's journal as it was recorded: `journal_frames` gives that back, so that a
run can be repeated by `polymm.runtime.exact_replay` without its state folder.
"""

from collections.abc import Iterator
from typing import NamedTuple

from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, MergePairs, Sweep
from polymm.engine.records import (
    Checkpoint,
    Gap,
    Look,
    OrderPlanned,
    Record,
    StepInput,
    StepOutput,
)
from polymm.errors import JournalError, RecordingError
from polymm.research.run_recording import Channel, RunRecording
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import HEADER_BYTES, MAGIC, Frame, make_header, read_frames

Reply = (
    ev.PlaceAnswered
    | ev.CancelAnswered
    | ev.Swept
    | ev.FillTold
    | ev.OrderTold
    | ev.Merged
    | ev.MergeFailed
)
_REPLIES = (
    ev.PlaceAnswered,
    ev.CancelAnswered,
    ev.Swept,
    ev.FillTold,
    ev.OrderTold,
    ev.Merged,
    ev.MergeFailed,
)


class Step(NamedTuple):
    """One step of the engine.

    Args:
        now_ns: When, by the session's clock.
        looks: What it read through ports, in order.
    """

    now_ns: int
    event: ev.Event
    looks: tuple[Look, ...]
    actions: tuple[Action, ...]


class PlaceSent(NamedTuple):
    """The bytes of an order were handed over; ``order`` is the venue's hash of it."""

    order: str
    market: str
    place: Place


class CancelSent(NamedTuple):
    """The bytes of a cancel of these orders were handed over."""

    orders: tuple[str, ...]


Sent = PlaceSent | CancelSent | Sweep | MergePairs


def journal_frames(run: RunRecording) -> Iterator[tuple[int, Frame]]:
    """Give the journal's frames, each with the time at which it was recorded.

    Offsets are within what was written at once.

    Raises:
        RecordingError: What was recorded is no whole frame of a journal.
    """
    for recorded in run.frames(Channel.JOURNAL):
        payload = recorded.payload
        begin = 0 if payload.startswith(MAGIC) else HEADER_BYTES
        try:
            frames, cut = read_frames(payload if not begin else make_header() + payload)
        except JournalError as error:
            raise RecordingError(f"{run.path}: {error}") from error
        if cut is not None:
            raise RecordingError(f"{run.path}: a frame of the journal must be whole: {cut.why}")
        for frame in frames:
            yield recorded.recv_ns, frame._replace(offset=frame.offset - begin)


def records(run: RunRecording) -> Iterator[tuple[int, Record]]:
    """Give the journal's records, each with the time at which it was recorded.

    Raises:
        RecordingError: One cannot be read; another version may have written it.
    """
    for recv_ns, frame in journal_frames(run):
        try:
            yield recv_ns, decode(frame)
        except JournalError as error:
            raise RecordingError(f"{run.path}: {error}") from error


def steps(run: RunRecording) -> Iterator[Step]:
    """Give all steps in order; one whose answer was cut off has no actions.

    Raises:
        RecordingError: A record cannot be read.
    """
    given: StepInput | None = None
    for _, record in records(run):
        if isinstance(record, StepInput | StepOutput | Gap):
            if given is not None:
                done = record.actions if isinstance(record, StepOutput) else ()
                yield Step(*given, done)
            given = record if isinstance(record, StepInput) else None
    if given is not None:
        yield Step(*given, ())


def sent(run: RunRecording) -> Iterator[tuple[int, Sent]]:
    """Give what was sent, each with the time at which its bytes were handed over, in that order.

    Sweeps and merges have the time of the step that asked for them.

    Raises:
        RecordingError: A record cannot be read.
    """
    planned: dict[str, OrderPlanned] = {}
    now_ns = 0
    for _, record in records(run):
        match record:
            case Checkpoint():
                for kept in record.orders:
                    planned.setdefault(kept.plan.order, kept.plan)
            case OrderPlanned():
                planned[record.order] = record
            case StepInput(now_ns, ev.Written(orders, sent_ns), _):
                for order in orders:
                    plan = planned.pop(order, None)
                    if plan is not None:
                        yield sent_ns, PlaceSent(order, plan.market, plan.place)
            case StepInput(now_ns, ev.CancelWritten(orders, sent_ns), _):
                yield sent_ns, CancelSent(orders)
            case StepInput():
                now_ns = record.now_ns
            case StepOutput(actions):
                for action in actions:
                    if isinstance(action, Sweep | MergePairs):
                        yield now_ns, action


def replies(run: RunRecording) -> Iterator[tuple[int, Reply]]:
    """Give what came back, each with the time at which the engine took it, in that order.

    Answers, fills and orders say themselves when they were received (``recv_ns``).

    Raises:
        RecordingError: A record cannot be read.
    """
    for _, record in records(run):
        if isinstance(record, StepInput) and isinstance(record.event, _REPLIES):
            yield record.now_ns, record.event
