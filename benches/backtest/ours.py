"""polymm's loop on the feed of the bench: the whole model, quoting by the rule of the others."""

from dataclasses import replace
from time import thread_time_ns
from typing import Any, Final, SupportsIndex

from benches.backtest.feed import FEED_NS, HALF, ORDER_NS, SIZE_E6, TICK_E4
from polymm._core.backtest import Backtest
from polymm._core.tape_rows import TapeRows
from polymm.engine.settings import MakerSettings
from polymm.exchange.tape import Latency
from polymm.research.backtest import add_tape
from polymm.research.run_settings import RunSettings
from polymm.research.tape_pack import PackedTape
from polymm.strategy.base import BaseParameters

# No limit of money or position binds: the others have none.
PLENTY_E6: Final = 10**15
LATENCY: Final = Latency(feed_ns=FEED_NS, order_ns=ORDER_NS, cancel_ns=ORDER_NS, reply_ns=ORDER_NS)
# HALF ticks from the mid to each quote, whatever is held and however the book leans.
PARAMETERS: Final = BaseParameters(
    order_size_e6=SIZE_E6,
    max_position_e6=10**12,
    min_spread=2 * HALF * TICK_E4 / 10_000,
    max_spread=2 * HALF * TICK_E4 / 10_000,
    k_inv=0.0,
    k_imb=0.0,
)


def settings(every_ns: int, quoter: SupportsIndex = 0) -> RunSettings:
    """Requote every so often, 0: on every event; an order that still holds is kept."""
    if every_ns:
        parameters = replace(PARAMETERS, cycle_ns=every_ns)
        maker = MakerSettings(cycle_ns=every_ns, requote="diff", max_total_position_e6=PLENTY_E6)
    else:
        parameters = replace(PARAMETERS, cycle="event", requote_interval_min_ns=0)
        maker = MakerSettings(
            cycle="event",
            requote_interval_min_ns=0,
            requote="diff",
            max_total_position_e6=PLENTY_E6,
        )
    return RunSettings(parameters=parameters, maker=maker, cash_e6=PLENTY_E6, quoter=quoter)


def best_of_mid(state: Any, params: Any, quote: Any) -> None:
    """A user's quoter: the same rule, in Numba."""
    if not state.usable:
        return
    twice_n = (state.bid_e4 + state.ask_e4) // state.tick_e4
    quote.bid_e4 = (twice_n - 2 * HALF) // 2 * state.tick_e4
    quote.ask_e4 = (twice_n + 2 * HALF + 1) // 2 * state.tick_e4
    quote.bid = quote.bid_e4 / 10_000.0
    quote.ask = quote.ask_e4 / 10_000.0
    quote.bid_e6 = quote.ask_buy_e6 = params.order_size_e6


def run_tape(tape: PackedTape, rows: TapeRows, wanted: RunSettings) -> dict[str, Any]:
    """One pass: ns of CPU in the loop alone, orders, fills."""
    loop = Backtest()
    add_tape(
        loop, tape, rows, wanted, queue="risk_averse", latency=LATENCY, form="trades", keep="fills"
    )
    began_ns = thread_time_ns()
    loop.run()
    spent_ns = thread_time_ns() - began_ns
    found = loop.result(0)
    return {"ns": spent_ns, "orders": found["placed_n"], "fills": found["fills_n"]}
