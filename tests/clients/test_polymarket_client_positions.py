"""polymarket-client 0.14.0 on the local chain: all four wallets, both protocols, unpatched."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from polymm.domain.order import Token
from polymm.exchange.faults import Fault
from polymm.exchange.listing import Listing
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.wallets import CASH
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket import wire
from tests.support.chain_scene import KEY, SHARE, WALLETS
from tests.support.keys import HARDHAT
from tests.support.other_clients import OtherProgram, needs_polymarket_client, other_program

pytestmark = needs_polymarket_client

STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
# How each wallet is let into the relayer; a plain key goes to the node.
WAYS = {
    KEY.address: "",
    WALLETS.proxy: "relayer",
    WALLETS.safe: "builder",
    WALLETS.deposit: "builder",
}
DONE = re.compile("0x[0-9a-f]{64}|done")


class Party:
    """The client's program and the exchange it works on."""

    def __init__(self, served: Served, program: OtherProgram) -> None:
        self.hall = served.hall
        self.program = program
        self.listing: Listing = max(
            self.hall.by_slug.values(), key=lambda item: item.market.start_ns
        )

    async def all(self, method: str, **arguments: Any) -> list[str]:
        """Let all wallets do the same at the same time."""
        acts = [
            {"wallet": wallet, "auth": auth, "method": method, "arguments": arguments}
            for wallet, auth in WAYS.items()
        ]
        answers: list[str] = await self.program.tell(acts=acts)
        return answers

    async def done(self, method: str, **arguments: Any) -> None:
        answers = await self.all(method, **arguments)
        assert all(DONE.fullmatch(answer) for answer in answers), answers

    def owned(self) -> set[tuple[float, ...]]:
        """Dollars and shares, of whom it is the same once."""
        assets = [CASH, *self.listing.pool.tokens]
        wallets = [self.hall.exchange.ledger.wallets[address] for address in WAYS]
        return {tuple(one.balances[asset] / SHARE for asset in assets) for one in wallets}


def play(script: Callable[[Party], Awaitable[None]], version: str = "v1") -> None:
    """Let the client work on an exchange with quick blocks, whose books must balance after it."""
    settings = ServerSettings(
        windows=WindowSettings(version=version),
        block_ms=20,
        relayed_ms=(20, 40),
        submits_a_minute=1_000,
    )

    async def run() -> None:
        async with (
            asyncio.timeout(30),
            serving(settings) as served,
            other_program("positions.py") as program,
        ):
            party = Party(served, program)
            opened = {"urls": served.urls, "key": HARDHAT, "owner": KEY.address, "poll_ms": 10}
            assert await program.tell(open=opened) == WALLETS.deposit
            await script(party)
            served.hall.exchange.audit()
            assert await program.tell(close=True) == "closed"

    asyncio.run(run())


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_pairs_are_split_merged_and_redeemed(version: str) -> None:
    async def script(party: Party) -> None:
        hall, listing = party.hall, party.listing
        name = {"condition_id": listing.condition_id}
        early = await party.all("redeem_positions", **name)
        assert not any(DONE.fullmatch(answer) for answer in early)
        await party.done("split_position", amount=50 * SHARE, **name)
        assert party.owned() == {(9_950, 50, 50)}
        await party.done("merge_positions", amount=20 * SHARE, **name)
        assert party.owned() == {(9_970, 30, 30)}
        # The client looks balances up by itself.
        await party.done("merge_positions", amount="max", **name)
        assert party.owned() == {(10_000, 0, 0)}
        await party.done("split_position", amount=30 * SHARE, **name)
        hall.exchange.close(listing, hall.now_ns())
        hall.exchange.resolve(listing, Token.DOWN, hall.now_ns())
        await party.done("redeem_positions", **name)
        assert party.owned() == {(10_000, 0, 0)}

    play(script, version)


def test_approvals_are_set_up_from_nothing_and_money_is_sent() -> None:
    async def script(party: Party) -> None:
        wallets = [party.hall.exchange.ledger.wallets[address] for address in WAYS]
        # The perps contract takes dollars; nobody lets it move shares.
        wanted = wallets[0].approvals - {wire.PERPS_DEPOSIT}
        for wallet in wallets:
            wallet.allowances.clear()
            wallet.approvals.clear()
        name = {"condition_id": party.listing.condition_id}
        answers = await party.all("split_position", amount=SHARE, **name)
        assert all("revert" in answer for answer in answers), answers
        await party.done("setup_trading_approvals")
        assert [wallet.approvals for wallet in wallets] == [wanted - {wire.PERPS_DEPOSIT}] * len(
            wallets
        )
        await party.done("split_position", amount=SHARE, **name)
        await party.done(
            "transfer_erc20", token_address=wire.PUSD, recipient_address=STRANGER, amount=SHARE
        )
        assert party.owned() == {(9_998, 1, 1)}

    play(script)


def test_the_client_gets_over_what_passes_and_learns_of_what_does_not() -> None:
    async def script(party: Party) -> None:
        faults, struck = party.hall.faults, party.hall.faults.struck
        name = {"condition_id": party.listing.condition_id}
        for fault in (Fault.RELAYER_BUSY, Fault.RELAYER_NONCE):
            faults.set(fault, 1.0, limit=3)
            await party.done("split_position", amount=SHARE, **name)
            assert struck[fault] == 3
        assert party.owned() == {(9_998, 2, 2)}
        faults.set(Fault.RELAYER_FAILED, 1.0)
        key, *relayed = await party.all("split_position", amount=SHARE, **name)
        assert DONE.fullmatch(key)
        assert relayed == ["TransactionFailedError: execution reverted: out of gas"] * 3

    play(script)


def test_the_client_deploys_a_deposit_wallet_that_is_not_there() -> None:
    async def script(party: Party) -> None:
        party.hall.accounts.deployed.discard(WALLETS.deposit)
        act = {
            "wallet": WALLETS.deposit,
            "auth": "builder",
            "method": "split_position",
            "arguments": {"condition_id": party.listing.condition_id, "amount": SHARE},
        }
        (answer,) = await party.program.tell(acts=[act])
        assert DONE.fullmatch(answer), answer
        assert WALLETS.deposit in party.hall.accounts.deployed

    play(script)
