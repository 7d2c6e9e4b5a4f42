"""What is known after a crash at any byte of the journal."""

import random
from bisect import bisect_right

import pytest

from polymm.domain.market import NS
from polymm.engine import evidence as ev
from polymm.engine.actions import MergeFound, OrderEnded, TradesKnown
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_manager import OrderManager
from polymm.engine.records import MergeAsked
from polymm.engine.recovered import REMEMBER_NS, Recovered
from polymm.engine.restoring import restore
from polymm.errors import JournalError
from polymm.runtime.journal_codec import decode, encode
from polymm.runtime.journal_format import make_header, read_frames
from polymm.runtime.journal_reading import recover, replay
from tests.support.journal_scene import RUN, SHARE, T0, Script, Told, fill, market, place
from tests.support.memory_journal import MemoryDisk, memory_journal

CRASHES = 5_000


def told_by(script: Script, n_bytes: int) -> tuple[Told, Told]:
    """What was certainly told, and what at most, when the file had so many bytes."""
    i = bisect_right([told.n_bytes for told in script.told], n_bytes) - 1
    return script.told[i], script.told[min(i + 1, len(script.told) - 1)]


def check(script: Script, prefix: bytes) -> None:
    state = recover([prefix]).state
    least, most = told_by(script, len(prefix))
    where = f"seed {script.seed}, {len(prefix)} bytes"
    assert least.orders <= state.orders.keys() <= most.orders, where
    assert least.fills.keys() <= state.fills.keys() <= most.fills.keys(), where
    for key, found in state.fills.items():
        assert least.fills.get(key, 0) <= found.status <= most.fills[key], where
        first = script.fills[key]
        assert (found.size_e6, found.cash_e10) == (first.size_e6, first.cash_e10)


def test_every_prefix_gives_all_sent_ids_and_all_applied_fills() -> None:
    n = 0
    for seed in range(10):
        script = Script(seed)
        script.run(60)
        data = bytes(script.disk.segments[-1].content)
        first = script.told[0].n_bytes
        offsets = {frame.offset for frame in read_frames(data).frames[2:]}
        offsets |= {told.n_bytes for told in script.told}
        while len(offsets) < CRASHES // 10:
            offsets.add(script.draw.randint(first, len(data)))
        for offset in sorted(offsets):
            check(script, data[:offset])
        n += len(offsets)
    assert n >= CRASHES


def test_a_power_cut_loses_nothing_that_was_synced() -> None:
    for seed in range(100):
        script = Script(seed)
        script.run(30)
        segment = script.disk.segments[-1]
        (left,) = script.disk.cut_power(script.draw)
        assert segment.synced <= len(left) <= len(segment.content)
        check(script, left)
        synced, _ = told_by(script, segment.synced)
        assert synced.orders <= recover([left]).state.orders.keys(), f"seed {seed}"


def test_a_second_run_goes_on_with_what_a_crash_left_and_so_does_a_third() -> None:
    script = Script(3)
    script.run(80)
    data = script.disk.end_process()
    data[0] = data[0][:-3]
    state = recover(data).state
    for _ in range(2):
        disk = MemoryDisk()
        memory_journal(disk, data).begin(RUN)
        data = disk.end_process()
        again = recover(data).state
        assert (again.orders, again.fills) == (state.orders, state.fills)
        assert again.next_order_id == len(script.orders) + 1
        assert again.trades_known_ns == state.trades_known_ns


def test_a_checkpoint_and_what_follows_tell_as_much_as_all_records() -> None:
    script = Script(7)
    script.run(100)
    frames = read_frames(bytes(script.disk.segments[-1].content)).frames
    whole = replay(frames)
    for at in random.Random(7).sample(range(2, len(frames)), 20):
        state = Recovered()
        state.apply(replay(frames[:at]).checkpoint())
        for frame in frames[at:]:
            state.apply(decode(frame))
        assert state == whole


# Segments


def test_an_older_segment_stands_in_for_one_without_a_whole_checkpoint() -> None:
    script = Script(1)
    script.run(20)
    (older,) = script.disk.end_process()
    newer = MemoryDisk()
    memory_journal(newer, [older]).begin(RUN)
    (begun,) = newer.end_process()
    for size in (0, 5, 16, 20, 200):
        read = recover([begun[:size], older])
        assert read.state.orders.keys() == set(script.orders)
        assert len(read.cuts) == (0 if size in (0, 16) else 1)


def test_a_segment_that_does_not_begin_with_a_checkpoint_tells_nothing() -> None:
    script = Script(1)
    script.run(20)
    (older,) = script.disk.end_process()
    newer = make_header() + encode(RUN)
    assert recover([newer, older]).state.orders.keys() == set(script.orders)


def test_nothing_at_all_is_known_before_the_first_run() -> None:
    assert recover([]).state == Recovered()
    assert recover([b""]).state == Recovered()


def test_a_damaged_middle_is_no_reason_to_look_at_an_older_segment() -> None:
    script = Script(1)
    script.run(20)
    (older,) = script.disk.end_process()
    newer = bytearray(older)
    newer[400] ^= 1
    with pytest.raises(JournalError, match="damaged in the middle"):
        recover([bytes(newer), older])


# Orders


def test_an_order_ends_and_may_turn_out_to_live() -> None:
    disk = MemoryDisk()
    journal = memory_journal(disk)
    journal.begin(RUN)
    journal.plan(T0, "0xc1", place(1), "0xa")
    journal.plan(T0, "0xc1", place(2), "0xb")
    journal.note(T0, ev.Written(("0xa", "0xb"), T0 + 5), ())
    journal.note(T0, ev.CancelWritten(("0xb",), T0 + 6), [OrderEnded("0xa", "FILLED", 5 * SHARE)])
    state = recover(disk.end_process()).state
    assert [kept.plan.order for kept in state.open_orders] == ["0xb"]
    assert state.orders["0xa"].how == "FILLED"
    assert state.orders["0xa"].matched_e6 == 5 * SHARE
    assert (state.orders["0xb"].sent_ns, state.orders["0xb"].cancels) == (T0 + 5, (T0 + 6,))

    journal.note(T0, ev.Timer(), [OrderEnded("0xa", "", 0)])
    state = recover(disk.end_process()).state
    assert [kept.plan.order for kept in state.open_orders] == ["0xa", "0xb"]


def test_each_cancel_of_an_order_is_known_and_a_repeat_is_the_same() -> None:
    disk = MemoryDisk()
    journal = memory_journal(disk)
    journal.begin(RUN)
    journal.plan(T0, "0xc1", place(1), "0xa")
    for sent_ns in (T0 + 6, T0 + 9, T0 + 6):
        journal.note(T0, ev.CancelWritten(("0xa",), sent_ns), ())
    state = recover(disk.end_process()).state
    assert state.orders["0xa"].cancels == (T0 + 6, T0 + 9)


@pytest.mark.parametrize(
    ("event", "actions"),
    [
        (ev.Merged("0xc1", 3 * SHARE), ()),
        (ev.MergeFailed("0xc1", 3 * SHARE, "reverted"), ()),
        (ev.Timer(), (MergeFound("0xc1", 3 * SHARE, is_done=True),)),
        (ev.Timer(), (MergeFound("0xc1", 3 * SHARE, is_done=False),)),
    ],
)
def test_a_merge_is_left_until_it_is_known_what_became_of_it(
    event: ev.Event, actions: tuple[MergeFound, ...]
) -> None:
    disk = MemoryDisk()
    journal = memory_journal(disk)
    journal.begin(RUN)
    journal.ask_merge(T0 + 7, "0xc1", 3 * SHARE)
    state = recover(disk.end_process()).state
    assert state.asked == {"0xc1": MergeAsked("0xc1", 3 * SHARE, T0 + 7)}
    assert state.last_ns >= T0 + 7
    journal.note(T0 + 8, event, actions)
    state = recover(disk.end_process()).state
    assert state.asked == {}
    is_done = isinstance(event, ev.Merged) or any(found.is_done for found in actions)
    assert state.merged_e6 == ({"0xc1": 3 * SHARE} if is_done else {})


def test_an_order_that_nobody_planned_is_counted_not_believed() -> None:
    state = Recovered()
    state.apply(ev.Written(("0xz",), T0))
    state.apply(OrderEnded("0xz", "FILLED", 0))
    assert state.orders == {}
    assert state.faults["order_unplanned"] == 2


def test_what_else_happened_to_a_market_is_known() -> None:
    disk = MemoryDisk()
    journal = memory_journal(disk)
    journal.begin(RUN)
    journal.market(T0, market(1))
    balances = ev.BalancesRead(7 * SHARE, (("0xc1", place(1).token, SHARE),), T0, T0 + 1)
    correction = ev.Correction("0xc1:UP:0:0:5", "0xc1", place(1).token, 0, 5, T0)
    journal.note(T0, ev.Merged("0xc1", 2 * SHARE), ())
    journal.note(T0, ev.Merged("0xc1", SHARE), [TradesKnown(T0 - NS)])
    journal.note(T0, balances, [correction])
    journal.note(T0, balances, [correction])
    journal.note(T0, ev.MarketSettled("0xc1", SHARE), ())
    state = recover(disk.end_process()).state
    assert state.run == RUN
    assert state.markets["0xc1"].market == market(1)
    assert state.merged_e6 == {"0xc1": 3 * SHARE}
    assert state.balances == balances
    assert list(state.corrections.values()) == [correction]
    assert state.trades_known_ns == T0 - NS
    assert state.settled["0xc1"].cash_e6 == SHARE


def test_another_boot_of_the_host_has_lost_the_tail() -> None:
    state = Recovered()
    runs = (("one", 0, False), ("one", 1, False), ("two", 2, True), ("two", 61, True))
    for boot, after_s, is_lost in (*runs, ("two", 121, False), ("two", 122, False)):
        state.apply(RUN._replace(boot=boot, started_ns=T0 + after_s * NS))
        assert state.is_tail_lost == is_lost
        # A checkpoint begins each run's segment.
        state.apply(state.checkpoint())


# Forgetting


def settled(n_open: int, after_ns: int) -> Recovered:
    """A market that was settled, and then an order elsewhere so long after its end."""
    disk = MemoryDisk()
    journal = memory_journal(disk)
    journal.begin(RUN)
    for number in (1, 2):
        journal.market(T0, market(number))
    journal.plan(T0, "0xc1", place(1), "0xa")
    journal.note(T0, fill("0xa"), [] if n_open else [OrderEnded("0xa", "FILLED", SHARE)])
    correction = ev.Correction("0xc1:UP", "0xc1", place(1).token, 0, 5, T0)
    journal.note(T0, ev.Merged("0xc1", SHARE), [correction])
    journal.note(T0, ev.MarketSettled("0xc1", 0), ())
    journal.plan(market(1).end_ns + after_ns, "0xc2", place(2, 2), "0xb")
    journal.note(T0, ev.MarketSettled("0xc2", 0), ())
    return recover(disk.end_process()).state


def test_a_settled_market_is_forgotten_half_an_hour_after_its_end() -> None:
    assert settled(0, REMEMBER_NS).orders.keys() == {"0xa", "0xb"}
    state = settled(0, REMEMBER_NS + 1)
    assert state.orders.keys() == {"0xb"}
    assert state.fills == state.corrections == state.merged_e6 == {}
    assert state.markets.keys() == state.settled.keys() == {"0xc2"}


def test_what_a_forgotten_market_did_to_the_cash_is_kept() -> None:
    totals = []
    for known in (settled(0, REMEMBER_NS), settled(0, REMEMBER_NS + 1)):
        ledger = FillLedger()
        restore(T0, known, OrderManager(ledger), ledger)
        totals.append(ledger.total.confirmed_e10)
    # A share for 49 cents, and a pair merged.
    assert totals == [51 * SHARE * 100] * 2


def test_a_settled_market_with_an_order_that_may_live_is_not_forgotten() -> None:
    assert settled(1, 10 * REMEMBER_NS).orders.keys() == {"0xa", "0xb"}


def test_the_state_does_not_grow_over_many_markets() -> None:
    journal = memory_journal(MemoryDisk(), segment_bytes_max=20_000)
    journal.begin(RUN)
    sizes = []
    for number in range(1, 400):
        end_ns = T0 + 300 * NS * number
        journal.market(end_ns - 300 * NS, market(number, end_ns))
        order = f"0x{number}"
        journal.plan(end_ns - NS, f"0xc{number}", place(number, number), order)
        journal.note(end_ns, fill(order, number=number), [OrderEnded(order, "FILLED", SHARE)])
        journal.note(end_ns, ev.MarketSettled(f"0xc{number}", 0), ())
        sizes.append(len(journal.state.orders))
    assert max(sizes) < 12
    assert len(journal.state.fills) < 12
    assert len(journal.state.markets) < 12
