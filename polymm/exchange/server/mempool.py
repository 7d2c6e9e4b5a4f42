"""Transactions that wait for a block: checked as geth does when they come, run in nonce order."""

from collections import defaultdict
from functools import partial

from polymm.exchange.server.calldata import Reverted
from polymm.exchange.server.chain import (
    BASE_FEE_WEI,
    POL_WEI,
    TIP_WEI,
    Chain,
    Receipt,
    gas_needed,
    intrinsic_gas,
)
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.raw_transactions import Malformed, SentTransaction, read_transaction

# Of one sender, beyond those that can run; geth keeps as many.
WAITING_MAX = 64
KNOWN_MAX = 10_000


class Rejected(Exception):
    """A transaction that is not taken; the text is a node's."""


class Mempool:
    """What was sent and is not in a block yet.

    Args:
        hall: The exchange and its clock.
        chain: Where the blocks are.

    Attributes:
        known: Latest transactions by hash, in a block or not.
    """

    def __init__(self, hall: Hall, chain: Chain) -> None:
        self.known: dict[str, SentTransaction] = {}
        self._hall = hall
        self._chain = chain
        self._waiting: defaultdict[str, dict[int, SentTransaction]] = defaultdict(dict)

    def next_nonce(self, sender: str, *, with_waiting: bool) -> int:
        """Nonce of a sender's next transaction."""
        nonce = self._chain.nonces[sender]
        if with_waiting:
            waiting = self._waiting.get(sender, {})
            while nonce in waiting:
                nonce += 1
        return nonce

    def send(self, raw: bytes) -> str:
        """Take a signed transaction for the next block.

        Returns:
            Its hash.

        Raises:
            Rejected: It can never run, or not beside what waits.
        """
        try:
            sent = read_transaction(raw)
        except Malformed as error:
            raise Rejected(str(error)) from None
        self._check(sent)
        self._waiting[sent.sender][sent.nonce] = sent
        self.known[sent.hash] = sent
        if len(self.known) > KNOWN_MAX:
            del self.known[next(iter(self.known))]
        hall = self._hall
        mine_ns = self._chain.next_block_ns(hall.now_ns())
        hall.exchange.timers.at(mine_ns, partial(self._mine, sent.sender))
        hall.pump.wake()
        return sent.hash

    def _check(self, sent: SentTransaction) -> None:
        chain_id = self._hall.settings.chain_id
        if sent.chain_id is None:
            raise Rejected("only replay-protected (EIP-155) transactions allowed over RPC")
        if sent.chain_id != chain_id:
            raise Rejected(f"invalid chain id for signer: have {sent.chain_id} want {chain_id}")
        if sent.tip_wei > sent.fee_wei:
            raise Rejected(
                "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas:"
                f" {sent.tip_wei}, maxFeePerGas: {sent.fee_wei}"
            )
        if sent.tip_wei < TIP_WEI or sent.fee_wei < BASE_FEE_WEI:
            raise Rejected(
                f"transaction underpriced: gas tip cap {sent.tip_wei}, minimum needed {TIP_WEI}"
            )
        least = intrinsic_gas(sent.call)
        if sent.gas < least:
            raise Rejected(f"intrinsic gas too low: gas {sent.gas}, minimum needed {least}")
        cost_wei = sent.gas * sent.fee_wei + sent.call.value_wei
        if cost_wei > POL_WEI:
            raise Rejected(
                f"insufficient funds for gas * price + value: balance {POL_WEI}, tx cost"
                f" {cost_wei}, overshot {cost_wei - POL_WEI}"
            )
        self._check_nonce(sent)

    def _check_nonce(self, sent: SentTransaction) -> None:
        waiting = self._waiting.get(sent.sender, {})
        if waiting.get(sent.nonce) == sent:
            raise Rejected("already known")
        next_nonce = self._chain.nonces[sent.sender]
        if sent.nonce < next_nonce:
            raise Rejected(f"nonce too low: next nonce {next_nonce}, tx nonce {sent.nonce}")
        if sent.nonce >= next_nonce + WAITING_MAX:
            raise Rejected(f"nonce too high: next nonce {next_nonce}, tx nonce {sent.nonce}")
        before = waiting.get(sent.nonce)
        # A replacement must pay a tenth more, as geth wants it.
        if before is not None and sent.tip_wei * 10 < before.tip_wei * 11:
            raise Rejected("replacement transaction underpriced")

    def _mine(self, sender: str, now_ns: int) -> None:
        """Run all of a sender's transactions whose turn it is."""
        waiting = self._waiting[sender]
        while (sent := waiting.pop(self._chain.nonces[sender], None)) is not None:
            self._run(sent, now_ns)
        if not waiting:
            self._waiting.pop(sender, None)

    def _run(self, sent: SentTransaction, now_ns: int) -> None:
        chain = self._chain
        chain.nonces[sent.sender] += 1
        gas = sent.gas
        try:
            wallet, calls = chain.unfold(sent.sender, sent.call)
            is_done = gas_needed(sent.call, calls) <= sent.gas
            if is_done:
                gas = gas_needed(sent.call, calls)
                chain.run(now_ns, wallet, calls)
        except Reverted:
            is_done = False
        block = chain.block_number(now_ns)
        chain.file(Receipt(sent.hash, sent.sender, sent.call.to, block, is_done, gas))
