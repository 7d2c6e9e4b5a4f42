"""Random cases of a backtest: short tapes on a coarse grid of times and prices; all meets there.

What holds them against the compiled loop stands in `tests.oracle.backtest`.
"""

import re
from ctypes import CFUNCTYPE, POINTER, c_double, c_int64, c_void_p, cast
from dataclasses import replace
from functools import cache
from random import Random
from typing import NamedTuple

import numpy as np

from polymm._core import layout
from polymm.domain.tape import Tape
from polymm.engine.settings import MakerSettings
from polymm.exchange.tape import Latency
from polymm.research.run_settings import RunSettings
from polymm.strategy.base import BaseParameters
from tests.support.tapes import (
    DOWN_TOKEN,
    MS,
    SHARE,
    UP_TOKEN,
    at,
    book,
    change,
    frame,
    tape,
    tick,
    trade,
)

# Words of a quoter's records, by name.
STATE, PARAMS, QUOTE = (
    {name: i for i, name in enumerate(record.names)}
    for record in (layout.STATE, layout.PARAMS, layout.QUOTE)
)
QUEUES = ("risk_averse", "prob", "prob(1.5)")
STAMP = re.compile(rb'"timestamp":"(\d+)"')


def random_settings(rng):
    cycle = rng.choice(("timer", "event"))
    cycle_ns = rng.choice((100, 300, 1000)) * MS
    interval_ns = rng.choice((0, 20, 50, 250)) * MS
    maker = MakerSettings(
        cycle=cycle,
        cycle_ns=cycle_ns,
        requote_interval_min_ns=interval_ns,
        requote=rng.choice(("cancel_replace", "diff")),
        requote_ticks=rng.choice((1, 2)),
        requote_size_ratio=rng.choice((0.0, 0.2, 1.0)),
        early_exit=rng.choice(("pull", "leave")),
        max_total_position_e6=rng.choice((0, 20, 1000, 1000)) * SHARE,
        price_min_e4=rng.choice((10, 3000)),
        safe_low_e4=rng.choice((100, 4000)),
        merge_enabled=rng.random() < 0.6,
        book_age_ns_max=rng.choice((0, 500 * MS, 10_000 * MS)),
        proof_wait_ns=rng.choice((50, 90, 1000)) * MS,
        cancels_max=rng.choice((1, 2, 5)),
        rejects_max=rng.choice((1, 3)),
    )
    parameters = BaseParameters(
        cycle=cycle,
        cycle_ns=cycle_ns,
        requote_interval_min_ns=interval_ns,
        order_size_e6=rng.choice((1, 5, 20)) * SHARE,
        max_position_e6=rng.choice((20, 60, 200)) * SHARE,
        merge_threshold_e6=rng.choice((1, 5)) * SHARE,
        min_size_e6=rng.choice((0, 5)) * SHARE,
        depth_lookback=rng.choice((1, 2, 5)),
        ask_mode=rng.choice(("buy_complement", "sell_first")),
        thin_book=rng.choice(("fixed_spread", "pull")),
        skew_mode=rng.choice(("value", "shares", "net_limit")),
        k_inv=rng.choice((0.0, 0.01, 0.05)),
    )
    return RunSettings(
        parameters=parameters,
        maker=maker,
        cash_e6=rng.choice((10, 40, 1000)) * SHARE,
        merge_delay_ns=rng.choice((0, 30, 500)) * MS,
        close_margin_ns=rng.choice((0, 0, 500)) * MS,
    )


def random_latency(rng):
    steps = (0, 10, 20, 50, 100)
    return Latency(
        feed_ns=rng.choice(steps) * MS,
        order_ns=rng.choice(steps) * MS,
        cancel_ns=rng.choice(steps) * MS,
        reply_ns=rng.choice(steps) * MS,
    )


def sometimes_measured(latency, rng):
    """The same, but a third of all draw delays of some kinds."""
    if rng.random() < 2 / 3:
        return latency
    names = rng.choice((("order", "cancel", "reply"), ("order", "cancel"), ("reply",)))
    steps = (0, 1, 10, 20, 50, 100, 170, 400) if rng.random() < 0.5 else (5, 10, 20, 30, 40)
    drawn = {
        name: [rng.choice(steps) * MS for _ in range(rng.choice((1, 3, 20)))] for name in names
    }
    return replace(latency, measured={name: np.array(one) for name, one in drawn.items()})


class Flow:
    """A small book that moves at random and is sometimes told late, twice or not at all."""

    def __init__(self, rng, *, is_steady=False):
        self.rng = rng
        self.is_steady = is_steady  # nothing is told late
        self.mid = rng.randrange(30, 70)
        self.tick = 1  # cents

    def levels(self):
        rng = self.rng
        depth = rng.choice((0, 1, 3, 4, 4))
        sizes = [rng.choice((1, 4, 10, 40)) for _ in range(2 * depth)]
        bids = [((self.mid - 1 - i) / 100, sizes[i]) for i in range(depth)]
        asks = [((self.mid + 1 + i) / 100, sizes[depth + i]) for i in range(depth)]
        return bids, asks

    def next(self, ms):
        rng = self.rng
        # The fourth level of a book stands a cent inside 0 and 1.
        self.mid = min(max(self.mid + rng.choice((-1, 0, 0, 0, 1)), 5), 95)
        kind = rng.random()
        if kind < 0.08:
            return book(ms - self.late(rng.choice((0, 0, 0, 30))), *self.levels())
        if kind < 0.35:
            side = rng.choice(("BUY", "SELL"))
            away = rng.choice((-1, 0, 0, 1, 1, 2))
            price = self.mid + (away if side == "BUY" else -away)
            size = rng.choice((0.5, 3, 12, 12, 30.25))
            return trade(ms, side, price / 100, size)
        if kind < 0.40:
            return self.other(ms)
        side = rng.choice(("BUY", "SELL"))
        away = rng.choice((0, 1, 1, 1, 2, 2, 3))
        price = self.mid - away if side == "BUY" else self.mid + away
        size = rng.choice((0, 0, 2, 6, 20, 50))
        return change(ms - self.late(rng.choice((0,) * 9 + (40,))), side, price / 100, size)

    def late(self, ms):
        return 0 if self.is_steady else ms

    def other(self, ms):
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            return tick(ms, "0.01", rng.choice(("0.001", "0.01")))
        if kind == 1:
            message = {"event_type": "market_resolved", "assets_ids": []}
            return frame(ms, message | {"winning_asset_id": UP_TOKEN})
        if kind == 2:
            return frame(ms, {"event_type": "best_bid_ask", "asset_id": UP_TOKEN})
        return book(ms, *self.levels(), token="down")


def mirrored(found, rng):
    """The same trade as the other token tells it, somewhat later."""
    text = found.frame.decode()
    price = text.split('"price":"')[1].split('"')[0]
    other = str(round(1 - float(price), 4))
    text = text.replace(f'"price":"{price}"', f'"price":"{other}"')
    sides = {'"side":"BUY"': '"side":"SELL"', '"side":"SELL"': '"side":"BUY"'}
    side = next(side for side in sides if side in text)
    text = text.replace(side, sides[side]).replace(UP_TOKEN, DOWN_TOKEN)
    later = found.exch_ns + rng.choice((0, 10, 400, 1200)) * MS
    return found._replace(exch_ns=later, frame=text.encode())


def random_tape(rng, *, is_steady=False, mirrors=0.5):
    flow = Flow(rng, is_steady=is_steady)
    frames = [book(-200, *flow.levels())]
    ms = -200
    while ms < 4200:
        ms += rng.choice((0, 10, 10, 20, 30, 50, 400 if rng.random() < 0.1 else 10))
        found = flow.next(ms)._replace(exch_ns=at(ms))
        frames.append(found)
        if b"last_trade_price" in found.frame and rng.random() < mirrors:
            frames.append(mirrored(found, rng))
    receipts = rng.choice(("none", "all", "some"))
    if receipts != "none":
        frames = [
            found._replace(recv_ns=found.exch_ns + rng.choice((10, 40, 40, 90)) * MS)
            if receipts == "all" or rng.random() < 0.5
            else found
            for found in frames
        ]
    has_trades = rng.random() < 0.7
    return tape(
        *frames,
        has_trades=has_trades,
        outcome=rng.choice(("up", "down", None)),
        trade_lag_ns=rng.choice((0, 0, 20, 190)) * MS if has_trades else 0,
        end_ns=at(4000),
    )


def random_case(seed):
    """Tape, settings and the rest of a run; the same for a seed."""
    rng = Random(seed)
    also = Random(f"{seed}, drawn beside it")
    found = random_tape(rng, is_steady=also.random() < 0.5, mirrors=also.choice((0, 0.5, 0.5)))
    more = {
        "queue": rng.choice(QUEUES),
        "latency": replace(random_latency(rng), match_ns=also.choice((0, 30, 1000, 1000)) * MS),
        "form": rng.choice(("none", "through")),
    }
    settings = random_settings(rng)
    # A base strategy that leans on no imbalance looks at less of the book than a user's may.
    parameters = replace(settings.parameters, k_imb=also.choice((0.0, 0.005, 0.05)))
    quoter = also.choice((0, 0, 0, own_quoter()))
    draws = Random(f"{seed}, delays")
    more["latency"] = sometimes_measured(more["latency"], draws)
    settings = replace(settings, parameters=parameters, quoter=quoter, seed=draws.randrange(2**32))
    return found, settings, more


# Several of them on one account


class Group(NamedTuple):
    """Tapes whose windows overlap, each with its delays; `cash_e6` is their common purse."""

    tapes: list[Tape]
    latencies: list[Latency]
    settings: RunSettings
    cash_e6: int
    queue: str = "risk_averse"
    form: str = "none"


def moved(found, by_ms, *, slug):
    """The same tape that much later, its stamps too."""

    def later(stamp):
        return b'"timestamp":"%d"' % (int(stamp[1]) + by_ms)

    def frame_moved(found):
        recv_ns = found.recv_ns and found.recv_ns + by_ms * MS
        frame = STAMP.sub(later, found.frame)
        return found._replace(exch_ns=found.exch_ns + by_ms * MS, recv_ns=recv_ns, frame=frame)

    start_ns, end_ns = found.market.start_ns + by_ms * MS, found.market.end_ns + by_ms * MS
    market = replace(found.market, slug=slug, start_ns=start_ns, end_ns=end_ns)
    return replace(found, market=market, frames=[frame_moved(frame) for frame in found.frames])


def shortened(found, rng):
    """The same tape for a window inside its own."""
    market = found.market
    start_ns = market.start_ns + rng.randrange(150) * 10 * MS
    end_ns = market.end_ns - rng.randrange(150) * 10 * MS
    return replace(found, market=replace(market, start_ns=start_ns, end_ns=end_ns))


def random_group(seed):
    """Two to four tapes and how they run together; the same for a seed."""
    rng = Random(f"{seed}, a group")
    first, settings, more = random_case(seed)
    n = rng.choice((2, 2, 3, 4))
    overlap = rng.choice(("equal", "shifted", "nested"))
    tapes = []
    for i in range(n):
        found = random_tape(rng, is_steady=rng.random() < 0.5) if i else first
        # From beside each other to one just after the other, on the grid of times.
        by_ms = rng.choice((0, 10, 10 * rng.randrange(400), 4000)) if overlap == "shifted" else 0
        found = moved(found, by_ms, slug=f"{found.market.slug}-{i}")
        tapes.append(shortened(found, rng) if overlap == "nested" and i else found)
    rng.shuffle(tapes)
    maker = replace(settings.maker, max_total_position_e6=rng.choice((3, 6, 20, 1000)) * SHARE)
    settings = replace(settings, maker=maker)
    cash_e6 = rng.choice((4, 8, 16, 40, 1000)) * SHARE
    latencies = [more["latency"]] * n
    if rng.random() < 0.3:
        draws = Random(f"{seed}, delays of each")
        latencies = [sometimes_measured(random_latency(rng), draws) for _ in tapes]
    return Group(tapes, latencies, settings, cash_e6, more["queue"], more["form"])


# A user's quoter without a compiler: a Python function that C calls with three records.


class OwnQuoter:
    """Quotes a tick inside a touch that is wide, else at it; silent at some prices."""

    def __init__(self):
        words = POINTER(c_int64)
        self._called = CFUNCTYPE(c_int64, words, words, POINTER(c_double))(self._quote)
        self.address = cast(self._called, c_void_p).value

    def __index__(self):
        return self.address

    @staticmethod
    def _quote(state, params, quote):
        bid_e4, ask_e4 = state[STATE["best_bid_e4"]], state[STATE["best_ask_e4"]]
        tick_e4, size_e6 = state[STATE["tick_e4"]], params[PARAMS["order_size_e6"]]
        whole = cast(quote, POINTER(c_int64))
        if not state[STATE["usable"]] or bid_e4 % 700 == 0:
            return 0
        inside_e4 = tick_e4 if ask_e4 - bid_e4 > 2 * tick_e4 else 0
        if state[STATE["bid_depth_e6"]] > state[STATE["ask_depth_e6"]]:
            inside_e4 = 0
        whole[QUOTE["bid_e4"]], whole[QUOTE["ask_e4"]] = bid_e4 + inside_e4, ask_e4 - inside_e4
        quote[QUOTE["bid"]], quote[QUOTE["ask"]] = bid_e4 / 10_000, ask_e4 / 10_000
        whole[QUOTE["bid_e6"]] = whole[QUOTE["ask_buy_e6"]] = size_e6
        return 1


own_quoter = cache(OwnQuoter)
