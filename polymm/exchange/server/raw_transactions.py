"""Signed transactions as they are sent to a node: unpacked, hashed, and whose they are.

Legacy with the chain's number in v (EIP-155), and type 2 (EIP-1559). One transaction has one
encoding: every other is refused, with the words of geth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from polymm._core.digest import keccak256
from polymm.exchange.server.calldata import ContractCall
from polymm.exchange.server.eip712 import WORD, checksum, recover

DYNAMIC_FEE_TYPE = 2
DEPTH_MAX = 4
_LEGACY_FIELDS, _DYNAMIC_FEE_FIELDS = 9, 12
_LEGACY_V = 35
_TYPES_NOT_TAKEN = 0x7F
_STRING, _LIST = 0x80, 0xC0
_SHORT_MAX = 55

Item = bytes | list["Item"]


class Malformed(Exception):
    """Bytes that are no transaction; the text is a node's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransaction:
    """A transaction whose signature is good.

    Args:
        hash: 0x and 64 digits.
        type: 0 legacy, 2 with a priority fee.
        chain_id: None for a legacy one that holds on every chain.
        sender: Address that signed, with its checksum.
        gas: Units at most.
        fee_wei: Most that a unit may cost.
        tip_wei: Of which to the block's maker at most.
        v: Of the signature, with r and s.
    """

    hash: str
    type: int
    chain_id: int | None
    sender: str
    nonce: int
    call: ContractCall
    gas: int
    fee_wei: int
    tip_wei: int
    v: int
    r: int
    s: int


def read_transaction(raw: bytes) -> SentTransaction:
    """Unpack a signed transaction and find who signed it.

    Raises:
        Malformed: It is none, of a type that is not taken, or signed by nobody.
    """
    if not raw:
        raise Malformed("typed transaction too short")
    if raw[0] >= _LIST:
        return _read_legacy(raw)
    if raw[0] == DYNAMIC_FEE_TYPE:
        return _read_dynamic_fee(raw)
    if raw[0] <= _TYPES_NOT_TAKEN:
        raise Malformed("transaction type not supported")
    raise Malformed("rlp: expected List")


def _read_legacy(raw: bytes) -> SentTransaction:
    fields = _fields(raw, _LEGACY_FIELDS)
    v, r, s = (_number(field) for field in fields[6:])
    unsigned: list[Item] = list(fields[:6])
    chain_id = None
    odd = v - 27
    if v >= _LEGACY_V:
        chain_id, odd = divmod(v - _LEGACY_V, 2)
        unsigned += [_scalar(chain_id), b"", b""]
    price_wei = _number(fields[1])
    return SentTransaction(
        hash=f"0x{keccak256(raw).hex()}",
        type=0,
        chain_id=chain_id,
        nonce=_number(fields[0], 64),
        call=_call(fields[3], fields[4], fields[5]),
        gas=_number(fields[2], 64),
        fee_wei=price_wei,
        tip_wei=price_wei,
        v=v,
        r=r,
        s=s,
        sender=_sender(keccak256(encode(unsigned)), odd, r, s),
    )


def _read_dynamic_fee(raw: bytes) -> SentTransaction:
    fields = _fields(raw[1:], _DYNAMIC_FEE_FIELDS)
    if not isinstance(fields[8], list):
        raise Malformed("rlp: expected List for types.AccessList")
    odd, r, s = (_number(field) for field in fields[9:])
    digest = keccak256(raw[:1] + encode(fields[:9]))
    return SentTransaction(
        hash=f"0x{keccak256(raw).hex()}",
        type=DYNAMIC_FEE_TYPE,
        chain_id=_number(fields[0]),
        nonce=_number(fields[1], 64),
        call=_call(fields[5], fields[6], fields[7]),
        gas=_number(fields[4], 64),
        fee_wei=_number(fields[3]),
        tip_wei=_number(fields[2]),
        v=odd,
        r=r,
        s=s,
        sender=_sender(digest, odd, r, s),
    )


def _fields(raw: bytes, count: int) -> list[Item]:
    item, end = _read(raw, 0, len(raw), 0)
    if end != len(raw):
        raise Malformed("rlp: input contains more than one value")
    if not isinstance(item, list):
        raise Malformed("rlp: expected List")
    if len(item) != count:
        few_or_many = "few" if len(item) < count else "many"
        raise Malformed(f"rlp: too {few_or_many} elements for a transaction")
    return item


def _number(field: Item, bits: int = 256) -> int:
    if not isinstance(field, bytes):
        raise Malformed("rlp: expected input string or byte")
    if field[:1] == b"\0":
        raise Malformed("rlp: non-canonical integer (leading zero bytes)")
    if len(field) > bits // 8:
        raise Malformed("rlp: value overflows")
    return int.from_bytes(field, "big")


def _call(to: Item, value: Item, data: Item) -> ContractCall:
    if not isinstance(to, bytes) or not isinstance(data, bytes):
        raise Malformed("rlp: expected input string or byte")
    if not to:
        raise Malformed("contracts cannot be created on the local chain")
    if len(to) != 20:
        raise Malformed("rlp: input string has wrong size for common.Address")
    return ContractCall(checksum(to), data, _number(value))


def _sender(digest: bytes, odd: int, r: int, s: int) -> str:
    if odd not in (0, 1):
        raise Malformed("invalid transaction v, r, s values")
    signature = r.to_bytes(WORD, "big") + s.to_bytes(WORD, "big") + bytes((27 + odd,))
    sender = recover(digest, signature)
    if sender is None:
        raise Malformed("invalid transaction v, r, s values")
    return sender


# Recursive Length Prefix (Yellow Paper, appendix B)


def encode(item: Item | Sequence[Item]) -> bytes:
    """Encode bytes or a list."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _STRING:
            return item
        return _head(_STRING, len(item)) + item
    body = b"".join(encode(part) for part in item)
    return _head(_LIST, len(body)) + body


def _head(base: int, length: int) -> bytes:
    if length <= _SHORT_MAX:
        return bytes((base + length,))
    size = _scalar(length)
    return bytes((base + _SHORT_MAX + len(size),)) + size


def _scalar(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _read(raw: bytes, at: int, limit: int, depth: int) -> tuple[Item, int]:
    """Read the item at a byte; give it and where it ends."""
    if at >= limit:
        raise Malformed("rlp: value size exceeds available input length")
    first = raw[at]
    if first < _STRING:
        return raw[at : at + 1], at + 1
    base = _STRING if first < _LIST else _LIST
    start, length = at + 1, first - base
    if length > _SHORT_MAX:
        width = length - _SHORT_MAX
        size = raw[start : start + width]
        start += width
        length = int.from_bytes(size, "big")
        if size[:1] == b"\0" or length <= _SHORT_MAX:
            raise Malformed("rlp: non-canonical size information")
    end = start + length
    if end > limit:
        raise Malformed("rlp: value size exceeds available input length")
    if base == _STRING:
        if length == 1 and raw[start] < _STRING:
            raise Malformed("rlp: non-canonical size information")
        return raw[start:end], end
    if depth == DEPTH_MAX:
        raise Malformed("rlp: lists are nested too deep")
    items: list[Item] = []
    while start < end:
        item, start = _read(raw, start, end, depth + 1)
        items.append(item)
    return items, end
