"""Transactions of plain keys: run in order with the blocks, or refused in geth's words."""

from typing import Any

import pytest
from eth_abi import encode
from eth_account import Account

from polymm.domain.order import Token
from polymm.exchange.server.raw_transactions import Malformed, read_transaction
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.rawtx import RawTransaction
from tests.support.chain_scene import (
    KEY,
    SHARE,
    START_NS,
    WALLETS,
    ChainScene,
    condition,
    merge,
    play,
    split,
)
from tests.support.keys import HARDHAT

GWEI = 10**9
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OTHER_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"  # the stranger's


def dynamic(call: Call, nonce: int, **changes: Any) -> str:
    """Sign with our client."""
    fields: dict[str, Any] = {
        "gas_limit": 300_000,
        "max_fee_wei": 90 * GWEI,
        "priority_fee_wei": 30 * GWEI,
    } | changes
    return f"0x{RawTransaction(call=call, nonce=nonce, **fields).signed(KEY.sign).raw.hex()}"


def legacy(call: Call, nonce: int, key: str = HARDHAT, **changes: Any) -> str:
    """Sign with eth-account, as the official client does."""
    fields = {
        "to": call.to,
        "value": call.value_wei,
        "data": call.data,
        "gas": 300_000,
        "gasPrice": 60 * GWEI,
        "nonce": nonce,
        "chainId": 137,
    } | changes
    signed = Account.sign_transaction({k: v for k, v in fields.items() if v is not None}, key)
    return f"0x{signed.raw_transaction.hex()}"


async def sent(scene: ChainScene, raw: str) -> dict[str, Any]:
    """Send, let the block come, fetch the receipt."""
    name = await scene.rpc("eth_sendRawTransaction", raw)
    assert await scene.rpc("eth_getTransactionReceipt", name) is None
    scene.wait(2_000)
    receipt: dict[str, Any] = await scene.rpc("eth_getTransactionReceipt", name)
    assert receipt["transactionHash"] == name
    return receipt


# What a plain key does


@pytest.mark.parametrize("write", [dynamic, legacy])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_key_splits_merges_and_redeems(write: Any, version: str) -> None:
    async def script(scene: ChainScene) -> None:
        listing = getattr(scene, version)
        receipt = await sent(scene, write(split(listing, 50), 0))
        assert receipt["status"] == "0x1"
        assert scene.owned(KEY.address, listing) == (9_950, 150, 150)
        assert (await sent(scene, write(merge(listing, 30), 1)))["status"] == "0x1"
        assert scene.owned(KEY.address, listing) == (9_980, 120, 120)
        calls = onchain.redeem_calls(condition(listing), (120 * SHARE, 120 * SHARE))
        early = await sent(scene, write(calls[0], 2))
        assert early["status"] == "0x0"
        scene.resolve(listing, Token.UP)
        for nonce, call in enumerate(calls, 3):
            assert (await sent(scene, write(call, nonce)))["status"] == "0x1"
        assert scene.owned(KEY.address, listing) == (10_100, 0, 0)
        assert await scene.rpc("eth_getTransactionCount", KEY.address, "latest") == hex(
            3 + len(calls)
        )

    play(script)


def test_balances_change_with_the_block() -> None:
    async def script(scene: ChainScene) -> None:
        scene.wait(500)
        name = await scene.rpc("eth_sendRawTransaction", dynamic(merge(scene.v1, 10), 0))
        told = await scene.rpc("eth_getTransactionByHash", name)
        assert (told["blockNumber"], told["nonce"], told["from"]) == (
            None,
            "0x0",
            KEY.address.lower(),
        )
        assert [
            await scene.rpc("eth_getTransactionCount", KEY.address, block)
            for block in ("latest", "pending")
        ] == ["0x0", "0x1"]
        scene.wait(1_400)
        assert await scene.rpc("eth_getTransactionReceipt", name) is None
        assert scene.owned(KEY.address) == (10_000, 100, 100)
        scene.wait(100)
        receipt = await scene.rpc("eth_getTransactionReceipt", name)
        block = await scene.rpc("eth_getBlockByNumber", receipt["blockNumber"], False)
        assert (block["hash"], block["transactions"]) == (receipt["blockHash"], [name])
        assert int(block["timestamp"], 16) == START_NS // 10**9 + 2
        told = await scene.rpc("eth_getTransactionByHash", name)
        assert told["blockNumber"] == receipt["blockNumber"] == await scene.rpc("eth_blockNumber")
        assert receipt["effectiveGasPrice"] == hex(60 * GWEI)
        assert scene.owned(KEY.address) == (10_010, 90, 90)

    play(script)


def test_transactions_run_in_the_order_of_their_nonces() -> None:
    async def script(scene: ChainScene) -> None:
        names = [
            await scene.rpc("eth_sendRawTransaction", dynamic(call, nonce))
            for nonce, call in ((2, merge(scene.v1, 1)), (1, merge(scene.v1, 49)))
        ]
        scene.wait(4_000)
        assert await scene.rpc("eth_getTransactionCount", KEY.address, "pending") == "0x0"
        names.append(await scene.rpc("eth_sendRawTransaction", dynamic(merge(scene.v1, 50), 0)))
        assert await scene.rpc("eth_getTransactionCount", KEY.address, "pending") == "0x3"
        scene.wait(2_000)
        receipts = [await scene.rpc("eth_getTransactionReceipt", name) for name in names]
        assert [receipt["status"] for receipt in receipts] == ["0x1"] * 3
        assert scene.owned(KEY.address) == (10_100, 0, 0)

    play(script)


def test_a_transaction_is_replaced_by_one_that_pays_more() -> None:
    async def script(scene: ChainScene) -> None:
        first = await scene.rpc("eth_sendRawTransaction", dynamic(merge(scene.v1, 10), 0))
        dearer = dynamic(merge(scene.v1, 20), 0, priority_fee_wei=33 * GWEI)
        same = dynamic(merge(scene.v1, 20), 0)
        assert await scene.rpc_error("eth_sendRawTransaction", same) == (
            -32000,
            "replacement transaction underpriced",
        )
        second = await scene.rpc("eth_sendRawTransaction", dearer)
        scene.wait(2_000)
        assert await scene.rpc("eth_getTransactionReceipt", first) is None
        assert (await scene.rpc("eth_getTransactionReceipt", second))["status"] == "0x1"
        assert scene.owned(KEY.address) == (10_020, 80, 80)

    play(script)


def test_too_little_gas_reverts_and_nothing_happens() -> None:
    async def script(scene: ChainScene) -> None:
        call = merge(scene.v1, 10)
        params = {"from": KEY.address, "to": call.to, "data": f"0x{call.data.hex()}"}
        gas = int(await scene.rpc("eth_estimateGas", params), 16)
        assert (await sent(scene, dynamic(call, 0, gas_limit=gas - 1)))["status"] == "0x0"
        assert scene.owned(KEY.address) == (10_000, 100, 100)
        receipt = await sent(scene, dynamic(call, 1, gas_limit=gas))
        assert (receipt["status"], receipt["gasUsed"]) == ("0x1", hex(gas))

    play(script)


def test_a_proxys_owner_may_call_through_the_factory() -> None:
    async def script(scene: ChainScene) -> None:
        inner = merge(scene.v1, 10)
        calls = encode(["(uint8,address,uint256,bytes)[]"], [[(1, inner.to, 0, inner.data)]])
        call = Call(wire.PROXY_FACTORY, wire.PROXY.selector + calls)
        params = {"from": KEY.address, "to": call.to, "data": f"0x{call.data.hex()}"}
        assert int(await scene.rpc("eth_estimateGas", params), 16) > 100_000
        assert (await sent(scene, legacy(call, 0)))["status"] == "0x1"
        assert scene.owned(WALLETS.proxy) == (10_010, 90, 90)
        assert scene.owned(KEY.address) == (10_000, 100, 100)

    play(script)


def test_pol_moves_without_being_counted() -> None:
    async def script(scene: ChainScene) -> None:
        assert (await sent(scene, legacy(Call(STRANGER, b"", 10**18), 0)))["status"] == "0x1"
        assert (await sent(scene, legacy(Call(wire.PUSD, b"", 1), 1)))["status"] == "0x0"

    play(script)


def test_an_unknown_key_owns_nothing() -> None:
    async def script(scene: ChainScene) -> None:
        receipt = await sent(scene, legacy(merge(scene.v1, 1), 0, OTHER_KEY))
        assert (receipt["status"], receipt["from"]) == ("0x0", STRANGER.lower())

    play(script)


# What is not taken


REFUSED = {
    "nonce too low: next nonce 1, tx nonce 0": lambda call: legacy(call, 0),
    "nonce too high: next nonce 1, tx nonce 65": lambda call: legacy(call, 65),
    "invalid chain id for signer: have 1 want 137": lambda call: legacy(call, 1, chainId=1),
    "only replay-protected (EIP-155) transactions allowed over RPC": lambda call: legacy(
        call, 1, chainId=None
    ),
    "intrinsic gas too low: gas 21000": lambda call: legacy(call, 1, gas=21_000),
    "transaction underpriced: gas tip cap 1, minimum needed": lambda call: dynamic(
        call, 1, priority_fee_wei=1
    ),
    "transaction underpriced: gas tip cap 25000000000": lambda call: dynamic(
        call, 1, priority_fee_wei=25 * GWEI, max_fee_wei=29 * GWEI
    ),
    "max priority fee per gas higher than max fee per gas": lambda call: legacy(
        call,
        1,
        type=2,
        gasPrice=None,
        maxFeePerGas=30 * GWEI,
        maxPriorityFeePerGas=31 * GWEI,
    ),
    "insufficient funds for gas * price + value": lambda call: legacy(call, 1, value=10**20),
    "transaction type not supported": lambda _: "0x01c0",
    "typed transaction too short": lambda _: "0x",
    "rlp: expected List": lambda _: "0x80",
    "rlp: too few elements": lambda _: "0xc0",
    "rlp: value size exceeds": lambda call: legacy(call, 1)[:-2],
    "rlp: input contains more than one value": lambda call: legacy(call, 1) + "00",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_can_never_run_is_refused_in_geths_words(text: str) -> None:
    async def script(scene: ChainScene) -> None:
        await sent(scene, legacy(merge(scene.v1, 1), 0))
        raw = REFUSED[text](merge(scene.v1, 1))
        code, message = await scene.rpc_error("eth_sendRawTransaction", raw)
        assert (code, message[: len(text)]) == (-32000, text)
        scene.wait(4_000)
        assert scene.owned(KEY.address) == (10_001, 99, 99)

    play(script)


def test_a_transaction_that_waits_is_already_known() -> None:
    async def script(scene: ChainScene) -> None:
        raw = dynamic(merge(scene.v1, 1), 0)
        await scene.rpc("eth_sendRawTransaction", raw)
        assert await scene.rpc_error("eth_sendRawTransaction", raw) == (-32000, "already known")
        scene.wait(2_000)
        assert (await scene.rpc_error("eth_sendRawTransaction", raw))[1].startswith("nonce too low")
        assert scene.owned(KEY.address) == (10_001, 99, 99)

    play(script)


def test_a_flipped_bit_is_another_sender_or_no_transaction() -> None:
    call = Call(wire.PUSD, b"\1\2\3")
    for raw in (legacy(call, 3), dynamic(call, 3)):
        whole = bytes.fromhex(raw[2:])
        assert read_transaction(whole).sender == KEY.address
        for at in range(8 * len(whole)):
            changed = bytearray(whole)
            changed[at // 8] ^= 1 << at % 8
            try:
                assert read_transaction(bytes(changed)).sender != KEY.address
            except Malformed:
                continue


ADDRESS = b"\x94" + bytes(20)
NOT_TRANSACTIONS = {
    "rlp: non-canonical size information": [
        b"\xca\x81\x05" + b"\x80" * 8,
        b"\xf8\x09" + b"\x80" * 9,
        b"\xf9\x00\x40" + bytes(64),
    ],
    "rlp: non-canonical integer": [b"\xdd\x00\x80\x80" + ADDRESS + b"\x80" * 5],
    "rlp: value overflows": [b"\xe6\x89" + b"\1" * 9 + b"\x80\x80" + ADDRESS + b"\x80" * 5],
    "rlp: input string has wrong size": [
        b"\xdc\x80\x80\x80\x93" + bytes(19) + b"\x80\x80\x25\x01\x01"
    ],
    "rlp: expected input string or byte": [b"\xc9\xc0" + b"\x80" * 8],
    "rlp: lists are nested too deep": [b"\xc5\xc4\xc3\xc2\xc1\xc0"],
    "contracts cannot be created": [b"\xc9" + b"\x80" * 6 + b"\x25\x01\x01"],
    "invalid transaction v, r, s values": [
        b"\xdd\x80\x80\x80" + ADDRESS + b"\x80\x80" + tail
        for tail in (b"\x05\x01\x01", b"\x25\x80\x01")
    ],
}


@pytest.mark.parametrize("text", NOT_TRANSACTIONS)
def test_bytes_that_are_no_transaction_are_named(text: str) -> None:
    for raw in NOT_TRANSACTIONS[text]:
        with pytest.raises(Malformed) as caught:
            read_transaction(raw)
        assert str(caught.value).startswith(text), raw.hex()
