"""The whole client against the local exchange: all wallets, all calls, and every switch of REST."""

import asyncio
import random
import time
from dataclasses import replace

import pytest

from polymm.domain.order import Side, Token
from polymm.exchange.faults import Fault
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import Buckets, ServerSettings
from polymm.exchange.synthetic import fit_flow
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.geoblock import ask_geoblock
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.results import (
    BeatState,
    CancelState,
    PlaceState,
    SettleState,
)
from polymm.venues.polymarket.wire import SignatureType
from tests.support.fault_matrix import audited, turns_on
from tests.support.gateways import SHARE, beaten, cancelled, placed, swept
from tests.support.keys import signing_key
from tests.support.loopback import until
from tests.support.traders import Trader, play, trader

DOLLAR = SHARE
GOLD = Buckets(tier="gold", order_rate=400, order_burst=600, cancel_rate=800, cancel_burst=1_200)
ELITE = Buckets(
    tier="elite", order_rate=600, order_burst=900, cancel_rate=1_200, cancel_burst=1_800
)
KINDS = pytest.mark.parametrize("kind", list(SignatureType))


@KINDS
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_each_kind_of_wallet_trades(kind: SignatureType, version: str) -> None:
    async def scene(one: Trader) -> None:
        gateway, market = one.gateway, one.market
        bid, ask = await placed(
            gateway, one.order(Side.BUY, 40), one.order(Side.SELL, 45, token=Token.DOWN)
        )
        assert {bid.state, ask.state} == {PlaceState.LIVE}
        assert one.in_truth == {bid.order_id, ask.order_id}
        listed = {order.order_id: order for order in await gateway.open_orders(market.condition_id)}
        assert listed.keys() == one.in_truth
        assert (listed[bid.order_id].price_e4, listed[bid.order_id].maker) == (
            4_000,
            gateway.wallet.funder,
        )
        assert listed[ask.order_id].token_id == market.down_token
        found = await gateway.order(bid.order_id)
        assert found is not None
        assert found.size_e6 == 10 * SHARE

        (crossing,) = await placed(gateway, one.order(Side.BUY, 60, token=Token.DOWN))
        assert (crossing.state, crossing.reason) == (PlaceState.REJECTED, "post_only_crosses")
        (taker,) = await placed(gateway, one.taking(Side.BUY, 60, 4, token=Token.DOWN, kind="FAK"))
        assert taker.state is PlaceState.MATCHED
        assert (taker.making_e6, taker.taking_e6) == (3_996_000, 8_880_000), "4 dollars at 45"
        trades = await gateway.trades(market.condition_id)
        assert {trade.trade_id for trade in trades} == set(taker.trade_ids)

        (cancel,) = await cancelled(gateway, bid.order_id)
        assert cancel.state is CancelState.CANCELED
        (again,) = await cancelled(gateway, bid.order_id)
        assert (again.state, again.is_final) == (CancelState.NOT_CANCELED, True)
        assert (await swept(gateway, market.condition_id)).canceled == (ask.order_id,)
        assert (await swept(gateway)).canceled == ()
        assert await gateway.open_orders() == []
        assert await gateway.order(bid.order_id) is None

    play(scene, kind, version=version)


@KINDS
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_each_kind_of_wallet_splits_and_merges(kind: SignatureType, version: str) -> None:
    async def scene(one: Trader) -> None:
        gateway, settler, market = one.gateway, one.settler, one.market
        cash_e6 = (await gateway.balance()).balance_e6
        up_e6 = (await gateway.balance(market.up_token)).balance_e6
        split = await settler.split(market, 100 * DOLLAR)
        assert split.state is SettleState.SETTLED
        assert len(split.transaction_hashes) == 1
        await gateway.refresh_balance()
        await gateway.refresh_balance(market.up_token)
        assert (await gateway.balance()).balance_e6 == cash_e6 - 100 * DOLLAR
        assert (await gateway.balance(market.up_token)).balance_e6 == up_e6 + 100 * SHARE
        assert (await settler.merge(market, 100 * DOLLAR)).state is SettleState.SETTLED
        assert (await gateway.balance()).balance_e6 == cash_e6
        early = await settler.redeem(market, up_e6=up_e6, down_e6=up_e6)
        assert (early.state, early.reason) == (SettleState.FAILED, "reverted")
        too_many = await settler.merge(market, 10**6 * DOLLAR)
        assert (too_many.state, too_many.reason) == (SettleState.FAILED, "reverted")
        assert (await settler.approve(market)).state is SettleState.SETTLED

    play(scene, kind, version=version)


def test_all_kinds_of_wallets_redeem_side_by_side() -> None:
    async def redeem(served: Served, kind: SignatureType) -> None:
        async with trader(served, kind, number=1 + kind) as one:
            market = one.market
            (order,) = await placed(one.gateway, one.order(Side.SELL, 99))
            assert order.state is PlaceState.LIVE
            cash_e6, pairs_e6 = one.cash_e6, 1_000 * SHARE
            await until(lambda: one.hall.by_slug[market.slug].winner is not None)
            (late,) = await placed(one.gateway, one.order(Side.BUY, 40))
            assert late.state is PlaceState.REJECTED
            done = await one.settler.redeem(market, up_e6=pairs_e6, down_e6=pairs_e6)
            assert done.state is SettleState.SETTLED, done
            assert one.cash_e6 == cash_e6 + pairs_e6
            assert (await one.gateway.balance(market.up_token)).balance_e6 == 0

    async def scene(version: str) -> None:
        windows = WindowSettings(length_s=1, ahead=1, resolve_delay_ns=0, version=version)
        # Near its end somebody would take what rests at 99.
        flow = replace(
            fit_flow(windows),
            maker_count=0,
            noise_order_rate=0.0,
            noise_take_rate=0.0,
            informed_count=0,
        )
        made = ServerSettings(
            windows=windows,
            flow=flow,
            relayed_ms=(20, 40),
            block_ms=20,
            pairs_e6=1_000 * SHARE,
        )
        async with asyncio.timeout(8), serving(made) as served:
            await asyncio.gather(*(redeem(served, kind) for kind in SignatureType))
            audited(served.hall.exchange)

    async def both() -> None:
        await asyncio.gather(scene("v1"), scene("v2"))

    asyncio.run(both())


def test_a_batch_is_placed_whole_or_in_part() -> None:
    async def scene(one: Trader) -> None:
        found = await placed(
            one.gateway,
            one.order(Side.BUY, 40),
            one.order(Side.BUY, 30, 100_000),
            one.order(Side.BUY, 20),
            *(one.order(Side.BUY, 2 + i) for i in range(14)),
        )
        states = [result.state for result in found]
        assert states.count(PlaceState.LIVE) == 16
        assert (found[1].state, found[1].reason) == (PlaceState.REJECTED, "balance")
        assert one.in_truth == {result.order_id for result in found if result.is_accepted}
        cancels = await cancelled(one.gateway, *one.in_truth)
        assert {result.state for result in cancels} == {CancelState.CANCELED}

    play(scene, batch=True)


def test_lists_are_read_over_all_their_pages() -> None:
    async def scene(one: Trader) -> None:
        for i in range(1, 50):
            await one.rest(*(i,) * 5)
        listed = await one.gateway.open_orders()
        assert len(listed) == 245
        assert {order.order_id for order in listed} == one.in_truth

    play(scene, buckets=ELITE, tier="elite")


def test_the_account_says_what_it_may() -> None:
    async def scene(one: Trader) -> None:
        gateway = one.gateway
        assert await gateway.closed_only() is False
        assert await gateway.tier() == "gold"
        assert gateway.budget.tier.name == "gold"
        assert abs(await gateway.server_time() - time.time()) <= 1
        assert gateway.skew.offset_ns == 0
        balance = await gateway.balance()
        assert balance.balance_e6 == one.cash_e6
        assert balance.allowances_e6

    play(scene, buckets=GOLD)


def test_the_exchange_answers_for_the_site() -> None:
    async def scene() -> None:
        async with asyncio.timeout(5), serving(ServerSettings()) as served:
            found = await ask_geoblock(Hosts.of(served.urls), rng=random.Random(1))
            assert not found.is_blocked

    asyncio.run(scene())


def test_the_same_key_comes_back() -> None:
    async def scene() -> None:
        async with asyncio.timeout(5), serving(ServerSettings()) as served:
            hosts, rng = Hosts.of(served.urls), random.Random(2)
            first, second, other = [
                await create_or_derive_key(hosts, signing_key(), rng=rng, nonce=nonce)
                for nonce in (0, 0, 7)
            ]
            assert first.key.reveal() == second.key.reveal() != other.key.reveal()

    asyncio.run(scene())


def test_the_mirror_stops_before_the_exchange_does() -> None:
    async def scene(one: Trader) -> None:
        found = [await placed(one.gateway, one.order(Side.BUY, 3)) for _ in range(80)]
        states = [result.state for (result,) in found]
        assert set(states) == {PlaceState.LIVE, PlaceState.NOT_SENT}
        assert states.count(PlaceState.LIVE) >= 60
        reasons = {result.reason for (result,) in found}
        assert reasons == {"", "order_budget"}, "never refused by the exchange"

    play(scene)


# Heartbeats


def test_beats_keep_orders_alive_and_a_wrong_id_is_mended() -> None:
    async def scene(one: Trader) -> None:
        gateway = one.gateway
        for _ in range(3):
            assert (await beaten(gateway)).state is BeatState.ACCEPTED
        gateway.chain.heartbeat_id = "of another life"
        mended = await beaten(gateway)
        assert (mended.state, mended.copies) == (BeatState.ACCEPTED, 2)
        await one.rest(40)
        one.hall.exchange.advance(one.hall.now_ns() + 9 * 10**9)
        assert one.in_truth
        one.hall.exchange.advance(one.hall.now_ns() + 16 * 10**9)
        assert not one.in_truth, "who stops beating loses all orders"

    play(scene)


@turns_on(Fault.HEARTBEAT_REFUSED)
def test_a_refused_beat_is_named() -> None:
    async def scene(one: Trader) -> None:
        await beaten(one.gateway)
        one.turn(Fault.HEARTBEAT_REFUSED)
        found = await beaten(one.gateway)
        assert (found.state, found.reason) == (BeatState.REFUSED, "unauthorized")
        assert (await beaten(one.gateway)).state is BeatState.ACCEPTED

    play(scene)
