"""Configured values as strategy, engine and venue take them: integers of 1e-6, 1e-4 and ns."""

from importlib.metadata import version

from polymm.engine.limits import RiskLimits
from polymm.engine.proving import ReconcileSettings
from polymm.engine.settings import SECOND, MakerSettings
from polymm.runtime.config import Config
from polymm.strategy.base import BaseParameters

# The margin before a window's end where none is configured: a tenth of the window, at most 2 s.
MARGIN_SHARE = 10
MARGIN_NS_MAX = 2 * SECOND
# Numbers that a user's quoter may call its own.
USERS_N = 8


def to_e6(amount: float) -> int:
    """Shares or dollars as 1e-6 of them; the configuration has held them to that grid."""
    return round(amount * 1_000_000)


def to_ns(duration_ms: float) -> int:
    """Milliseconds as ns."""
    return round(duration_ms * 1_000_000)


def to_e4(price: float) -> int:
    """A price in dollars as 1e-4 dollars."""
    return round(price * 10_000)


def quoter_fact(config: Config) -> dict[str, str]:
    """What a report says of a quoter that is not the base strategy."""
    name = config.strategy.quoter
    return {"quoter": f"{name}, numba {version('numba')}"} if name else {}


def base_parameters(config: Config) -> BaseParameters:
    """What the quotes are computed from, the requote rule included."""
    strategy, cycle = config.strategy, config.cycle
    return BaseParameters(
        min_size_e6=to_e6(strategy.min_size),
        depth_lookback=strategy.depth_lookback,
        order_size_e6=to_e6(strategy.order_size),
        max_position_e6=to_e6(strategy.max_position),
        merge_threshold_e6=to_e6(strategy.merge_threshold),
        inventory_sign=strategy.inventory_sign,
        skew_mode=strategy.skew_mode,
        ask_mode=strategy.ask_mode,
        thin_book=strategy.thin_book,
        cycle=cycle.cycle,
        cycle_ns=to_ns(cycle.cycle_ms),
        requote_ticks=cycle.requote_ticks,
        requote_size_ratio=cycle.requote_size_ratio,
        requote_interval_min_ns=to_ns(cycle.requote_interval_min_ms),
        min_spread=strategy.min_spread,
        max_spread=strategy.max_spread,
        spread=strategy.spread,
        k_inv=strategy.k_inv,
        k_imb=strategy.k_imb,
        quote_min=strategy.quote_min,
        quote_max=strategy.quote_max,
        skip_skew=strategy.skip_skew,
        scale1_skew=strategy.scale1_skew,
        scale1=strategy.scale1,
        scale2_skew=strategy.scale2_skew,
        scale2=strategy.scale2,
        **{f"user{n}": getattr(strategy, f"user{n}") for n in range(USERS_N)},
    )


def maker_settings(config: Config) -> MakerSettings:
    """How the cycle runs around the quotes."""
    cycle = config.cycle
    return MakerSettings(
        cycle=cycle.cycle,
        cycle_ns=to_ns(cycle.cycle_ms),
        requote=cycle.requote,
        requote_ticks=cycle.requote_ticks,
        requote_size_ratio=cycle.requote_size_ratio,
        requote_interval_min_ns=to_ns(cycle.requote_interval_min_ms),
        early_exit=cycle.early_exit,
        max_total_position_e6=to_e6(cycle.max_total_position),
        price_min_e4=to_e4(cycle.min_price),
        price_max_e4=to_e4(cycle.max_price),
        safe_low_e4=to_e4(cycle.safe_range_low),
        safe_high_e4=to_e4(cycle.safe_range_high),
        merge_enabled=cycle.merge,
        book_age_ns_max=to_ns(cycle.book_age_max_ms),
        proof_wait_ns=to_ns(cycle.proof_wait_ms),
        cancels_max=cycle.cancels_max,
        rejects_max=cycle.rejects_max,
    )


def close_margin_ns(config: Config) -> int:
    """How long before a window's end everything is pulled, live."""
    margin_ns = to_ns(config.cycle.close_margin_ms)
    window_ns = config.session.window_s * SECOND
    return margin_ns or min(window_ns // MARGIN_SHARE, MARGIN_NS_MAX)


def risk_limits(config: Config) -> RiskLimits:
    """What the risk gate refuses to go beyond."""
    risk = config.risk
    return RiskLimits(
        max_market_e6=to_e6(risk.max_market),
        max_total_cost_e6=to_e6(risk.max_total),
        order_size_max_e6=to_e6(risk.order_size_max),
        loss_max_e6=to_e6(risk.loss_max),
        markout_loss_max_e6=to_e6(risk.markout_loss_max),
        markout_after_ns=to_ns(risk.markout_after_ms),
        failures_max=risk.failures_max,
        levels_max=risk.levels_max,
        price_min_e4=to_e4(risk.min_price),
        price_max_e4=to_e4(risk.max_price),
        fill_margin_e6=to_e6(risk.fill_margin),
        book_age_ns_max=to_ns(risk.book_age_max_ms),
        reference_age_ns_max=to_ns(risk.reference_age_max_ms),
        user_age_ns_max=to_ns(risk.user_age_max_ms),
        skew_ns_max=to_ns(risk.skew_max_ms),
        lag_ns_max=to_ns(risk.lag_max_ms),
        slow_ns_max=to_ns(risk.slow_max_ms),
        close_margin_ns=close_margin_ns(config),
        orders_a_second_max=risk.orders_a_second_max,
        orders_a_minute_max=risk.orders_a_minute_max,
        rejects_max=risk.rejects_max,
        errors_max=risk.errors_max,
    )


def reconcile_settings(config: Config) -> ReconcileSettings:
    """How long the user channel may be away and the loop stand still, as the risk gate has it."""
    return ReconcileSettings(
        gap_ns_max=to_ns(config.risk.user_age_max_ms),
        stall_pull_ns=to_ns(config.risk.lag_max_ms),
    )
