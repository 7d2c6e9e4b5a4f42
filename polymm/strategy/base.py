"""Parameters of the documented base strategy; the strategy itself is compiled (_core/quoting).

Each field carries its unit in its name or is a ratio or dollars, as its metadata says, and the
range within which it makes sense, so that a configuration can name all three in an error.
"""

import logging
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from typing import Any, Final

from polymm._core.layout import ASK_MODES, CYCLES, INVENTORY_SIGNS, SKEW_MODES, THIN_BOOKS
from polymm.errors import ConfigError

logger = logging.getLogger("polymm.strategy")

_SHARES_E6_MAX: Final = 10**12


def _number(default: Any, unit: str, low: float, high: float, meaning: str) -> Any:
    metadata = {"unit": unit, "low": low, "high": high, "meaning": meaning}
    return field(default=default, metadata=metadata)


def _choice(default: str, choices: dict[str, int], meaning: str) -> Any:
    return field(default=default, metadata={"choices": choices, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseParameters:
    """All parameters of docs/strategy.md section 2, with the documented defaults.

    Raises:
        ConfigError: A value is outside its range; the message names key, value and range.
    """

    min_size_e6: int = _number(
        5_000_000, "1e-6 shares", 0, _SHARES_E6_MAX, "smaller levels are not seen"
    )
    depth_lookback: int = _number(5, "levels", 1, 9_999, "filtered levels that make the depth")
    order_size_e6: int = _number(
        1_000_000, "1e-6 shares", 1, _SHARES_E6_MAX, "size of a full order"
    )
    max_position_e6: int = _number(
        5_000_000, "1e-6 shares", 1, _SHARES_E6_MAX, "most shares held of each token"
    )
    merge_threshold_e6: int = _number(
        100_000, "1e-6 shares", 1, _SHARES_E6_MAX, "fewest pairs worth a merge"
    )
    inventory_sign: str = _choice(
        "prose", INVENTORY_SIGNS, "prose: long Up lowers both quotes; literal: raises them"
    )
    skew_mode: str = _choice("value", SKEW_MODES, "what the inventory skew measures")
    ask_mode: str = _choice(
        "buy_complement", ASK_MODES, "ask by buying Down, or by selling held Up first"
    )
    thin_book: str = _choice(
        "fixed_spread", THIN_BOOKS, "with under two levels a side: quote the last price, or pull"
    )
    cycle: str = _choice("timer", CYCLES, "requote every cycle_ns, or when the quote changes")
    cycle_ns: int = _number(
        1_000_000_000, "ns", 1_000_000, 3_600_000_000_000, "longest time between two cycles"
    )
    requote_ticks: int = _number(1, "ticks", 1, 9_999, "price change that requotes (event)")
    requote_size_ratio: float = _number(
        0.2, "ratio of the working size", 0.0, 1.0, "size change that requotes (event)"
    )
    requote_interval_min_ns: int = _number(
        250_000_000, "ns", 0, 3_600_000_000_000, "shortest time between two requotes (event)"
    )
    min_spread: float = _number(0.002, "dollars", 0.0, 1.0, "narrowest distance of the quotes")
    max_spread: float = _number(0.02, "dollars", 0.0, 1.0, "widest distance of the quotes")
    spread: float = _number(0.01, "dollars", 0.0, 1.0, "distance around the last price, thin book")
    k_inv: float = _number(0.01, "dollars", 0.0, 1.0, "shift of both quotes at full skew")
    k_imb: float = _number(0.005, "dollars", -1.0, 1.0, "shift of both quotes at full imbalance")
    quote_min: float = _number(0.01, "dollars", 0.0, 1.0, "no quote below")
    quote_max: float = _number(0.99, "dollars", 0.0, 1.0, "no quote above")
    skip_skew: float = _number(0.7, "skew", 0.0, 1.0, "the adding side is skipped above")
    scale1_skew: float = _number(0.5, "skew", 0.0, 1.0, "above it max_position is scaled by scale1")
    scale1: float = _number(0.2, "ratio", 0.0, 1.0, "see scale1_skew")
    scale2_skew: float = _number(0.3, "skew", 0.0, 1.0, "above it max_position is scaled by scale2")
    scale2: float = _number(0.5, "ratio", 0.0, 1.0, "see scale2_skew")
    user0: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")
    user1: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")
    user2: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")
    user3: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")
    user4: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")
    user5: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")
    user6: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")
    user7: float = _number(0.0, "free", -1e300, 1e300, "for user quoters")

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(entry.name, getattr(self, entry.name), entry.metadata, whole=entry.type is int)
        for low, high in (("min_spread", "max_spread"), ("quote_min", "quote_max")):
            if getattr(self, low) > getattr(self, high):
                raise ConfigError(
                    f"{low} must be at most {high}, were {getattr(self, low)} "
                    f"and {getattr(self, high)}"
                )

    def as_fields(self) -> dict[str, int | float]:
        """Give the values by the names of _core.layout.PARAMS_FIELDS."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        for entry in fields(self):
            if "choices" in entry.metadata:
                values[entry.name] = entry.metadata["choices"][values[entry.name]]
        values["cycle_event"] = values.pop("cycle")
        return values


def _check(name: str, value: Any, metadata: Any, *, whole: bool) -> None:
    if "choices" in metadata:
        if value not in metadata["choices"]:
            raise ConfigError(
                f"{name} must be one of {', '.join(metadata['choices'])}, was {value!r}"
            )
        return
    kinds = (int,) if whole else (int, float)
    if type(value) not in kinds or not isfinite(value):
        raise ConfigError(
            f"{name} must be {'a whole' if whole else 'a finite'} number, was {value!r}"
        )
    if not metadata["low"] <= value <= metadata["high"]:
        raise ConfigError(
            f"{name} must be within {metadata['low']}..{metadata['high']} "
            f"({metadata['unit']}), was {value}"
        )


def raise_order_size(parameters: BaseParameters, order_min_e6: int) -> BaseParameters:
    """Raise an order size below the venue's minimum to it, once, at start-up, with a warning.

    The documented order size of 1 share could otherwise never trade where the minimum is 5
    (docs/strategy.md section 2, step 13). A remaining room below the minimum is never raised.
    """
    if parameters.order_size_e6 >= order_min_e6:
        return parameters
    logger.warning(
        "order size raised to the venue minimum order_size=%g order_min=%g shares",
        parameters.order_size_e6 / 1e6,
        order_min_e6 / 1e6,
    )
    if parameters.max_position_e6 < 2 * order_min_e6:
        logger.warning(
            "one fill ends a side: no room for a second order max_position=%g order_min=%g shares",
            parameters.max_position_e6 / 1e6,
            order_min_e6 / 1e6,
        )
    return replace(parameters, order_size_e6=order_min_e6)
