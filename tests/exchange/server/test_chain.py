"""What wallets' calls do: all of a transaction or nothing, with balanced books."""

import random

import pytest
from eth_abi import encode

from polymm.domain.order import Side, Token
from polymm.exchange.entry import OrderRequest
from polymm.exchange.matching import OrderKind
from polymm.exchange.server import chain as chain_module
from polymm.exchange.server.calldata import (
    ContractCall,
    Reverted,
)
from polymm.exchange.server.chain import Chain, Receipt
from polymm.exchange.server.eip712 import read_address
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.onchain import Call, Condition
from tests.support.chain_scene import (
    KEY,
    SHARE,
    WALLETS,
    ChainScene,
    condition,
    merge,
    play,
    split,
    transfer,
)

STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
UP, DOWN = Token.UP, Token.DOWN


def call_of(call: Call) -> ContractCall:
    address = read_address(call.to)
    assert address is not None
    return ContractCall(address, call.data, call.value_wei)


def encoded(function: wire.Function, *values: object) -> bytes:
    """Arguments by eth-abi."""
    types = function.signature.partition("(")[2][:-1].split(",")
    return function.selector + encode(types, values)


def test_shares_and_dollars_are_sent() -> None:
    async def script(scene: ChainScene) -> None:
        chain = Chain(scene.hall)
        up, down = scene.v1.pool.tokens
        data = encoded(wire.ERC1155_TRANSFER, WALLETS.safe, WALLETS.proxy, int(up), 30 * SHARE, b"")
        send = ContractCall(wire.CONDITIONAL_TOKENS, data)
        with pytest.raises(Reverted, match="approved"):
            chain.run(scene.now_ns, KEY.address, [send])
        chain.run(scene.now_ns, WALLETS.safe, [send])
        assert scene.owned(WALLETS.safe) == (10_000, 70, 100)
        assert scene.owned(WALLETS.proxy) == (10_000, 130, 100)
        grant = encoded(wire.SET_APPROVAL_FOR_ALL, KEY.address, True)
        chain.run(scene.now_ns, WALLETS.safe, [ContractCall(wire.CONDITIONAL_TOKENS, grant)])
        chain.run(scene.now_ns, KEY.address, [send])
        assert scene.owned(WALLETS.proxy) == (10_000, 160, 100)
        chain.run(scene.now_ns, WALLETS.safe, [call_of(transfer(WALLETS.safe, SHARE))])
        assert scene.owned(WALLETS.safe) == (10_000, 40, 100)
        for to, amount_e6 in ((wire.ZERO_ADDRESS, 1), (STRANGER, 0), (STRANGER, 10_001 * SHARE)):
            with pytest.raises(Reverted):
                chain.run(scene.now_ns, WALLETS.safe, [call_of(transfer(to, amount_e6))])
        assert down

    play(script)


def test_asking_after_strangers_keeps_nothing_of_them() -> None:
    async def script(scene: ChainScene) -> None:
        chain = Chain(scene.hall)
        wallets = set(scene.hall.exchange.ledger.wallets)
        up = int(scene.v1.pool.tokens[0])
        data = encoded(wire.ERC1155_TRANSFER, STRANGER, WALLETS.proxy, up, SHARE, b"")
        with pytest.raises(Reverted, match="approved"):
            chain.view(ContractCall(wire.CONDITIONAL_TOKENS, data), KEY.address)
        assert set(scene.hall.exchange.ledger.wallets) == wallets
        assert (chain.nonces[STRANGER], chain.relay_nonces[STRANGER]) == (0, 0)
        assert not chain.nonces
        assert not chain.relay_nonces

    play(script)


def test_a_market_goes_through_the_contract_of_its_protocol() -> None:
    async def script(scene: ChainScene) -> None:
        chain = Chain(scene.hall)
        wrong = Condition(condition_id=scene.v1.condition_id, neg_risk=True)
        for call in (
            onchain.merge_call(wrong, SHARE),
            Call(
                wire.ROUTER,
                encoded(wire.ROUTER_MERGE, bytes.fromhex(scene.v1.condition_id[2:64]), SHARE),
            ),
            Call(
                wire.COLLATERAL_ADAPTER,
                encoded(
                    wire.MERGE_POSITIONS,
                    wire.PUSD,
                    bytes(32),
                    bytes.fromhex(scene.v2.condition_id[2:]),
                    [1, 2],
                    SHARE,
                ),
            ),
            onchain.merge_call(Condition(condition_id="0x" + "99" * 32), SHARE),
        ):
            with pytest.raises(Reverted, match="condition"):
                chain.run(scene.now_ns, WALLETS.safe, [call_of(call)])

    play(script)


def test_pairs_of_a_resolved_market_still_merge() -> None:
    async def script(scene: ChainScene) -> None:
        chain = Chain(scene.hall)
        scene.resolve(scene.v1, UP)
        (redemption,) = onchain.redeem_calls(condition(scene.v1), (SHARE, SHARE))
        spend = transfer(WALLETS.safe, 10_100 * SHARE)
        chain.run(scene.now_ns, WALLETS.proxy, [call_of(redemption), call_of(spend)])
        assert scene.owned(WALLETS.proxy) == (0, 0, 0)
        chain.run(scene.now_ns, WALLETS.safe, [call_of(transfer(WALLETS.proxy, 10_100 * SHARE))])
        calls = [merge(scene.v1, 10), split(scene.v1, 4)]
        calls += onchain.redeem_calls(condition(scene.v1), (94 * SHARE, 94 * SHARE))
        chain.run(scene.now_ns, WALLETS.safe, [call_of(call) for call in calls])
        assert scene.owned(WALLETS.safe) == (10_100, 0, 0)
        # Nothing is left: a second redemption is as good and brings nothing.
        chain.run(scene.now_ns, WALLETS.safe, [call_of(calls[-1])])
        assert scene.owned(WALLETS.safe) == (10_100, 0, 0)

    play(script)


def test_cover_is_looked_at_after_a_whole_transaction() -> None:
    async def script(scene: ChainScene) -> None:
        exchange, owner = scene.hall.exchange, scene.account.key_id
        request = OrderRequest(
            order_id="0x" + "0a" * 32,
            wallet=scene.wallet(WALLETS.safe),
            owner=owner,
            token_id=scene.v1.pool.tokens[0],
            side=Side.SELL,
            maker_amount_e6=80 * SHARE,
            taker_amount_e6=40 * SHARE,
            kind=OrderKind.GTC,
        )
        exchange.place(scene.now_ns, request)
        chain = Chain(scene.hall)
        there_and_back = [call_of(merge(scene.v1, 90)), call_of(split(scene.v1, 90))]
        chain.run(scene.now_ns, WALLETS.safe, there_and_back)
        assert len(exchange.open_orders(owner)) == 1
        chain.run(scene.now_ns, WALLETS.safe, there_and_back[:1])
        assert exchange.open_orders(owner) == []

    play(script)


def test_what_is_due_at_the_same_moment_waits_for_a_transactions_end() -> None:
    async def script(scene: ChainScene) -> None:
        chain, found = Chain(scene.hall), []
        both = [call_of(merge(scene.v1, 60)), call_of(merge(scene.v1, 40))]

        def later(now_ns: int) -> None:
            found.append(scene.owned(WALLETS.safe))
            chain.run(now_ns, WALLETS.safe, [call_of(split(scene.v1, 5))])

        timers = scene.hall.exchange.timers
        timers.at(scene.now_ns + 1, lambda now_ns: chain.run(now_ns, WALLETS.safe, both))
        timers.at(scene.now_ns + 1, later)
        scene.wait(1)
        assert found == [(10_100, 0, 0)]
        assert scene.owned(WALLETS.safe) == (10_095, 5, 5)

    play(script)


def test_only_the_latest_receipts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_module, "RECEIPTS_MAX", 3)

    async def script(scene: ChainScene) -> None:
        chain = Chain(scene.hall)
        for number in range(5):
            chain.file(Receipt(str(number), KEY.address, wire.PUSD, number, True, 1))
        assert list(chain.receipts) == ["2", "3", "4"]

    play(script)


def test_a_tried_transaction_leaves_everything_as_it_was() -> None:
    async def script(scene: ChainScene) -> None:
        chain = Chain(scene.hall)
        chain.draft(WALLETS.safe, [call_of(merge(scene.v1, 10)), call_of(split(scene.v1, 50))])
        assert scene.owned(WALLETS.safe) == (10_000, 100, 100)
        assert len(scene.hall.exchange.ledger.wallets) == 4

    play(script)


def test_random_batches_keep_the_books_balanced_and_do_all_or_nothing() -> None:
    async def script(scene: ChainScene) -> None:
        chain = Chain(scene.hall)
        rng = random.Random(11)
        done = 0
        for _ in range(300):
            wallet = rng.choice([WALLETS.safe, WALLETS.proxy, KEY.address])
            listing = rng.choice([scene.v1, scene.v2])
            calls = [
                rng.choice([merge, split])(listing, rng.choice([1, 7, 60, 9_000]))
                if rng.random() < 0.8
                else transfer(rng.choice([WALLETS.safe, STRANGER]), rng.randrange(900 * SHARE))
                for _ in range(rng.randrange(1, 4))
            ]
            before = [(w.address, dict(w.balances)) for w in ledger_wallets(scene)]
            try:
                chain.run(scene.now_ns, wallet, [call_of(call) for call in calls])
                done += 1
            except Reverted:
                assert [(w.address, dict(w.balances)) for w in ledger_wallets(scene)] == before
            scene.hall.exchange.audit()
        assert 50 < done < 290

    play(script)


def ledger_wallets(scene: ChainScene) -> list:
    return list(scene.hall.exchange.ledger.wallets.values())
