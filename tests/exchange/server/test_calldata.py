"""Calls as contracts read them: every golden vector, random ones, and everything misspelt."""

import random

import orjson
import pytest
from eth_abi import encode

from polymm.domain.order import Token
from polymm.exchange.server.calldata import (
    ITEMS_MAX,
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
from polymm.exchange.server.chain import CONTRACTS
from polymm.exchange.server.eip712 import read_address
from polymm.exchange.server.relayer_bodies import read_submitted
from polymm.exchange.wallets import UNLIMITED
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.onchain import Call, Condition
from tests.support.chain_scene import (
    KEY,
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


def test_lists_and_bytes_must_be_whole_and_of_bounded_length() -> None:
    one = encode(["(uint8,address,uint256,bytes)[]"], [[(1, wire.PUSD, 0, b"x" * 40)]])
    assert len(read_proxy(wire.PROXY.selector + one)[0].data) == 40
    with pytest.raises(Reverted, match="too short"):
        read_proxy(wire.PROXY.selector + one[:-32])
    for count, is_taken in ((ITEMS_MAX, True), (ITEMS_MAX + 1, False)):
        words = Words(encode(["uint256[]"], [[7] * count]))
        if is_taken:
            assert words.uints(0) == [7] * count
        else:
            with pytest.raises(Reverted, match="at most"):
                words.uints(0)


def test_delegate_calls_within_a_batch_are_refused() -> None:
    inner = b"\1" + bytes(20) + bytes(32) + bytes(32)
    with pytest.raises(Reverted, match="delegate"):
        read_multi_send(encoded(wire.MULTI_SEND, inner))
    data = wire.PROXY.selector + encode(
        ["(uint8,address,uint256,bytes)[]"], [[(2, wire.PUSD, 0, b"")]]
    )
    with pytest.raises(Reverted, match="delegate"):
        read_proxy(data)
