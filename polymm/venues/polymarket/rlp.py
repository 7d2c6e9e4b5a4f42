"""Recursive Length Prefix, the encoding of Ethereum transactions, both ways and canonical.

Yellow Paper appendix B. One value has one encoding: the reader refuses every other, because a
transaction's hash is taken over these bytes.
"""

from collections.abc import Sequence

from polymm.errors import InputError

Item = bytes | Sequence["Item"]
Decoded = bytes | list["Decoded"]

# A transaction that we send is a few hundred bytes; nesting in one is 3 (access lists).
BYTES_MAX = 128 * 1024
DEPTH_MAX = 8

_STRING, _STRING_LONG = 0x80, 0xB7
_LIST, _LIST_LONG = 0xC0, 0xF7
_SHORT_MAX = 55


def encode(item: Item) -> bytes:
    """Encode bytes, or a sequence of items."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _STRING:
            return item
        return _prefix(len(item), _STRING, _STRING_LONG) + item
    body = b"".join(encode(part) for part in item)
    return _prefix(len(body), _LIST, _LIST_LONG) + body


def integer(value: int) -> bytes:
    """Write a scalar as RLP wants it: big-endian without leading zeros, 0 as nothing."""
    if value < 0:
        raise InputError(f"an RLP scalar must be at least 0, was {value}")
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def read_integer(data: Decoded, name: str, bits: int = 256) -> int:
    """Read a scalar.

    Raises:
        InputError: A list, a leading zero, or wider than ``bits``.
    """
    if not isinstance(data, bytes):
        raise InputError(f"{name} must be a scalar, was a list")
    if data[:1] == b"\0" or len(data) > bits // 8:
        raise InputError(f"{name} must be a uint{bits} without leading zeros, was 0x{data.hex()}")
    return int.from_bytes(data, "big")


def decode(data: bytes) -> Decoded:
    """Decode one item that takes up all of ``data``.

    Raises:
        InputError: Cut short, followed by more, not canonical, too long or too deep.
    """
    if len(data) > BYTES_MAX:
        raise InputError(f"RLP must be at most {BYTES_MAX} bytes, was {len(data)}")
    item, end = _read(data, 0, len(data), 0)
    if end != len(data):
        raise InputError(f"RLP must end at byte {end}, found {len(data) - end} bytes more")
    return item


def _prefix(length: int, short: int, long: int) -> bytes:
    if length <= _SHORT_MAX:
        return bytes((short + length,))
    size = integer(length)
    return bytes((long + len(size),)) + size


def _read(data: bytes, at: int, limit: int, depth: int) -> tuple[Decoded, int]:
    """Read the item at ``at``, which must end by ``limit``; answer it and where it ends."""
    if at >= limit:
        raise InputError(f"RLP must hold an item at byte {at}, found its end")
    first = data[at]
    if first < _STRING:
        return data[at : at + 1], at + 1
    if first < _LIST:
        start, end = _span(data, at, limit, _STRING, _STRING_LONG)
        if end - start == 1 and data[start] < _STRING:
            raise InputError(f"RLP at byte {at} must be the byte itself, found it with a length")
        return data[start:end], end
    if depth == DEPTH_MAX:
        raise InputError(f"RLP must nest at most {DEPTH_MAX} lists")
    start, end = _span(data, at, limit, _LIST, _LIST_LONG)
    items: list[Decoded] = []
    while start < end:
        item, start = _read(data, start, end, depth + 1)
        items.append(item)
    return items, end


def _span(data: bytes, at: int, limit: int, short: int, long: int) -> tuple[int, int]:
    """Give the first and last bound of the content announced at ``at``."""
    first = data[at]
    start = at + 1
    length = first - short
    if first > long:
        width = first - long
        start += width
        size = data[at + 1 : min(start, limit)]
        length = int.from_bytes(size, "big")
        if len(size) != width or size[0] == 0 or length <= _SHORT_MAX:
            raise InputError(f"RLP at byte {at} must have its shortest length, found another")
    if start + length > limit:
        raise InputError(f"RLP at byte {at} must end by byte {limit}, found it cut short")
    return start, start + length
