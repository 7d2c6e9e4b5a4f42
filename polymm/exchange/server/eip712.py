"""Typed data as the exchange reads it: words, structs, domains, and who signed.

A second reading of EIP-712, EIP-191, EIP-55 and EIP-2 beside the client's, so that a mistake in one
of the two shows as a signature that does not verify.
"""

from functools import lru_cache

import coincurve

from polymm._core.digest import keccak256

WORD = 32
ADDRESS_CHARS = 42
UINT_LIMIT = 1 << 256
# Contracts take no signature whose s is in the upper half of the group (EIP-2).
S_MAX = (0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2).to_bytes(
    WORD, "big"
)
SIGNATURE_BYTES = 65


def checksum(raw: bytes) -> str:
    """Write 20 bytes as an address whose letters are upper case where its hash says so."""
    digits = raw.hex()
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digits[i].upper() if marks[i] in "89abcdef" else digits[i] for i in range(len(digits))
    )


def read_hex(text: object, length: int | None = None) -> bytes | None:
    """Read ``0x`` and hexadecimal digits; None for anything else or another number of bytes."""
    if not isinstance(text, str) or text[:2] != "0x" or not text[2:].isalnum():
        return None
    try:
        raw = bytes.fromhex(text[2:])
    except ValueError:
        return None
    return raw if length in (None, len(raw)) else None


def read_address(text: object) -> str | None:
    """Read an address in any case and write it with its checksum; None where it is none."""
    return _known_address(text) if isinstance(text, str) and len(text) == ADDRESS_CHARS else None


@lru_cache(maxsize=4096)
def _known_address(text: str) -> str | None:
    raw = read_hex(text, 20)
    return None if raw is None else checksum(raw)


def uint_word(value: int) -> bytes:
    """Encode an integer within 0..2^256 - 1."""
    return value.to_bytes(WORD, "big")


@lru_cache(maxsize=4096)
def address_word(address: str) -> bytes:
    """Encode an address."""
    return bytes(12) + bytes.fromhex(address[2:])


@lru_cache(maxsize=256)
def text_word(text: str) -> bytes:
    """Encode a string of which there are few, such as a type or a name: its hash."""
    return keccak256(text.encode())


def struct_hash(type_text: str, *words: bytes) -> bytes:
    """Hash a struct."""
    return keccak256(text_word(type_text) + b"".join(words))


@lru_cache(maxsize=1024)
def domain_separator(
    *, name: str = "", version: str = "", chain_id: int, contract: str = ""
) -> bytes:
    """Hash a domain; what is empty is not part of it."""
    fields, words = [], []
    if name:
        fields.append("string name")
        words.append(text_word(name))
    if version:
        fields.append("string version")
        words.append(text_word(version))
    fields.append("uint256 chainId")
    words.append(uint_word(chain_id))
    if contract:
        fields.append("address verifyingContract")
        words.append(address_word(contract))
    return struct_hash(f"EIP712Domain({','.join(fields)})", *words)


def typed_digest(separator: bytes, struct: bytes) -> bytes:
    """What is signed of a struct under a domain."""
    return keccak256(b"\x19\x01" + separator + struct)


def personal_digest(message: bytes) -> bytes:
    """What a wallet signs of bytes that a person is shown (EIP-191, ``personal_sign``)."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def recover(digest: bytes, signature: bytes) -> str | None:
    """Find whose key signed a digest.

    Args:
        digest: 32 bytes.
        signature: r, s and v (27 or 28), 65 bytes.

    Returns:
        The address with its checksum; None where a contract would refuse the signature.
    """
    if len(signature) != SIGNATURE_BYTES or signature[64] not in (27, 28):
        return None
    if signature[32:64] > S_MAX:
        return None
    plain = signature[:64] + bytes((signature[64] - 27,))
    try:
        key = coincurve.PublicKey.from_signature_and_message(plain, digest, hasher=None)
    except ValueError:
        return None
    return address_of(key.format(compressed=False))


def address_of(public_key: bytes) -> str:
    """Address of an uncompressed public key, 65 bytes."""
    return checksum(keccak256(public_key[1:])[12:])
