"""The local chain: what wallets call happens on the exchange, what clients ask of it is answered.

One block every few seconds by the clock of the day, whether or not anything is in it. Relayer and
RPC bring transactions here; balances are the exchange's own, so that no second ledger can differ.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from polymm._core.digest import keccak256
from polymm.exchange.rules import MS
from polymm.exchange.server.accounts import spenders
from polymm.exchange.server.calldata import (
    SELECTOR_BYTES,
    ContractCall,
    read_action,
    read_proxy,
)
from polymm.exchange.server.chain_views import VIEWS, View
from polymm.exchange.server.derive import derive_wallets
from polymm.exchange.server.drafts import Draft
from polymm.exchange.server.eip712 import WORD, uint_word
from polymm.exchange.server.hall import Hall
from polymm.venues.polymarket import wire

RECEIPTS_MAX = 10_000
# Anybody's POL, 1e-18: the local chain takes no gas money.
POL_WEI = 100 * 10**18
BASE_FEE_WEI = 30 * 10**9
TIP_WEI = 25 * 10**9
# Near what such calls take on Polygon; nothing is measured.
GAS_TRANSACTION = 21_000
GAS_DATA_BYTE = 16
GAS_CALL = 120_000
# Whatever clients look for in a contract's code: that there is some. It is the invalid instruction.
CODE = b"\xfe"
CONTRACTS = frozenset(
    {
        *spenders(wire.POLYGON),
        *spenders(wire.AMOY),
        wire.PUSD,
        wire.CONDITIONAL_TOKENS,
        wire.POSITION_MANAGER,
        wire.NEG_RISK_ADAPTER,
        wire.SAFE_MULTISEND,
        wire.SAFE_FACTORY,
        wire.PROXY_FACTORY,
        wire.DEPOSIT_WALLET_FACTORY,
        wire.RELAY_HUB,
    }
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction in a block.

    Args:
        hash: 0x and 64 digits.
        sender: Who paid for it.
        to: What it called.
        block: Number of the block.
        is_done: It changed what it should; else it reverted and changed nothing.
        gas: Units it took.
    """

    hash: str
    sender: str
    to: str
    block: int
    is_done: bool
    gas: int


class Chain:
    """Blocks, nonces and calls.

    Args:
        hall: The exchange and its clock.

    Attributes:
        nonces: Of keys and of wallets, by address: actions that are in blocks.
        relay_nonces: Of proxies' owners at the relay hub.
        receipts: Latest transactions by hash.
    """

    def __init__(self, hall: Hall) -> None:
        # Asking for one that is 0 keeps nothing.
        self.nonces: Counter[str] = Counter()
        self.relay_nonces: Counter[str] = Counter()
        self.receipts: dict[str, Receipt] = {}
        self._hall = hall
        self._block_ns = hall.settings.block_ms * MS

    # Blocks

    def block_number(self, now_ns: int) -> int:
        """The latest block at a time."""
        return now_ns // self._block_ns

    def block_ns(self, number: int) -> int:
        """When a block was made."""
        return number * self._block_ns

    def next_block_ns(self, now_ns: int) -> int:
        """When the block that takes a transaction of now is made: never at once."""
        return self.block_ns(self.block_number(now_ns) + 1)

    @staticmethod
    def block_hash(number: int) -> str:
        """Hash of a block."""
        return f"0x{keccak256(b'polymm block' + uint_word(number)).hex()}"

    def file(self, receipt: Receipt) -> None:
        """Keep a receipt; the oldest is forgotten."""
        self.receipts[receipt.hash] = receipt
        if len(self.receipts) > RECEIPTS_MAX:
            del self.receipts[next(iter(self.receipts))]

    # Calls

    def draft(self, wallet: str, calls: Sequence[ContractCall]) -> Draft:
        """Try a wallet's calls as one transaction.

        Raises:
            Reverted: One of them cannot be done; nothing happened.
        """
        draft = Draft(self._hall.exchange, wallet)
        for call in calls:
            draft.add(read_action(call))
        return draft

    def run(self, now_ns: int, wallet: str, calls: Sequence[ContractCall]) -> None:
        """Carry a wallet's calls out as one transaction.

        Raises:
            Reverted: One of them cannot be done; nothing happened.
        """
        self.draft(wallet, calls).carry_out(now_ns)
        self._hall.pump.wake()

    def unfold(self, sender: str, call: ContractCall) -> tuple[str, list[ContractCall]]:
        """Say whose calls a key's transaction makes: its proxy's through the factory, or its own.

        Raises:
            Reverted: Calls of a proxy that cannot be read.
        """
        if call.to == wire.PROXY_FACTORY and call.data[:SELECTOR_BYTES] == wire.PROXY.selector:
            return derive_wallets(sender).proxy, read_proxy(call.data)
        if call.to not in CONTRACTS and not call.data:
            return sender, []  # only POL moves, which nobody counts
        return sender, [call]

    # Questions

    def view(self, call: ContractCall, sender: str) -> bytes:
        """Answer a call that changes nothing; nothing answers where there is no contract.

        Raises:
            Reverted: The contract has no such function, or the call would be reverted.
        """
        if not self.code(call.to):
            return b""
        if call.data[:SELECTOR_BYTES] == wire.WALLET_NONCE.selector and call.to not in CONTRACTS:
            return uint_word(self.nonces[call.to])
        view: View | None = VIEWS.get((call.to, call.data[:SELECTOR_BYTES]))
        if view is not None:
            return view(self, self._hall.exchange, call)
        self.draft(*self.unfold(sender, call))
        return bytes(WORD)

    def code(self, address: str) -> bytes:
        """Code at an address; a key has none."""
        if address in CONTRACTS:
            return CODE
        holder = self._hall.accounts.holder(address)
        is_wallet = holder is not None and holder.address != address
        return CODE if is_wallet and self.is_deployed(address) else b""

    def is_deployed(self, address: str) -> bool:
        """Whether a wallet is there."""
        return address in self._hall.accounts.deployed


def gas_needed(call: ContractCall, calls: Sequence[ContractCall]) -> int:
    """Gas that a transaction takes here."""
    return intrinsic_gas(call) + GAS_CALL * len(calls)


def intrinsic_gas(call: ContractCall) -> int:
    """Gas that it takes before any contract is called."""
    return GAS_TRANSACTION + GAS_DATA_BYTE * len(call.data)
