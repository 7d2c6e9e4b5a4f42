"""Calls as contracts read them: every golden vector, random ones, and everything misspelt."""

import random

import orjson
import pytest
from eth_abi import encode

from polymm.domain.order import Side, Token
from polymm.exchange.entry import OrderRequest
from polymm.exchange.matching import OrderKind
from polymm.exchange.server.calldata import (
    Approve,
    ApproveShares,
    ContractCall,
    Merge,
    Pay,
    Redeem,
    Reverted,
    SendShares,
    Split,
    Words,
    read_action,
    read_multi_send,
    read_proxy,
)
from polymm.exchange.server.chain import CONTRACTS, Chain
from polymm.exchange.server.eip712 import read_address
from polymm.exchange.server.relayer_bodies import read_submitted
from polymm.exchange.wallets import UNLIMITED
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
from tests.support.vectors import vectors

EXCHANGE = wire.EXCHANGES[wire.POLYGON, "v1", False]
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


# Golden vectors


def expected_action(row: dict) -> object:
    what, amount_e6 = row["what"], row["amount"]
    adapter, ctf_condition = wire.COLLATERAL_ADAPTER, row["conditionId"]
    router_condition = f"0x{ctf_condition[2:].ljust(64, '0')[:62]}00"
    return {
        "approve pUSD -> exchange V2": Approve(EXCHANGE, UNLIMITED),
        "setApprovalForAll CTF -> exchange V2": ApproveShares(EXCHANGE, True),
        "split via CtfCollateralAdapter": Split(adapter, ctf_condition, amount_e6),
        "merge via CtfCollateralAdapter": Merge(adapter, ctf_condition, amount_e6),
        "redeem via CtfCollateralAdapter": Redeem(adapter, ctf_condition),
        "V2 Router split": Split(wire.ROUTER, router_condition, amount_e6),
        "V2 Router merge": Merge(wire.ROUTER, router_condition, amount_e6),
        "V2 Router redeem outcome 0": Redeem(wire.ROUTER, router_condition, 0, amount_e6),
        "V2 Router redeem outcome 1": Redeem(wire.ROUTER, router_condition, 1, amount_e6),
    }[what]


@pytest.mark.parametrize("row", vectors("onchain")["calls"], ids=lambda row: row["what"])
def test_golden_calls_are_understood(row: dict) -> None:
    call = ContractCall(row["to"], bytes.fromhex(row["data"][2:]))
    assert read_action(call) == expected_action(row)


@pytest.mark.parametrize("row", vectors("onchain")["relayer"], ids=lambda row: row["type"])
def test_golden_submissions_are_understood_and_their_signatures_good(row: dict) -> None:
    payload = row["payload"]
    submitted = read_submitted(orjson.dumps(payload), wire.POLYGON)
    own = payload.get("depositWalletParams", {})
    assert submitted.owner == payload["from"]
    assert submitted.wallet == own.get("depositWallet") or payload["proxyWallet"]
    assert submitted.nonce == int(payload["nonce"])
    assert [type(read_action(call)) for call in submitted.calls]


def test_addresses_in_the_wire_table_carry_their_checksums() -> None:
    assert [address for address in CONTRACTS if read_address(address) != address] == []


# Reading


def test_random_calls_of_our_client_are_read_back() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        amount_e6 = rng.randrange(1, 2 ** rng.choice([1, 30, 200]))
        ctf = Condition(condition_id=f"0x{rng.randbytes(32).hex()}", neg_risk=rng.random() < 0.5)
        adapters = wire.COLLATERAL_ADAPTER, wire.NEG_RISK_COLLATERAL_ADAPTER
        through = adapters[ctf.neg_risk]
        found = [
            read_action(call_of(call))
            for call in (
                onchain.split_call(ctf, amount_e6),
                onchain.merge_call(ctf, amount_e6),
                *onchain.redeem_calls(ctf, (amount_e6, 0)),
            )
        ]
        assert found == [
            Split(through, ctf.condition_id, amount_e6),
            Merge(through, ctf.condition_id, amount_e6),
            Redeem(through, ctf.condition_id),
        ], f"seed {seed}"


def test_transfers_encoded_by_eth_abi_are_read() -> None:
    pay = encoded(wire.ERC20_TRANSFER, STRANGER, 5)
    assert read_action(ContractCall(wire.PUSD, pay)) == Pay(STRANGER, 5)
    send = encoded(wire.ERC1155_TRANSFER, KEY.address, STRANGER, 77, 5, b"note")
    for ledger in (wire.CONDITIONAL_TOKENS, wire.POSITION_MANAGER):
        action = read_action(ContractCall(ledger, send))
        assert action == SendShares(KEY.address, STRANGER, "77", 5)


def adapter_data(**changes: object) -> bytes:
    given = {
        "collateral": wire.PUSD,
        "parent": bytes(32),
        "condition": b"\xc0" * 32,
        "partition": [1, 2],
        "amount": 5,
    } | changes
    return encoded(wire.SPLIT_POSITION, *given.values())


GOOD = adapter_data()
ADAPTER = wire.COLLATERAL_ADAPTER
WRONG_CALLS = {
    "USDC.e": (ADAPTER, adapter_data(collateral=wire.USDC_E)),
    "a parent": (ADAPTER, adapter_data(parent=b"\1" * 32)),
    "one outcome": (ADAPTER, adapter_data(partition=[1])),
    "three outcomes": (ADAPTER, adapter_data(partition=[1, 2, 4])),
    "cut": (ADAPTER, GOOD[:-1]),
    "only a selector": (ADAPTER, GOOD[:4]),
    "nothing": (ADAPTER, b""),
    "an offset far out": (ADAPTER, GOOD[:100] + b"\xff" * 32 + GOOD[132:]),
    "a count far out": (ADAPTER, GOOD[:164] + b"\xff" * 32 + GOOD[196:]),
    "a dirty address": (ADAPTER, GOOD[:4] + b"\1" + GOOD[5:]),
    "the bare tokens": (wire.CONDITIONAL_TOKENS, GOOD),
    "the old adapter": (wire.NEG_RISK_ADAPTER, GOOD),
    "a stranger": (STRANGER, GOOD),
    "a dirty bytes31": (wire.ROUTER, wire.ROUTER_MERGE.selector + b"\1" * 32 + bytes(32)),
    "outcome 2": (wire.ROUTER, encoded(wire.ROUTER_REDEEM, b"\1" * 31, 2, 1)),
    "a bool of 2": (
        wire.CONDITIONAL_TOKENS,
        wire.SET_APPROVAL_FOR_ALL.selector + bytes(63) + b"\2",
    ),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_what_a_contract_does_not_understand_reverts(name: str) -> None:
    with pytest.raises(Reverted):
        read_action(ContractCall(*WRONG_CALLS[name]))


def test_pol_is_not_taken() -> None:
    assert read_action(ContractCall(ADAPTER, GOOD)) == Split(ADAPTER, "0x" + "c0" * 32, 5)
    with pytest.raises(Reverted, match="POL"):
        read_action(ContractCall(ADAPTER, GOOD, 1))


def test_random_bytes_are_read_or_reverted() -> None:
    """Whatever is sent, nothing else comes out."""
    readers = (
        lambda data: read_action(ContractCall(ADAPTER, data)),
        lambda data: read_multi_send(wire.MULTI_SEND.selector + data),
        lambda data: read_proxy(wire.PROXY.selector + data),
        lambda data: Words(data).addresses(0),
    )
    for seed in range(400):
        rng = random.Random(seed)
        data = bytearray(rng.choice([GOOD, GOOD[4:], rng.randbytes(rng.randrange(400))]))
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.choice([0, 1, 2, 32, 64, 255])
        for read in readers:
            try:
                read(bytes(data))
            except Reverted:
                continue


def test_delegate_calls_within_a_batch_are_refused() -> None:
    inner = b"\1" + bytes(20) + bytes(32) + bytes(32)
    with pytest.raises(Reverted, match="delegate"):
        read_multi_send(encoded(wire.MULTI_SEND, inner))
    data = wire.PROXY.selector + encode(
        ["(uint8,address,uint256,bytes)[]"], [[(2, wire.PUSD, 0, b"")]]
    )
    with pytest.raises(Reverted, match="delegate"):
        read_proxy(data)


# Carrying out


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
