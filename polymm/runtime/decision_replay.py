"""A recorded run's decisions, made once more and held against those that it made.

Two things are compared in one pass. The engine of the run is made anew and given each step's time,
event and looks as they were noted: it must answer what was noted (`polymm.runtime.exact_replay`).
And at each look the books and lanes rebuilt from the recorded bytes must show what the engine saw.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, TypeVar

from polymm.domain.market import Market
from polymm.engine import evidence as ev
from polymm.engine.actions import Action
from polymm.engine.engine import Engine
from polymm.engine.looks import QUOTE_FIELDS
from polymm.engine.ports import BudgetView, MarketView, QuoteView
from polymm.engine.records import Gap, RunBegun
from polymm.engine.recovered import Recovered
from polymm.errors import ConfigError, RecordingError
from polymm.research.run_recording import RunRecording
from polymm.runtime.config import Config
from polymm.runtime.exact_replay import ReplayReport, repeat_runs
from polymm.runtime.heard_books import HeardBooks
from polymm.runtime.journal_codec import encode
from polymm.runtime.journal_format import FRAME_BYTES, Frame, Kind
from polymm.runtime.run_steps import journal_frames
from polymm.runtime.runner import session_settings
from polymm.strategy.base import raise_order_size
from polymm.venues.polymarket.feed_market import FeedMarket

DIFFERENCES_SHOWN: Final = 20
NO_RUN: Final = (
    "expected a run that decided something, found what was heard alone: nothing to compare;"
    " polymm backtest runs on it"
)
_GAP: Final = Frame(Kind.GAP, encode(Gap(0))[FRAME_BYTES:], 0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference:
    """A look at which the rebuilt market shows something else than the run saw.

    Args:
        at_ns: Of the step, by the run's clock.
        market: Its slug.
        name: What was looked at.
        expected, found: What the run saw, and what the bytes give.
    """

    at_ns: int
    market: str
    name: str
    expected: object
    found: object


@dataclass(slots=True)
class DecisionReport:
    """How far a run's decisions could be made once more.

    Attributes:
        exact: The engine's answers.
        looks, quotes: Values of books and whole quotes that were compared.
        frames: Of the market channel that were heard for it.
        differences: The first of them; ``differing`` counts all.
        gaps: What the recording says it lacks.
        is_whole: Whether it reaches the end of the run.
    """

    exact: ReplayReport = field(default_factory=ReplayReport)
    looks: int = 0
    quotes: int = 0
    frames: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)
    gaps: int = 0
    is_whole: bool = True

    @property
    def has_differences(self) -> bool:
        """Whether something was compared and differed."""
        return self.exact.divergence is not None or self.differing > 0

    @property
    def is_same(self) -> bool:
        """Whether something was compared and nothing differed."""
        return self.exact.steps > 0 and not self.has_differences

    def add(self, difference: Difference) -> None:
        """Count a difference; the first are kept."""
        self.differing += 1
        if len(self.differences) < DIFFERENCES_SHOWN:
            self.differences.append(difference)


def config_of(run: RunRecording) -> Config:
    """The configuration that a run was made with.

    Raises:
        RecordingError: It is not there, or this version cannot read it.
    """
    values: dict[str, Any] = run.run().get("config", {})
    if not values:
        raise RecordingError(f"{run.path}: expected a run with its configuration, found none")
    try:
        return Config.model_validate(values)
    except (ConfigError, ValueError) as error:
        raise RecordingError(f"{run.path}: its configuration is another version's: {error}") from (
            error
        )


def replay_decisions(run: RunRecording) -> DecisionReport:
    """Make all decisions of a run once more.

    Raises:
        RecordingError: The recording cannot be read, or nothing of a run's own is in it.
        JournalError: A record of the run's journal is not of its kind.
        QuoterError: The run's own quoter is not there as it was.
    """
    settings = session_settings(config_of(run), "replay")
    if not run.gaps and next(journal_frames(run), None) is None:
        raise RecordingError(f"{run.path}: {NO_RUN}")
    report = DecisionReport()
    raised = cache(raise_order_size)
    heard = HeardBooks(
        run,
        lambda market: raised(settings.parameters, market.order_min_e6),
        settings.quoter_address,
    )

    def build(begun: RunBegun, known: Recovered, budget: BudgetView) -> "_Replayed":
        engine = Engine(settings.engine, budget=budget, first_order_id=known.next_order_id)
        engine.restore(begun.started_ns, known)
        return _Replayed(engine, heard, report)

    report.exact = repeat_runs(journal_with_gaps(run), build)
    report.frames = heard.frames
    report.gaps = len(run.gaps)
    report.is_whole = run.is_whole
    return report


def journal_with_gaps(run: RunRecording) -> Iterator[Frame]:
    """Give the journal's frames, with a gap of the journal where the recording has one.

    Whether steps are among the frames that are missing there nobody knows.
    """
    passed = 0
    for recv_ns, frame in journal_frames(run):
        begun = sum(gap.first_ns < recv_ns for gap in run.gaps)
        if begun > passed:
            passed = begun
            yield _GAP
        yield frame


class _Replayed:
    """An engine that is told the journal's looks while the bytes are heard beside it."""

    def __init__(self, engine: Engine, heard: HeardBooks, report: DecisionReport) -> None:
        self._engine = engine
        self._heard = heard
        self._report = report
        self._views: list[ComparedView] = []

    def start(self, now_ns: int) -> Sequence[Action]:
        self._hear(now_ns)
        return self._engine.start(now_ns)

    def add_market(self, now_ns: int, market: Market, view: MarketView) -> object:
        self._hear(now_ns)
        real = self._heard.markets.get(market.condition_id)
        if real is None:
            return self._engine.add_market(now_ns, market, view)
        compared = ComparedView(view, real, self._report)
        self._views.append(compared)
        return self._engine.add_market(now_ns, market, compared)

    def step(self, now_ns: int, event: ev.Event) -> Sequence[Action]:
        self._hear(now_ns)
        actions = self._engine.step(now_ns, event)
        self._engine.rest()
        return actions

    def _hear(self, now_ns: int) -> None:
        self._heard.advance(now_ns)
        for view in self._views:
            view.now_ns = now_ns


class ComparedView:
    """A market of which the engine is told what was noted, each time held against the bytes.

    How old a proof is depends on REST answers that are not recorded, so that it is not compared.

    Args:
        noted: Gives what was noted.
        real: The market as the bytes give it; learns what the maker means to have there.
        report: Gets the differences.

    Attributes:
        now_ns: Of the step that runs.
    """

    def __init__(self, noted: MarketView, real: FeedMarket, report: DecisionReport) -> None:
        self.now_ns = 0
        self._noted = noted
        self._real = real
        self._report = report

    def _same(self, name: str, expected: object, found: object) -> None:
        if expected != found:
            slug = self._real.market.slug
            self._report.add(Difference(self.now_ns, slug, name, expected, found))

    def _look(self, name: str, expected: T) -> T:
        self._report.looks += 1
        self._same(name, expected, getattr(self._real, name))
        return expected

    # BookView

    @property
    def best_bid_e4(self) -> int:
        """As noted."""
        return self._look("best_bid_e4", self._noted.best_bid_e4)

    @property
    def best_ask_e4(self) -> int:
        """As noted."""
        return self._look("best_ask_e4", self._noted.best_ask_e4)

    @property
    def has_epoch(self) -> bool:
        """As noted."""
        return self._look("has_epoch", self._noted.has_epoch)

    @property
    def tick_e4(self) -> int:
        """As noted."""
        return self._look("tick_e4", self._noted.tick_e4)

    @property
    def last_trade_e4(self) -> int:
        """As noted."""
        return self._look("last_trade_e4", self._noted.last_trade_e4)

    @property
    def timestamp_ms(self) -> int:
        """As noted."""
        return self._look("timestamp_ms", self._noted.timestamp_ms)

    @property
    def proven_ns(self) -> Sequence[int]:
        """As noted, and not compared."""
        return self._noted.proven_ns

    @property
    def reference_ns(self) -> int:
        """As noted, and not compared."""
        return self._noted.reference_ns

    @property
    def is_contradicted(self) -> bool:
        """As noted, and not compared."""
        return self._noted.is_contradicted

    # LaneView

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None:
        """Tell the rebuilt lanes."""
        self._real.set_inventory(up_e6, down_e6, unsellable_up_e6)

    def set_working(self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int) -> None:
        """Tell the rebuilt lanes."""
        self._real.set_working(bid_e4, bid_e6, ask_e4, ask_e6, now_ns)

    @property
    def quote(self) -> QuoteView:
        """As noted; compared when it was formed."""
        return self._noted.quote

    def evaluate(self, now_ns: int) -> int:
        """Answer as noted, and compare both the answer and the quote with the rebuilt lane's."""
        flags = self._noted.evaluate(now_ns)
        quote = self._noted.quote
        self._report.quotes += 1
        self._same("requote", flags, self._real.evaluate(now_ns))
        found = self._real.quote
        for name in QUOTE_FIELDS:
            self._same(name, getattr(quote, name), getattr(found, name))
        return flags
