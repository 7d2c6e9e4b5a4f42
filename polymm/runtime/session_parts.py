"""What a session is told at its start and leaves at its end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from polymm._core.stages import Stages
from polymm.domain.market import NS, Market
from polymm.engine.engine import EngineSettings
from polymm.engine.limits import RiskLimits
from polymm.engine.proving import ReconcileSettings
from polymm.engine.settings import MakerSettings
from polymm.runtime.account_session import AccountSession
from polymm.runtime.journal_files import JournalSettings
from polymm.runtime.soak import Footprint
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.slugs import Window

MS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What is traded, and how.

    Args:
        coins: As in slugs.
        window_s: Length of the windows.
        windows: Whole windows of each coin to trade, beside what is left of the open one; 0 for
            no end.
        close_margin_ns: How long before a window's end everything is pulled.
        parameters: Of the strategy.
        maker: Of the cycle.
        limits: Of the risk gate.
        reconcile: When everything is pulled and proven again.
        journal: How safe the journal is.
        digest: Of the configuration.
        quoter_address: A compiled user quoter; 0 for the base strategy.
        source: What the report calls the venue.
    """

    coins: tuple[str, ...]
    window_s: int
    windows: int
    close_margin_ns: int
    parameters: BaseParameters
    maker: MakerSettings
    limits: RiskLimits
    reconcile: ReconcileSettings
    source: str
    journal: JournalSettings
    digest: str = ""
    quoter_address: int = 0

    @property
    def engine(self) -> EngineSettings:
        """What the engine goes by."""
        return EngineSettings(
            limits=self.limits,
            close_margin_ns=self.close_margin_ns,
            maker=self.maker,
            reconcile=self.reconcile,
        )


@dataclass(slots=True, kw_only=True)
class SessionEnd:
    """What a session left behind, beside the records of its markets.

    Args:
        stages: Latency by stage.
        footprints: One a window.
        facts: For the report.
        counts: What was odd, by name.
        faults: What does not add up, one sentence each.
        halted: Why the engine stopped for good, "" where it did not.
    """

    stages: Stages
    footprints: list[Footprint] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    halted: str = ""

    def tell(self, account: AccountSession, others: Mapping[str, Counter[str]]) -> None:
        """Put what the parts counted into the facts.

        Args:
            others: Counts of other parts, by name.
        """
        engine, access = account.trading.engine, account.access
        if account.ready_s:
            self.facts["ready"] = f"{account.ready_s:.2f} s after the start"
        self.facts["loop stood still"] = f"{account.trading.watch.longest_ns // MS} ms at most"
        told = {
            **others,
            "orders": engine.orders.counts,
            "refused by the gate": engine.gate.counts,
            "session": self.counts,
        }
        if access is not None:
            told["user channel"] = access.heard
            told["order entry"] = access.venue.counts + access.counts
        for name, counts in told.items():
            text = ", ".join(f"{key} {n:,}" for key, n in sorted(counts.items()) if n)
            if text:
                self.facts[name] = text
        if account.observed is not None:
            withheld = account.observed.withheld
            self.facts["not sent"] = (
                f"{withheld['orders']:,} orders, {withheld['cancels']:,} cancels"
            )


def window_of(market: Market) -> Window:
    """The window of a market, which its slug names."""
    length_s = (market.end_ns - market.start_ns) // NS
    return Window(market.slug.partition("-")[0], length_s, market.start_ns // NS)
