"""What can be configured: every value with its unit, its range and its documented default.

The sections mirror docs/strategy.md: ``strategy`` holds the values of section 2, ``cycle`` the acts
around them, ``venue`` the rules of section 4, ``run`` what is run, ``record`` and ``report`` what
is left behind.
``risk`` holds what docs/risk.md calls limits.
Where values come from is the business of ``config_source``, how they are shown of ``config_text``.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from polymm.runtime.config_fields import Grid, Micro, Price, Section, choice, number
from polymm.runtime.config_risk import RiskSection, SafetySection
from polymm.runtime.user_quoter import NAME

COIN = re.compile(r"[a-z0-9]{2,12}")
MINUTE_S = 60


def _quoter(value: str) -> str:
    """A function in a Python file; what is in the file the loader adds."""
    if value and not NAME.fullmatch(value):
        raise ValueError("not so")  # `allowed` says how it must be
    return value


def _user() -> float:
    value: float = number(0.0, "free", -1e9, 1e9, "For a quoter of your own: params.user0..7.")
    return value


class StrategySection(Section):
    """Values of the base strategy: what is quoted, how large, at which price."""

    order_size: Micro = number(
        1.0, "shares", 0.01, 1e6, "Size of each quote; raised to the venue's minimum at start-up."
    )
    max_position: Micro = number(5.0, "shares", 0.01, 1e6, "Most shares of one token to hold.")
    min_size: Micro = number(5.0, "shares", 0.0, 1e6, "Levels smaller than this are not looked at.")
    depth_lookback: int = number(
        5, "levels", 1, 64, "Levels of each side summed into depth and imbalance."
    )
    min_spread: float = number(0.002, "dollars", 0.0, 1.0, "Least distance of bid and ask.")
    max_spread: float = number(0.02, "dollars", 0.0, 1.0, "Greatest distance of bid and ask.")
    spread: float = number(
        0.01, "dollars", 0.0, 1.0, "Distance of bid and ask around the last price of a thin book."
    )
    k_inv: float = number(0.01, "dollars", 0.0, 1.0, "Shift of both quotes at a skew of 1.")
    k_imb: float = number(0.005, "dollars", 0.0, 1.0, "Shift of both quotes at an imbalance of 1.")
    quote_min: float = number(0.01, "dollars", 0.0001, 0.9999, "Lowest price to quote.")
    quote_max: float = number(0.99, "dollars", 0.0001, 0.9999, "Highest price to quote.")
    skip_skew: float = number(
        0.7, "ratio", 0.0, 1.0, "A skew beyond this drops the side that would add to it."
    )
    scale1_skew: float = number(
        0.5, "ratio", 0.0, 1.0, "A skew beyond this scales the position limit by scale1."
    )
    scale1: float = number(0.2, "ratio", 0.0, 1.0, "Position limit beyond scale1_skew.")
    scale2_skew: float = number(
        0.3, "ratio", 0.0, 1.0, "A skew beyond this scales the position limit by scale2."
    )
    scale2: float = number(0.5, "ratio", 0.0, 1.0, "Position limit beyond scale2_skew.")
    merge_threshold: Micro = number(
        0.1, "shares", 0.000001, 1e6, "Pairs of Up and Down at which a merge is an opportunity."
    )
    inventory_sign: Literal["prose", "literal"] = choice(
        "prose", "Long lowers both quotes (prose) or raises them (literal: destabilises inventory)."
    )
    skew_mode: Literal["value", "shares", "net_limit"] = choice(
        "value", "Skew of marked values, of shares, or of net shares over max_position."
    )
    ask_mode: Literal["buy_complement", "sell_first"] = choice(
        "buy_complement", "An ask buys Down, or sells held Up first."
    )
    thin_book: Literal["fixed_spread", "pull"] = choice(
        "fixed_spread", "Fewer than two levels a side: quote around the last price, or pull."
    )
    quoter: Annotated[str, AfterValidator(_quoter)] = choice(
        "",
        "A quoter of your own in place of the base strategy; empty for none.",
        "FILE.py:FUNCTION, or empty",
    )
    user0: float = _user()
    user1: float = _user()
    user2: float = _user()
    user3: float = _user()
    user4: float = _user()
    user5: float = _user()
    user6: float = _user()
    user7: float = _user()


class CycleSection(Section):
    """The acts around the values: when a cycle runs, what ends it early, how it replaces."""

    cycle: Literal["timer", "event"] = choice(
        "timer", "Run every cycle_ms, or at once when the wanted quote has moved."
    )
    cycle_ms: Micro = number(1000.0, "ms", 1.0, 60_000.0, "Longest time between two cycles.")
    requote: Literal["cancel_replace", "diff"] = choice(
        "cancel_replace", "Cancel and place all, or keep the orders that still hold."
    )
    requote_ticks: int = number(1, "ticks", 1, 100, "A price this far off asks for a requote.")
    requote_size_ratio: float = number(
        0.2, "ratio", 0.0, 1.0, "A size this far off asks for a requote."
    )
    requote_interval_min_ms: Micro = number(
        250.0, "ms", 1.0, 60_000.0, "Least time between two requotes of an event cycle."
    )
    close_margin_ms: Micro = number(
        0.0,
        "ms",
        0.0,
        3_600_000.0,
        "All is pulled so long before the end; 0 live is a tenth of the window, at most 2 s.",
    )
    early_exit: Literal["pull", "leave"] = choice(
        "pull", "A cycle that ends early pulls the working orders, or leaves them."
    )
    max_total_position: Micro = number(
        30.0, "dollars", 0.0, 1e9, "Marked value of all positions at which cycles are skipped."
    )
    min_price: Price = number(0.001, "dollars", 0.0, 1.0, "Below this price cycles are skipped.")
    max_price: Price = number(0.999, "dollars", 0.0, 1.0, "Above this price cycles are skipped.")
    safe_range_low: Price = number(0.01, "dollars", 0.0, 1.0, "Below this price: a warning.")
    safe_range_high: Price = number(0.99, "dollars", 0.0, 1.0, "Above this price: a warning.")
    merge: bool = choice(True, "Act on merge opportunities, or only report them.")
    book_age_max_ms: Micro = number(
        10_000.0,
        "ms",
        0.0,
        1e9,
        "On a tape: an older book skips the cycle, 0 is for ever. Live it is risk.book_age_max_ms.",
    )
    proof_wait_ms: Micro = number(
        1000.0, "ms", 1.0, 60_000.0, "Longest wait for the answer to a cancel or a placement."
    )
    cancels_max: int = number(5, "cancels", 1, 1000, "Most cancels sent for one order.")
    rejects_max: int = number(
        3, "rejects", 1, 1000, "Rejections of one side within a second that pause it."
    )


class VenueSection(Section):
    """The venue a tape or a synthetic window is run against: queue, fills, latencies, cash."""

    queue: Literal["risk_averse", "prob", "both"] = choice(
        "both", "Queue model; both report a band whose headline is risk_averse."
    )
    prob_n: float = number(3.0, "power", 0.1, 20.0, "Exponent n of the queue model prob.")
    fills: Literal["none", "through", "both"] = choice(
        "both", "Fills on a tape without trades: none, or where a later book went through."
    )
    feed_latency_ms: Micro = number(
        100.0, "ms", 0.0, 60_000.0, "Venue to us, where the tape recorded no usable receipt time."
    )
    order_latency_ms: Micro = number(50.0, "ms", 0.0, 60_000.0, "An order's way to the venue.")
    cancel_latency_ms: Micro = number(50.0, "ms", 0.0, 60_000.0, "A cancel's way to the venue.")
    reply_latency_ms: Micro = number(
        50.0, "ms", 0.0, 60_000.0, "An answer's or a fill's way to us."
    )
    match_window_ms: Micro = number(
        1000.0, "ms", 0.0, 60_000.0, "A drop and a trade told within it may be one match."
    )
    delays: str = choice(
        "", "File of measured delays to draw from, of polymm replay --calibrate; none if empty."
    )
    latency_factor: float = number(
        1.0, "factor", 0.0, 100.0, "Stretches every latency; 2 is the stress run."
    )
    merge_delay_ms: Micro = number(
        5000.0, "ms", 0.0, 600_000.0, "From a merge to its dollars on the account."
    )
    cash: Micro = number(
        1000.0, "dollars", 0.0, 1e9, "Cash of the account; markets open at the same time share it."
    )


class RunSection(Section):
    """What is run."""

    seed: int = number(1, "number", 0, 2**32 - 1, "Seed of synthetic markets and of drawn delays.")
    windows: int = number(1, "windows", 1, 1_000_000, "Synthetic windows to run.")
    window_s: int = number(300, "s", 10, 3600, "Length of a synthetic window.")
    token_as: Literal["up", "down"] = choice(
        "up", "What a token that was recorded without its label is taken as."
    )


def _coins(value: str) -> str:
    """Names as slugs have them, each once."""
    names = value.split(",")
    if len(set(names)) < len(names) or not all(COIN.fullmatch(name) for name in names):
        raise ValueError("not so")  # `allowed` says how it must be
    return value


def _window_s(value: int) -> int:
    """Lengths that a slug can name."""
    if value >= MINUTE_S and value % MINUTE_S:
        raise ValueError("not so")
    return value


class SessionSection(Section):
    """A run in real time, against the embedded exchange or a venue that is observed."""

    coins: Annotated[str, AfterValidator(_coins)] = choice(
        "btc",
        "Coins to trade side by side.",
        "different names of 2..12 small letters or digits, with commas between",
    )
    windows: int = number(
        1, "windows", 1, 1_000_000, "Whole windows of each coin, beside the rest of the open one."
    )
    window_s: Annotated[int, AfterValidator(_window_s)] = number(
        60, "s", 2, 86_400, "Length of a window.", "whole minutes from a minute on"
    )
    wallet: Literal["eoa", "proxy", "safe", "deposit"] = choice(
        "deposit", "Wallet of the throw-away key on the embedded exchange."
    )
    fund: int = number(
        1000, "dollars", 1, 1_000_000_000, "Play money of that wallet on the embedded exchange."
    )
    spin: bool = choice(False, "Keep the loop awake: faster by a wake-up, for a whole core.")
    sign_ahead: int = number(
        0, "ticks", 0, 10, "Sign so many ticks around a quote before they are wanted; 0 for none."
    )


class RecordSection(Section):
    """What a run in real time keeps of all it receives and does. Not part of the hash."""

    enabled: bool = choice(True, "Record every run in real time.")
    directory: str = choice("polymm-runs/recordings", "Folder for the recordings, one a run.")
    keep_gib: float = number(
        10.0, "GiB", 0.1, 1e6, "When the files of a run hold more, its oldest ones go."
    )
    reserve_mib: int = number(
        256, "MiB", 0, 1_000_000, "Of the disk so much is left to the journal and to others."
    )


class ReportSection(Section):
    """What a run leaves behind. Not part of the configuration hash."""

    directory: str = choice("polymm-runs", "Folder for the reports, made when needed.")
    html: bool = choice(True, "Write the report as one HTML file.")


class Config(Section):
    """All that can be configured."""

    strategy: StrategySection = StrategySection()
    cycle: CycleSection = CycleSection()
    venue: VenueSection = VenueSection()
    run: RunSection = RunSection()
    session: SessionSection = SessionSection()
    risk: RiskSection = RiskSection()
    safety: SafetySection = SafetySection()
    record: RecordSection = RecordSection()
    report: ReportSection = ReportSection()

    def digest(self) -> str:
        """First 12 hex digits of SHA-256 over all values that can change a result."""
        values = self.model_dump(exclude={"report": True, "record": True, "safety": {"kill_file"}})
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


# (key, other key, strictly): the first must be below the second.
ORDERED = (
    ("strategy.min_spread", "strategy.max_spread", False),
    ("strategy.quote_min", "strategy.quote_max", True),
    ("strategy.scale2_skew", "strategy.scale1_skew", False),
    ("cycle.requote_interval_min_ms", "cycle.cycle_ms", False),
    ("cycle.min_price", "cycle.max_price", True),
    ("cycle.safe_range_low", "cycle.safe_range_high", True),
    ("risk.min_price", "risk.max_price", True),
    ("risk.orders_a_second_max", "risk.orders_a_minute_max", False),
)


@cache
def fields() -> Mapping[str, FieldInfo]:
    """Every value by its dotted key, in the order in which it is shown."""
    found = {
        f"{section}.{key}": field
        for section, model in sections().items()
        for key, field in model.model_fields.items()
    }
    return MappingProxyType(found)


@cache
def sections() -> Mapping[str, type[Section]]:
    """The sections' classes by name."""
    found = {name: type(field.default) for name, field in Config.model_fields.items()}
    return MappingProxyType(found)


def facts(field: FieldInfo) -> dict[str, Any]:
    """Unit, minimum and maximum of a number; empty for a choice or a text."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) and "unit" in extra else {}


def form_of(field: FieldInfo) -> str:
    """What a value must be beside its type and range, "" for nothing."""
    extra = field.json_schema_extra
    return str(extra.get("form", "")) if isinstance(extra, dict) else ""


def allowed(field: FieldInfo) -> str:
    """Say what a value may be, in the words used by errors and by the shipped file alike."""
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(field.annotation))
    if field.annotation is bool:
        return "true or false"
    form = form_of(field)
    if field.annotation is str:
        return form or "a text"
    kind = "a whole number" if field.annotation is int else "a number"
    grids = (entry.func for entry in field.metadata if isinstance(entry, AfterValidator))
    step = "".join(f", a multiple of {grid.step}" for grid in grids if isinstance(grid, Grid))
    step += f", {form}" if form else ""
    bounds = facts(field)
    low, high = plain(bounds["minimum"]), plain(bounds["maximum"])
    return f"{kind} within {low}..{high} ({bounds['unit']}){step}"


def plain(number: float) -> str:
    """Write a number without an exponent, to a millionth."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def values(config: Config) -> Iterator[tuple[str, object]]:
    """Every dotted key with its value."""
    for key in fields():
        yield key, value_of(config, key)


def value_of(config: Config, key: str) -> object:
    """The value of a dotted key."""
    section, name = key.split(".")
    return getattr(getattr(config, section), name)


def order_faults(config: Config) -> Iterator[tuple[str, str, str]]:
    """Pairs of values that contradict each other: key, the other's key, and what it must be."""
    for key, other, strictly in ORDERED:
        low, high = (float(str(value_of(config, name))) for name in (key, other))
        if low > high or (strictly and low == high):
            bound = "below" if strictly else "at most"
            yield key, other, f"{bound} {other}, which is {plain(high)}"
