"""Calls of a proxy, safe or deposit wallet: one signed action through the relayer, to its end.

One action of a wallet at a time. A lost reply is neither yes nor no: the same body may go out again
since its nonce runs once, and the wallet's nonce or the relayer's report tells (relayer_life.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from polymm.errors import InputError, VenueError
from polymm.net.http_outcome import NotSent, Reply
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.relayer import KINDS, NonceGrant, RelayedWallet, submission
from polymm.venues.polymarket.relayer_life import RelayerAction, SubmitQuota
from polymm.venues.polymarket.relayer_replies import (
    Refused,
    SubmitReply,
    Unclear,
    read_nonce,
    read_submit_reply,
    read_transaction,
)
from polymm.venues.polymarket.relayer_states import RelayerState
from polymm.venues.polymarket.replies import refusal_of, shown
from polymm.venues.polymarket.results import SettleResult, SettleState
from polymm.venues.polymarket.service import Service
from polymm.venues.polymarket.signing import Wallet

NS: Final = 1_000_000_000
# An action's own body is sent again at most so often while nobody knows what became of it.
COPIES_MAX: Final = 3

# After these the same calls are signed anew; whatever was sent has an end of its own.
_PASSING: Final = ("busy", "closed")
_ENDS: Final = {
    RelayerState.FAILED: (SettleState.FAILED, "reverted", False),
    RelayerState.INVALID: (SettleState.FAILED, "invalid", False),
    RelayerState.LAPSED: (SettleState.FAILED, "lapsed", True),
    RelayerState.SPENT: (SettleState.UNKNOWN, "nonce_spent", False),
}


class AsksRelayer(Protocol):
    """Makes the headers that say who asks: a relayer key or a builder's credentials."""

    def headers(
        self, timestamp_s: int, method: str, path: str, body: bytes = b""
    ) -> dict[str, str]:
        """Headers of one request."""


class RelayedCalls:
    """Runs calls of one wallet.

    Args:
        service: Connections to the relayer.
        wallet: Of type 1, 2 or 3.
        asker: Who asks.
        quota: Shared by all wallets of one relayer key.
        wait_ns: From sending each request to its answer.
        deadline_ns_max: Waiting for one run ends after so long.
        clock_ns: Of pauses and the deadline.
        wall_ns: Time of day.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        service: Service,
        wallet: Wallet,
        asker: AsksRelayer,
        *,
        quota: SubmitQuota,
        wait_ns: int,
        deadline_ns_max: int,
        clock_ns: Callable[[], int],
        wall_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._service = service
        self._wallet = wallet
        self._relayed = RelayedWallet(
            kind=KINDS[int(wallet.signature_type)],
            owner=wallet.key.address,
            address=wallet.funder,
        )
        self._asker = asker
        self._quota = quota
        self._wait_ns = wait_ns
        self._deadline_ns_max = deadline_ns_max
        self._clock_ns = clock_ns
        self._wall_ns = wall_ns
        self._sleep = sleep
        self._turn = asyncio.Lock()

    async def run(self, calls: Sequence[Call]) -> SettleResult:
        """Run calls as one action, all or nothing."""
        async with self._turn:
            deadline_ns = self._clock_ns() + self._deadline_ns_max
            result = _failed("busy", "", may_retry=True)
            for attempt in range(wire.RELAYER_RETRIES_MAX):
                if attempt:
                    await self._sleep(wire.RELAYER_RETRY_S)
                if self._clock_ns() >= deadline_ns:
                    break
                try:
                    grant = await self._grant()
                except (VenueError, InputError) as error:
                    reason = error.reason if isinstance(error, VenueError) else "unreadable"
                    result = _failed(reason, shown(str(error)), may_retry=True)
                    continue
                result = await self._attempt(calls, grant, deadline_ns)
                if result.reason not in _PASSING:
                    break
            return result

    async def _attempt(
        self, calls: Sequence[Call], grant: NonceGrant, deadline_ns: int
    ) -> SettleResult:
        """Sign an action and see it through; a failure that may pass later says so."""
        action = RelayerAction(
            submission(
                self._relayed,
                calls,
                grant,
                self._wallet.key.sign,
                now_s=self._wall_ns() // NS,
                chain_id=self._wallet.chain_id,
            )
        )
        if not await self._may_submit(deadline_ns):
            return _failed("quota", "", may_retry=True)
        reply = await self._submit(action)
        if reply is None:
            return _failed("closed", "nothing was sent", may_retry=True)
        if action.state is RelayerState.REFUSED:
            assert isinstance(reply, Refused)
            return _failed("busy" if reply.may_retry else "refused", reply.reason, reply.may_retry)
        while not action.state.is_final and self._clock_ns() < deadline_ns:
            if action.transaction_id:
                await self._poll(action)
            else:
                await self._find_out(action, deadline_ns)
        hashes = (action.transaction_hash,) if action.transaction_hash else ()
        if action.state is RelayerState.CONFIRMED:
            return SettleResult(state=SettleState.SETTLED, transaction_hashes=hashes)
        state, reason, may_retry = _ENDS.get(action.state, (SettleState.UNKNOWN, "deadline", False))
        return SettleResult(
            state=state,
            reason=reason,
            text=shown(action.error),
            transaction_hashes=hashes,
            may_retry=may_retry,
        )

    # One request each.

    async def _grant(self) -> NonceGrant:
        """Ask for the wallet's next nonce."""
        path, query = self._relayed.nonce_request()
        reply = await self._service.ask(
            "GET", path, wait_ns=self._wait_ns, query=query, headers=self._headers("GET", path)
        )
        return read_nonce(reply.body)

    async def _submit(self, action: RelayerAction) -> SubmitReply | None:
        """Send an action's body; None where no byte left us."""
        path, body = wire.RELAYER_SUBMIT_PATH, action.submission.body
        headers = self._headers("POST", path, body)
        request = self._service.compose("POST", path, headers=headers, body=body)
        outcome = await self._service.request(request, wait_ns=self._wait_ns)
        if isinstance(outcome, NotSent):
            return None
        action.sent(self._clock_ns())
        reply: SubmitReply = Unclear("no whole answer came")
        if isinstance(outcome, Reply):
            reply = read_submit_reply(outcome.status, outcome.body)
            refusal = refusal_of(outcome)
            if outcome.status == 429 and refusal is not None:
                wait_ns = refusal.retry_after_ns or wire.RELAYER_RETRY_S * NS
                self._quota.block(self._clock_ns() + wait_ns)
        action.answered(reply)
        return reply

    async def _poll(self, action: RelayerAction) -> None:
        """Ask the relayer how far an action is, when it is time to."""
        wait_ns = action.poll_due_ns() - self._clock_ns()
        if wait_ns > 0:
            await self._sleep(wait_ns / NS)
        path = wire.RELAYER_TRANSACTION_PATH.format(id=action.transaction_id)
        action.polled(self._clock_ns())
        try:
            reply = await self._service.ask(
                "GET", path, wait_ns=self._wait_ns, headers=self._headers("GET", path)
            )
            action.reported(read_transaction(reply.body))
        except (VenueError, InputError) as error:
            # A question may be asked again; the number of polls is bounded.
            action.error = shown(str(error))

    async def _find_out(self, action: RelayerAction, deadline_ns: int) -> None:
        """Ask for the nonce of an action whose reply was lost; send the body again if unused."""
        await self._sleep(wire.RELAYER_RETRY_S)
        try:
            grant = await self._grant()
        except (VenueError, InputError) as error:
            action.error = shown(str(error))
            return
        action.nonce_seen(grant.nonce, self._wall_ns() // NS)
        if action.state.is_final or action.copies >= COPIES_MAX:
            return
        if await self._may_submit(deadline_ns):
            await self._submit(action)

    async def _may_submit(self, deadline_ns: int) -> bool:
        """Wait for the quota; False where it would take longer than we have."""
        while True:
            now_ns = self._clock_ns()
            due_ns = self._quota.due_ns(now_ns)
            if due_ns >= deadline_ns:
                return False
            if self._quota.take(now_ns):
                return True
            await self._sleep((due_ns - now_ns) / NS)

    def _headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        return self._asker.headers(self._wall_ns() // NS, method, path, body)


def _failed(reason: str, text: str, may_retry: bool) -> SettleResult:
    return SettleResult(state=SettleState.FAILED, reason=reason, text=text, may_retry=may_retry)
