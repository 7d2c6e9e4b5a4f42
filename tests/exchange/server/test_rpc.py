"""The chain's node: what is asked of it, and geth's words for what cannot be answered."""

from typing import Any

import orjson
import pytest
from eth_abi import decode, encode

from polymm.domain.order import Token
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.relayer import RelayerKind
from tests.support.chain_scene import (
    KEY,
    SHARE,
    WALLETS,
    ChainScene,
    condition,
    merge,
    play,
    transfer,
)

STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


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
        third = f"0x{numerators[0][:-1].hex()}02"
        assert (await scene.rpc_error("eth_call", {"to": ctf, "data": third}))[0] == 3
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
        ("eth_call", [{"to": wire.PUSD, "data": "0x12 34"}], -32602, "invalid argument 0"),
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
