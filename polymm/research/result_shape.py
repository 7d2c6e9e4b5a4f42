"""The shape that a saved result must have to be shown, compared and drawn again.

A shape is a type or several, a dictionary of the keys that must be there, a list of one shape for
all items, a tuple of one shape an item, `Each` for the values of a dictionary with free names, or a
function that says the shape by the value.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]

NUMBER: Final = int | float
# Null stands for what is not known.
FIGURE: Final = int | float | None
_NAMES: Final = {
    dict: "an object", list: "a list", str: "a text", int: "a whole number", bool: "true or false",
    FIGURE: "a number or null", dict | str: "an object or a text",
}  # fmt: skip
# So much is shown of what was found.
FOUND_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Each:
    """An object whose names are free."""

    shape: Any


_CENTS: Final = {"cents_per_share": FIGURE, "se": FIGURE}


def _per_market(found: Json) -> Json:
    names = ("mean", "se", "sd", "sharpe", *(["psr"] if "psr" in found else []))
    return dict.fromkeys(names, FIGURE)


_BARE_MONEY: Final = {"markets": int, "markets_with_fills_known": int}
_MONEY: Final = _BARE_MONEY | {
    **dict.fromkeys(("fills", "fills_inferred", "shares_e6", "turnover_e6"), int),
    **dict.fromkeys(("pnl_e6", "ledger_e6", "fill_list_e6"), int),
    **dict.fromkeys(("rebate_accrued_e6", "rebate_paid_e6"), int),
    "trade_share": FIGURE,
    "edge": _CENTS,
    "markouts": (_CENTS,) * 5,
    "sources": dict.fromkeys(
        ("spread", "adverse_selection", "inventory", "settlement", "fees"), FIGURE
    ),
    "per_market": _per_market,
    "per_day": {"sharpe": FIGURE},
}
_STAGE: Final = {"n": int, **dict.fromkeys(("p50_ns", "p99_ns", "p999_ns"), FIGURE)}
_NOT_RUN: Final = dict.fromkeys(
    ("slug", "condition_id", "start", "source", "status", "exclusion"), str
)
_RAN: Final = _NOT_RUN | {"orders": int, "uptime": FIGURE}
_FILLED: Final = _RAN | {
    **dict.fromkeys(("fills", "shares_e6", "rebate_e6", "rebate_paid_e6"), int),
    **dict.fromkeys(("edge", "markout_5s"), NUMBER),
    **dict.fromkeys(("inventory_pnl", "pnl", "net_abs_mean", "net_abs_max"), FIGURE),
}


def _money(found: Json) -> Json:
    return _MONEY if found.get("markets_with_fills_known") else _BARE_MONEY


def _market(found: Json) -> Json:
    if found.get("status") == "excluded":
        return _NOT_RUN
    return _FILLED if "fills" in found else _RAN


def _page(found: Json) -> Json:
    return {} if not found else {
        "charts": Each(dict | str),
        "markets": [{"slug": str, "fills": int, "status": str, "chart": dict}],
    }  # fmt: skip


_RUN: Final = {
    "queue": str,
    "fill_form": str,
    "stress": NUMBER,
    "fair": str,
    "facts": Each(str),
    "flattery": [str],
    "optimism": Each((str, str)),
    "stages": Each(_STAGE),
    "counts": {
        **dict.fromkeys(("markets", "settled", "unsettled", "excluded", "settled_with_gaps"), int),
        "reasons": Each(int),
    },
    "quoting": {
        "markets": int,
        "fills_known": bool,
        "orders": {"placed_n": int, "rejects": Each(int)},
        **dict.fromkeys(("uptime", "quoting_share", "quoting_share_two_sided"), FIGURE),
        **dict.fromkeys(("fill_ratio", "cancel_race_loss", "roll_gap_s_max"), FIGURE),
        **dict.fromkeys(("no_quote_seconds", "cycles", "counts", "defects"), Each(NUMBER)),
        "inventory": dict.fromkeys(("net_abs_mean", "net_abs_max", "skewed_share"), FIGURE),
        "pairs_merged_e6": int,
    },
    **dict.fromkeys(("settled", "settled_without_gaps", "unsettled"), _money),
    "calibration": {"observations": int, "brier": FIGURE, "log_loss": FIGURE},
    "checks": Each(NUMBER),
    "markets": [_market],
}
RESULT: Final = {
    "runs": [_RUN],
    "page": _page,
    "band": Each({"low": NUMBER, "high": NUMBER, "runs": Each(FIGURE)}),
}


def shape_fault(value: Any, shape: Any = RESULT, where: str = "") -> str:
    """Say where a value departs from a shape first, what was expected and found; "" for nowhere."""
    if callable(shape) and not isinstance(shape, type):
        return shape_fault(value, dict, where) or shape_fault(value, shape(value), where)
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return _told(where, "an object", value)
        missing = [key for key in shape if key not in value]
        if missing:
            return f"{where.lstrip('.')}: expected an object with {missing[0]}, found one without"
        return _first((value[key], shape[key], f"{where}.{key}") for key in shape)
    if isinstance(shape, Each):
        return shape_fault(value, dict, where) or _first(
            (one, shape.shape, f"{where}.{key}") for key, one in value.items()
        )
    if isinstance(shape, list | tuple):
        if not isinstance(value, list) or (isinstance(shape, tuple) and len(value) != len(shape)):
            many = f"a list of {len(shape)}" if isinstance(shape, tuple) else "a list"
            return _told(where, many, value)
        shapes = shape if isinstance(shape, tuple) else shape * len(value)
        return _first((one, shapes[k], f"{where}[{k}]") for k, one in enumerate(value))
    is_right = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
    return "" if is_right else _told(where, _NAMES.get(shape, "a number"), value)


def _first(parts: Iterable[tuple[Any, Any, str]]) -> str:
    return next(filter(None, (shape_fault(*part) for part in parts)), "")


def _told(where: str, expected: str, value: Any) -> str:
    found = repr(value)
    shown = found if len(found) <= FOUND_MAX else f"{found[:FOUND_MAX]}..."
    return f"{where.lstrip('.')}: expected {expected}, found {shown}"
