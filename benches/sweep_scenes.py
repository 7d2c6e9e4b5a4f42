"""Folders of small tapes for sweeps: a quiet book, and takers who sweep through four cents of it.

What a fill is worth is known of each world:

    edge   takers know nothing: whoever rests further from the mid is filled all the same, and earns
           more
    faint  the same, but what a fill is worth is mostly a coin's
    luck   the price has moved by as much as the widest quote that is searched earns, and twice as
           far either way by a coin: the best set earns nothing but luck, every other one loses
    loss   the price has moved further than their sweep: every fill loses
"""

import json
from pathlib import Path
from random import Random
from typing import Literal

from polymm.domain.market import NS, Market
from polymm.domain.tape import Tape, TapeFrame
from polymm.research.tape_file import write_tape
from polymm.runtime.config import Config

World = Literal["edge", "faint", "luck", "loss"]

START_S = 1_800_000_000
WINDOW_S = 60
SWEEPS = 5
MS = 1_000_000
# What a share earns at the widest quote of SPACE where nobody knows anything, dollars.
WIDEST = 0.03
# How far the price moves with those who take, and how far from there by a coin.
MOVES: dict[World, tuple[float, float]] = {
    "faint": (0.0, 2 * WIDEST),
    "luck": (WIDEST, 2 * WIDEST),
    "loss": (0.065, 0.005),
}
# Room enough for a sweep's fills: the documented default holds one order.
CONFIG = Config.model_validate(
    {
        "strategy": {"order_size": 10.0, "max_position": 200.0, "skip_skew": 1.0},
        "cycle": {"max_total_position": 1000.0},
    }
)
SPACE = """
[sweep]
search = "random"
trials = 10
fair = "truth"
block = 5
[space]
strategy.min_spread = { low = 0.01, high = 0.06, step = 0.01 }
strategy.max_spread = { low = 0.02, high = 0.08, step = 0.02 }
"""


def make_tapes(folder: Path, n: int, world: World, *, seed: int = 1) -> Path:
    """Write n windows, one after the other."""
    folder.mkdir(exist_ok=True, parents=True)
    for number in range(n):
        write_tape(folder / f"{number:03d}.tape", make_tape(number, world, seed=seed), "none")
    return folder


def make_tape(number: int, world: World, *, seed: int = 1) -> Tape:
    """One window; a minute and a few frames, so that a search takes no time."""
    random = Random(f"{seed} {number} {world}")
    start_s = START_S + number * WINDOW_S
    market = Market(
        slug=f"btc-updown-1m-{start_s}",
        condition_id=f"0x{number:064x}",
        up_token=f"1{number:015d}",
        down_token=f"2{number:015d}",
        start_ns=start_s * NS,
        end_ns=(start_s + WINDOW_S) * NS,
    )
    frames = [_book(market, 0)]
    truth = [(market.start_ns, 0.5)]
    for k in range(SWEEPS):
        ms = 5_000 + 10_000 * k + random.randrange(4_000)
        is_sale = random.random() < 0.5
        if world in MOVES:
            mean, coin = MOVES[world]
            move = mean + random.choice((-coin, coin))
            truth += [
                (market.start_ns + (ms - 1) * MS, 0.5 - move if is_sale else 0.5 + move),
                (market.start_ns + (ms + 1) * MS, 0.5),
            ]
        frames += [_trade(market, ms, is_sale=is_sale), _book(market, ms + 500)]
    return Tape(
        market=market,
        frames=frames,
        outcome=random.choice(["up", "down"]),
        has_trades=True,
        source=f"sweep scene seed={seed} window={number}",
        truth=truth,
    )


def _frame(market: Market, ms: int, message: dict[str, object]) -> TapeFrame:
    exch_ns = market.start_ns + ms * MS
    stamp = {"timestamp": str(exch_ns // MS), "market": market.condition_id}
    text = json.dumps({"asset_id": market.up_token} | message | stamp, separators=(",", ":"))
    return TapeFrame(exch_ns, 0, text.encode())


def _book(market: Market, ms: int) -> TapeFrame:
    bids = [{"price": f"0.{cents}", "size": "80"} for cents in range(44, 50)]
    asks = [{"price": f"0.{cents}", "size": "80"} for cents in range(56, 50, -1)]
    hashed = {"hash": "0" * 40, "bids": bids, "asks": asks}
    return _frame(market, ms, {"event_type": "book"} | hashed)


def _trade(market: Market, ms: int, *, is_sale: bool) -> TapeFrame:
    side, price = ("SELL", "0.46") if is_sale else ("BUY", "0.54")
    told = {"price": price, "side": side, "size": "500", "fee_rate_bps": "0"}
    return _frame(market, ms, {"event_type": "last_trade_price"} | told)
