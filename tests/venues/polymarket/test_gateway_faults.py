"""Every REST switch of the local exchange, on: our typed result is right, and its books balance."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from polymm.domain.order import Side
from polymm.errors import VenueError
from polymm.exchange.faults import Fault
from polymm.exchange.trading import Mode
from polymm.venues.polymarket.results import BeatState, CancelState, PlaceState, SettleState
from polymm.venues.polymarket.wire import SignatureType
from tests.support.fault_matrix import turns_on
from tests.support.gateways import beaten, cancelled, placed, swept
from tests.support.loopback import MS
from tests.support.traders import SHARE, Trader, play

NS = 10**9

# One switch, one order: (lasts_ms, state, reason, whether it is open in truth).
PLACING = {
    Fault.POST_REPLY_LOST: ((50,), PlaceState.UNKNOWN, "closed", True),
    Fault.POST_TIMED_OUT: ((), PlaceState.REJECTED, "timed_out", False),
    Fault.POST_LATE: ((30,), PlaceState.LIVE, "", True),
    Fault.POST_UNKNOWN: ((), PlaceState.UNKNOWN, "engine", True),
    Fault.UNAUTHORIZED: ((), PlaceState.REJECTED, "unauthorized", False),
    Fault.ENGINE_RESTART: ((60_000,), PlaceState.REJECTED, "restarting", False),
    Fault.THROTTLED: ((1_000,), PlaceState.REJECTED, "throttled", False),
    Fault.EDGE_DELAY: ((30,), PlaceState.LIVE, "", True),
    Fault.EDGE_HTML: ((), PlaceState.UNKNOWN, "server_error", True),
    Fault.EDGE_BLOCKED: ((), PlaceState.REJECTED, "blocked", False),
    Fault.EDGE_THROTTLED: ((), PlaceState.REJECTED, "throttled", False),
    Fault.BALANCE_ZERO: ((), PlaceState.REJECTED, "balance", False),
    Fault.USER_FILL_BEFORE_REPLY: ((20,), PlaceState.LIVE, "", True),
}
# And one cancel of an order that rests.
CANCELLING = {
    Fault.CANCEL_ALREADY_MATCHED: ((), CancelState.NOT_CANCELED, "matched", False),
    Fault.CANCEL_REPLY_LOST: ((50,), CancelState.UNKNOWN, "closed", False),
    Fault.CANCEL_FAILED: ((), CancelState.UNKNOWN, "server_error", True),
    Fault.CANCEL_UNKNOWN: ((), CancelState.NOT_CANCELED, "not_found", True),
    Fault.UNAUTHORIZED: ((), CancelState.REJECTED, "unauthorized", True),
    Fault.ENGINE_RESTART: ((60_000,), CancelState.REJECTED, "restarting", True),
    Fault.THROTTLED: ((1_000,), CancelState.REJECTED, "throttled", True),
    Fault.EDGE_HTML: ((), CancelState.UNKNOWN, "server_error", False),
    Fault.EDGE_BLOCKED: ((), CancelState.REJECTED, "blocked", True),
    Fault.EDGE_THROTTLED: ((), CancelState.REJECTED, "throttled", True),
}


@turns_on(*PLACING)
@pytest.mark.parametrize("fault", PLACING)
def test_a_placement_meets(fault: Fault) -> None:
    lasts_ms, state, reason, is_open = PLACING[fault]

    async def scene(one: Trader) -> None:
        one.turn(fault, *lasts_ms)
        (found,) = await placed(one.gateway, one.order(Side.BUY, 40))
        assert (found.state, found.reason) == (state, reason), found
        assert found.is_known is (state is not PlaceState.UNKNOWN)
        assert (found.order_id in one.in_truth) is is_open
        assert one.hall.faults.struck[fault] == 1
        if not found.is_known:
            # What is not known is found out by its id.
            one.hall.faults.clear()
            asked = await one.gateway.order(found.order_id)
            assert (asked is not None) is is_open

    play(scene)


@turns_on(*CANCELLING)
@pytest.mark.parametrize("fault", CANCELLING)
@pytest.mark.parametrize("count", [1, 2])
def test_a_cancel_meets(fault: Fault, count: int) -> None:
    lasts_ms, state, reason, is_open = CANCELLING[fault]

    async def scene(one: Trader) -> None:
        ids = [result.order_id for result in await one.rest(*range(30, 30 + count))]
        one.turn(fault, *lasts_ms, limit=None)
        found = await cancelled(one.gateway, *ids)
        assert {(result.state, result.reason) for result in found} == {(state, reason)}
        assert all(result.is_final is (state is CancelState.NOT_CANCELED) for result in found)
        assert all((one_id in one.in_truth) is is_open for one_id in ids)

    play(scene)


def test_a_lost_reply_within_our_patience_ends_at_our_deadline() -> None:
    async def scene(one: Trader) -> None:
        one.turn(Fault.POST_REPLY_LOST, 30_000)
        (found,) = await placed(one.gateway, one.order(Side.BUY, 40))
        assert (found.state, found.reason) == (PlaceState.UNKNOWN, "timeout")
        assert found.order_id in one.in_truth
        assert found.answered_ns - found.written_ns >= 99 * MS

    play(scene, place_ns_max=100 * MS)


def test_an_order_that_enters_after_our_deadline_is_unknown_before_it_is_there() -> None:
    async def scene(one: Trader) -> None:
        one.turn(Fault.POST_LATE, 150)
        (found,) = await placed(one.gateway, one.order(Side.BUY, 40))
        assert (found.state, found.reason) == (PlaceState.UNKNOWN, "timeout")
        assert await one.gateway.order(found.order_id) is None, "one absence proves nothing"
        await asyncio.sleep(0.15)

    play(scene, place_ns_max=50 * MS)


@turns_on(Fault.BATCH_LEG_UNNAMED, Fault.POST_REPLY_LOST)
@pytest.mark.parametrize("fault", [Fault.BATCH_LEG_UNNAMED, Fault.POST_REPLY_LOST])
def test_a_batch_of_which_little_is_known(fault: Fault) -> None:
    async def scene(one: Trader) -> None:
        one.turn(fault, 40, limit=1)
        found = await placed(one.gateway, *(one.order(Side.BUY, 40 + i) for i in range(3)))
        unknown = [result for result in found if not result.is_known]
        assert len(unknown) == (1 if fault is Fault.BATCH_LEG_UNNAMED else 3)
        assert one.in_truth == {result.order_id for result in found}

    play(scene, batch=True)


@turns_on(Fault.ORDERS_LATE)
def test_a_young_order_is_missing_from_the_list_though_it_rests() -> None:
    async def scene(one: Trader) -> None:
        (order,) = await one.rest(40)
        one.turn(Fault.ORDERS_LATE, 60_000)
        assert await one.gateway.open_orders() == []
        assert one.in_truth == {order.order_id}
        (listed,) = await one.gateway.open_orders()
        assert listed.order_id == order.order_id

    play(scene)


@pytest.mark.parametrize(
    ("fault", "reason", "known"),
    [
        (Fault.UNAUTHORIZED, "unauthorized", True),
        (Fault.EDGE_HTML, "server_error", False),
        (Fault.EDGE_BLOCKED, "blocked", True),
        (Fault.THROTTLED, "throttled", True),
    ],
)
def test_a_question_meets(fault: Fault, reason: str, known: bool) -> None:
    async def scene(one: Trader) -> None:
        await one.rest(40)
        for ask in _questions(one):
            one.turn(fault, 1_000)
            with pytest.raises(VenueError) as caught:
                await ask()
            assert (caught.value.reason, caught.value.is_known) == (reason, known)
            wish_ns = caught.value.retry_after_ns
            assert wish_ns == (NS if fault is Fault.THROTTLED else 0)

    play(scene)


def _questions(one: Trader) -> list[Callable[[], Awaitable[object]]]:
    gateway = one.gateway
    return [gateway.open_orders, gateway.trades, gateway.balance, gateway.closed_only, gateway.tier]


# States that are switched, not drawn


def test_after_a_restart_only_post_only_orders_pass() -> None:
    async def scene(one: Trader) -> None:
        trading, gateway = one.hall.exchange.trading, one.gateway
        (resting,) = await one.rest(30)
        trading.set(Mode.POST_ONLY, one.hall.now_ns() + 79 * NS)
        (taking,) = await placed(gateway, one.taking(Side.BUY, 40))
        assert (taking.state, taking.reason) == (PlaceState.REJECTED, "post_only_mode")
        assert 77 * NS <= taking.retry_after_ns <= 79 * NS
        await one.rest(40)
        (cancel,) = await cancelled(gateway, resting.order_id)
        assert cancel.state is CancelState.CANCELED

    play(scene)


def test_cancels_pass_while_orders_do_not() -> None:
    async def scene(one: Trader) -> None:
        gateway = one.gateway
        (resting,) = await one.rest(30)
        one.hall.exchange.trading.set(Mode.CANCEL_ONLY)
        (refused,) = await placed(gateway, one.order(Side.BUY, 40))
        assert (refused.state, refused.reason) == (PlaceState.REJECTED, "cancel_only")
        assert (await swept(gateway)).canceled == (resting.order_id,)

    play(scene)


@pytest.mark.parametrize(
    ("mode", "reason"), [(Mode.DISABLED, "disabled"), (Mode.RESTARTING, "restarting")]
)
def test_nothing_passes(mode: Mode, reason: str) -> None:
    async def scene(one: Trader) -> None:
        gateway = one.gateway
        (resting,) = await one.rest(30)
        one.hall.exchange.trading.set(mode)
        (refused,) = await placed(gateway, one.order(Side.BUY, 40))
        assert (refused.state, refused.reason) == (PlaceState.REJECTED, reason)
        (cancel,) = await cancelled(gateway, resting.order_id)
        assert (cancel.state, cancel.reason) == (CancelState.REJECTED, reason)
        sweep = await swept(gateway, one.market.condition_id)
        assert (sweep.state, sweep.reason) == (CancelState.REJECTED, reason)
        assert one.in_truth == {resting.order_id}

    play(scene)


def test_an_order_in_the_taker_delay_cannot_be_cancelled_yet() -> None:
    async def scene(one: Trader) -> None:
        await placed(one.gateway, one.order(Side.SELL, 40))
        (taker,) = await placed(one.gateway, one.taking(Side.BUY, 41))
        assert taker.state is PlaceState.DELAYED
        (cancel,) = await cancelled(one.gateway, taker.order_id)
        assert (cancel.state, cancel.reason) == (CancelState.NOT_CANCELED, "delayed")
        assert not cancel.is_final

    play(scene, taker_delay_ns=60 * NS)


def test_a_throttled_key_is_silent_for_as_long_as_it_was_told() -> None:
    async def scene(one: Trader) -> None:
        one.turn(Fault.THROTTLED, 3_000)
        (first,) = await placed(one.gateway, one.order(Side.BUY, 40))
        assert first.retry_after_ns == 3 * NS
        (second,) = await placed(one.gateway, one.order(Side.BUY, 40))
        assert (second.state, second.reason) == (PlaceState.NOT_SENT, "order_budget")
        assert 2.5 * NS < second.retry_after_ns <= 3 * NS
        assert second.written_ns == 0
        assert one.in_truth == set()

    play(scene)


def test_a_beat_that_meets_the_edge_is_missed_or_refused() -> None:
    async def scene(one: Trader) -> None:
        gateway = one.gateway
        assert (await beaten(gateway)).state is BeatState.ACCEPTED
        one.turn(Fault.EDGE_HTML)
        lost = await beaten(gateway)
        assert (lost.state, lost.reason) == (BeatState.MISSED, "server_error")
        # It was taken in truth, so the next one is corrected.
        mended = await beaten(gateway)
        assert (mended.state, mended.copies) == (BeatState.ACCEPTED, 2)
        assert gateway.chain.left_ns(time.monotonic_ns()) > 9 * NS

    play(scene)


# The relayer


RELAYER = {
    Fault.RELAYER_BUSY: (SettleState.SETTLED, ""),
    Fault.RELAYER_NONCE: (SettleState.SETTLED, ""),
    Fault.RELAYER_FAILED: (SettleState.FAILED, "reverted"),
}


@turns_on(*RELAYER)
@pytest.mark.parametrize("fault", RELAYER)
@pytest.mark.parametrize("kind", [kind for kind in SignatureType if kind])
def test_a_split_meets(fault: Fault, kind: SignatureType) -> None:
    async def scene(one: Trader) -> None:
        before_e6 = one.cash_e6
        one.turn(fault)
        found = await one.settler.split(one.market, 10 * SHARE)
        assert (found.state, found.reason) == RELAYER[fault], found
        spent_e6 = 10 * SHARE if found.state is SettleState.SETTLED else 0
        assert before_e6 - one.cash_e6 == spent_e6
        assert one.hall.faults.struck[fault] == 1

    play(scene, kind)
