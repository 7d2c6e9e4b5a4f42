"""Where the wallets of a key live: the addresses that the venue's factories give them (CREATE2)."""

from dataclasses import dataclass
from functools import lru_cache

from polymm._core.digest import keccak256
from polymm.exchange.server.eip712 import address_word, checksum
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.wire import SignatureType


@dataclass(frozen=True, slots=True)
class OwnerWallets:
    """Wallets of one key, all with checksums.

    Args:
        owner: The key's own address, type 0.
        proxy: Type 1.
        safe: Type 2.
        deposit: Type 3 as it is made today.
        deposit_uups: Type 3 as it was made before; there only if somebody made it.
    """

    owner: str
    proxy: str
    safe: str
    deposit: str
    deposit_uups: str

    @property
    def current(self) -> tuple[str, str, str, str]:
        """Those a new key has, by signature type."""
        return self.owner, self.proxy, self.safe, self.deposit

    def type_of(self, address: str) -> SignatureType | None:
        """How orders of a wallet are signed; None for a wallet of somebody else."""
        if address == self.deposit_uups:
            return SignatureType.POLY_1271
        wallets = self.current
        return SignatureType(wallets.index(address)) if address in wallets else None


@lru_cache(maxsize=4096)
def derive_wallets(owner: str) -> OwnerWallets:
    """Derive the wallets of a key's address; the test chain is taken to have the same factories."""
    raw = bytes.fromhex(owner[2:])
    word = address_word(owner)
    arguments = address_word(wire.DEPOSIT_WALLET_FACTORY) + word

    def create2(factory: str, salt: bytes, code_hash: bytes) -> str:
        seed = b"\xff" + bytes.fromhex(factory[2:]) + keccak256(salt) + code_hash
        return checksum(keccak256(seed)[12:])

    def deposit(code: str, target: str) -> str:
        created = bytes.fromhex(code.format(target[2:])) + arguments
        return create2(wire.DEPOSIT_WALLET_FACTORY, arguments, keccak256(created))

    proxy_code = wire.PROXY_INIT_CODE.format(wire.PROXY_FACTORY[2:], wire.PROXY_IMPLEMENTATION[2:])
    safe_code_hash = bytes.fromhex(wire.SAFE_INIT_CODE_HASH[2:])
    return OwnerWallets(
        owner=owner,
        proxy=create2(wire.PROXY_FACTORY, raw, keccak256(bytes.fromhex(proxy_code))),
        safe=create2(wire.SAFE_FACTORY, word, safe_code_hash),
        deposit=deposit(wire.DEPOSIT_WALLET_BEACON_CODE, wire.DEPOSIT_WALLET_BEACON),
        deposit_uups=deposit(wire.DEPOSIT_WALLET_UUPS_CODE, wire.DEPOSIT_WALLET_IMPLEMENTATION),
    )
