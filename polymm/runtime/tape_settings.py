"""Configured values as runs in virtual time take them."""

from polymm.exchange.tape import Latency
from polymm.research.tape_run import RunSettings
from polymm.runtime.config import Config
from polymm.runtime.settings import base_parameters, maker_settings, to_e6, to_ns


def run_settings(config: Config) -> RunSettings:
    """What is run on each tape."""
    return RunSettings(
        parameters=base_parameters(config),
        maker=maker_settings(config),
        cash_e6=to_e6(config.venue.cash),
        merge_delay_ns=to_ns(config.venue.merge_delay_ms),
        close_margin_ns=to_ns(config.cycle.close_margin_ms),
    )


def latency(config: Config) -> Latency:
    """What lies between us and the venue."""
    venue = config.venue
    return Latency(
        feed_ns=to_ns(venue.feed_latency_ms),
        order_ns=to_ns(venue.order_latency_ms),
        cancel_ns=to_ns(venue.cancel_latency_ms),
        reply_ns=to_ns(venue.reply_latency_ms),
    ).scaled(venue.latency_factor)


def queues(config: Config) -> tuple[str, ...]:
    """Queue models to run, the headline first."""
    prob = f"prob({config.venue.prob_n:g})"
    return {"risk_averse": ("risk_averse",), "prob": (prob,), "both": ("risk_averse", prob)}[
        config.venue.queue
    ]
