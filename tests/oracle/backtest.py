"""The compiled loop against its slow twins: `TapeVenue`, `Maker`, `TapeLoop` and their recorder.

Both run the same tape; every action with its time, and every field of the record, must be equal.
By command: ``python -m tests.oracle.backtest 10000 [first seed]``.
"""

import logging
import sys
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_double, c_int64, c_void_p, cast
from dataclasses import fields, replace
from functools import cache
from random import Random
from unittest.mock import patch

from polymm._core import layout
from polymm._core.backtest import Backtest
from polymm._core.backtest_names import ACTIONS
from polymm.domain.order import Cancel, Merge, Place
from polymm.engine.settings import MakerSettings
from polymm.exchange.tape import Latency
from polymm.research.backtest import add_tape, backtest_tape, sound_rows
from polymm.research.run_settings import RunSettings
from polymm.research.tape_pack import pack
from polymm.strategy.base import BaseParameters
from tests.oracle.tape_group import run_tape
from tests.oracle.tape_venue import TapeVenue
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


@contextmanager
def sent_by_the_twin():
    """What goes to a TapeVenue, as the compiled loop notes it."""
    actions = []
    send = TapeVenue.send

    def noted(venue, now_ns, action):
        match action:
            case Place():
                row = (action.order_id, action.token, action.side, action.price_e4, action.size_e6)
            case Cancel():
                order = venue.orders[action.order_id].place
                row = (order.order_id, order.token, order.side, order.price_e4, order.size_e6)
            case Merge():
                row = (0, 0, 0, 0, action.pairs_e6)
        actions.append((now_ns, ACTIONS.index(type(action).__name__.lower()), *map(int, row)))
        send(venue, now_ns, action)

    with patch.object(TapeVenue, "send", noted):
        yield actions


def sent_by_the_loop(found, settings, queue, latency, form):
    loop = Backtest()
    packed = pack(found, feed_ns=latency.feed_ns)
    rows = sound_rows(packed, feed_ns=latency.feed_ns)
    add_tape(loop, packed, rows, settings, queue=queue, latency=latency, form=form, keep="actions")
    loop.run()
    return loop.notes("actions").tolist()


def told(run):
    """Every field of a record, with NaN equal to itself."""
    values = {entry.name: getattr(run, entry.name) for entry in fields(run)}
    values["fills"] = [(record.fill, repr(record.fair)) for record in run.fills]
    for name in ("cycles", "counts", "seconds", "no_quote_seconds"):
        values[name] = sorted(values[name].items())
    del values["defects"]
    return values


def differences(found, settings, *, queue="risk_averse", latency=None, form="none"):
    """Names of what differs between the compiled loop and its twins, with both values."""
    latency = latency or Latency()
    found = replace(found, frames=list(found.frames))
    with sent_by_the_twin() as expected:
        twin = told(run_tape(found, settings, queue=queue, latency=latency, fill_form=form))
    loop = told(
        backtest_tape(
            pack(found, feed_ns=latency.feed_ns),
            settings,
            queue=queue,
            latency=latency,
            fill_form=form,
        )
    )
    differing = {name: (twin[name], loop[name]) for name in twin if twin[name] != loop[name]}
    if twin["status"] != "excluded":
        actions = sent_by_the_loop(found, settings, queue, latency, twin["fill_form"])
        if actions != expected:
            differing["actions"] = (expected, actions)
    return differing


# Short random tapes, on a coarse grid of times and prices, so that things meet


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
    return found, replace(settings, parameters=parameters, quoter=quoter), more


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


def main(n, first):
    # That tapes have a minimum is told once for each of them.
    logging.getLogger("polymm").setLevel(logging.ERROR)
    fills = orders = 0
    for seed in range(first, first + n):
        found, settings, more = random_case(seed)
        differing = differences(found, settings, **more)
        for name, (twin, loop) in differing.items():
            print(f"seed {seed}: {name}\n  twin {twin}\n  loop {loop}")
        if differing:
            return 1
        run = backtest_tape(pack(found), settings, queue=more["queue"], latency=more["latency"],
                            fill_form=more["form"])  # fmt: skip
        fills += len(run.fills)
        orders += run.orders.placed_n
    print(f"{n} tapes from seed {first}: {orders} orders, {fills} fills, no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0))
