"""Runs in hftbacktest's own environment: nothing of polymm is imported here.

``once EVENTS DEPTH EVERY_NS``: one run of a fresh process, and its answer as a line of JSON.
``serve EVENTS``: reads lines ``DEPTH EVERY_NS``, runs and answers each.
``act``: reads lines ``EVENTS ACTIONS FILLS LOT DELAY_NS``, lets the orders of a file happen and
writes what filled to another.
"""

import json
import sys
from time import thread_time_ns

import numpy as np
from hftbacktest import (
    BUY,
    FILLED,
    GTX,
    LIMIT,
    NONE,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from numba import njit

DELAY_NS = 5_000_000
TICK = 0.001
HALF = 2
SIZE = 20.0
DEPTHS = {"roi": ROIVectorMarketDepthBacktest, "hashmap": HashMapMarketDepthBacktest}
WAIT_NS = 10_000_000_000
SECOND_NS = 1_000_000_000
PLACE = 0


def build(events, depth, lot=0.01, delay_ns=DELAY_NS):
    """A backtest of one asset: constant delays, risk-averse queue, whole fills."""
    asset = (
        BacktestAsset()
        .data(events)
        .linear_asset(1.0)
        .constant_order_latency(delay_ns, delay_ns)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(TICK)
        .lot_size(lot)
        .roi_lb(0.0)
        .roi_ub(1.0)
        .last_trades_capacity(0)
    )
    return DEPTHS[depth]([asset])


@njit
def make(hbt, every_ns):
    """One bid and one ask HALF ticks from the mid; every_ns 0: on every event."""
    bid_id = ask_id = np.uint64(0)
    next_id = np.uint64(1)
    while True:
        if every_ns:
            if hbt.elapse(every_ns) != 0:
                break
        elif hbt.wait_next_feed(False, WAIT_NS) not in (0, 2):
            break
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        twice = depth.best_bid_tick + depth.best_ask_tick
        bid_tick = (twice - 2 * HALF) // 2
        ask_tick = (twice + 2 * HALF + 1) // 2
        orders = hbt.orders(0)
        order = orders.get(bid_id)
        if order is None:
            hbt.submit_buy_order(0, next_id, bid_tick * TICK, SIZE, GTX, LIMIT, False)
            bid_id = next_id
            next_id += np.uint64(1)
        elif order.price_tick != bid_tick and order.cancellable:
            hbt.cancel(0, bid_id, False)
        order = orders.get(ask_id)
        if order is None:
            hbt.submit_sell_order(0, next_id, ask_tick * TICK, SIZE, GTX, LIMIT, False)
            ask_id = next_id
            next_id += np.uint64(1)
        elif order.price_tick != ask_tick and order.cancellable:
            hbt.cancel(0, ask_id, False)
    return next_id - np.uint64(1)


def run(events, depth, every_ns):
    """One pass; building the backtest is not timed."""
    hbt = build(events, depth)
    began_ns = thread_time_ns()
    orders = make(hbt, every_ns)
    spent_ns = thread_time_ns() - began_ns
    fills = hbt.state_values(0).num_trades
    hbt.close()
    return {"ns": spent_ns, "orders": int(orders), "fills": int(fills)}


@njit
def act(hbt, actions, fills):
    """Send actions at their times; answers how many fills were written, and whether time held."""
    live = np.zeros(len(actions), np.uint64)
    live_n = fills_n = 0
    # Before the first step there is no time: it begins with the first event.
    in_time = hbt.elapse(1) == 0
    for i in range(len(actions) + 1):
        if i < len(actions):
            left_ns = actions[i].at_ns - hbt.current_timestamp
            if left_ns < 0:
                in_time = False
            if left_ns > 0 and hbt.elapse(left_ns) != 0:
                in_time = False
        else:
            hbt.elapse(SECOND_NS)
        orders = hbt.orders(0)
        kept = 0
        for k in range(live_n):
            order = orders.get(live[k])
            if order is None:
                continue
            if order.status == FILLED:
                fills[fills_n].order_id = live[k]
                fills[fills_n].at_ns = order.exch_timestamp
                fills[fills_n].tick = order.exec_price_tick
                fills[fills_n].size = order.exec_qty
                fills_n += 1
            elif order.cancellable or order.req != NONE:
                live[kept] = live[k]
                kept += 1
        live_n = kept
        hbt.clear_inactive_orders(0)
        if i == len(actions):
            break
        one = actions[i]
        if one.kind == PLACE:
            price = one.tick * TICK
            if one.side == BUY:
                hbt.submit_buy_order(0, one.order_id, price, one.size, GTX, LIMIT, False)
            else:
                hbt.submit_sell_order(0, one.order_id, price, one.size, GTX, LIMIT, False)
            live[live_n] = one.order_id
            live_n += 1
        else:
            order = hbt.orders(0).get(one.order_id)
            if order is not None:
                if order.cancellable:
                    hbt.cancel(0, one.order_id, False)
                elif order.req != NONE:
                    in_time = False  # it takes no cancel before the answer to the order
    return fills_n, in_time


def let_happen(events, actions, fills, lot, delay_ns):
    """Files to a file; whether every action happened at its time."""
    sent = np.load(actions)
    found = np.zeros(len(sent), sent.dtype)
    data = np.load(events)  # read in place, so it must live as long
    hbt = build(data, "roi", float(lot), int(delay_ns))
    fills_n, in_time = act(hbt, sent, found)
    hbt.close()
    np.save(fills, found[:fills_n])
    return {"in_time": bool(in_time)}


def main(arguments):
    """Serve, or run once."""
    what, *rest = arguments
    if what == "act":
        for line in sys.stdin:
            print(json.dumps(let_happen(*line.split())), flush=True)
        return
    events = np.load(rest[0])
    if what == "once":
        print(json.dumps(run(events, rest[1], int(rest[2]))))
        return
    for line in sys.stdin:
        depth, every_ns = line.split()
        print(json.dumps(run(events, depth, int(every_ns))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
