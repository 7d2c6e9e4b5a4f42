"""The relayer as our client meets it: three kinds of wallets, every state, every refusal."""

import itertools

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange.entry import OrderRequest
from polymm.exchange.faults import Fault
from polymm.exchange.listing import Listing
from polymm.exchange.matching import OrderKind
from polymm.exchange.rules import Rules
from polymm.exchange.server.relayer import RELAY
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.onchain import Approval, Call
from polymm.venues.polymarket.relayer import (
    RelayerKind,
)
from polymm.venues.polymarket.relayer_replies import Accepted, Refused
from polymm.venues.polymarket.relayer_states import RelayerEvent
from tests.support.chain_scene import (
    KEY,
    RELAYED,
    SHARE,
    WALLETS,
    ChainScene,
    condition,
    merge,
    play,
    split,
    transfer,
)

KINDS = list(RelayerKind)
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_a_merge_changes_balances_when_it_is_mined(kind: RelayerKind) -> None:
    async def script(scene: ChainScene) -> None:
        accepted = await scene.submit(kind, merge(scene.v1, 40))
        assert isinstance(accepted, Accepted)
        seen = []
        for _ in range(10):
            report = await scene.report(accepted.transaction_id)
            seen.append((report.event, bool(report.transaction_hash), scene.owned(RELAYED[kind])))
            scene.wait(1_000)
        before, after = (10_000, 100, 100), (10_040, 60, 60)
        assert [key for key, _ in itertools.groupby(seen)] == [
            (RelayerEvent.SEEN_NEW, False, before),
            (RelayerEvent.SEEN_EXECUTED, True, before),
            (RelayerEvent.SEEN_MINED, True, after),
            (RelayerEvent.SEEN_CONFIRMED, True, after),
        ]

    play(script, relayed_ms=(8_000, 8_000))


@every_kind
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_pairs_are_split_merged_and_redeemed(kind: RelayerKind, version: str) -> None:
    async def script(scene: ChainScene) -> None:
        listing = getattr(scene, version)
        wallet = RELAYED[kind]
        await scene.relayed(kind, split(listing, 50))
        assert scene.owned(wallet, listing) == (9_950, 150, 150)
        await scene.relayed(kind, merge(listing, 120), merge(listing, 5))
        assert scene.owned(wallet, listing) == (10_075, 25, 25)
        report = await scene.relay(kind, *redeem(listing, 25, 25))
        assert "result for condition not received yet" in report.error
        scene.resolve(listing, Token.DOWN)
        await scene.relayed(kind, *redeem(listing, 25, 25))
        assert scene.owned(wallet, listing) == (10_100, 0, 0)

    play(script)


def redeem(listing: Listing, up: float, down: float) -> tuple[Call, ...]:
    return onchain.redeem_calls(condition(listing), (round(up * SHARE), round(down * SHARE)))


def test_a_v2_redemption_takes_one_outcome_and_no_more_than_is_owned() -> None:
    async def script(scene: ChainScene) -> None:
        scene.resolve(scene.v2, Token.UP)
        for up, down, left in ((30, 0, (10_030, 70, 100)), (0, 30, (10_030, 70, 70))):
            await scene.relayed(RelayerKind.SAFE, *redeem(scene.v2, up, down))
            assert scene.owned(WALLETS.safe, scene.v2) == left
        report = await scene.relay(RelayerKind.SAFE, *redeem(scene.v2, 71, 0))
        assert report.event is RelayerEvent.SEEN_FAILED
        assert scene.owned(WALLETS.safe, scene.v2) == (10_030, 70, 70)

    play(script)


@every_kind
def test_a_batch_happens_whole_or_not_at_all(kind: RelayerKind) -> None:
    async def script(scene: ChainScene) -> None:
        wallet = RELAYED[kind]
        calls = [merge(scene.v1, 60), transfer(STRANGER, 7 * SHARE), merge(scene.v1, 41)]
        report = await scene.relay(kind, *calls)
        assert report.event is RelayerEvent.SEEN_FAILED
        assert "transfer amount exceeds balance" in report.error
        assert scene.owned(wallet) == (10_000, 100, 100)
        assert STRANGER not in scene.hall.exchange.ledger.wallets
        # What one call brings, the next may spend.
        spend = transfer(STRANGER, 10_060 * SHARE)
        await scene.relayed(kind, merge(scene.v1, 60), spend)
        assert scene.owned(wallet) == (0, 40, 40)

    play(script)


def test_orders_that_lose_their_cover_are_cancelled() -> None:
    async def script(scene: ChainScene) -> None:
        wallet = scene.wallet(WALLETS.safe)
        request = OrderRequest(
            order_id="0x" + "0a" * 32,
            wallet=wallet,
            owner=scene.account.key_id,
            token_id=scene.v1.pool.tokens[0],
            side=Side.SELL,
            maker_amount_e6=80 * SHARE,
            taker_amount_e6=40 * SHARE,
            kind=OrderKind.GTC,
        )
        scene.hall.exchange.place(scene.now_ns, request)
        assert len(scene.hall.exchange.open_orders(scene.account.key_id)) == 1
        await scene.relayed(RelayerKind.SAFE, merge(scene.v1, 20))
        assert len(scene.hall.exchange.open_orders(scene.account.key_id)) == 1
        await scene.relayed(RelayerKind.SAFE, merge(scene.v1, 1))
        assert scene.hall.exchange.open_orders(scene.account.key_id) == []

    play(script)


@every_kind
def test_approvals_are_given_and_missed(kind: RelayerKind) -> None:
    async def script(scene: ChainScene) -> None:
        wallet = scene.wallet(RELAYED[kind])
        wallet.allowances.clear()
        wallet.approvals.clear()
        assert "exceeds allowance" in (await scene.relay(kind, split(scene.v1, 1))).error
        assert "operator approval" in (await scene.relay(kind, merge(scene.v1, 1))).error
        grants = [approval.grant() for approval in onchain.approvals(condition(scene.v1))]
        # Leave and use of it may stand in one batch.
        await scene.relayed(kind, *grants, split(scene.v1, 1), merge(scene.v1, 3))
        assert scene.owned(wallet.address) == (10_002, 98, 98)
        for approval in onchain.approvals(condition(scene.v1)):
            assert approval.is_granted(await scene.ask(approval.query(wallet.address)))

    play(script)


def test_a_limited_allowance_counts_down() -> None:
    async def script(scene: ChainScene) -> None:
        adapter = Approval(wire.PUSD, wire.COLLATERAL_ADAPTER)
        words = bytes(12) + bytes.fromhex(adapter.operator[2:]) + (5 * SHARE).to_bytes(32, "big")
        approve = Call(wire.PUSD, wire.APPROVE.selector + words)
        await scene.relayed(RelayerKind.SAFE, approve, split(scene.v1, 2))
        assert int.from_bytes(await scene.ask(adapter.query(WALLETS.safe)), "big") == 3 * SHARE
        report = await scene.relay(RelayerKind.SAFE, split(scene.v1, 2), split(scene.v1, 2))
        assert "exceeds allowance" in report.error

    play(script)


# Nonces


@every_kind
def test_a_nonce_runs_once(kind: RelayerKind) -> None:
    async def script(scene: ChainScene) -> None:
        signed = await scene.sign(kind, merge(scene.v1, 10))
        assert signed.nonce == 0
        assert (await scene.post(signed.body)).status == 200
        again = await scene.post(signed.body)
        assert again.status == 400
        assert "wallet has in-flight action" in again.body["error"]
        scene.wait(10_000)
        again = await scene.post(signed.body)
        assert (again.status, again.body) == (
            400,
            {"error": "batch nonce 0 does not match on-chain nonce 1"},
        )
        ahead = await scene.submit(kind, merge(scene.v1, 10), nonce=2)
        assert ahead == Refused(
            'status 400: \'{"error":"batch nonce 2 does not match on-chain nonce 1"}\'',
            may_retry=False,
        )
        await scene.relayed(kind, merge(scene.v1, 10))
        assert scene.owned(RELAYED[kind]) == (10_020, 80, 80)

    play(script)


def test_wallets_of_one_key_act_at_the_same_time() -> None:
    async def script(scene: ChainScene) -> None:
        for kind in KINDS:
            assert isinstance(await scene.submit(kind, merge(scene.v1, 1)), Accepted)
        scene.wait(10_000)
        assert {scene.owned(wallet) for wallet in RELAYED.values()} == {(10_001, 99, 99)}

    play(script)


@every_kind
def test_only_a_proxys_hub_keeps_the_nonce_of_what_reverted(kind: RelayerKind) -> None:
    async def script(scene: ChainScene) -> None:
        signed = await scene.sign(kind, merge(scene.v1, 101))
        await scene.post(signed.body)
        scene.wait(10_000)
        status = (await scene.post(signed.body)).status
        assert status == (400 if kind is RelayerKind.PROXY else 200)

    play(script)


def test_an_action_does_not_run_after_its_deadline() -> None:
    async def script(scene: ChainScene) -> None:
        now_s = scene.now_ns // NS
        signed = await scene.sign(RelayerKind.WALLET, merge(scene.v1, 1), now_s=now_s - 599)
        accepted = await scene.post(signed.body)
        assert accepted.status == 200
        scene.wait(10_000)
        report = await scene.report(accepted.body["transactionID"])
        assert (report.event, report.error) == (
            RelayerEvent.SEEN_FAILED,
            "execution reverted: deadline has passed",
        )
        late = await scene.post(signed.body)
        assert (late.status, late.body) == (
            400,
            {"error": "invalid request: deadline has passed"},
        )

    play(script)


# Faults


def test_the_busy_fault_passes() -> None:
    async def script(scene: ChainScene) -> None:
        scene.hall.faults.set(Fault.RELAYER_BUSY, 1.0, limit=1)
        refused = await scene.submit(RelayerKind.SAFE, merge(scene.v1, 1))
        assert isinstance(refused, Refused)
        assert refused.may_retry
        await scene.relayed(RelayerKind.SAFE, merge(scene.v1, 1))

    play(script)


@every_kind
def test_the_nonce_fault_is_over_with_a_fresh_nonce(kind: RelayerKind) -> None:
    async def script(scene: ChainScene) -> None:
        scene.hall.faults.set(Fault.RELAYER_NONCE, 1.0, limit=1)
        refused = await scene.submit(kind, merge(scene.v1, 1))
        assert isinstance(refused, Refused)
        assert refused.may_retry
        assert "batch nonce 0 does not match on-chain nonce 1" in refused.reason
        await scene.relayed(kind, merge(scene.v1, 1))

    play(script)


@every_kind
def test_the_failure_fault_changes_nothing(kind: RelayerKind) -> None:
    async def script(scene: ChainScene) -> None:
        scene.hall.faults.set(Fault.RELAYER_FAILED, 1.0, limit=1)
        report = await scene.relay(kind, merge(scene.v1, 1))
        assert report.event is RelayerEvent.SEEN_FAILED
        assert report.error
        assert scene.owned(RELAYED[kind]) == (10_000, 100, 100)
        await scene.relayed(kind, merge(scene.v1, 1))

    play(script)


def test_the_exchange_may_see_what_a_merge_brings_only_when_asked() -> None:
    async def script(scene: ChainScene) -> None:
        await scene.relayed(RelayerKind.SAFE, merge(scene.v1, 5))
        wallet = scene.wallet(WALLETS.safe)
        assert (wallet.balances["cash"], wallet.free("cash")) == (10_005 * SHARE, 10_000 * SHARE)
        wallet.see("cash")
        assert wallet.free("cash") == 10_005 * SHARE

    play(script, rules=Rules(reads_chain_late=True))


# Questions


def test_nonces_are_told_in_all_forms() -> None:
    async def script(scene: ChainScene) -> None:
        await scene.relayed(RelayerKind.SAFE, merge(scene.v1, 1))
        asked = {"address": KEY.address.lower(), "type": "SAFE"}
        params = await scene.get("/v1/account/transactions/params", **asked)
        assert params.body == {"address": KEY.address, "nonce": "1"}
        assert (await scene.get("/nonce", **asked)).body == {"nonce": "1"}
        asked["type"] = "PROXY"
        assert (await scene.get("/nonce", **asked)).body == {"nonce": "0"}
        assert (await scene.get("/relay-payload", **asked)).body == {"address": RELAY, "nonce": "0"}
        for path, query in (
            ("/v1/account/transactions/params", {"type": "PROXY", "address": KEY.address}),
            ("/v1/account/transactions/params", {"address": KEY.address}),
            ("/relay-payload", {"type": "SAFE", "address": KEY.address}),
            ("/nonce", {"type": "SAFE", "address": "0x12"}),
            ("/nonce", {"type": "SAFE"}),
            ("/deployed", {"address": KEY.address, "type": "HAT"}),
        ):
            reply = await scene.get(path, **query)
            assert (reply.status, "invalid" in reply.body["error"]) == (400, True), path

    play(script)


def test_a_transaction_is_told_in_both_forms() -> None:
    async def script(scene: ChainScene) -> None:
        accepted = await scene.submit(RelayerKind.WALLET, merge(scene.v1, 1), metadata="Merge")
        assert isinstance(accepted, Accepted)
        scene.wait(10_000)
        name = accepted.transaction_id
        told = (await scene.get(f"/v1/account/transactions/{name}")).body
        (old,) = (await scene.get("/transaction", id=name)).body
        assert (told["transaction_id"], told["state"]) == (name, "STATE_CONFIRMED")
        assert (old["transactionID"], old["state"]) == (name, "STATE_CONFIRMED")
        assert told["transaction_hash"] == old["transactionHash"]
        assert told["proxy_address"] == WALLETS.deposit
        assert (told["nonce"], told["metadata"], told["error_msg"]) == ("0", "Merge", "")
        receipt = await scene.rpc("eth_getTransactionReceipt", told["transaction_hash"])
        assert receipt["status"] == "0x1"
        for path, query in (("/v1/account/transactions/no", {}), ("/transaction", {"id": "no"})):
            assert (await scene.get(path, **query)).status == 404

    play(script)
