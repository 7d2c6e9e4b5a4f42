"""What contract calls say, read as the contracts read them: words, offsets, selectors.

The exchange's own reading of the ABI (Contract ABI Specification), beside the client's writing of
it. Anything that a contract would not understand reverts, with the reason that the caller is told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from polymm.exchange.server.eip712 import WORD, checksum, uint_word
from polymm.venues.polymarket import wire

SELECTOR_BYTES = 4
# A batch is a few calls; a list is a handful of words. More than this is somebody's mistake.
ITEMS_MAX = 1_000
_PARTITION = [1, 2]
_ZERO_WORD = bytes(WORD)
_CALL, _PROXY_CALL = 0, 1


class Reverted(Exception):
    """A transaction that changes nothing; the text is the contract's reason."""


@dataclass(frozen=True, slots=True)
class ContractCall:
    """One call.

    Args:
        to: Address with its checksum.
        data: Selector and arguments.
        value_wei: POL sent along, 1e-18.
    """

    to: str
    data: bytes
    value_wei: int = 0


@dataclass(frozen=True, slots=True)
class Approve:
    """Let a spender take pUSD up to an amount."""

    spender: str
    amount_e6: int


@dataclass(frozen=True, slots=True)
class ApproveShares:
    """Let an operator move all shares of a ledger, or no longer."""

    operator: str
    is_granted: bool


@dataclass(frozen=True, slots=True)
class Pay:
    """Send pUSD."""

    to: str
    amount_e6: int


@dataclass(frozen=True, slots=True)
class SendShares:
    """Send shares of one outcome."""

    giver: str
    to: str
    token_id: str
    amount_e6: int


@dataclass(frozen=True, slots=True)
class Split:
    """Turn pUSD into pairs through a contract."""

    through: str
    condition_id: str
    pairs_e6: int


@dataclass(frozen=True, slots=True)
class Merge:
    """Turn pairs into pUSD through a contract."""

    through: str
    condition_id: str
    pairs_e6: int


@dataclass(frozen=True, slots=True)
class Redeem:
    """Turn all shares of a resolved market into pUSD, or some of one outcome.

    Args:
        outcome: Index of the outcome, None for both and all.
    """

    through: str
    condition_id: str
    outcome: int | None = None
    amount_e6: int = 0


Action = Approve | ApproveShares | Pay | SendShares | Split | Merge | Redeem


class Words:
    """Arguments of a call, or any tuple in its encoding.

    Args:
        data: Heads, then tails; offsets count from its start.
    """

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def word(self, index: int) -> bytes:
        """The head at an index."""
        word = self._data[index * WORD : (index + 1) * WORD]
        if len(word) != WORD:
            raise Reverted("calldata is too short")
        return word

    def uint(self, index: int) -> int:
        """A uint256."""
        return int.from_bytes(self.word(index), "big")

    def flag(self, index: int) -> bool:
        """A bool."""
        value = self.uint(index)
        if value > 1:
            raise Reverted("a bool must be 0 or 1")
        return value == 1

    def address(self, index: int) -> str:
        """An address, with its checksum."""
        word = self.word(index)
        if any(word[:12]):
            raise Reverted("an address must have 12 bytes of zeros before it")
        return checksum(word[12:])

    def tail(self, index: int) -> "Words":
        """What the offset at an index leads to."""
        offset = self.uint(index)
        if offset > len(self._data):
            raise Reverted("an offset leads out of the calldata")
        return Words(self._data[offset:])

    def byte_string(self, index: int) -> bytes:
        """Bytes of any length."""
        found = self.tail(index)
        length = found.uint(0)
        content = found._data[WORD : WORD + length]
        if len(content) != length:
            raise Reverted("calldata is too short")
        return content

    def items(self, index: int) -> tuple["Words", int]:
        """Heads and number of the elements of an array."""
        found = self.tail(index)
        count = found.uint(0)
        if count > ITEMS_MAX:
            raise Reverted(f"an array must have at most {ITEMS_MAX} elements")
        return Words(found._data[WORD:]), count

    def uints(self, index: int) -> list[int]:
        """A uint256[]."""
        heads, count = self.items(index)
        return [heads.uint(i) for i in range(count)]

    def addresses(self, index: int) -> list[str]:
        """An address[]."""
        heads, count = self.items(index)
        return [heads.address(i) for i in range(count)]


def read_action(call: ContractCall) -> Action:
    """Read what a wallet's call does.

    Raises:
        Reverted: No contract here has such a function, or its arguments cannot be read.
    """
    if call.value_wei:
        raise Reverted("no function here takes POL")
    read = _READERS.get((call.to, call.data[:SELECTOR_BYTES]))
    if read is None:
        selector = call.data[:SELECTOR_BYTES].hex()
        raise Reverted(f"{call.to} has no function 0x{selector} on the local chain")
    return read(call.to, Words(call.data[SELECTOR_BYTES:]))


def read_multi_send(data: bytes) -> list[ContractCall]:
    """Take several calls of a safe apart: operation, address, value, length and data, packed."""
    packed = _arguments(data, wire.MULTI_SEND).byte_string(0)
    calls, at = [], 0
    while at < len(packed):
        head = packed[at : at + 85]
        if len(head) != 85 or head[0] != _CALL:
            raise Reverted("multiSend must hold whole calls, no delegate calls")
        start, at = at + 85, at + 85 + int.from_bytes(head[53:], "big")
        if at > len(packed):
            raise Reverted("multiSend must hold whole calls, no delegate calls")
        value_wei = int.from_bytes(head[21:53], "big")
        calls.append(ContractCall(checksum(head[1:21]), packed[start:at], value_wei))
    return calls


def read_proxy(data: bytes) -> list[ContractCall]:
    """Take the calls of a proxy apart."""
    heads, count = _arguments(data, wire.PROXY).items(0)
    calls = []
    for i in range(count):
        fields = heads.tail(i)
        if fields.uint(0) != _PROXY_CALL:
            raise Reverted("a proxy must make calls, no delegate calls")
        calls.append(ContractCall(fields.address(1), fields.byte_string(3), fields.uint(2)))
    return calls


def _arguments(data: bytes, function: wire.Function) -> Words:
    if data[:SELECTOR_BYTES] != function.selector:
        raise Reverted(f"the function must be {function.signature}")
    return Words(data[SELECTOR_BYTES:])


# Reading one function's arguments each


def _approve(_: str, words: Words) -> Action:
    return Approve(words.address(0), words.uint(1))


def _approve_shares(_: str, words: Words) -> Action:
    return ApproveShares(words.address(0), words.flag(1))


def _pay(_: str, words: Words) -> Action:
    return Pay(words.address(0), words.uint(1))


def _send_shares(_: str, words: Words) -> Action:
    words.byte_string(4)
    return SendShares(words.address(0), words.address(1), str(words.uint(2)), words.uint(3))


def _adapter_condition(words: Words) -> str:
    """Check what an adapter's arguments have in common; give the condition."""
    if words.address(0) != wire.PUSD:
        raise Reverted("the collateral must be pUSD")
    if words.word(1) != _ZERO_WORD:
        raise Reverted("the parent collection must be zero")
    if sorted(words.uints(3)) != _PARTITION:
        raise Reverted("the partition must be both outcomes")
    return f"0x{words.word(2).hex()}"


def _split(to: str, words: Words) -> Action:
    return Split(to, _adapter_condition(words), words.uint(4))


def _merge(to: str, words: Words) -> Action:
    return Merge(to, _adapter_condition(words), words.uint(4))


def _redeem(to: str, words: Words) -> Action:
    return Redeem(to, _adapter_condition(words))


def _router_condition(words: Words) -> str:
    word = words.word(0)
    if word[31]:
        raise Reverted("a bytes31 must have a zero after it")
    return f"0x{word.hex()}"


def _router_split(to: str, words: Words) -> Action:
    return Split(to, _router_condition(words), words.uint(1))


def _router_merge(to: str, words: Words) -> Action:
    return Merge(to, _router_condition(words), words.uint(1))


def _router_redeem(to: str, words: Words) -> Action:
    outcome = words.uint(1)
    if outcome > 1:
        raise Reverted("the outcome must be 0 or 1")
    return Redeem(to, _router_condition(words), outcome, words.uint(2))


_Read = Callable[[str, Words], Action]
_FUNCTIONS: Mapping[tuple[str, ...], Mapping[wire.Function, _Read]] = {
    (wire.PUSD,): {wire.APPROVE: _approve, wire.ERC20_TRANSFER: _pay},
    (wire.CONDITIONAL_TOKENS, wire.POSITION_MANAGER): {
        wire.SET_APPROVAL_FOR_ALL: _approve_shares,
        wire.ERC1155_TRANSFER: _send_shares,
    },
    (wire.COLLATERAL_ADAPTER, wire.NEG_RISK_COLLATERAL_ADAPTER): {
        wire.SPLIT_POSITION: _split,
        wire.MERGE_POSITIONS: _merge,
        wire.REDEEM_POSITIONS: _redeem,
    },
    (wire.ROUTER,): {
        wire.ROUTER_SPLIT: _router_split,
        wire.ROUTER_MERGE: _router_merge,
        wire.ROUTER_REDEEM: _router_redeem,
    },
}
_READERS: Mapping[tuple[str, bytes], _Read] = {
    (contract, function.selector): read
    for contracts, functions in _FUNCTIONS.items()
    for contract in contracts
    for function, read in functions.items()
}


# Answers


def uint_array(values: list[int]) -> bytes:
    """Encode the only answer of a function that gives a uint256[]."""
    words = [WORD, len(values), *values]
    return b"".join(uint_word(value) for value in words)


def revert_data(reason: str) -> bytes:
    """Encode a reason as contracts give it back: ``Error(string)``."""
    text = reason.encode()
    padded = text + bytes(-len(text) % WORD)
    return wire.REVERT_REASON.selector + uint_word(WORD) + uint_word(len(text)) + padded
