"""Calls of a plain key (wallet type 0): one signed transaction each, sent once, known by its hash.

A reply that was lost decides nothing: the transaction's hash was known before it was sent, and its
receipt tells. What never shows up in time stays unknown; its nonce runs once at most.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from polymm.errors import InputError, VenueError
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.rawtx import RawTransaction, SignedTransaction
from polymm.venues.polymarket.replies import shown
from polymm.venues.polymarket.results import SettleResult, SettleState
from polymm.venues.polymarket.rpc import ChainNode
from polymm.venues.polymarket.signing import Wallet

NS: Final = 1_000_000_000
# Between estimate and block the state moves: a quarter more gas, twice the price of now.
_GAS_MARGIN: Final = (5, 4)
_FEE_MARGIN: Final = 2
POLL_NS: Final = 2 * NS  # Polygon's blocks
# What nodes say of a transaction that they did not take in; others may have passed it on before
# they failed, or have it already.
_NOT_TAKEN: Final = re.compile(
    r"insufficient funds|nonce too (low|high)|underpriced|intrinsic gas|gas limit|fee cap|revert"
    r"|invalid (sender|chain|transaction)|not supported|does not exist|rlp",
    re.IGNORECASE,
)
# A node that asks for more is mistaken, or wants the key's coins burnt.
COST_WEI_MAX: Final = 20 * 10**18
_REVERTED: Final = re.compile("revert", re.IGNORECASE)


class RawCalls:
    """Runs calls of one key.

    Args:
        node: Of the wallet's chain.
        wallet: Of type 0.
        deadline_ns_max: Waiting for all calls of one run ends after so long.
        clock_ns: Of the deadline.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        node: ChainNode,
        wallet: Wallet,
        *,
        deadline_ns_max: int,
        clock_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._node = node
        self._wallet = wallet
        self._deadline_ns_max = deadline_ns_max
        self._clock_ns = clock_ns
        self._sleep = sleep
        # One nonce after the other.
        self._turn = asyncio.Lock()

    async def run(self, calls: Sequence[Call]) -> SettleResult:
        """Run calls in order, each after the one before it ran."""
        async with self._turn:
            deadline_ns = self._clock_ns() + self._deadline_ns_max
            hashes: list[str] = []
            for call in calls:
                try:
                    signed = await self._sign(call)
                except VenueError as error:
                    return _refused(error, hashes)
                name = "0x" + signed.hash.hex()
                result = await self._settle(signed, name, hashes, deadline_ns)
                if result is not None:
                    return result
                hashes.append(name)
            return SettleResult(state=SettleState.SETTLED, transaction_hashes=tuple(hashes))

    async def _sign(self, call: Call) -> SignedTransaction:
        """Ask for nonce, gas and fees, and sign."""
        node, address, chain_id = self._node, self._wallet.key.address, self._wallet.chain_id
        found = await node.chain_id()
        if found != chain_id:
            raise VenueError(
                "wrong_chain", f"the node must be of chain {chain_id}, was {found}", is_known=True
            )
        gas = await node.estimate_gas(address, call)
        price_wei, tip_wei = await node.gas_price(), await node.priority_fee()
        more, whole = _GAS_MARGIN
        gas_limit, max_fee_wei = gas * more // whole, max(_FEE_MARGIN * price_wei, tip_wei)
        if gas_limit * max_fee_wei > COST_WEI_MAX:
            raise VenueError(
                "too_dear",
                f"a call must cost at most {COST_WEI_MAX} wei, the node wants {gas_limit} gas at "
                f"{max_fee_wei} wei",
                is_known=True,
            )
        try:
            return RawTransaction(
                call=call,
                nonce=await node.next_nonce(address),
                gas_limit=gas_limit,
                max_fee_wei=max_fee_wei,
                priority_fee_wei=tip_wei,
                chain_id=chain_id,
            ).signed(self._wallet.key.sign)
        except InputError as error:
            raise VenueError("unreadable", str(error), is_known=True) from error

    async def _settle(
        self, signed: SignedTransaction, name: str, before: Sequence[str], deadline_ns: int
    ) -> SettleResult | None:
        """Send once and wait for the receipt; None when it ran."""
        try:
            await self._node.send(signed.raw)
        except VenueError as error:
            said_no = error.reason != "node" or _NOT_TAKEN.search(str(error))
            if error.is_known and said_no:
                return _refused(error, before)
        while True:
            try:
                receipt = await self._node.receipt(name)
            except VenueError:
                receipt = None  # A question may be asked again.
            if receipt is not None:
                break
            if self._clock_ns() >= deadline_ns:
                return SettleResult(
                    state=SettleState.UNKNOWN,
                    reason="deadline",
                    transaction_hashes=(*before, name),
                )
            await self._sleep(POLL_NS / NS)
        if receipt.has_run:
            return None
        return SettleResult(
            state=SettleState.FAILED, reason="reverted", transaction_hashes=(*before, name)
        )


def _refused(error: VenueError, before: Sequence[str]) -> SettleResult:
    """Nothing was sent, or the node said that it did not take it."""
    is_revert = error.reason == "node" and _REVERTED.search(str(error)) is not None
    return SettleResult(
        state=SettleState.FAILED,
        reason="reverted" if is_revert else error.reason,
        text=shown(str(error)),
        transaction_hashes=tuple(before),
        may_retry=not is_revert and error.reason != "wrong_chain",
    )
