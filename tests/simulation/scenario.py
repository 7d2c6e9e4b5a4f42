"""What one seed means: markets, settings, faults with their times, crashes. All is drawn at once.

The seed is split into streams by subject and by fault, so that a switch more or less in one run
leaves everything else in it as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import Any

from polymm.domain.market import NS, Market
from polymm.exchange.faults import Fault
from tests.simulation.faults import MS, SWITCHES, AnyFault, ProcessFault, WireFault
from tests.simulation.mixes import MIXES, Mix

START_NS = 1_800_000_000 * NS
HEAL_NS = 65 * NS
# Faults are drawn for so much of a run.
SPAN_S = 180
ROOM_E6 = 10_000_000_000
TIGHT_E6 = 30_000_000
LENGTHS_S = (60, 120, 180, 300)
# Windows are listed for so long past the end, since an engine looks for them ahead of time.
AHEAD_NS = 60 * NS
COINS = ("btc", "eth", "sol")
# What cannot strike where nothing else is wrong.
COMPANIONS: dict[AnyFault, tuple[AnyFault, ...]] = {
    Fault.USER_POST_ONLY_EVENT: (WireFault.MARKET_LAGS, WireFault.REQUEST_LATE),
    WireFault.REST_BOOK_STALE: (WireFault.MARKET_TOKEN_SILENT,),
}
# So many switches are turned in one run; a share of the runs has a mix beside them.
FAULTS_USUAL = (0, 1, 2, 3, 5, 8, 12, 18, 30)
MIXED_SHARE = 0.5
# Limits of losses where none is meant to bind, and where one is, 1e-6 dollars.
LOSS_NEVER_E6 = 1_000_000_000
LOSSES_E6 = (300_000, 1_000_000, 3_000_000)
MARKOUTS_E6 = (50_000, 100_000, 300_000)
LOSING_SHARE = 0.3
LOSS_IS_NEAR, MARKOUTS_ARE_NEAR = "loss is near", "mark-outs are near"
SLOWNESS = 0.3
UNMIXED = Mix({}, takes=0.05)


@dataclass(frozen=True, slots=True)
class Episode:
    """A switch that is on for a while."""

    fault: Fault | WireFault
    rate: float
    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that befalls the process at a time."""

    fault: ProcessFault
    at_ns: int
    lasts_ns: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that is drawn before a run.

    Args:
        seed: Also seeds what is drawn during the run.
        end_ns: When the run ends; from ``heal_ns`` on nothing goes wrong any more.
        markets: In the order of their windows.
        acts_per_s: Of the crowd, in each market.
        latency_ms: Least and mean time of one way of a request.
        feed_ms: Of a frame.
        lines: Sockets of the market feed.
        levels_max: Of the gate: orders that may live for a token and side.
        orders_a_second: Of the gate's breaker, near what the strategy wants in a share of runs.
        resolve_ns: From a window's end to its resolution.
        is_roomy: No limit of the strategy's, and no lack of cash, is ever near.
        is_limited: The gate's own limits are narrower than the strategy's wishes, so that they
            bind.
        close_margin_ns: From then on before a window's end nothing is quoted.
        permanent: The fault that lasts from the beginning to the end, "" for none.
        mix: Name of what is on beside the drawn faults, "" for nothing.
        takes: Share of the crowd's acts that take from the top of the book; most shares of each.
        loss_max_e6, markout_max_e6: Dollars from which on exposure may not be added.
        maker, lane: Settings of the maker and of its quote, where they are not the usual ones.
    """

    seed: int
    start_ns: int
    heal_ns: int
    end_ns: int
    markets: tuple[Market, ...]
    acts_per_s: float
    latency_ms: tuple[float, float]
    feed_ms: int
    lines: int
    levels_max: int
    orders_a_second: int
    resolve_ns: int
    maker: dict[str, Any]
    lane: dict[str, Any]
    cash_e6: int
    is_roomy: bool
    is_limited: bool
    close_margin_ns: int
    episodes: tuple[Episode, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    permanent: str = ""
    mix: str = ""
    takes: tuple[float, int] = (UNMIXED.takes, UNMIXED.take_shares)
    loss_max_e6: int = LOSS_NEVER_E6
    markout_max_e6: int = LOSS_NEVER_E6

    @property
    def traits(self) -> frozenset[str]:
        """Name all that may go wrong, and which limits of losses are near."""
        names = {str(one.fault) for one in (*self.episodes, *self.troubles)}
        if self.loss_max_e6 < LOSS_NEVER_E6:
            names.add(LOSS_IS_NEAR)
        if self.markout_max_e6 < LOSS_NEVER_E6:
            names.add(MARKOUTS_ARE_NEAR)
        return frozenset(names | {self.mix})

    def describe(self) -> str:
        """Say in a few lines what the run was made of."""
        lines = [
            f"seed {self.seed} {self.permanent}: {len(self.markets)} windows of"
            f" {sorted({(m.end_ns - m.start_ns) // NS for m in self.markets})} s,"
            f" {self.acts_per_s:.1f} acts/s each, latency {self.latency_ms} ms,"
            f" sockets {self.lines}, levels {self.levels_max},"
            f" {self.orders_a_second} orders a second,"
            f" maker {self.maker}, lane {self.lane}"
            + (", the gate's limits bind" if self.is_limited else "")
            + (f", mix {self.mix}" if self.mix else "")
            + f", losses up to {self.loss_max_e6} and {self.markout_max_e6} by mark-outs"
        ]
        for one in self.episodes:
            lines.append(
                f"  {one.fault} {one.rate:.4f} from {self._s(one.from_ns)} to"
                f" {self._s(one.until_ns)} s"
            )
        for trouble in self.troubles:
            lines.append(
                f"  {trouble.fault} at {self._s(trouble.at_ns)} s for {trouble.lasts_ns / NS:.3f} s"
            )
        return "\n".join(lines)

    def _s(self, ns: int) -> str:
        return f"{(ns - self.start_ns) / NS:.1f}"


def draw(seed: int, minutes: float = 3.0) -> Scenario:
    """Draw a run: a random subset of all faults, then peace."""
    rng = Random(f"{seed} faults")
    how_many = rng.choice(FAULTS_USUAL)
    names: list[AnyFault] = sorted(SWITCHES)
    chosen = sorted(rng.sample(names, how_many))
    mixes = Random(f"{seed} mix")
    mix = mixes.choice(sorted(MIXES)) if mixes.random() < MIXED_SHARE else ""
    return _draw(seed, minutes, chosen, mix, heals=True)


def permanent(seed: int, fault: AnyFault, minutes: float = 3.0) -> Scenario:
    """Draw a run in which one fault lasts from its beginning to its end."""
    return _draw(seed, minutes, [fault, *COMPANIONS.get(fault, ())], heals=False)


def _draw(
    seed: int, minutes: float, faults: Sequence[AnyFault], mix: str = "", *, heals: bool
) -> Scenario:
    end_ns = START_NS + int(minutes * 60) * NS
    heal_ns = max(end_ns - HEAL_NS, START_NS + (end_ns - START_NS) // 3) if heals else end_ns
    # A long run is as rich in faults as a short one.
    spans = max(round(minutes * 60 / SPAN_S), 1)
    rng = Random(f"{seed} world")
    coins = rng.choice((1, 1, 1, 2, 3))
    # What lasts for ever shall see a window end within a short run.
    length_s = rng.choice(LENGTHS_S if heals else LENGTHS_S[:1])
    markets = _markets(rng, seed, coins, length_s, end_ns)
    episodes: list[Episode] = []
    troubles: list[Trouble] = []
    crowd = MIXES.get(mix, UNMIXED)
    mixed = _mixed(seed, mix, spans, heal_ns)
    for fault in faults:
        own = Random(f"{seed} {fault} plan")
        if any(fault is one.fault for one in mixed):
            continue
        if isinstance(fault, ProcessFault):
            troubles += _troubles(own, fault, spans, heal_ns)
        elif heals:
            episodes += _episodes(own, fault, spans, heal_ns)
        else:
            high = SWITCHES[fault].high
            episodes.append(Episode(fault, high, START_NS, end_ns))
    for trouble in crowd.troubles:
        if trouble not in faults:
            troubles += _troubles(Random(f"{seed} {mix} {trouble}"), trouble, 1, heal_ns)
    troubles.sort(key=lambda one: one.at_ns)
    settings = Random(f"{seed} settings")
    is_roomy = settings.random() < 0.7
    losses = Random(f"{seed} losses")
    loss_e6, markout_e6 = _losses(losses, spans) if heals else (LOSS_NEVER_E6, LOSS_NEVER_E6)
    return Scenario(
        seed=seed,
        start_ns=START_NS,
        heal_ns=heal_ns,
        end_ns=end_ns,
        markets=markets,
        acts_per_s=rng.choice((9.0, 12.0, 16.0))
        * (SLOWNESS if crowd.is_slow else 1.0)
        / len({one.slug.partition("-")[0] for one in markets}),
        latency_ms=rng.choice(((2.0, 3.0), (10.0, 10.0), (30.0, 40.0))),
        feed_ms=rng.choice((2, 10, 40)),
        lines=Random(f"{seed} lines").choice((1, 2)),
        levels_max=Random(f"{seed} levels").choice((1, 2)),
        orders_a_second=Random(f"{seed} rates").choice((2, 3, 20, 20)),
        resolve_ns=rng.randint(2, 25) * NS,
        is_roomy=is_roomy,
        is_limited=Random(f"{seed} limits").random() < 0.25,
        maker=_maker(settings) | {"max_total_position_e6": ROOM_E6 if is_roomy else TIGHT_E6},
        lane=_lane(settings, is_roomy=is_roomy),
        cash_e6=ROOM_E6 if is_roomy else settings.choice((60, 200)) * 1_000_000,
        close_margin_ns=settings.choice((2, 5)) * NS,
        episodes=(*episodes, *mixed),
        troubles=tuple(troubles),
        permanent="" if heals else str(faults[0]),
        mix=mix,
        takes=(crowd.takes, crowd.take_shares),
        loss_max_e6=loss_e6,
        markout_max_e6=markout_e6,
    )


def _markets(rng: Random, seed: int, coins: int, length_s: int, end_ns: int) -> tuple[Market, ...]:
    """Windows of one length side by side, back to back, from before the start to past the end."""
    length_ns = length_s * NS
    first_ns = START_NS - rng.randint(0, length_ns // (2 * NS)) * NS
    markets = []
    start_ns = first_ns
    while start_ns < end_ns + AHEAD_NS:
        for coin in COINS[:coins]:
            number = Random(f"{seed} {coin} {start_ns} ids").getrandbits
            markets.append(
                Market(
                    slug=f"{coin}-updown-{length_ns // NS}s-{start_ns // NS}",
                    condition_id=f"0x{number(256):064x}",
                    up_token=str(10**76 + number(250)),
                    down_token=str(10**76 + number(250)),
                    start_ns=start_ns,
                    end_ns=start_ns + length_ns,
                    taker_delay_ns=0,
                )
            )
        start_ns += length_ns
    return tuple(markets)


def _mixed(seed: int, mix: str, spans: int, heal_ns: int) -> list[Episode]:
    """Turn all switches of a mix on together for one span, which is most of a short run."""
    if not mix:
        return []
    lasts_ns = min(SPAN_S * NS, heal_ns - START_NS)
    from_ns = Random(f"{seed} {mix}").randint(START_NS, heal_ns - lasts_ns)
    rates = MIXES[mix].rates
    return [Episode(fault, rates[fault], from_ns, from_ns + lasts_ns) for fault in sorted(rates)]


def _losses(rng: Random, spans: int) -> tuple[int, int]:
    """Limits of loss and mark-outs: one of them is near in a share of the runs."""
    number, kind = rng.randrange(3), rng.random() / LOSING_SHARE
    if kind < 0.5:
        return spans * LOSSES_E6[number], LOSS_NEVER_E6
    return LOSS_NEVER_E6, MARKOUTS_E6[number] if kind < 1.0 else LOSS_NEVER_E6


def _episodes(rng: Random, fault: Fault | WireFault, spans: int, heal_ns: int) -> list[Episode]:
    """Turn a switch on once, twice or thrice a span, at a rate drawn by order of magnitude."""
    switch = SWITCHES[fault]
    episodes = []
    for _ in range(spans * rng.choice((1, 1, 2, 3))):
        from_ns = rng.randint(START_NS, heal_ns)
        until_ns = min(from_ns + rng.randint(5, 90) * NS, heal_ns)
        rate = exp(rng.uniform(log(switch.low), log(switch.high)))
        episodes.append(Episode(fault, round(rate, 5), from_ns, until_ns))
    return episodes


def _troubles(rng: Random, fault: ProcessFault, spans: int, heal_ns: int) -> list[Trouble]:
    switch = SWITCHES[fault]
    low, high = switch.lasts_ms
    times = spans * rng.randint(int(switch.low), int(switch.high))
    return [
        Trouble(fault, rng.randint(START_NS + NS, heal_ns), rng.randint(low, high) * MS)
        for _ in range(times)
    ]


def _maker(rng: Random) -> dict[str, Any]:
    """Settings of the cycle."""
    return {
        "cycle": rng.choice(("timer", "event", "event")),
        "requote": rng.choice(("cancel_replace", "diff", "diff")),
        "merge_enabled": rng.random() < 0.7,
        "cycle_ns": rng.choice((1, 2, 5, 5)) * NS,
    }


def _lane(rng: Random, *, is_roomy: bool) -> dict[str, Any]:
    """Settings of the quote."""
    order_e6 = rng.choice((5, 5, 8, 10)) * 1_000_000
    return {
        "order_size_e6": order_e6,
        "max_position_e6": order_e6 * (100 if is_roomy else rng.choice((1, 2, 3))),
        "ask_mode": rng.choice(("buy_complement", "sell_first")),
        "requote_interval_min_ns": rng.choice((250, 1_000, 2_000)) * MS,
        # With this much room a usual imbalance of fills moves no quote out of the way.
        "skip_skew": 1.0 if is_roomy else 0.7,
    }
