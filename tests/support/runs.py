"""Made-up runs, shaped like real ones, for the tests of analytics and reports.

The fills are consistent: every price, holding and cash amount follows from the same list, so that
the identities of docs/strategy.md section 5 must hold on them.
"""

import random
from typing import Literal

from polymm.domain.market import NS, Market
from polymm.domain.order import Fill, Side, Token
from polymm.research.analytics import settled_pnl_e10
from polymm.research.records import FillRecord, MarketRun, OrderTotals, Run

START_NS = 1_776_322_800 * NS


def make_market(window: int = 0, *, length_s: int = 300) -> Market:
    start_ns = START_NS + window * length_s * NS
    return Market(
        slug=f"btc-updown-{length_s // 60}m-{start_ns // NS}",
        condition_id=f"0x{window:064x}",
        up_token="1",
        down_token="2",
        start_ns=start_ns,
        end_ns=start_ns + length_s * NS,
    )


def make_fill(
    token: Token, price_e4: int, shares: float, exch_ns: int, *, side: Side = Side.BUY, n: int = 1
) -> Fill:
    return Fill(
        trade_id=n,
        order_id=n,
        slug="",
        token=token,
        side=side,
        price_e4=price_e4,
        size_e6=round(shares * 1e6),
        fee_e6=0,
        exch_ns=exch_ns,
    )


def make_run(
    seed: int = 7,
    *,
    markets: int = 12,
    queue: str = "risk_averse",
    fill_form: Literal["trades", "none", "through"] = "trades",
    fills: int = 40,
    unsettled: int = 1,
    excluded: int = 1,
) -> Run:
    """Make a run: the last markets unsettled and excluded, the others settled."""
    rng = random.Random(seed)
    rows = []
    for k in range(markets):
        status: Literal["settled", "unsettled", "excluded"] = "settled"
        if k >= markets - excluded:
            status = "excluded"
        elif k >= markets - excluded - unsettled:
            status = "unsettled"
        if status == "excluded":
            rows.append(
                MarketRun(
                    market=make_market(k),
                    source=f"synthetic seed={seed} window={k}",
                    status=status,
                    exclusion="no_snapshot",
                    fill_form=fill_form,
                )
            )
        else:
            rows.append(make_market_run(rng, k, seed, status, fill_form, fills))
    return Run(
        queue=queue,
        fill_form=fill_form,
        markets=rows,
        facts={
            "queue model": queue,
            "fill form": fill_form,
            "latencies": "feed 100 ms, order 50 ms, cancel 50 ms (constants)",
            "fee regime": "crypto, rate 0.07, rebate 0.20 of the taker's fee",
            "seed": str(seed),
            "configuration": "sha256 3f1c0a5e",
            "version": "polymm 0.1.0",
        },
        flattery=["Trades of the tape do not react to our orders."],
    )


def make_marks(rng: random.Random, market: Market) -> list[tuple[int, float]]:
    """f as a walk in half cents that ends near one of the outcomes."""
    marks, f, ns = [], 0.5, market.start_ns
    target = rng.choice((0.03, 0.97))
    while ns < market.end_ns:
        marks.append((ns, round(f * 200) / 200))
        gone = (ns - market.start_ns) / (market.end_ns - market.start_ns)
        f += rng.gauss(0, 0.012) + (target - f) * 0.02 * gone
        f = min(max(f, 0.015), 0.985)
        ns += rng.randrange(200, 1800) * 1_000_000
    return marks


def make_market_run(
    rng: random.Random,
    window: int,
    seed: int,
    status: Literal["settled", "unsettled"],
    fill_form: str,
    n_fills: int,
) -> MarketRun:
    market = make_market(window)
    marks = make_marks(rng, market)
    payout = float(marks[-1][1] > 0.5) if status == "settled" else None
    quotes, records, inventory, merges = [], [], [], []
    up = down = 0
    cash = start_cash = 10_000 * 10**6
    moments = sorted(rng.sample(range(len(marks) - 1), min(n_fills, len(marks) - 1)))
    for i, (ns, f) in enumerate(marks):
        mid = round(f * 100) * 100
        bid, ask = max(mid - 100, 100), min(mid + 100, 9900)
        gone = rng.random()
        quotes.append(
            (ns + 50_000_000, bid, 20_000_000 * (gone > 0.04), ask, 20_000_000 * (gone < 0.94))
        )
        if i not in moments or fill_form == "none":
            continue
        size = rng.randrange(500, 2001) * 10_000
        buys_up = up - down < 60_000_000 and (rng.random() < 0.5 or down - up > 60_000_000)
        token, price = (Token.UP, bid) if buys_up else (Token.DOWN, 10_000 - ask)
        fill = Fill(
            trade_id=i,
            order_id=i,
            slug=market.slug,
            token=token,
            side=Side.BUY,
            price_e4=price,
            size_e6=size,
            fee_e6=0,
            exch_ns=ns + rng.randrange(60, 190) * 1_000_000,
            inferred=fill_form == "through",
            front_e6=rng.randrange(0, 600_000_000),
            after_cancel_sent=rng.random() < 0.06,
            counter_fee_e6=market.fees.taker_fee_e6(price, size),
        )
        records.append(FillRecord(fill=fill, fair=f))
        cash -= price * size // 10_000
        up, down = (up + size, down) if buys_up else (up, down + size)
        inventory.append((fill.exch_ns, up, down))
        if min(up, down) >= 50_000_000:
            pairs = min(up, down)
            merges.append((fill.exch_ns + 5 * NS, pairs))
            up, down, cash = up - pairs, down - pairs, cash + pairs
            inventory.append((fill.exch_ns + 1, up, down))
    fills = [record.fill for record in records]
    rebate = sum(f.counter_fee_e6 for f in fills) * 200_000 // 10**6
    worth = 0
    if payout is not None:
        cash += up if payout else down
        pnl = settled_pnl_e10(fills, payout) // 10_000
    else:
        last = round(marks[-1][1] * 10_000)
        worth = (up * last + down * (10_000 - last)) // 10_000
        pnl = cash - start_cash + worth
    filled = sum(f.size_e6 for f in fills)
    placed_n = 60 + rng.randrange(20)
    placed = placed_n * 20_000_000 + filled
    return MarketRun(
        market=market,
        source=f"synthetic seed={seed} window={window}",
        status=status,
        exclusion="" if status == "settled" else "no_outcome",
        payout_up=payout,
        fill_form=fill_form,
        fills=records,
        marks=marks,
        inventory=inventory,
        quotes=quotes,
        seconds={"book_two_sided": 296.0},
        no_quote_seconds={
            "thin_book": rng.random() * 4,
            "bid_too_long": rng.random() * 30,
            "ask_too_short": rng.random() * 25,
            "no_size": rng.random() * 6,
            "bid_too_long+ask_no_room": rng.random() * 9,
            **{f"reason_{k}": rng.random() for k in range(6)},
        },
        cycles={"quoted": 280, "kept": 12, "cancel_unproven": 2},
        orders=OrderTotals(
            placed_n=placed_n,
            placed_e6=placed,
            filled_e6=filled,
            cancelled_e6=placed - filled - 45_000_000,
            rejected_e6=25_000_000,
            expired_e6=20_000_000,
            reject_reasons={"post_only_crosses": 4, "balance": 1},
        ),
        cash_start_e6=start_cash,
        cash_end_e6=cash,
        unsettled_value_e6=worth,
        pnl_fills_e6=pnl,
        rebate_e6=rebate,
        merges=merges,
        venue_trades_e6=40_000 * 10**6,
        order_queue=[(f.front_e6, 20_000_000, min(f.size_e6, 20_000_000)) for f in fills]
        + [(rng.randrange(0, 900_000_000), 20_000_000, 0) for _ in range(placed_n)],
        defects={"late_book": 2} if window % 5 else {"gap": 1},
    )
