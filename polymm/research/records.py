"""What one run leaves behind: enough for every figure of the report, nothing derived."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from polymm.domain.market import Market
from polymm.domain.order import Fill


@dataclass(slots=True, kw_only=True)
class FillRecord:
    """A fill with the fair value at its moment (filtered mid until a fair value exists)."""

    fill: Fill
    fair: float
    skew: float = float("nan")


@dataclass(slots=True, kw_only=True)
class OrderTotals:
    """Orders and shares by fate. Per order: placed = filled + cancelled + rejected + expired."""

    placed_n: int = 0
    placed_e6: int = 0
    filled_e6: int = 0
    cancelled_e6: int = 0
    rejected_e6: int = 0
    expired_e6: int = 0
    open_e6: int = 0
    reject_reasons: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Marks:
    """Pairs of (venue ns, f) in order: 16 bytes each, since a book gives a hundred in a second."""

    ns: "array[int]" = field(default_factory=lambda: array("q"))
    f: "array[float]" = field(default_factory=lambda: array("d"))

    def note(self, at_ns: int, fair: float) -> None:
        """Append f, or replace it where the last was of the same time."""
        if self.ns and self.ns[-1] == at_ns:
            self.f[-1] = fair
        else:
            self.ns.append(at_ns)
            self.f.append(fair)

    def clear(self) -> None:
        """Forget all."""
        del self.ns[:], self.f[:]

    def __len__(self) -> int:
        return len(self.ns)

    def __getitem__(self, index: int) -> tuple[int, float]:
        return self.ns[index], self.f[index]

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self.ns, self.f, strict=True)


@dataclass(slots=True, kw_only=True)
class MarketRun:
    """One market of a run.

    Args:
        status: ``settled`` by a recorded outcome, ``unsettled`` marked at the last mid,
            ``excluded`` not run at all.
        exclusion: Reason word, for example ``no_outcome``; "" when in the totals.
        payout_up: 1.0 or 0.0 for a settled market, else None.
        marks: (venue ns, f) at every change of f, in order.
        inventory: (venue ns, up_e6, down_e6) after every change.
        quotes: (venue ns, bid_e4, bid_e6, ask_e4, ask_e6) of what rests, 0 where absent.
        seconds: Seconds inside the window: ``two_sided``, ``one_sided``, ``none`` (our orders),
            ``book_two_sided`` (the filtered book allowed quoting), ``quoted`` (of those, at least
            one side of ours was live), ``quoted_two_sided`` (of those, both were) ...
        no_quote_seconds: Seconds inside the window in which not both sides rested, by reason
            words joined with "+"; ``on_the_way`` where both were wanted and sent.
        cycles: Exit or outcome of each cycle, reason to count.
        counts: What else the maker counts, see its module.
        cash_start_e6, cash_end_e6: Venue's account ledger, 1e-6 dollars, settlement included.
        unsettled_value_e6: What an unsettled market's shares are worth at the last f; not cash.
        pnl_fills_e6: PnL computed from the fill list and merges only, before rebates; equals
            ``cash_end_e6 - cash_start_e6 + unsettled_value_e6``.
        rebate_e6: Estimate for this market.
        merges: (venue ns, pairs_e6).
        venue_trades_e6: Shares traded on the tape while the run lasted.
        order_queue: (front_e6 on joining, size_e6, filled_e6) of every order that rested.
        roll_gap_s: Seconds in which no order of ours stood between the window before and this
            one; None where there was none before, or in virtual time.
    """

    market: Market
    source: str
    status: Literal["settled", "unsettled", "excluded"]
    exclusion: str = ""
    payout_up: float | None = None
    fill_form: str = "trades"
    fills: list[FillRecord] = field(default_factory=list)
    marks: Marks = field(default_factory=Marks)
    inventory: list[tuple[int, int, int]] = field(default_factory=list)
    quotes: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    no_quote_seconds: dict[str, float] = field(default_factory=dict)
    cycles: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    orders: OrderTotals = field(default_factory=OrderTotals)
    cash_start_e6: int = 0
    cash_end_e6: int = 0
    unsettled_value_e6: int = 0
    pnl_fills_e6: int = 0
    rebate_e6: int = 0
    merges: list[tuple[int, int]] = field(default_factory=list)
    venue_trades_e6: int = 0
    order_queue: list[tuple[int, int, int]] = field(default_factory=list)
    defects: dict[str, int] = field(default_factory=dict)
    roll_gap_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """How long one stage of a real-time path took, ns; quantiles an eighth too long at most."""

    name: str
    n: int
    p50_ns: int
    p99_ns: int
    p999_ns: int
    longest_ns: int


@dataclass(slots=True, kw_only=True)
class Run:
    """A whole run under one queue model and one fill form.

    Args:
        facts: What must always be printed: queue model, latencies, fee regime, seed,
            configuration hash, versions. Strings only.
        flattery: What flatters the result, one sentence each (docs/strategy.md section 4).
        stress: Latencies of the run over those that are configured.
        stages: Latency by stage, of a run in real time.
        optimism: Known optimism of paper trading by name, where this kind of run stands otherwise
            than a tape's: state ("remains", "modelled" or "avoided") and why.
    """

    queue: str
    fill_form: str
    stress: float = 1.0
    markets: list[MarketRun] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    flattery: list[str] = field(default_factory=list)
    stages: list[StageTimes] = field(default_factory=list)
    optimism: dict[str, tuple[str, str]] = field(default_factory=dict)
