"""A market of the catalogue: two records that must agree, made into one domain market.

Gamma is behind a cache, the CLOB is the engine's own word: for what changes in a market's life
(tick, taking orders) the CLOB counts, for what cannot change the two must say the same. Which
token is Up is read by label from both. A contradiction is refused and named, never resolved.
"""

from dataclasses import dataclass

from polymm.domain.market import NS, Market
from polymm.errors import MarketError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.records import ClobMarket, GammaMarket

MS = 1_000_000
# Of a condition id shown as 32 bytes though it has 31 (protocol v2).
_FILLING = "00"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """A market, and whether it may be quoted.

    Args:
        clears_book: Whether the venue removes resting orders when the window opens.
        obstacles: Why it must not be quoted now; () if it may be.
    """

    market: Market
    clears_book: bool
    obstacles: tuple[str, ...]


def join(
    gamma: GammaMarket, clob: ClobMarket, *, taker_delay_ns: int = wire.TAKER_DELAY_MS * MS
) -> CatalogEntry:
    """Make one market of what both sources say.

    Args:
        taker_delay_ns: How long takers wait where the market says that they do; the venue changes
            it now and then and no record names it.

    Raises:
        MarketError: They contradict each other; ``facts`` names each point.
    """
    found = contradictions(gamma, clob)
    if found:
        told = "; ".join(f"{fact}: {mine} against {theirs}" for fact, mine, theirs in found)
        facts = tuple(fact for fact, _, _ in found)
        raise MarketError(facts, f"gamma and the clob contradict each other in {told}")
    up_token, down_token = clob.tokens
    fees = gamma.fees or clob.fees  # only Gamma's names the rebate
    held_ns = taker_delay_ns if clob.delays_takers else 0
    market = Market(
        slug=gamma.window.slug,
        condition_id=clob.condition_id,
        up_token=up_token,
        down_token=down_token,
        start_ns=gamma.window.start_ns,
        end_ns=gamma.window.end_ns,
        tick_e4=clob.tick_e4,
        order_min_e6=clob.order_min_e6,
        fees=fees.schedule,
        settlement=gamma.settlement,
        taker_delay_ns=max(held_ns, clob.seconds_delay * NS),
        version=clob.version or gamma.version or "v1",
        neg_risk=clob.neg_risk,
    )
    return CatalogEntry(
        market=market, clears_book=clob.clears_book, obstacles=_obstacles(gamma, clob, market)
    )


def contradictions(gamma: GammaMarket, clob: ClobMarket) -> list[tuple[str, object, object]]:
    """List the facts in which the sources differ, with what Gamma and the CLOB say.

    What a source leaves open contradicts nothing.
    """
    version = clob.version or gamma.version
    pairs: list[tuple[str, object, object]] = [
        ("condition id", _bare(gamma.condition_id, version), _bare(clob.condition_id, version)),
        ("version", gamma.version, clob.version),
        ("neg-risk", gamma.neg_risk, clob.neg_risk),
        ("token of Up", gamma.tokens[0], clob.tokens[0]),
        ("token of Down", gamma.tokens[1], clob.tokens[1]),
        ("minimum size_e6", gamma.order_min_e6, clob.order_min_e6),
    ]
    if gamma.fees:
        mine, theirs = gamma.fees, clob.fees
        pairs += [
            ("fee rate_e6", mine.schedule.rate_e6, theirs.schedule.rate_e6),
            ("fee exponent", mine.schedule.exponent, theirs.schedule.exponent),
            ("fees of takers only", mine.taker_only, theirs.taker_only),
        ]
    return [pair for pair in pairs if None not in pair and pair[1] != pair[2]]


def _bare(condition_id: str, version: str | None) -> str:
    """The condition id without the zeros that fill 31 bytes up to 32."""
    is_filled = version == wire.MARKET_V2 and len(condition_id) == 2 + 2 * 32
    return condition_id.removesuffix(_FILLING) if is_filled else condition_id


def _obstacles(gamma: GammaMarket, clob: ClobMarket, market: Market) -> tuple[str, ...]:
    found = []
    if not gamma.is_open:
        found.append("gamma says that the market is not open")
    if not clob.is_accepting:
        found.append("the clob takes no orders")
    if market.fees.exponent != 1:
        found.append(f"the fee's exponent is {market.fees.exponent}, only 1 is understood")
    if not clob.fees.taker_only:
        found.append("makers pay fees too")
    return tuple(found)
