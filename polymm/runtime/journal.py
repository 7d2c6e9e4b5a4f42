"""The account's journal: what is told first stands first, and nothing is sent that is not in it.

A plan is with the disk's kernel (or on the disk) when `plan` returns. Everything else is written
after the bytes it is about are out, all records of a step at once. What was told is also kept in
memory, so that a new segment can begin with a checkpoint at any time: when the old one is full,
and when a disk that failed takes records again. Nothing is ever appended behind a failure.

The journal itself opens nothing: it writes to a `Disk`, which in a simulation is a list of bytes.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from polymm.domain.market import Market
from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Action,
    Counted,
    LimitReached,
    MergeFound,
    OrderEnded,
    ResultKnown,
    TradesKnown,
)
from polymm.engine.looks import LookLog
from polymm.engine.records import (
    Gap,
    Kept,
    LimitsLifted,
    MarketKnown,
    MergeAsked,
    OrderPlanned,
    RunBegun,
)
from polymm.engine.recovered import Recovered
from polymm.errors import JournalError
from polymm.runtime.journal_codec import encode, encode_input, encode_output, encode_plan
from polymm.runtime.journal_format import Cut, make_header

SEGMENT_BYTES_MAX: Final = 64 << 20
# Events and actions that are kept as they are.
_KEPT_EVENTS: Final = (
    ev.Written,
    ev.CancelWritten,
    ev.Merged,
    ev.MergeFailed,
    ev.MarketSettled,
    ev.BalancesRead,
)
_KEPT_ACTIONS: Final = (
    OrderEnded,
    TradesKnown,
    ev.Correction,
    MergeFound,
    ResultKnown,
    Counted,
    LimitReached,
)


class Disk(Protocol):
    """Where the bytes go. `begin`, `write` and `close` raise JournalError where they fail."""

    def begin(self, head: bytes) -> None:
        """Begin a new segment with these bytes; `Journal.confirm` is called when it is safe.

        Earlier segments go only then.
        """
        ...

    def write(self, frames: bytes, *, is_plan: bool) -> None:
        """Append; a plan is as safe on return as was asked for. Nothing else waits."""
        ...

    def retry(self) -> None:
        """Have `Journal.heal` called in a while."""
        ...

    def close(self) -> None:
        """Put everything on the disk and let go."""
        ...


class Journal:
    """Writes down what an engine is told and does; it is that engine's `JournalPort`.

    Args:
        disk: Where the bytes go.
        state: What earlier runs told; this journal goes on with it.
        cuts: Torn tails that were left out when it was read.
        looks: Where the engine's looks are noted; they end with each step.
        segment_bytes_max: A new segment begins after so many bytes, or twice its checkpoint's: one
            that is large must not be written again and again.

    Attributes:
        disk: As given.
        tell: Takes JournalFailed and JournalHealed where no call is there to raise an error.
        failure: Why nothing can be written, "" while it can.
        lost_steps: Steps that were not written because of it, since the journal was opened.
    """

    def __init__(
        self,
        disk: Disk,
        state: Recovered,
        *,
        cuts: Sequence[Cut] = (),
        looks: LookLog | None = None,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> None:
        self.tell: Callable[[ev.Event], None] | None = None
        self.cuts = cuts
        self.looks = LookLog() if looks is None else looks
        self.failure = ""
        self.lost_steps = 0
        self.disk = disk
        self._state = state
        # Planned, and not yet taken into the state: that is done off an order's way.
        self._planned: list[tuple[str, str, Place, int]] = []
        self._segment_bytes_max = segment_bytes_max
        self._segment_bytes = self._rotate_bytes = 0
        self._gap = 0
        self._is_healing = False

    @property
    def state(self) -> Recovered:
        """All that was told so far."""
        if self._planned:
            for planned in self._planned:
                self._state.apply(OrderPlanned(*planned))
            self._planned.clear()
        return self._state

    def begin(self, run: RunBegun) -> None:
        """Begin a run in a segment of its own.

        Raises:
            JournalError: Nothing can be written.
        """
        self._begin_segment()
        self.state.apply(run)
        self._write(encode(run))

    def lift(self, now_ns: int) -> None:
        """Lift the limits of losses that earlier runs reached; no run is under way.

        Raises:
            JournalError: Nothing can be written.
        """
        self._begin_segment()
        lifted = LimitsLifted(now_ns)
        self.state.apply(lifted)
        self._write(encode(lifted))

    # What a driver tells

    def plan(self, now_ns: int, market: str, place: Place, order: str) -> None:
        """Write an order down before its first byte leaves.

        Raises:
            JournalError: It may not be sent.
        """
        if self.failure:
            raise JournalError(self.failure)
        try:
            frame = encode_plan(order, market, place, now_ns)
            self.disk.write(frame, is_plan=True)
        except JournalError as error:
            self._fail(str(error))
            raise
        self._segment_bytes += len(frame)
        self._planned.append((order, market, place, now_ns))

    def ask_merge(self, now_ns: int, market: str, pairs_e6: int) -> None:
        """Write a merge down before its first byte leaves.

        Raises:
            JournalError: It may not be asked for.
        """
        if self.failure:
            raise JournalError(self.failure)
        asked = MergeAsked(market, pairs_e6, now_ns)
        try:
            frame = encode(asked)
            self.disk.write(frame, is_plan=True)
        except JournalError as error:
            self._fail(str(error))
            raise
        self._segment_bytes += len(frame)
        self.state.apply(asked)

    def market(self, now_ns: int, market: Market) -> None:
        """Write down that a market is taken in; before the engine is told.

        A journal that fails with this tells so, and knows the market when it is healed.
        """
        record = MarketKnown(market, now_ns)
        self.state.apply(record)
        if self.failure and not self._is_healing:
            return
        try:
            self._write(encode(record))
        except JournalError as error:
            self.fail(str(error))

    def note(self, now_ns: int, event: ev.Event, actions: Sequence[Action]) -> None:
        """Write down what a step was given and what it answered, in one write.

        Raises:
            JournalError: The journal fails with this; it is told once.
        """
        looks = self.looks.take()
        records = self._kept(event, actions)
        # Be the disk what it may: a later checkpoint carries on what is taken in here.
        state = self.state
        for record in records:
            state.apply(record)
        if self.failure and not self._is_healing:
            self._lose_step()
            return
        try:
            frames = [encode(record) for record in records]
            frames.append(encode_input(now_ns, event, looks))
            if actions:
                frames.append(encode_output(actions))
            self._write(b"".join(frames))
            if self._segment_bytes > self._rotate_bytes:
                self._begin_segment()
        except JournalError as error:
            self._fail(str(error))
            self._lose_step()
            raise

    def _lose_step(self) -> None:
        self._gap += 1
        self.lost_steps += 1

    def _kept(self, event: ev.Event, actions: Sequence[Action]) -> list[Kept]:
        """What of a step is to be known after a restart."""
        kept: list[Kept] = []
        if isinstance(event, ev.FillTold):
            kept += self._news((event,))
        elif isinstance(event, ev.TradesRead):
            kept += self._news(event.fills)
        elif isinstance(event, _KEPT_EVENTS):
            kept.append(event)
        kept += [action for action in actions if isinstance(action, _KEPT_ACTIONS)]
        return kept

    def _news(self, fills: Sequence[ev.FillTold]) -> list[ev.FillTold]:
        """Leave out what is known already."""
        return [fill for fill in fills if self.state.is_news(fill)]

    # What the disk tells

    def fail(self, reason: str) -> None:
        """The disk does not keep what it was given: nothing more is written to this segment."""
        is_news = not self.failure
        self._fail(reason)
        if is_news and self.tell is not None:
            self.tell(ev.JournalFailed(reason))

    def heal(self) -> None:
        """Try a new segment, if the journal has failed; `confirm` says that it holds.

        What is told until then is written to it, but no order is planned.
        """
        if not self.failure or self._is_healing:
            return
        self._is_healing = True
        try:
            self._begin_segment()
        except JournalError as error:
            self._fail(str(error))

    def confirm(self) -> None:
        """The segment begun last is safe, and with it what the failed one lacks."""
        if self._is_healing:
            self._is_healing = False
            self.failure = ""
            if self.tell is not None:
                self.tell(ev.JournalHealed())

    def renew(self) -> None:
        """Begin a segment where this one is half full; to be called when nothing is quoted.

        A checkpoint is some milliseconds of work: so none is due while they matter, unless a
        window alone fills half a segment.
        """
        if self.failure or 2 * self._segment_bytes <= self._rotate_bytes:
            return
        try:
            self._begin_segment()
        except JournalError as error:
            self.fail(str(error))

    def close(self) -> None:
        """Let go of the disk; nothing can be written any more.

        Raises:
            JournalError: Not everything is on the disk.
        """
        self.failure = "the journal is closed"
        self.disk.close()

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._is_healing = False
        self.disk.retry()

    def _write(self, frames: bytes) -> None:
        self.disk.write(frames, is_plan=False)
        self._segment_bytes += len(frames)

    def _begin_segment(self) -> None:
        """Carry everything on in a new segment, and say there what the old one lacks."""
        head = make_header() + encode(self.state.checkpoint())
        if self._gap:
            head += encode(Gap(self._gap))
        self._segment_bytes = len(head)
        self._rotate_bytes = max(self._segment_bytes_max, 2 * len(head))
        self.disk.begin(head)
        self._gap = 0
