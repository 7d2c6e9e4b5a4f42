"""What Gamma and the CLOB say of a market, each read by itself into plain facts.

Any bytes give facts or a MarketError that names the fact. A fact that a fresh record may lack is
None; nothing is guessed. Shapes: markets-5m notes section 2, rest notes section 1.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson

from polymm._core.tolerant import decimal
from polymm.domain.amounts import AMOUNT_DECIMALS
from polymm.domain.market import NS, FeeSchedule, SettlementRule
from polymm.domain.order import Token
from polymm.errors import InputError, MarketError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.slugs import Window, length_label, parse_slug

BODY_BYTES_MAX = 4 * 1024 * 1024
LOOKBACK_S_MAX = 3_600
SHOWN_CHARS_MAX = 80

Version = Literal["v1", "v2"]
Record = dict[str, Any]

_CONDITION = re.compile(r"0x[0-9a-f]{62}(?:[0-9a-f]{2})?")
_TOKEN = re.compile(r"[1-9][0-9]{0,77}")
_STREAM = re.compile(wire.STREAM_SOURCE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# An event's page holds these for its only market.
_OF_THE_EVENT = ("cryptoMarketConfig", "resolutionSource")


@dataclass(frozen=True, slots=True)
class Fees:
    """What takers pay; ``taker_only`` says that makers pay nothing."""

    schedule: FeeSchedule
    taker_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaMarket:
    """Gamma's record of a window; None where it does not say.

    Args:
        tokens: Ids of Up and Down, by their labels.
        is_open: Active, not closed, with an order book, and taking orders.
        winner: Set when it was resolved.
    """

    window: Window
    condition_id: str
    tokens: tuple[str, str]
    settlement: SettlementRule
    version: Version | None
    neg_risk: bool | None
    tick_e4: int | None
    order_min_e6: int | None
    fees: Fees | None
    is_open: bool
    winner: Token | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClobMarket:
    """The CLOB's compact record, in which what is at its default is left out.

    Args:
        tokens: Ids of Up and Down, by their labels.
        delays_takers: Whether marketable orders wait before they match.
        seconds_delay: A further wait of whole seconds, known from sports.
        clears_book: Whether resting orders go when the window opens.
    """

    condition_id: str
    tokens: tuple[str, str]
    version: Version | None
    neg_risk: bool
    tick_e4: int
    order_min_e6: int
    fees: Fees
    is_accepting: bool
    delays_takers: bool
    seconds_delay: int
    clears_book: bool


def read_gamma(body: bytes) -> GammaMarket:
    """Read a market by slug, an event by slug, or a list that holds one of these.

    Raises:
        MarketError: A fact is missing or cannot be; a fresh record may be complete later.
    """
    record = _only(_json(body), "gamma's record")
    if "markets" in record:
        shared = {key: record[key] for key in _OF_THE_EVENT if key in record}
        record = shared | _only(record["markets"], "gamma's event")
    window = _window(record)
    version = _version(record.get("version"), "gamma's version")
    flags = {
        key: _flag(record.get(key), f"gamma's {key}")
        for key in ("active", "closed", "acceptingOrders", "enableOrderBook", "negRisk")
    }
    tick, order_min = record.get("orderPriceMinTickSize"), record.get("orderMinSize")
    return GammaMarket(
        window=window,
        condition_id=_condition(record.get("conditionId"), "gamma's conditionId"),
        tokens=_gamma_tokens(record, version),
        settlement=_settlement(record, window),
        version=version,
        neg_risk=flags["negRisk"],
        tick_e4=None if tick is None else _tick(tick, "gamma's orderPriceMinTickSize"),
        order_min_e6=None if order_min is None else _size(order_min, "gamma's orderMinSize"),
        fees=_gamma_fees(record),
        is_open=flags["closed"] is False
        and all(flags[key] for key in ("active", "acceptingOrders", "enableOrderBook")),
        winner=_winner(record) if flags["closed"] else None,
    )


def read_clob(body: bytes) -> ClobMarket:
    """Read the answer of ``/clob-markets/{condition}``.

    Raises:
        MarketError: A fact is missing or cannot be; a fresh market may have no record yet.
    """
    record = _only(_json(body), "the clob's record")
    if "error" in record:
        raise MarketError("clob", f"the clob must know the market, answered {_shown(record)}")
    listed = record.get("t")
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise MarketError("tokens", f"the clob's t must list tokens, was {_shown(listed)}")
    return ClobMarket(
        condition_id=_condition(record.get("c"), "the clob's c"),
        tokens=_by_label(
            [e.get("o") for e in listed], [e.get("t") for e in listed], "the clob's t"
        ),
        version=_version(record.get("v"), "the clob's v"),
        neg_risk=bool(_flag(record.get("nr"), "the clob's nr")),
        tick_e4=_tick(record.get("mts"), "the clob's mts"),
        order_min_e6=_size(record.get("mos"), "the clob's mos"),
        fees=_clob_fees(record.get("fd")),
        is_accepting=bool(_flag(record.get("ao"), "the clob's ao")),
        delays_takers=bool(_flag(record.get("itode"), "the clob's itode")),
        seconds_delay=_whole(record.get("sd") or 0, "the clob's sd", 3_600),
        clears_book=bool(_flag(record.get("cbos"), "the clob's cbos")),
    )


# Identity


def _window(record: Record) -> Window:
    slug = record.get("slug")
    try:
        window = parse_slug(slug if isinstance(slug, str) else "")
    except InputError as error:
        raise MarketError("slug", f"gamma's slug: {error}") from error
    for key, expected_ns in (("eventStartTime", window.start_ns), ("endDate", window.end_ns)):
        value = record.get(key)
        if value is not None and _time_ns(value, key) != expected_ns:
            raise MarketError("window", f"gamma's {key} must be that of {slug}, was {value}")
    return window


def _time_ns(value: object, key: str) -> int:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MarketError("window", f"gamma's {key} must be an ISO time, was {_shown(value)}")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def _condition(value: object, name: str) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if not _CONDITION.fullmatch(text):
        raise MarketError("condition id", f"{name} must be 31 or 32 bytes, was {_shown(value)}")
    return text


def _version(value: object, name: str) -> Version | None:
    if value is None:
        return None
    if value == wire.MARKET_V1:
        return "v1"
    if value == wire.MARKET_V2:
        return "v2"
    raise MarketError("version", f"{name} must be v1 or v2, was {_shown(value)}")


# Outcomes


def _gamma_tokens(record: Record, version: Version | None) -> tuple[str, str]:
    # A third of v1 markets carry positionIds too; only the version says which ids trade.
    key = "positionIds" if version == "v2" else "clobTokenIds"
    return _by_label(_list(record, "outcomes"), _list(record, key), f"gamma's {key}")


def _by_label(labels: list[Any], tokens: list[Any], name: str) -> tuple[str, str]:
    """Pair ids with labels: Up's first, whichever the record lists first."""
    if sorted(map(str, labels)) != sorted((wire.LABEL_UP, wire.LABEL_DOWN)):
        raise MarketError("outcomes", f"{name} must be of Up and Down, was of {_shown(labels)}")
    ids = [token for token in tokens if isinstance(token, str) and _TOKEN.fullmatch(token)]
    if len(tokens) != len(labels) or len(set(ids)) != len(labels):
        raise MarketError("tokens", f"{name} must be two different ids, was {_shown(tokens)}")
    return ids[labels.index(wire.LABEL_UP)], ids[labels.index(wire.LABEL_DOWN)]


def _winner(record: Record) -> Token | None:
    """The outcome whose price is 1 once the record says that it was resolved."""
    if wire.RESOLVED not in (record.get("umaResolutionStatus"), record.get("resolutionStatus")):
        return None
    labels, prices = _list(record, "outcomes"), _list(record, "outcomePrices")
    if sorted(map(str, prices)) != ["0", "1"]:
        raise MarketError("winner", f"gamma's outcomePrices must be 1 and 0, was {_shown(prices)}")
    first_won = str(prices[0]) == "1"
    return Token.UP if first_won == (labels[0] == wire.LABEL_UP) else Token.DOWN


def _list(record: Record, key: str) -> list[Any]:
    """Read an array, or an array written as JSON inside a text."""
    value = record.get(key)
    if isinstance(value, str):
        value = _json(value.encode("utf-8", "replace"))
    if not isinstance(value, list):
        raise MarketError(key, f"gamma's {key} must be a list, was {_shown(value)}")
    return value


# Fees and settlement


def _gamma_fees(record: Record) -> Fees | None:
    enabled = _flag(record.get("feesEnabled"), "gamma's feesEnabled")
    schedule = record.get("feeSchedule")
    if enabled is False:
        return _NO_FEES
    if schedule is None:
        if enabled:
            raise MarketError("fees", "gamma's feeSchedule must say what takers pay, was absent")
        return None
    if not isinstance(schedule, dict):
        raise MarketError("fees", f"gamma's feeSchedule must be an object, was {_shown(schedule)}")
    return _fees(
        schedule.get("rate"),
        schedule.get("exponent"),
        schedule.get("takerOnly"),
        schedule.get("rebateRate") or 0,
        "gamma's feeSchedule",
    )


def _clob_fees(curve: object) -> Fees:
    if curve is None:
        return _NO_FEES
    if not isinstance(curve, dict):
        raise MarketError("fees", f"the clob's fd must be an object, was {_shown(curve)}")
    return _fees(curve.get("r"), curve.get("e"), curve.get("to"), 0, "the clob's fd")


def _fees(rate: object, exponent: object, taker_only: object, rebate: object, name: str) -> Fees:
    schedule = FeeSchedule(
        rate_e6=_number(rate, 6, f"{name}, rate", 10**6),
        exponent=_whole(exponent, f"{name}, exponent", 9),
        rebate_e6=_number(rebate, 6, f"{name}, rebate", 10**6),
    )
    return Fees(schedule, bool(_flag(taker_only, f"{name}, takers only")))


_NO_FEES = Fees(FeeSchedule(rate_e6=0, rebate_e6=0), True)


def _settlement(record: Record, window: Window) -> SettlementRule:
    """Read the rule from the configuration and from the source's address, which must agree."""
    by_source = _rule_of_source(record.get("resolutionSource"), window)
    config = record.get("cryptoMarketConfig")
    by_config = None if config is None else _rule_of_config(config, window)
    if by_source and by_config and by_source != by_config:
        raise MarketError(
            "settlement", f"gamma's source and configuration contradict: {by_source}, {by_config}"
        )
    rule = by_config or by_source
    if rule is None:
        raise MarketError("settlement", "gamma must say how the market settles, did not")
    return rule


def _rule_of_config(config: object, window: Window) -> SettlementRule:
    if not isinstance(config, dict):
        raise MarketError(
            "settlement", f"gamma's configuration must be an object, was {_shown(config)}"
        )
    expected = {"asset": window.coin, "duration": length_label(window.length_s)}
    found = {key: config.get(key) for key in expected}
    if found != expected:
        raise MarketError(
            "settlement", f"gamma's configuration must be of {expected}, was of {_shown(found)}"
        )
    averaged = _flag(config.get("twapEnabled"), "gamma's twapEnabled")
    if averaged is None:
        raise MarketError("settlement", "gamma's configuration must say twapEnabled, did not")
    seconds = config.get("twapLookbackSeconds") if averaged else 0
    return _rule(_number(seconds, 9, "gamma's twapLookbackSeconds", LOOKBACK_S_MAX * NS))


def _rule_of_source(source: object, window: Window) -> SettlementRule | None:
    """Read the price stream's name: a coin's spot price, or its average over some seconds."""
    if not source:
        return None
    match = _STREAM.fullmatch(source) if isinstance(source, str) else None
    if match is None or match[1] != window.coin:
        raise MarketError(
            "settlement",
            f"gamma's resolutionSource must be a stream of {window.coin}, was {_shown(source)}",
        )
    return _rule(_number(match[2] or 0, 9, "gamma's resolutionSource", LOOKBACK_S_MAX * NS))


def _rule(lookback_ns: int) -> SettlementRule:
    return SettlementRule(kind="twap" if lookback_ns else "point", lookback_ns=lookback_ns)


# Values


def _json(body: bytes) -> Any:
    if len(body) > BODY_BYTES_MAX:
        raise MarketError("body", f"a body must be at most {BODY_BYTES_MAX} bytes")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MarketError("body", f"a body must be JSON, was {body[:60]!r}") from error


def _only(value: Any, name: str) -> Record:
    """Take an object, or the one in an array."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise MarketError("body", f"{name} must be one object, was {_shown(value)}")
    return value


def _flag(value: object, name: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise MarketError("flags", f"{name} must be true or false, was {_shown(value)}")


def _number(value: object, places: int, name: str, most: int) -> int:
    try:
        number = decimal(value, places, name)
    except InputError as error:
        raise MarketError(name, str(error)) from error
    if number > most:
        raise MarketError(name, f"{name} must be at most {most}e-{places}, was {_shown(value)}")
    return number


def _whole(value: object, name: str, most: int) -> int:
    tenths = _number(value, 1, name, most * 10)
    if tenths % 10:
        raise MarketError(name, f"{name} must be a whole number, was {_shown(value)}")
    return tenths // 10


def _tick(value: object, name: str) -> int:
    tick_e4 = _number(value, 4, name, 10_000)
    if tick_e4 not in AMOUNT_DECIMALS:
        raise MarketError("tick", f"{name} must be a tick of the venue, was {_shown(value)}")
    return tick_e4


def _size(value: object, name: str) -> int:
    size_e6 = _number(value, 6, name, 10**12)
    if not size_e6:
        raise MarketError("minimum", f"{name} must be above 0, was {_shown(value)}")
    return size_e6


def _shown(value: object) -> str:
    """Show foreign text escaped and cut."""
    return repr(value)[:SHOWN_CHARS_MAX]
