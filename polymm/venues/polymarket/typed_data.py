"""EIP-712 written out: a domain, a struct, a digest. For what is signed rarely, and for constants.

Orders take the compiled way of ``_core.digest``; this one makes what it is prefilled with.
"""

from polymm._core.digest import keccak256
from polymm.venues.polymarket.abi import address, uint


def text(value: str) -> bytes:
    """Encode a string as EIP-712 does: its hash."""
    return keccak256(value.encode())


def struct_hash(type_string: str, *words: bytes) -> bytes:
    """Hash a struct whose fields are encoded, one word each."""
    return keccak256(text(type_string) + b"".join(words))


def domain_separator(
    *, name: str = "", version: str = "", chain_id: int, verifying_contract: str = ""
) -> bytes:
    """Hash a domain; fields that are not given are not part of its type (EIP-712)."""
    fields = [
        ("string name", text(name)) if name else None,
        ("string version", text(version)) if version else None,
        ("uint256 chainId", uint(chain_id)),
        ("address verifyingContract", address(verifying_contract)) if verifying_contract else None,
    ]
    present = [field for field in fields if field is not None]
    type_string = f"EIP712Domain({','.join(name for name, _ in present)})"
    return struct_hash(type_string, *(word for _, word in present))


def digest(separator: bytes, struct: bytes) -> bytes:
    """What is signed: a struct's hash under its domain."""
    return keccak256(b"\x19\x01" + separator + struct)
