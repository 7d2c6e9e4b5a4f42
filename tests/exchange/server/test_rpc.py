"""The chain's node: what wallets ask of it, what it runs, and geth's words for what it does not."""

from typing import Any

import orjson
import pytest
from eth_abi import decode, encode
from eth_account import Account

from polymm.domain.order import Token
from polymm.exchange.server.raw_transactions import Malformed, read_transaction
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.rawtx import RawTransaction
from polymm.venues.polymarket.relayer import RelayerKind
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
    transfer,
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


# Questions


def test_contracts_are_asked_about_wallets() -> None:
    async def script(scene: ChainScene) -> None:
        for owner in (KEY.address, WALLETS.safe):
            cash = await scene.ask(onchain.cash_query(owner))
            assert int.from_bytes(cash, "big") == 10_000 * SHARE
        for version, listing in (("v1", scene.v1), ("v2", scene.v2)):
            for token_id in map(int, listing.pool.tokens):
                query = onchain.shares_query(WALLETS.deposit, token_id, version)
                assert int.from_bytes(await scene.ask(query), "big") == 100 * SHARE
                other = onchain.shares_query(
                    WALLETS.deposit, token_id, "v1" if version == "v2" else "v2"
                )
                assert int.from_bytes(await scene.ask(other), "big") == 0
        for approval in onchain.approvals(condition(scene.v1), redeem_by_venue=True):
            assert approval.is_granted(await scene.ask(approval.query(WALLETS.proxy)))
            assert not approval.is_granted(await scene.ask(approval.query(STRANGER)))

    play(script)


def test_many_balances_are_asked_for_at_once() -> None:
    async def script(scene: ChainScene) -> None:
        up, down = map(int, scene.v1.pool.tokens)
        arguments = encode(
            ["address[]", "uint256[]"], [[WALLETS.safe, STRANGER, WALLETS.safe], [up, up, down]]
        )
        selector = wire.ERC1155_BALANCE_OF_BATCH.selector
        answer = await scene.ask(Call(wire.CONDITIONAL_TOKENS, selector + arguments))
        assert decode(["uint256[]"], answer) == ((100 * SHARE, 0, 100 * SHARE),)
        uneven = encode(["address[]", "uint256[]"], [[WALLETS.safe], [up, down]])
        params = {"to": wire.CONDITIONAL_TOKENS, "data": f"0x{(selector + uneven).hex()}"}
        code, message = await scene.rpc_error("eth_call", params, "latest")
        assert (code, message) == (
            3,
            "execution reverted: ERC1155: accounts and ids length mismatch",
        )

    play(script)


def test_payouts_beacon_and_nonces_are_told() -> None:
    async def number(scene: ChainScene, to: str, data: bytes) -> int:
        return int.from_bytes(await scene.ask(Call(to, data)), "big")

    async def script(scene: ChainScene) -> None:
        ctf, word = wire.CONDITIONAL_TOKENS, bytes.fromhex(scene.v1.condition_id[2:])
        denominator = wire.PAYOUT_DENOMINATOR.selector + word
        numerators = [
            wire.PAYOUT_NUMERATORS.selector + word + index.to_bytes(32, "big") for index in (0, 1)
        ]
        assert await number(scene, ctf, denominator) == 0
        scene.resolve(scene.v1, Token.DOWN)
        assert await number(scene, ctf, denominator) == 1
        assert [await number(scene, ctf, data) for data in numerators] == [0, 1]
        beacon = await scene.ask(Call(wire.DEPOSIT_WALLET_FACTORY, wire.FACTORY_BEACON_SELECTOR))
        assert beacon[12:].hex() == wire.DEPOSIT_WALLET_BEACON[2:].lower()
        await scene.relayed(RelayerKind.SAFE, merge(scene.v1, 1))
        await scene.relayed(RelayerKind.PROXY, merge(scene.v1, 1))
        nonce = wire.WALLET_NONCE.selector
        assert await number(scene, WALLETS.safe, nonce) == 1
        assert await number(scene, WALLETS.deposit, nonce) == 0
        owner = bytes(12) + bytes.fromhex(KEY.address[2:])
        assert await number(scene, wire.RELAY_HUB, wire.RELAY_HUB_NONCE.selector + owner) == 1

    play(script)


def test_code_is_where_wallets_and_contracts_are() -> None:
    async def script(scene: ChainScene) -> None:
        async def has_code(address: str) -> bool:
            return await scene.rpc("eth_getCode", address, "latest") != "0x"

        there = (WALLETS.safe, WALLETS.proxy, WALLETS.deposit, wire.PUSD, wire.PROXY_FACTORY)
        assert [await has_code(address) for address in there] == [True] * 5
        absent = (KEY.address, WALLETS.deposit_uups, STRANGER)
        assert [await has_code(address) for address in absent] == [False] * 3
        assert await scene.rpc("eth_call", {"to": STRANGER, "data": "0x12345678"}, "latest") == "0x"

    play(script)


def test_a_call_that_would_revert_says_why() -> None:
    async def script(scene: ChainScene) -> None:
        call = transfer(STRANGER, 10_001 * SHARE)
        params = {"from": KEY.address, "to": call.to, "input": f"0x{call.data.hex()}"}
        reason = "transfer amount exceeds balance"
        for method in ("eth_call", "eth_estimateGas"):
            error = (await scene.rpc_answer(method, params, "latest"))["error"]
            assert (error["code"], error["message"]) == (3, f"execution reverted: {reason}")
            data = bytes.fromhex(error["data"][2:])
            assert data[:4] == wire.REVERT_REASON.selector
            assert decode(["string"], data[4:]) == (reason,)

    play(script)


def test_the_node_says_what_clients_ask_first() -> None:
    async def script(scene: ChainScene) -> None:
        assert await scene.rpc("eth_chainId") == "0x89"
        assert await scene.rpc("net_version") == "137"
        assert (await scene.rpc("web3_clientVersion")).startswith("polymm/")
        assert int(await scene.rpc("eth_getBalance", STRANGER, "latest"), 16) > 10**18
        tip = int(await scene.rpc("eth_maxPriorityFeePerGas"), 16)
        assert int(await scene.rpc("eth_gasPrice"), 16) > tip
        history = await scene.rpc("eth_feeHistory", "0x4", "latest", [10, 50])
        assert [len(history[key]) for key in ("baseFeePerGas", "gasUsedRatio", "reward")] == [
            5,
            4,
            4,
        ]
        assert history["reward"][0] == [hex(tip)] * 2
        number = int(await scene.rpc("eth_blockNumber"), 16)
        block = await scene.rpc("eth_getBlockByNumber", "latest", False)
        parent = await scene.rpc("eth_getBlockByNumber", hex(number - 1), False)
        assert (int(block["number"], 16), block["parentHash"]) == (number, parent["hash"])
        assert await scene.rpc("eth_getBlockByNumber", hex(number + 1), False) is None
        assert await scene.rpc("eth_getTransactionByHash", "0x" + "00" * 32) is None
        scene.wait(2_000)
        assert int(await scene.rpc("eth_blockNumber"), 16) == number + 1

    play(script)


# The protocol itself


def asked(method: str, identity: object = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": []}


def test_a_batch_is_answered_as_one() -> None:
    async def script(scene: ChainScene) -> None:
        note = asked("eth_chainId")
        del note["id"]
        batch = [asked("eth_chainId", 1), note, asked("no", "two"), 5, asked("net_version", 3)]
        answers = await scene.rpc_raw(orjson.dumps(batch))
        found = [one["result"] if "result" in one else one["error"]["code"] for one in answers]
        assert found == ["0x89", -32601, -32600, "137"]
        assert [answer["id"] for answer in answers] == [1, "two", None, 3]
        assert await scene.rpc_raw(orjson.dumps(note)) is None
        assert await scene.rpc_raw(orjson.dumps([note])) is None

    play(script)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", -32700, "parse error"),
        (b"{", -32700, "parse error"),
        (b"\xff", -32700, "parse error"),
        (b"[]", -32600, "empty batch"),
        (b"5", -32600, "invalid request"),
        (b"{}", -32600, "invalid request"),
        (b'{"id":1,"method":"eth_chainId"}', -32600, "invalid request"),
        (b'{"jsonrpc":"2.0","id":[],"method":"eth_chainId"}', -32600, "invalid request"),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, "invalid request"),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":5}', -32602, "non-array args"),
        (b"[" + b"1," * 1_000 + b"1]", -32600, "batch too large"),
    ],
)
def test_a_request_of_another_form_is_refused(body: bytes, code: int, message: str) -> None:
    async def script(scene: ChainScene) -> None:
        error = (await scene.rpc_raw(body))["error"]
        assert (error["code"], error["message"]) == (code, message)

    play(script)


NO_METHOD = "the method eth_mine does not exist/is not available"
MISSING = "missing value for required argument 0"


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("eth_mine", [], -32601, NO_METHOD),
        ("eth_call", [], -32602, MISSING),
        ("eth_call", [None], -32602, MISSING),
        ("eth_call", [5], -32602, "invalid argument 0"),
        ("eth_call", [{"to": "0x12", "data": "0x"}], -32602, "invalid argument 0"),
        ("eth_call", [{"to": 5}], -32602, "invalid argument 0"),
        ("eth_call", [{"to": wire.PUSD, "data": "0x1"}], -32602, "invalid argument 0"),
        ("eth_call", [{"to": wire.PUSD, "data": "0x1 2 "}], -32602, "invalid argument 0"),
        ("eth_call", [{"to": wire.PUSD, "value": "5"}], -32602, "invalid argument 0"),
        ("eth_call", [{"data": "0x"}], -32000, "contracts cannot be created"),
        ("eth_call", [{"to": wire.PUSD, "data": "0x12345678"}], 3, "execution reverted"),
        ("eth_call", [{"to": wire.PUSD, "data": "0x70a08231"}], 3, "execution reverted"),
        ("eth_estimateGas", [{"to": wire.ROUTER, "data": "0x"}], 3, "execution reverted"),
        ("eth_getBalance", ["me"], -32602, "invalid argument 0"),
        ("eth_getCode", [], -32602, MISSING),
        ("eth_getTransactionCount", [{}], -32602, "invalid argument 0"),
        ("eth_getTransactionReceipt", ["0x12"], -32602, "invalid argument 0"),
        ("eth_getTransactionByHash", [], -32602, MISSING),
        ("eth_getBlockByNumber", ["soon"], -32602, "invalid argument 0"),
        ("eth_getBlockByNumber", ["0x" + "f" * 65], -32602, "invalid argument 0"),
        ("eth_feeHistory", ["0x1"], -32602, "missing value for required argument 1"),
        ("eth_feeHistory", ["0x0", "latest"], -32602, "block count must be"),
        ("eth_feeHistory", [-1, "latest"], -32602, "invalid argument 0"),
        ("eth_sendRawTransaction", [], -32602, MISSING),
        ("eth_sendRawTransaction", ["00"], -32602, "invalid argument 0"),
        ("eth_sendRawTransaction", [True], -32602, "invalid argument 0"),
    ],
)
def test_wrong_parameters_are_named(
    method: str, params: list[Any], code: int, message: str
) -> None:
    async def script(scene: ChainScene) -> None:
        found = await scene.rpc_error(method, *params)
        assert (found[0], found[1][: len(message)]) == (code, message)

    play(script)
