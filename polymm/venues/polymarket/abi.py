"""The part of Solidity's ABI that our calls need, written out exactly: words, heads, tails.

A call's arguments are a tuple: static values stand in the head, a dynamic one leaves its offset
there and follows in the tail (Contract ABI Specification, "Formal specification of the encoding").
"""

from collections.abc import Sequence
from dataclasses import dataclass

from polymm.errors import InputError

WORD = 32
UINT256_MAX = 2**256 - 1
ADDRESS_BYTES = 20
ZERO_WORD = bytes(WORD)


@dataclass(frozen=True, slots=True)
class Dynamic:
    """A value whose length depends on its content; it is encoded in the tail."""

    encoded: bytes


Value = bytes | Dynamic


def uint(value: int, bits: int = 256) -> bytes:
    """Encode an unsigned integer as one word.

    Raises:
        InputError: Not an integer, negative, or wider than ``bits``.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"a uint{bits} must be an integer, was {value!r}")
    if not 0 <= value < 1 << bits:
        raise InputError(f"a uint{bits} must be within 0..2^{bits} - 1, was {value}")
    return value.to_bytes(WORD, "big")


def address(text: str) -> bytes:
    """Encode an address as one word: zeros at the left."""
    return address_bytes(text).rjust(WORD, b"\0")


def fixed_bytes(value: bytes) -> bytes:
    """Encode bytes1..bytes32 as one word: zeros at the right."""
    if not 1 <= len(value) <= WORD:
        raise InputError(f"fixed bytes must be 1..{WORD} bytes, were {len(value)}")
    return value.ljust(WORD, b"\0")


def byte_string(value: bytes) -> Dynamic:
    """Encode ``bytes``: the length, then the content filled up to whole words."""
    return Dynamic(uint(len(value)) + value + bytes(-len(value) % WORD))


def array(values: Sequence[Value]) -> Dynamic:
    """Encode ``T[]``: the count, then the elements as a tuple."""
    return Dynamic(uint(len(values)) + arguments(*values))


def structure(*values: Value) -> Dynamic:
    """Encode a tuple that holds a dynamic value and is itself an element."""
    return Dynamic(arguments(*values))


def arguments(*values: Value) -> bytes:
    """Encode a tuple, such as a call's arguments: heads, then tails.

    Static values are whole words; offsets count from the start of the tuple.
    """
    offset = sum(WORD if isinstance(value, Dynamic) else len(value) for value in values)
    heads, tails = [], []
    for value in values:
        if isinstance(value, Dynamic):
            heads.append(uint(offset))
            tails.append(value.encoded)
            offset += len(value.encoded)
        else:
            assert len(value) % WORD == 0, "a static value is whole words"
            heads.append(value)
    return b"".join(heads + tails)


def hex_bytes(text: str, length: int, name: str) -> bytes:
    """Read ``0x`` and exactly ``length`` bytes in hexadecimal digits.

    Raises:
        InputError: Anything else; the message names the value by ``name``.
    """
    digits = text[2:]
    # bytes.fromhex passes over blanks, so its own answer does not prove the digits.
    if text[:2] == "0x" and len(digits) == 2 * length and digits.isalnum() and digits.isascii():
        try:
            return bytes.fromhex(digits)
        except ValueError:
            pass
    raise InputError(f"{name} must be 0x and {2 * length} hexadecimal digits, was {text[:80]!r}")


def address_bytes(text: str) -> bytes:
    """Read an address of 0x and 40 hexadecimal digits; letters of either case are taken."""
    return hex_bytes(text, ADDRESS_BYTES, "an address")


def read_uint(data: bytes, name: str) -> int:
    """Read the one word that a contract answered.

    Raises:
        InputError: Not exactly one word; a contract that is not there answers nothing.
    """
    if len(data) != WORD:
        raise InputError(f"{name} must be one word of {WORD} bytes, were {len(data)} bytes")
    return int.from_bytes(data, "big")


def read_bool(data: bytes, name: str) -> bool:
    """Read the truth value that a contract answered.

    Raises:
        InputError: Not one word, or neither 0 nor 1.
    """
    value = read_uint(data, name)
    if value > 1:
        raise InputError(f"{name} must be 0 or 1, was {value}")
    return value == 1
