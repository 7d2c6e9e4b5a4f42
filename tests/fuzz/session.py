"""One run of frames through both passes and the oracle, compared after each frame and at the end.

The same frames go to one decoder as they are and to another with a blank in front, which only the
tolerant pass takes. A third opinion, the oracle, sees the accepted frames only: had a refused frame
left a trace, the books would differ from its.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from polymm._core import layout
from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm.errors import DecodeError
from polymm.strategy.base import BaseParameters
from tests.fuzz.frames import MARKETS, Kind
from tests.fuzz.model import Model
from tests.fuzz.mutations import is_json

PASS_COUNTERS = ("fast", "tolerant")
STEP_NS = 50_000_000


class Disagreement(AssertionError):
    """Two readings of one frame differ, or a valid frame was refused."""


class Side:
    """One decoder with its lane, and what the last frame came to."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        for up, down in MARKETS:
            self.decoder.add_market(up, down)
        self.lane = Lane(self.decoder.book(0), BaseParameters().as_fields())
        self.lane.set_inventory(40_000_000, 10_000_000)
        self.decoder.attach(0, self.lane)
        self.refusal: DecodeError | None = None

    def feed(self, frame: bytes, now_ns: int) -> tuple[Any, ...]:
        """Feed a frame and give all that can be seen of what it did."""
        self.refusal = None
        flags = 0
        try:
            flags = self.decoder.feed(frame, now_ns)
        except DecodeError as error:
            # With tracebacks it would keep this side until the collector comes by.
            error.__context__ = error.__cause__ = None
            self.refusal = error.with_traceback(None)
        decoder = self.decoder
        return (
            None if self.refusal else flags & ~layout.TOLERANT,
            decoder.touched(),
            decoder.trades(),
            decoder.resolved(),
        )

    def state(self, slot: int) -> tuple[Any, ...]:
        book = self.decoder.book(slot)
        return (
            book.levels(0),
            book.levels(1),
            book.tick_e4,
            book.last_trade_e4,
            book.has_epoch,
            book.timestamp_ms,
        )

    def counters(self) -> dict[str, int]:
        return {k: n for k, n in self.decoder.counters().items() if k not in PASS_COUNTERS}


class Session:
    """Both passes and, unless told otherwise, the oracle."""

    def __init__(self, *, with_oracle: bool = True) -> None:
        self.plain = Side()
        self.blank = Side()
        self.model = Model(MARKETS) if with_oracle else None
        self.now_ns = 0
        self.outcomes: Counter[str] = Counter()

    def feed(self, frame: bytes, kind: Kind = Kind.BROKEN) -> None:
        """Feed one frame to all and compare.

        Raises:
            Disagreement: They differ, or a frame of a valid kind was refused.
        """
        self.now_ns += STEP_NS
        ours = self.plain.feed(frame, self.now_ns)
        theirs = self.blank.feed(b" " + frame, self.now_ns)
        agree(ours, theirs, "as it is and with a blank in front")
        refusal = self.plain.refusal
        if refusal is not None:
            agree(ours, (None, [], [], []), "a refused frame and no trace")
            self._check_refusal(frame, kind, refusal)
        else:
            is_fast = self.plain.decoder.counters()["fast"]
            self.outcomes["fast" if is_fast > self.outcomes["fast"] else "tolerant"] += 1
            if self.model is not None:
                agree(list(map(tuple, ours[2])), self.model.feed(frame), "trades and the oracle's")
        self.outcomes[kind.value] += 1

    def _check_refusal(self, frame: bytes, kind: Kind, refusal: DecodeError) -> None:
        self.outcomes["refused"] += 1
        if kind.is_valid:
            raise Disagreement(f"a valid frame was refused: {refusal}")
        other = self.blank.refusal
        assert other is not None
        if refusal.offset >= 0:
            if frame.strip():
                agree(refusal.offset + 1, other.offset, "offset with and without a blank")
            if refusal.offset > len(frame):
                raise Disagreement(f"offset {refusal.offset} lies behind {len(frame)} bytes")
        else:
            agree(str(refusal), str(other), "message with and without a blank")
            if not is_json(frame):
                raise Disagreement(f"what is no JSON was refused without offset: {refusal}")

    def close(self) -> Counter[str]:
        """Compare all that the session left behind, and give its outcomes.

        Raises:
            Disagreement: Books, counters or quotes differ.
        """
        agree(self.plain.counters(), self.blank.counters(), "counters")
        for slot in range(len(MARKETS)):
            ours = self.plain.state(slot)
            agree(ours, self.blank.state(slot), f"book {slot} by both passes")
            if self.model is not None:
                agree(ours, self.model.state(slot), f"book {slot} and the oracle's")
        # By text: a NaN does not equal itself.
        agree(repr(self.plain.lane.quote), repr(self.blank.lane.quote), "quotes")
        return self.outcomes


def agree(ours: object, theirs: object, what: str) -> None:
    if ours != theirs:
        raise Disagreement(f"{what} differ: {ours!r:.600} and {theirs!r:.600}")


def run(frames: Iterable[tuple[Kind, bytes]], *, with_oracle: bool = True) -> Counter[str]:
    """Run one session from start to end."""
    session = Session(with_oracle=with_oracle)
    for kind, frame in frames:
        session.feed(frame, kind)
    return session.close()
