"""A plain key's own transactions: sent once, found by their hash, told as they end."""

from typing import Any

import pytest

from polymm.venues.polymarket import onchain
from polymm.venues.polymarket.rawtx import decode
from polymm.venues.polymarket.results import SettleResult, SettleState
from polymm.venues.polymarket.wire import SignatureType
from tests.support.gateways import MARKET
from tests.support.keys import HARDHAT_ADDRESS
from tests.support.loopback import Stage, reply
from tests.support.settlers import (
    RPC,
    V2,
    Node,
    ended,
    failing,
    settling,
)


async def sent_by(node: Node) -> SettleResult:
    async with settling(SignatureType.EOA) as (venue, settler, _):
        venue.say(*RPC, node)
        return await settler.merge(MARKET, 5_000_000)


def test_a_plain_key_sends_its_own_transaction(run: Stage) -> None:
    async def scene() -> None:
        node = Node()
        result = await sent_by(node)
        assert ended(result) == (SettleState.SETTLED, "")
        (raw,) = node.sent
        signed = decode(raw)
        assert result.transaction_hashes == ("0x" + signed.hash.hex(),)
        assert signed.sender() == HARDHAT_ADDRESS
        transaction = signed.transaction
        assert (transaction.nonce, transaction.gas_limit, transaction.chain_id) == (5, 125_000, 137)
        assert transaction.max_fee_wei == 2 * 30 * 10**9
        assert transaction.call == onchain.merge_call(onchain.Condition.of(MARKET), 5_000_000)

    run(scene())


@pytest.mark.parametrize(
    ("answers", "reason", "may_retry"),
    [
        ({"eth_chainId": ["0x1"]}, "wrong_chain", False),
        ({"eth_estimateGas": [failing("execution reverted: no", 3)]}, "reverted", False),
        ({"eth_sendRawTransaction": [failing("nonce too low: next nonce 6")]}, "node", True),
        ({"eth_sendRawTransaction": [failing("insufficient funds")]}, "node", True),
        ({"eth_getTransactionCount": [b""]}, "closed", True),
        ({"eth_gasPrice": ["many"]}, "unreadable", True),
        ({"eth_getTransactionCount": ["0x" + "f" * 20]}, "unreadable", True),
        ({"eth_gasPrice": ["0x" + "f" * 60]}, "too_dear", True),
        ({"eth_estimateGas": ["0x" + "f" * 20]}, "too_dear", True),
        (
            {"eth_getTransactionReceipt": [{"status": "0x0", "blockNumber": "0x1"}]},
            "reverted",
            False,
        ),
    ],
)
def test_what_fails_is_told(
    stage: Stage, answers: dict[str, Any], reason: str, may_retry: bool
) -> None:
    async def scene() -> None:
        result = await sent_by(Node(**answers))
        assert ended(result) == (SettleState.FAILED, reason)
        assert result.may_retry is may_retry

    stage(scene())


@pytest.mark.parametrize(
    "lost",
    [
        b"",
        reply(b"<html>", "502 ?"),
        failing("already known"),
        failing("request timed out", -32005),
        failing("internal error", -32603),
    ],
)
def test_a_transaction_whose_reply_was_lost_is_found_by_its_hash(stage: Stage, lost: Any) -> None:
    async def scene() -> None:
        node = Node(eth_sendRawTransaction=[lost])
        result = await sent_by(node)
        assert ended(result) == (SettleState.SETTLED, "")
        assert len(node.sent) == 1, "a transaction is sent once"

    stage(scene())


def test_a_transaction_that_never_shows_up_is_unknown_by_name(stage: Stage) -> None:
    async def scene() -> None:
        node = Node(eth_sendRawTransaction=[b""], eth_getTransactionReceipt=[None])
        result = await sent_by(node)
        assert ended(result) == (SettleState.UNKNOWN, "deadline")
        assert result.transaction_hashes == ("0x" + decode(node.sent[0]).hash.hex(),)
        assert len(node.sent) == 1

    stage(scene())


def test_two_calls_run_one_after_the_other_and_stop_at_the_first_that_fails(stage: Stage) -> None:
    async def scene() -> None:
        async with settling(SignatureType.EOA) as (venue, settler, _):
            done = {"status": "0x1", "blockNumber": "0x1"}
            node = Node(
                eth_getTransactionCount=["0x5", "0x6"],
                eth_getTransactionReceipt=[done, {"status": "0x0", "blockNumber": "0x2"}],
            )
            venue.say(*RPC, node)
            result = await settler.redeem(V2, up_e6=3, down_e6=4)
            assert ended(result) == (SettleState.FAILED, "reverted")
            assert [decode(raw).transaction.nonce for raw in node.sent] == [5, 6]
            assert len(result.transaction_hashes) == 2

    stage(scene())
