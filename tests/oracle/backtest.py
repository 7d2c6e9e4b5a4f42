"""The compiled loop against its slow twins: `TapeVenue`, `Maker`, `TapeLoop` and their recorder.

Both run the same tapes; every action with its time, and every field of the record, must be equal.
By command: ``python -m tests.oracle.backtest 10000 [first seed]``; every fourth case is a group of
tapes that share cash and positions.
"""

import logging
import sys
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import fields, replace
from unittest.mock import patch

import numpy as np

from polymm._core.backtest import Backtest
from polymm._core.backtest_names import ACTIONS
from polymm.domain.order import Cancel, Merge, Place
from polymm.exchange.tape import Latency
from polymm.research.backtest import add_tape, backtest_tape, exclusion, sound_rows, write_run
from polymm.research.records import MarketRun
from polymm.research.tape_pack import pack
from tests.oracle.backtest_cases import Group, random_case, random_group
from tests.oracle.tape_group import run_tape, run_tapes
from tests.oracle.tape_venue import TapeVenue

# One case in so many is a group.
GROUP_EVERY = 4


@contextmanager
def sent_by_the_twin():
    """What goes to each TapeVenue, as the compiled loop notes it, by slug."""
    actions = defaultdict(list)
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
        kind = ACTIONS.index(type(action).__name__.lower())
        actions[venue.market.slug].append((now_ns, kind, *map(int, row)))
        send(venue, now_ns, action)

    with patch.object(TapeVenue, "send", noted):
        yield actions


def told(run):
    """Every field of a record, with NaN equal to itself."""
    values = {entry.name: getattr(run, entry.name) for entry in fields(run)}
    values["fills"] = [(record.fill, repr(record.fair)) for record in run.fills]
    for name in ("cycles", "counts", "seconds", "no_quote_seconds"):
        values[name] = sorted(values[name].items())
    del values["defects"]
    return values


def unequal(twin, loop, *, where=""):
    """Names of what differs between two records, with both values."""
    twin, loop = told(twin), told(loop)
    return {where + name: (twin[name], loop[name]) for name in twin if twin[name] != loop[name]}


def differences(found, settings, *, queue="risk_averse", latency=None, form="none"):
    """Names of what differs between the compiled loop and its twins, with both values."""
    latency = latency or Latency()
    found = replace(found, frames=list(found.frames))
    with sent_by_the_twin() as expected:
        twin = run_tape(found, settings, queue=queue, latency=latency, fill_form=form)
    packed = pack(found, feed_ns=latency.feed_ns)
    run = backtest_tape(packed, settings, queue=queue, latency=latency, fill_form=form)
    differing = unequal(twin, run)
    group = Group([found], [latency], settings, settings.cash_e6, queue, form)
    _, actions = compiled(group, [packed])
    if actions != [expected[found.market.slug]]:
        differing["actions"] = (expected[found.market.slug], *actions)
    return differing


def compiled(group, packed):
    """Run the packed tapes of a group; their records, and what was sent in each."""
    settings = group.settings
    loop = Backtest(cash_e6=group.cash_e6)
    runs, numbers = [], []
    for tape, latency in zip(packed, group.latencies, strict=True):
        run = MarketRun(
            market=tape.market,
            source=tape.source,
            status="unsettled",
            fill_form="trades" if tape.has_trades else group.form,
            cash_start_e6=settings.cash_e6,
            cash_end_e6=settings.cash_e6,
            exclusion=exclusion(tape, latency),
        )
        runs.append(run)
        if run.exclusion:
            run.status = "excluded"
            numbers.append(None)
            continue
        rows = sound_rows(tape, feed_ns=latency.feed_ns)
        number = add_tape(loop, tape, rows, settings, queue=group.queue, latency=latency,
                          form=run.fill_form, keep="actions")  # fmt: skip
        numbers.append(number)
    loop.run()
    actions = [[] for _ in runs]
    for i, number in enumerate(numbers):
        if number is not None:
            write_run(runs[i], loop, number, packed[i])
            actions[i] = loop.notes("actions", number).tolist()
    return runs, actions


def group_differences(group):
    """As `differences` for each market of a group; and what `compiled` answered."""
    with sent_by_the_twin() as expected:
        twins = run_tapes(
            group.tapes,
            group.settings,
            cash_e6=group.cash_e6,
            latencies=group.latencies,
            queue=group.queue,
            fill_form=group.form,
        )
    packed = packed_tapes(group)
    runs, actions = compiled(group, packed)
    differing = {}
    for i, run in enumerate(runs):
        slug = run.market.slug
        differing |= unequal(twins[i], run, where=f"market {i}: ")
        if actions[i] != expected[slug]:
            differing[f"market {i}: actions"] = (expected[slug], actions[i])
    return differing, (runs, actions)


def packed_tapes(group):
    """Pack each for its own feed."""
    both = zip(group.tapes, group.latencies, strict=True)
    return [pack(tape, feed_ns=latency.feed_ns) for tape, latency in both]


def beside_alone(group, runs, actions):
    """Compare what a group did with each alone that has all the cash.

    Returns:
        Whether it acts otherwise, is refused more orders for cash, and stops more often at its
        positions.
    """
    alone = [
        compiled(group._replace(latencies=[latency]), [tape])
        for tape, latency in zip(packed_tapes(group), group.latencies, strict=True)
    ]
    lone_runs = [run for found, _ in alone for run in found]
    return (
        actions != [sent for _, found in alone for sent in found],
        refused_n(runs) > refused_n(lone_runs),
        stopped_n(runs) > stopped_n(lone_runs),
    )


def refused_n(runs):
    """Orders for which there was no cash."""
    return sum(run.orders.reject_reasons.get("balance", 0) for run in runs)


def stopped_n(runs):
    """Cycles that ended because all positions together were too large."""
    return sum(run.cycles.get("max_total_position", 0) for run in runs)


def main(n, first):
    # That tapes have a minimum is told once for each of them.
    logging.getLogger("polymm").setLevel(logging.ERROR)
    fills = orders = groups = drawn = 0
    effects = np.zeros(3, dtype=int)
    for seed in range(first, first + n):
        if seed % GROUP_EVERY == GROUP_EVERY - 1:
            group = random_group(seed)
            differing, (runs, actions) = group_differences(group)
            groups += 1
            effects = np.add(effects, beside_alone(group, runs, actions))
            drawn += any(latency.measured for latency in group.latencies)
        else:
            found, settings, more = random_case(seed)
            differing = differences(found, settings, **more)
            drawn += bool(more["latency"].measured)
            more["fill_form"] = more.pop("form")
            runs = [backtest_tape(pack(found), settings, **more)]
        for name, (twin, loop) in differing.items():
            print(f"seed {seed}: {name}\n  twin {twin}\n  loop {loop}")
        if differing:
            return 1
        fills += sum(len(run.fills) for run in runs)
        orders += sum(run.orders.placed_n for run in runs)
    print(f"{n} cases from seed {first}: {orders} orders, {fills} fills, no difference")
    print(f"{drawn} of them draw delays")
    print(
        f"{groups} of them groups on one account: {effects[0]} act otherwise than each alone,"
        f" {effects[1]} are refused more for cash, {effects[2]} stop more at max_total_position"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0))
