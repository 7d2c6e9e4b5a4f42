"""Low-latency market maker for Polymarket's Up/Down windows, and its compiled core as a library.

``import polymm`` loads nothing: each public name is resolved when it is first used, so that a
program that wants a book pays for a book. The public names are those of ``polymm.__all__``.
"""

from importlib import import_module

TYPE_CHECKING = False  # typing's own would import it: 10 ms, as much as all the rest
if TYPE_CHECKING:
    from polymm._core.book import Book
    from polymm._core.decode import Decoder
    from polymm._core.inventory import (
        inventory_skew,
        merge_opportunity,
        position_limit,
        should_skip_side,
    )
    from polymm._core.lane import Lane
    from polymm._core.layout import ASK, BID, DOWN, REQUOTE, UP, flag_names, reason_names
    from polymm._core.quoter import Quoter, compile_quoter
    from polymm._core.quoting import calculate_mm_prices
    from polymm._core.records import Trade
    from polymm._core.signals import analyze_depth
    from polymm.errors import (
        ConfigError,
        DecodeError,
        InputError,
        LedgerError,
        PolymmError,
        QuoterError,
        RecordingError,
    )
    from polymm.strategy.base import BaseParameters

__version__ = "0.1.0"

__all__ = [
    "ASK",
    "BID",
    "DOWN",
    "REQUOTE",
    "UP",
    "BaseParameters",
    "Book",
    "ConfigError",
    "DecodeError",
    "Decoder",
    "InputError",
    "Lane",
    "LedgerError",
    "PolymmError",
    "Quoter",
    "QuoterError",
    "RecordingError",
    "Trade",
    "__version__",
    "analyze_depth",
    "calculate_mm_prices",
    "compile_quoter",
    "flag_names",
    "inventory_skew",
    "merge_opportunity",
    "position_limit",
    "reason_names",
    "should_skip_side",
]

_HOMES = {
    "polymm._core.book": ("Book",),
    "polymm._core.decode": ("Decoder",),
    "polymm._core.inventory": (
        "inventory_skew",
        "merge_opportunity",
        "position_limit",
        "should_skip_side",
    ),
    "polymm._core.lane": ("Lane",),
    "polymm._core.layout": (
        "ASK",
        "BID",
        "DOWN",
        "REQUOTE",
        "UP",
        "flag_names",
        "reason_names",
    ),
    "polymm._core.quoter": ("Quoter", "compile_quoter"),
    "polymm._core.quoting": ("calculate_mm_prices",),
    "polymm._core.records": ("Trade",),
    "polymm._core.signals": ("analyze_depth",),
    "polymm.errors": (
        "ConfigError",
        "DecodeError",
        "InputError",
        "LedgerError",
        "PolymmError",
        "QuoterError",
        "RecordingError",
    ),
    "polymm.strategy.base": ("BaseParameters",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load the module a public name lives in, once (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value: object = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("polymm._core."):
            from polymm.errors import NOT_BUILT

            raise ImportError(NOT_BUILT) from error
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
