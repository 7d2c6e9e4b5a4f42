"""The account's journal: what is told first stands first, and nothing is sent that is not in it.

A plan is with the disk's kernel (or on the disk) when `plan` returns. Everything else is written
after the bytes it is about are out, all records of a step at once. What was told is also kept in
memory, so that a new file can begin with a checkpoint at any time: when the old one is full, and
when a disk that failed takes records again.

The journal itself opens nothing: it writes to a `Disk`, which in a simulation is a list of bytes.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from polymm.domain.market import Market
from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, OrderEnded, TradesKnown
from polymm.engine.looks import LookLog
from polymm.engine.records import Gap, Kept, MarketKnown, OrderPlanned, RunBegun
from polymm.engine.recovered import Recovered
from polymm.errors import JournalError
from polymm.runtime.journal_codec import encode, encode_input, encode_output, encode_plan
from polymm.runtime.journal_format import make_header

SEGMENT_BYTES_MAX: Final = 64 << 20
# Steps that only looked wait for company, at most so many bytes of them.
WAITING_BYTES_MAX: Final = 1 << 14
# Events and actions that are kept as they are.
_KEPT_EVENTS: Final = (ev.Written, ev.CancelWritten, ev.Merged, ev.MarketSettled, ev.BalancesRead)
_KEPT_ACTIONS: Final = (OrderEnded, TradesKnown, ev.Correction)


class Disk(Protocol):
    """Where the bytes go. Every method raises JournalError where it cannot do what it says."""

    def begin(self, head: bytes) -> None:
        """Begin a new segment with these bytes; `Journal.confirm` is called when it is safe.

        Earlier segments go only then.
        """
        ...

    def write(self, frames: bytes, *, is_plan: bool) -> None:
        """Append; a plan is as safe on return as was asked for. Nothing else waits."""
        ...

    def close(self) -> None:
        """Put everything on the disk and let go."""
        ...


class Journal:
    """Writes down what an engine is told and does; it is that engine's `JournalPort`.

    Args:
        disk: Where the bytes go.
        state: What earlier runs told; this journal goes on with it.
        looks: Where the engine's looks are noted; they end with each step.
        tell: Takes JournalFailed and JournalHealed where no call is there to raise an error.
        segment_bytes_max: A new segment begins after so many bytes.

    Attributes:
        state: All that was told so far.
        failure: Why nothing can be written, "" while it can.
        lost_steps: Steps that were not written because of it, since the journal was opened.
        n_bytes: Written since the journal was opened.
    """

    def __init__(
        self,
        disk: Disk,
        state: Recovered,
        *,
        looks: LookLog | None = None,
        tell: Callable[[ev.Event], None] | None = None,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> None:
        self.state = state
        self.looks = LookLog() if looks is None else looks
        self.tell = tell
        self.failure = ""
        self.lost_steps = 0
        self.n_bytes = 0
        self._disk = disk
        self._segment_bytes_max = segment_bytes_max
        self._segment_bytes = 0
        self._waiting = bytearray()
        self._gap = 0
        self._is_healing = False

    def begin(self, run: RunBegun) -> None:
        """Begin a run in a segment of its own.

        Raises:
            JournalError: Nothing can be written.
        """
        self._begin_segment()
        self.state.apply(run)
        self._write(encode(run))

    # What a driver tells

    def plan(self, now_ns: int, market: str, place: Place, order: str) -> None:
        """Write an order down before its first byte leaves.

        Raises:
            JournalError: It may not be sent.
        """
        if self.failure:
            raise JournalError(self.failure)
        frame = encode_plan(order, market, place, now_ns)
        try:
            self._disk.write(frame, is_plan=True)
        except JournalError as error:
            self._fail(str(error))
            raise
        self._count(len(frame))
        self.state.apply(OrderPlanned(order, market, place, now_ns))

    def market(self, now_ns: int, market: Market) -> None:
        """Write down that a market is taken in; before the engine is told.

        Raises:
            JournalError: The journal fails with this; it is told once.
        """
        self._keep(MarketKnown(market, now_ns))
        self.flush()

    def note(self, now_ns: int, event: ev.Event, actions: Sequence[Action]) -> None:
        """Write down what a step was given and what it answered.

        Raises:
            JournalError: The journal fails with this; it is told once.
        """
        looks = self.looks.take()
        is_urgent = False
        if isinstance(event, _KEPT_EVENTS):
            is_urgent = True
            self._keep(event)
        elif isinstance(event, ev.FillTold):
            is_urgent = self._keep_fills((event,))
        elif isinstance(event, ev.TradesRead):
            is_urgent = self._keep_fills(event.fills)
        for action in actions:
            if isinstance(action, _KEPT_ACTIONS):
                is_urgent = True
                self._keep(action)
        if self.failure:
            self._gap += 1
            self.lost_steps += 1
            return
        self._waiting += encode_input(now_ns, event, looks)
        if actions:
            self._waiting += encode_output(actions)
        if is_urgent or len(self._waiting) > WAITING_BYTES_MAX:
            self.flush()
        if self._segment_bytes > self._segment_bytes_max:
            self._rotate()

    def flush(self) -> None:
        """Write what waits for company.

        Raises:
            JournalError: The journal fails with this; it is told once.
        """
        if self._waiting and not self.failure:
            frames = bytes(self._waiting)
            self._waiting.clear()
            self._write(frames)

    # What the disk tells, and whoever watches it

    def fail(self, reason: str) -> None:
        """The disk does not keep what it was given: nothing more is written to this segment."""
        if not self.failure:
            self._fail(reason)
            if self.tell is not None:
                self.tell(ev.JournalFailed(reason))

    def heal(self) -> None:
        """Try a new segment, if the journal has failed; `confirm` says that it holds."""
        if self.failure and not self._is_healing:
            self._is_healing = True
            try:
                self._begin_segment()
            except JournalError as error:
                self._is_healing = False
                self.failure = str(error)

    def confirm(self) -> None:
        """The segment begun last is safe."""
        if self._is_healing:
            self._is_healing = False
            self.failure = ""
            if self.tell is not None:
                self.tell(ev.JournalHealed())

    def close(self) -> None:
        """Write what waits and let go of the disk.

        Raises:
            JournalError: Not everything is on the disk.
        """
        try:
            self.flush()
        finally:
            self.failure = self.failure or "the journal is closed"
            self._disk.close()

    def _fail(self, reason: str) -> None:
        self.failure = reason
        self._is_healing = False
        self._gap = 0
        self._waiting.clear()

    def _keep(self, record: Kept) -> None:
        """Take a record in; it reaches the disk with the next flush, or with a later checkpoint."""
        self.state.apply(record)
        if not self.failure:
            self._waiting += encode(record)

    def _keep_fills(self, fills: Sequence[ev.FillTold]) -> bool:
        """Keep what of a list is news, and say whether anything is."""
        news = [fill for fill in fills if self.state.is_news(fill)]
        for fill in news:
            self._keep(fill)
        return bool(news)

    def _write(self, frames: bytes) -> None:
        try:
            self._disk.write(frames, is_plan=False)
        except JournalError as error:
            self._fail(str(error))
            raise
        self._count(len(frames))

    def _count(self, n_bytes: int) -> None:
        self._segment_bytes += n_bytes
        self.n_bytes += n_bytes

    def _rotate(self) -> None:
        try:
            self.flush()
            self._begin_segment()
        except JournalError as error:
            self._fail(str(error))
            raise

    def _begin_segment(self) -> None:
        """Carry everything on in a new segment, and say there what the old one lacks."""
        head = make_header() + encode(self.state.checkpoint())
        if self._gap:
            head += encode(Gap(self._gap))
        self._disk.begin(head)
        self._gap = 0
        self._segment_bytes = len(head)
