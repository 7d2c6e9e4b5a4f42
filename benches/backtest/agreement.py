"""The same orders here and in hftbacktest: ``python -m benches.backtest.agreement``.

polymm's maker runs on a tape; what it sent, hftbacktest is sent at the same times. On a feed on
which the rules of both say the same every fill must be the same. On an ordinary one each order
that fills otherwise is put down to the rules that differ, by a program that has both.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benches.backtest.coinciding import LOT_E6, coinciding_rows
from benches.backtest.feed import FEED_NS, MS, START_NS, TICK_E4, make_rows, pack_rows
from benches.backtest.ours import settings
from benches.backtest.peer import Peer, peer_events, peer_python, serving
from benches.backtest.venue_rules import (
    ALL,
    MEANINGS,
    NONE,
    FillAt,
    Fills,
    Rule,
    Sent,
    replay,
)
from polymm._core.backtest import Backtest
from polymm._core.layout import ASK, BID, DOWN, PRICE_SCALE, ROW_ASK, ROW_CHANGE
from polymm.domain.order import Side
from polymm.exchange.tape import Latency
from polymm.research.backtest import add_tape, sound_rows
from polymm.research.run_settings import RunSettings
from polymm.research.tape_pack import PackedTape

_PLACE, _CANCEL = 0, 1
# Nearer to the touch than in the bench, for more fills.
SPREAD: Final = 0.002
TAIL_NS: Final = 10_000 * MS
# An order must have its answer before the next cycle may cancel it: hftbacktest asks for that.
DELAY_NS: Final = 2 * MS
LATENCY: Final = Latency(feed_ns=FEED_NS, order_ns=DELAY_NS, cancel_ns=DELAY_NS, reply_ns=DELAY_NS)
_ACTION: Final = np.dtype(
    [
        ("at_ns", "i8"),
        ("kind", "i8"),
        ("order_id", "u8"),
        ("side", "i8"),
        ("tick", "i8"),
        ("size", "f8"),
    ]
)


class Difference(NamedTuple):
    """An order that filled otherwise, and the rules it takes to explain it; None: none do."""

    sent: Sent
    ours: Sequence[FillAt]
    peer: Sequence[FillAt]
    rules: Rule | None


class Agreement(NamedTuple):
    """What came of one tape.

    Args:
        orders_n, ours_n, peer_n: Orders, and how many fills each side saw.
        is_ours, is_peer: Whether the program of the rules gave the very fills of each side.
        matters: Rules that, alone, change any fill of this tape.
    """

    orders_n: int
    ours_n: int
    peer_n: int
    is_ours: bool
    is_peer: bool
    matters: Rule
    differences: Sequence[Difference]

    @property
    def is_equal(self) -> bool:
        """Whether every fill is the same."""
        return not self.differences

    @property
    def is_explained(self) -> bool:
        """Whether each difference has its rules, and the rules are those of both."""
        return self.is_ours and self.is_peer and all(one.rules for one in self.differences)


def run_ours(
    tape: PackedTape, wanted: RunSettings
) -> tuple[list[Sent], NDArray[Any], dict[int, list[FillAt]]]:
    """Run polymm; give what it sent, for the venue and for the peer, and what filled."""
    loop = Backtest()
    rows = sound_rows(tape, feed_ns=0)
    add_tape(
        loop, tape, rows, wanted, queue="risk_averse", latency=LATENCY, form="trades",
        keep="actions",
    )  # fmt: skip
    loop.run()
    orders: dict[int, Sent] = {}
    told = []
    for at_ns, kind, order_id, token, action, price_e4, size_e6 in loop.notes("actions").tolist():
        if kind == _PLACE:
            side = BID if (token == DOWN) == (action == Side.SELL) else ASK
            up_e4 = PRICE_SCALE - price_e4 if token == DOWN else price_e4
            orders[order_id] = Sent(order_id, side, up_e4, size_e6, at_ns + DELAY_NS, 0)
        elif kind == _CANCEL:
            orders[order_id] = orders[order_id]._replace(cancel_ns=at_ns + DELAY_NS)
        sent = orders[order_id]
        sign = 1 if sent.side == BID else -1
        told.append((at_ns, kind, order_id, sign, sent.price_e4 // TICK_E4, sent.size_e6 / 1e6))
    fills: dict[int, list[FillAt]] = {}
    for fill in loop.notes("fills"):
        found = FillAt(int(fill["at_ns"]), int(fill["size_e6"]))
        fills.setdefault(int(fill["order_id"]), []).append(found)
    return list(orders.values()), np.array(told, dtype=_ACTION), fills


def run_peer(
    peer: Peer, rows: NDArray[Any], actions: NDArray[Any], lot_e6: int
) -> dict[int, list[FillAt]]:
    """Let hftbacktest do the same; give what filled.

    Raises:
        RuntimeError: An action did not happen at its time.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("events.npy", "actions.npy", "fills.npy")]
        np.save(paths[0], peer_events(_with_tail(rows)))
        np.save(paths[1], actions)
        if not peer.ask(*paths, lot_e6 / 1e6, DELAY_NS)["in_time"]:
            raise RuntimeError("hftbacktest did not take every action at its time")
        found = np.load(paths[2])
    return {
        int(fill["order_id"]): [FillAt(int(fill["at_ns"]), round(float(fill["size"]) * 1e6))]
        for fill in found
    }


def _with_tail(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows and a last one that says nothing: hftbacktest's time ends with its last event."""
    tail = rows[-1:].copy()
    tail["kind"], tail["flags"] = ROW_CHANGE, tail["flags"] & ~np.uint8(ROW_ASK)
    tail["price_e4"], tail["size_e6"] = TICK_E4, 0
    tail["exch_ns"] += TAIL_NS
    tail["recv_ns"] += TAIL_NS
    return np.concatenate((rows, tail))


def compare(
    peer: Peer, rows: NDArray[Any], wanted: RunSettings, *, lot_e6: int, order_min_e6: int
) -> Agreement:
    """Run both on one feed, and say where they differ and why."""
    tape = pack_rows(rows, lot_e6=lot_e6, order_min_e6=order_min_e6)
    orders, actions, ours = run_ours(tape, wanted)
    theirs = run_peer(peer, rows, actions, lot_e6)
    subsets = [
        _joined(some)
        for count in range(len(MEANINGS) + 1)
        for some in combinations(MEANINGS, count)
    ]
    by_rules = {rules: replay(rows, orders, rules, lot_e6=lot_e6) for rules in subsets}
    matters = NONE
    for rule in MEANINGS:
        if _plain(by_rules[rule]) != _plain(by_rules[NONE]):
            matters |= rule
    differences = []
    for sent in orders:
        one, other = ours.get(sent.order_id, []), theirs.get(sent.order_id, [])
        if one != other:
            differences.append(Difference(sent, one, other, _rules_of(sent, other, by_rules)))
    return Agreement(
        orders_n=len(orders),
        ours_n=sum(map(len, ours.values())),
        peer_n=sum(map(len, theirs.values())),
        is_ours=_plain(by_rules[NONE]) == ours,
        is_peer=_plain(by_rules[ALL]) == theirs,
        matters=matters,
        differences=differences,
    )


def _joined(some: Sequence[Rule]) -> Rule:
    rules = NONE
    for rule in some:
        rules |= rule
    return rules


def _plain(fills: Fills) -> dict[int, list[FillAt]]:
    return {order_id: list(found) for order_id, found in fills.items() if found}


def _rules_of(sent: Sent, theirs: Sequence[FillAt], by_rules: dict[Rule, Fills]) -> Rule | None:
    """The fewest rules under which the order fills as it did there."""
    for rules, fills in by_rules.items():
        if list(fills.get(sent.order_id, ())) == list(theirs):
            return rules
    return None


def coinciding_settings() -> RunSettings:
    """One lot a side, so that nothing fills in part."""
    wanted = settings(10 * MS)
    parameters = replace(
        wanted.parameters, order_size_e6=LOT_E6, min_spread=SPREAD, max_spread=SPREAD
    )
    return replace(wanted, parameters=parameters)


def compare_both(peer: Peer, *, steps: int, events: int, seed: int) -> tuple[Agreement, Agreement]:
    """On the feed where the rules coincide, and on the ordinary one."""
    coinciding = compare(
        peer,
        coinciding_rows(steps, seed=seed),
        coinciding_settings(),
        lot_e6=LOT_E6,
        order_min_e6=LOT_E6,
    )
    ordinary = compare(
        peer,
        make_rows(events, seed=seed),
        settings(10 * MS),
        lot_e6=10_000,
        order_min_e6=5_000_000,
    )
    return coinciding, ordinary


def names(rules: Rule | None) -> str:
    """The names of rules, joined."""
    if rules is None:
        return "NOT EXPLAINED"
    return "+".join(rule.name.lower() for rule in MEANINGS if rule in rules and rule.name)


def fills_text(fills: Sequence[FillAt], start_ns: int) -> str:
    """Fills as seconds into the tape and shares."""
    return (
        ", ".join(f"{(f.at_ns - start_ns) / 1e9:.6f} s {f.size_e6 / 1e6:g}" for f in fills) or "-"
    )


def text(title: str, found: Agreement, start_ns: int, lines_n: int) -> str:
    """Lay out what came of one tape."""
    lines = [
        f"{title}: {found.orders_n:,} orders, {found.ours_n:,} fills here, {found.peer_n:,} there, "
        f"{len(found.differences):,} orders fill otherwise",
        f"  the rules as a program: {'' if found.is_ours else 'NOT '}polymm's fills with none "
        f"switched on, {'' if found.is_peer else 'NOT '}hftbacktest's with all",
    ]
    counted = Counter(names(one.rules) for one in found.differences)
    lines += [f"  {count:6,}  {rules}" for rules, count in counted.most_common()]
    if found.differences and lines_n:
        lines.append(f"  {'order':>7} {'side':4} {'price':>6}  {'here':24} {'there':24} rules")
    for one in found.differences[:lines_n]:
        side = "bid" if one.sent.side == BID else "ask"
        lines.append(
            f"  {one.sent.order_id:7} {side:4} {one.sent.price_e4 / 10_000:6.3f}"
            f"  {fills_text(one.ours, start_ns):24} {fills_text(one.peer, start_ns):24}"
            f" {names(one.rules)}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Compare and print; the exit code is 1 where a difference has no reason."""
    parser = argparse.ArgumentParser(prog="benches.backtest.agreement", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000, help="of the coinciding feed")
    parser.add_argument("--events", type=int, default=50_000, help="of the ordinary feed")
    parser.add_argument("--seed", type=int, default=1, help="of both")
    parser.add_argument("--lines", type=int, default=20, help="differing orders to print")
    options = parser.parse_args(arguments)
    with serving(peer_python(), "act") as peer:
        both = compare_both(peer, steps=options.steps, events=options.events, seed=options.seed)
    for title, found in zip(("where the rules coincide", "ordinary feed"), both, strict=True):
        print(text(title, found, START_NS, options.lines))
    print(*(f"{rule.name.lower():8} {meaning}" for rule, meaning in MEANINGS.items() if rule.name),
          sep="\n")  # fmt: skip
    coinciding, ordinary = both
    sound = coinciding.is_equal and coinciding.is_explained and ordinary.is_explained
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
