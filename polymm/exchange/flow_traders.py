"""Everybody who trades in one synthetic market, put together from its settings."""

from collections.abc import Iterator, Sequence

import numpy as np

from polymm.exchange.flow_actions import MS, Trader
from polymm.exchange.flow_makers import LadderMaker, NoiseQuoter
from polymm.exchange.flow_settings import FlowSettings
from polymm.exchange.flow_takers import InformedTaker, NoiseTaker


def draw_traders(
    seeds: Sequence[np.random.SeedSequence],
    order_ids: Iterator[int],
    start_ns: int,
    settings: FlowSettings,
) -> list[Trader]:
    """Assemble all who trade in one market, each with randomness of its own.

    Args:
        seeds: One for each kind: makers, background, noise orders, noise takers, informed.
        order_ids: Shared source of unique order ids.
        start_ns: When they begin.
        settings: How many there are and how they act.
    """
    makers, background, noise_orders, noise_takes, informed = seeds
    lag_first, lag_last = settings.maker_lag_ms
    count = settings.maker_count
    traders: list[Trader] = [
        LadderMaker(
            order_ids,
            np.random.default_rng(seed),
            settings,
            start_ns=start_ns,
            lag_ns=(lag_first + (lag_last - lag_first) * i // max(count - 1, 1)) * MS,
            edge=settings.maker_edge,
            levels=settings.maker_levels,
            shape=lambda behind, cost: settings.maker_size * (1.0 - 0.16 * behind),
        )
        for i, seed in enumerate(makers.spawn(count))
    ]
    traders.append(
        LadderMaker(
            order_ids,
            np.random.default_rng(background),
            settings,
            start_ns=start_ns,
            lag_ns=lag_last * MS,
            edge=settings.background_edge,
            levels=100,
            # Recorded books hold 10,000 shares and more at one cent, 5,000 at five.
            shape=lambda behind, cost: (
                settings.background_size * (1.0 + max(0.0, 0.065 - cost) * 800.0)
            ),
            on_cents=True,
        )
    )
    if settings.noise_order_rate:
        rng = np.random.default_rng(noise_orders)
        traders.append(NoiseQuoter(order_ids, rng, settings, start_ns=start_ns))
    if settings.noise_take_rate:
        rng = np.random.default_rng(noise_takes)
        traders.append(NoiseTaker(rng, settings, start_ns=start_ns))
    traders.extend(
        InformedTaker(np.random.default_rng(seed), settings, start_ns=start_ns)
        for seed in informed.spawn(settings.informed_count)
    )
    return traders
