"""Configured values as runs in virtual time take them."""

from pathlib import Path

from polymm.exchange.tape import Latency
from polymm.research.calibration import read_delays
from polymm.research.tape_run import RunSettings
from polymm.runtime.config import Config
from polymm.runtime.settings import base_parameters, maker_settings, to_e6, to_ns
from polymm.runtime.user_quoter import user_quoter


def run_settings(config: Config) -> RunSettings:
    """What is run on each tape."""
    return RunSettings(
        parameters=base_parameters(config),
        maker=maker_settings(config),
        quoter=user_quoter(config.strategy.quoter),
        cash_e6=to_e6(config.venue.cash),
        merge_delay_ns=to_ns(config.venue.merge_delay_ms),
        close_margin_ns=to_ns(config.cycle.close_margin_ms),
        seed=config.run.seed,
    )


def latency(config: Config) -> Latency:
    """What lies between us and the venue.

    Raises:
        InputError: Measured delays cannot be read.
    """
    venue = config.venue
    measured = read_delays(Path(venue.delays)) if venue.delays else {}
    # Rows that were received have their own; of others the order must not depend on a draw.
    measured.pop("feed", None)
    return Latency(
        feed_ns=to_ns(venue.feed_latency_ms),
        order_ns=to_ns(venue.order_latency_ms),
        cancel_ns=to_ns(venue.cancel_latency_ms),
        reply_ns=to_ns(venue.reply_latency_ms),
        match_ns=to_ns(venue.match_window_ms),
        measured=measured,
    ).scaled(venue.latency_factor)


def queues(config: Config) -> tuple[str, ...]:
    """Queue models to run, the headline first."""
    prob = f"prob({config.venue.prob_n:g})"
    return {"risk_averse": ("risk_averse",), "prob": (prob,), "both": ("risk_averse", prob)}[
        config.venue.queue
    ]
