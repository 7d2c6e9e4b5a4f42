"""Addresses: their checksum, and the wallets that the venue derives from an owner's address.

A wallet's address is known before the wallet exists (CREATE2, EIP-1014), so the key alone says
where a proxy, a safe or a deposit wallet lives, and an address says which of them it is.
"""

from dataclasses import dataclass

from polymm._core.digest import keccak256
from polymm.errors import InputError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.abi import address_bytes
from polymm.venues.polymarket.wire import SignatureType


def checksum(address: bytes) -> str:
    """Write 20 bytes as an address with EIP-55's checksum in the case of its letters."""
    digits = address.hex()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit
        for digit, nibble in zip(digits, nibbles, strict=False)
    )


def checksummed(text: str) -> str:
    """Read an address in any case, and hold it against its checksum where it has one.

    Raises:
        InputError: No address, or letters of both cases that are not its checksum: one character
            was mistyped.
    """
    proper = checksum(address_bytes(text))
    digits = text[2:]
    if text != proper and digits not in (digits.lower(), digits.upper()):
        raise InputError("an address in mixed case must fit its own checksum (EIP-55)")
    return proper


@dataclass(frozen=True, slots=True)
class DerivedWallets:
    """Every wallet of one owner, with checksums.

    Args:
        owner: The key's own address (signature type 0).
        proxy: Type 1.
        safe: Type 2.
        deposit: Type 3 as it is made now, a beacon proxy.
        deposit_uups: Type 3 as it was made before, a UUPS proxy.
    """

    owner: str
    proxy: str
    safe: str
    deposit: str
    deposit_uups: str

    def of_type(self, signature_type: SignatureType) -> str:
        """Give the wallet that holds the funds for a signature type; for type 3 the current one."""
        return (self.owner, self.proxy, self.safe, self.deposit)[signature_type]

    def type_of(self, wallet: str) -> SignatureType | None:
        """Say which signature type an address of this owner wants; None for a stranger's.

        Raises:
            InputError: No address.
        """
        return {
            self.owner: SignatureType.EOA,
            self.proxy: SignatureType.POLY_PROXY,
            self.safe: SignatureType.POLY_GNOSIS_SAFE,
            self.deposit: SignatureType.POLY_1271,
            self.deposit_uups: SignatureType.POLY_1271,
        }.get(checksummed(wallet))


def derive_wallets(owner: str, chain_id: int = wire.POLYGON) -> DerivedWallets:
    """Derive all wallets of one owner (signing notes, "Wallet derivation").

    Raises:
        InputError: No address, or a chain on which no document names the factories.
    """
    if chain_id != wire.POLYGON:
        raise InputError(
            f"wallets can be derived on chain {wire.POLYGON} only, not on {chain_id}: "
            "give the wallet's address"
        )
    raw = address_bytes(owner)
    word = raw.rjust(32, b"\0")
    proxy_code = wire.PROXY_INIT_CODE.format(wire.PROXY_FACTORY[2:], wire.PROXY_IMPLEMENTATION[2:])
    deposit_arguments = address_bytes(wire.DEPOSIT_WALLET_FACTORY).rjust(32, b"\0") + word

    def deposit(code: str, target: str) -> str:
        init_code = bytes.fromhex(code.format(target[2:])) + deposit_arguments
        return create2(
            wire.DEPOSIT_WALLET_FACTORY, keccak256(deposit_arguments), keccak256(init_code)
        )

    return DerivedWallets(
        owner=checksum(raw),
        proxy=create2(wire.PROXY_FACTORY, keccak256(raw), keccak256(bytes.fromhex(proxy_code))),
        safe=create2(
            wire.SAFE_FACTORY, keccak256(word), bytes.fromhex(wire.SAFE_INIT_CODE_HASH[2:])
        ),
        deposit=deposit(wire.DEPOSIT_WALLET_BEACON_CODE, wire.DEPOSIT_WALLET_BEACON),
        deposit_uups=deposit(wire.DEPOSIT_WALLET_UUPS_CODE, wire.DEPOSIT_WALLET_IMPLEMENTATION),
    )


def create2(factory: str, salt: bytes, init_code_hash: bytes) -> str:
    """Address of a contract that a factory makes with CREATE2 (EIP-1014)."""
    return checksum(keccak256(b"\xff" + address_bytes(factory) + salt + init_code_hash)[12:])
