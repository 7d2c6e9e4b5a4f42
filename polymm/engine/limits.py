"""The numbers that the risk gate holds, beside and above those of the strategy.

Whoever sends money must have set the first five by hand: they have no default here. What is missing
or makes no sense is refused when this is made, so that no engine ever runs without limits.
"""

from dataclasses import dataclass, fields

from polymm.engine.settings import MS, SECOND
from polymm.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What the gate refuses to go beyond; reaching a limit exactly is allowed.

    Args:
        max_market_e6: Most shares by which Up and Down of one market may differ, either way, in
            the worst of all cases (see `polymm.engine.exposure`).
        max_total_cost_e6: Most dollars paid for what is held of all markets, in the worst case.
        order_size_max_e6: Most shares of one order.
        loss_max_e6: Dollars lost on one day by UTC, realized and marked, up to which exposure may
            be added.
        markout_loss_max_e6: Dollars that the fills of the last ``markout_window_ns`` may have lost
            by their mark-outs until exposure may not be added any more.
        levels_max: Orders that may be live for one token and side.
        price_min_e4, price_max_e4: Prices of an order, in its own token's terms.
        fill_margin_e6: Shares by which the venue may fill an order beyond its size.
        book_age_ns_max: Since each token's book was proven.
        reference_age_ns_max: Since the newest reference price; 0 where none is used.
        user_age_ns_max: Since the user channel was lost.
        skew_ns_max: Between the venue's clock and ours.
        lag_ns_max: The loop may stand still for so long; after a longer stall nothing goes out for
            ``stall_rest_ns``.
        close_margin_ns: Before a window's end nothing goes out any more.
        orders_a_second_max, orders_a_minute_max: Orders that pass, whatever the strategy wants.
        rejects_max: Refusals of one side that make it rest, within a second or in a row.
        reject_rest_ns_max: Its rests grow up to this.
        errors_max: Placements of one market within ``errors_window_ns`` that ended in an error of
            the venue which says nothing; so many stop the market for ``errors_rest_ns``.
        slow_ns_max: 95 of 100 answers to placements must come within this, else nothing goes out
            for ``slow_rest_ns``.
        failures_max: Failed settlements within ``failures_window_ns`` from which on exposure may
            not be added any more.
        markout_after_ns: A fill is marked so long after it happened.
        backoff_ns_min, backoff_ns_max: First and longest wait for a venue that is not itself; a
            quarter more may be added. ``restart_ns_max`` is the longest while its engine restarts.
        unauthorized_window_ns: A second spell of refused keys within this halts.
    """

    max_market_e6: int
    max_total_cost_e6: int
    order_size_max_e6: int
    loss_max_e6: int
    markout_loss_max_e6: int
    levels_max: int = 1
    price_min_e4: int = 100
    price_max_e4: int = 9_900
    fill_margin_e6: int = 10_000
    book_age_ns_max: int = 3 * SECOND
    reference_age_ns_max: int = 0
    user_age_ns_max: int = 2 * SECOND
    skew_ns_max: int = 2 * SECOND
    lag_ns_max: int = 250 * MS
    stall_rest_ns: int = SECOND
    close_margin_ns: int = 2 * SECOND
    orders_a_second_max: int = 20
    orders_a_minute_max: int = 600
    rejects_max: int = 3
    reject_rest_ns_max: int = 8 * SECOND
    errors_max: int = 5
    errors_window_ns: int = 10 * SECOND
    errors_rest_ns: int = 20 * SECOND
    slow_ns_max: int = SECOND
    slow_rest_ns: int = 5 * SECOND
    failures_max: int = 3
    failures_window_ns: int = 600 * SECOND
    markout_after_ns: int = 5 * SECOND
    markout_window_ns: int = 600 * SECOND
    backoff_ns_min: int = SECOND
    backoff_ns_max: int = 16 * SECOND
    restart_ns_max: int = 30 * SECOND
    unauthorized_window_ns: int = 600 * SECOND

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check_number(field.name)
        for low, high, most in (
            ("price_min_e4", "price_max_e4", 9_999),
            ("orders_a_second_max", "orders_a_minute_max", 0),
            ("backoff_ns_min", "backoff_ns_max", 0),
            ("backoff_ns_min", "restart_ns_max", 0),
        ):
            bottom, top = getattr(self, low), getattr(self, high)
            if bottom > top:
                raise ConfigError(f"{low} must be at most {high}, were {bottom} and {top}")
            if most and top > most:
                raise ConfigError(f"{high} must be at most {most}, was {top}")

    def _check_number(self, name: str) -> None:
        """A truth value or a float is a mistake in the configuration, and 0 would be no limit."""
        value = getattr(self, name)
        if type(value) is not int:
            raise ConfigError(f"{name} must be a whole number, was {value!r}")
        least = 0 if name in _MAY_BE_ZERO else 1
        if not least <= value <= _MOST:
            raise ConfigError(f"{name} must be within {least}..{_MOST}, was {value}")


_MAY_BE_ZERO = frozenset({"fill_margin_e6", "reference_age_ns_max", "close_margin_ns"})
_MOST = 10**18
