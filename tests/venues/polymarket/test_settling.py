"""Calls on chain from their signature to a typed end: lost replies, busy wallets, reverts."""

import asyncio
import random
from typing import Any

import pytest

from polymm.errors import InputError, VenueError
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.relayer_auth import BuilderSigner
from polymm.venues.polymarket.relayer_life import SubmitQuota
from polymm.venues.polymarket.results import SettleState
from polymm.venues.polymarket.settling import Settler, SettleSettings
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType
from tests.support.gateways import (
    MARKET,
    credentials,
    json_reply,
)
from tests.support.keys import HARDHAT_ADDRESS, signing_key
from tests.support.loopback import Stage, reply
from tests.support.settlers import (
    GRANT,
    HASH,
    PARAMS,
    RPC,
    SUBMIT,
    V2,
    Node,
    ended,
    failing,
    settling,
)

TOLD = ("GET", "/relayer/v1/account/transactions/t-1")
TAKEN = json_reply({"transactionID": "t-1", "state": "STATE_NEW"})
BUSY = json_reply({"error": "wallet busy: 0x has an active action"}, "400 Bad Request")


def told(state: str, **others: Any) -> bytes:
    return json_reply({"transaction_id": "t-1", "state": state} | others)


@pytest.mark.parametrize("kind", [kind for kind in SignatureType if kind])
def test_a_merge_goes_through_the_relayer(run: Stage, kind: SignatureType) -> None:
    async def scene() -> None:
        async with settling(kind) as (venue, settler, _):
            venue.say(*SUBMIT, TAKEN)
            venue.say(
                *TOLD,
                told("STATE_NEW"),
                told("STATE_EXECUTED", transaction_hash=HASH),
                told("STATE_CONFIRMED", transaction_hash=HASH),
            )
            result = await settler.merge(MARKET, 5_000_000)
            assert ended(result) == (SettleState.SETTLED, "")
            assert result.transaction_hashes == (HASH,)
            (submitted,) = venue.of(*SUBMIT)
            assert submitted.headers["RELAYER_API_KEY"] == "key-canary"
            assert submitted.json["from"] == HARDHAT_ADDRESS
            call = onchain.merge_call(onchain.Condition.of(MARKET), 5_000_000)
            assert call.data.hex() in submitted.body.decode()

    run(scene())


def test_a_busy_wallet_is_asked_again_with_a_fresh_nonce(stage: Stage) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, clock):
            venue.say(*PARAMS, json_reply(GRANT), json_reply(GRANT | {"nonce": "467"}))
            old = {"error": "batch nonce 466 does not match on-chain nonce 467"}
            venue.say(*SUBMIT, BUSY, json_reply(old, "400 Bad Request"), TAKEN)
            venue.say(*TOLD, told("STATE_CONFIRMED", transaction_hash=HASH))
            before_ns = clock()
            assert ended(await settler.split(MARKET, 1)) == (SettleState.SETTLED, "")
            assert [one.json["nonce"] for one in venue.of(*SUBMIT)] == ["466", "467", "467"]
            assert clock() - before_ns >= 2 * wire.RELAYER_RETRY_S * 10**9

    stage(scene())


def test_a_wallet_that_stays_busy_is_left_alone(stage: Stage) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            venue.say(*SUBMIT, BUSY)
            result = await settler.merge(MARKET, 1)
            assert ended(result) == (SettleState.FAILED, "busy")
            assert result.may_retry
            assert len(venue.of(*SUBMIT)) == wire.RELAYER_RETRIES_MAX

    stage(scene())


@pytest.mark.parametrize(
    ("state", "reason"), [("STATE_FAILED", "reverted"), ("STATE_INVALID", "invalid")]
)
def test_an_action_that_failed_says_so(stage: Stage, state: str, reason: str) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            venue.say(*SUBMIT, TAKEN)
            venue.say(*TOLD, told(state, error_msg="execution reverted: too few"))
            result = await settler.merge(MARKET, 1)
            assert ended(result) == (SettleState.FAILED, reason)
            assert (result.text, result.may_retry) == ("execution reverted: too few", False)

    stage(scene())


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden"])
def test_a_refusal_is_no_reason_to_ask_again(stage: Stage, status: str) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            venue.say(*SUBMIT, json_reply({"error": "invalid signature"}, status))
            assert ended(await settler.merge(MARKET, 1)) == (SettleState.FAILED, "refused")
            assert len(venue.of(*SUBMIT)) == 1

    stage(scene())


@pytest.mark.parametrize("lost", [None, reply(b"<html>", "502 Bad Gateway"), reply(b"{}")])
def test_a_lost_reply_is_followed_by_the_same_body_while_its_nonce_is_free(
    stage: Stage, lost: bytes | None
) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            venue.say(*SUBMIT, lost, TAKEN)
            venue.say(*TOLD, told("STATE_CONFIRMED", transaction_hash=HASH))
            assert ended(await settler.merge(MARKET, 1)) == (SettleState.SETTLED, "")
            first, second = venue.of(*SUBMIT)
            assert first.body == second.body

    stage(scene())


def test_a_lost_reply_whose_nonce_is_used_up_is_for_balances_to_tell(stage: Stage) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            venue.say(*SUBMIT, None)
            venue.say(*PARAMS, json_reply(GRANT), json_reply(GRANT | {"nonce": "467"}))
            result = await settler.merge(MARKET, 1)
            assert ended(result) == (SettleState.UNKNOWN, "nonce_spent")
            assert len(venue.of(*SUBMIT)) == 1

    stage(scene())


def test_a_deposit_wallets_action_that_was_lost_lapses(stage: Stage) -> None:
    async def scene() -> None:
        async with settling(SignatureType.POLY_1271, deadline_s=900) as (venue, settler, _):
            venue.say(*SUBMIT, None)
            result = await settler.merge(MARKET, 1)
            assert ended(result) == (SettleState.FAILED, "lapsed")
            assert result.may_retry
            assert len(venue.of(*SUBMIT)) == 3

    stage(scene())


def test_a_relayer_that_never_ends_it_leaves_it_unknown(stage: Stage) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            venue.say(*SUBMIT, TAKEN)
            venue.say(*TOLD, told("STATE_MINED", transaction_hash=HASH), reply(b"<html>", "502 ?"))
            result = await settler.merge(MARKET, 1)
            assert ended(result) == (SettleState.UNKNOWN, "deadline")
            assert result.transaction_hashes == (HASH,)

    stage(scene())


def test_the_relayers_quota_is_kept(stage: Stage) -> None:
    async def scene() -> None:
        quota = SubmitQuota(limit=2)
        async with settling(quota=quota) as (venue, settler, clock):
            venue.say(*SUBMIT, TAKEN)
            venue.say(*TOLD, told("STATE_CONFIRMED"))
            before_ns = clock()
            for _ in range(3):
                assert (await settler.merge(MARKET, 1)).state is SettleState.SETTLED
            assert clock() - before_ns >= 60 * 10**9

    stage(scene())


def test_too_many_requests_are_waited_out(stage: Stage) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, clock):
            venue.say(*SUBMIT, reply(b"", "429 Too Many Requests", "Retry-After: 30"), TAKEN)
            venue.say(*TOLD, told("STATE_CONFIRMED"))
            before_ns = clock()
            assert (await settler.merge(MARKET, 1)).state is SettleState.SETTLED
            assert clock() - before_ns >= 30 * 10**9

    stage(scene())


def test_one_action_of_a_wallet_at_a_time(stage: Stage) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            venue.say(*SUBMIT, TAKEN)
            venue.say(*TOLD, told("STATE_NEW"), told("STATE_CONFIRMED"))
            await asyncio.gather(*(settler.merge(MARKET, 1) for _ in range(2)))
            routes = [one.path.rpartition("/")[2] for one in venue.asked]
            assert routes == ["params", "submit", "t-1", "t-1", "params", "submit", "t-1"]

    stage(scene())


def test_a_builder_signs_the_relayers_own_path(stage: Stage) -> None:
    async def scene() -> None:
        asker = BuilderSigner(credentials())
        async with settling(asker=asker) as (venue, settler, _):
            venue.say(*SUBMIT, TAKEN)
            venue.say(*TOLD, told("STATE_CONFIRMED"))
            await settler.merge(MARKET, 1)
            (one,) = venue.of(*SUBMIT)
            wanted = asker.headers(
                int(one.headers["POLY_BUILDER_TIMESTAMP"]), "POST", "/submit", one.body
            )
            assert wanted.items() <= one.headers.items()

    stage(scene())


def test_what_is_redeemed_goes_by_outcome_not_by_label(stage: Stage) -> None:
    async def scene() -> None:
        async with settling(SignatureType.POLY_1271) as (venue, settler, _):
            venue.say(*SUBMIT, TAKEN)
            venue.say(*TOLD, told("STATE_CONFIRMED"))
            await settler.redeem(V2, up_e6=3, down_e6=0)
            (call,) = venue.of(*SUBMIT)[0].json["depositWalletParams"]["calls"]
            wanted = onchain.redeem_calls(onchain.Condition.of(V2), (0, 3))
            assert call["data"] == "0x" + wanted[0].data.hex()
            venue.asked.clear()
            nothing = await settler.redeem(V2, up_e6=0, down_e6=0)
            assert ended(nothing) == (SettleState.SETTLED, "")
            assert venue.asked == []

    stage(scene())


def test_a_settler_needs_somebody_who_asks_and_a_chain_it_knows() -> None:
    def made(wallet: Wallet) -> Settler:
        return Settler(Hosts(), wallet, None, settings=SettleSettings(), rng=random.Random(1))

    with pytest.raises(InputError, match="relayer key"):
        made(Wallet(key=signing_key(), signature_type=SignatureType.POLY_PROXY))
    with pytest.raises(InputError, match="chain 137"):
        made(Wallet(key=signing_key(), chain_id=wire.AMOY))


def test_only_missing_leaves_are_given(stage: Stage) -> None:
    async def scene() -> None:
        async with settling() as (venue, settler, _):
            yes, no = "0x" + "ff" * 32, "0x" + "00" * 32
            true = "0x" + "00" * 31 + "01"
            venue.say(*RPC, Node(eth_call=[yes, no, true, true]))
            venue.say(*SUBMIT, TAKEN)
            venue.say(*TOLD, told("STATE_CONFIRMED"))
            assert ended(await settler.approve(MARKET)) == (SettleState.SETTLED, "")
            (one,) = venue.of(*SUBMIT)
            missing = onchain.approvals(onchain.Condition.of(MARKET))[1]
            assert one.json["data"] == "0x" + missing.grant().data.hex()
            venue.say(*RPC, Node(eth_call=[yes, yes, true, true]))
            assert (await settler.approve(MARKET)).transaction_hashes == ()
            assert len(venue.of(*SUBMIT)) == 1
            venue.say(*RPC, Node(eth_call=[failing("boom")]))
            with pytest.raises(VenueError, match="boom"):
                await settler.approve(MARKET)

    stage(scene())
