"""Who may ask: API keys, whose they are, and the wallets and play money behind them.

An address is taken in at its first key: its own wallet and those derived from it get play money,
allowances and, where the settings say so, shares of every window. Credentials follow from the
seed, the address and the nonce, so that a second run gives the same.
"""

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from uuid import UUID

from polymm.exchange.exchange import Exchange
from polymm.exchange.listing import Listing
from polymm.exchange.server.derive import OwnerWallets, derive_wallets
from polymm.exchange.server.eip712 import read_address
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.wallets import Wallet
from polymm.venues.polymarket import wire

# Keys of one address, so that nobody fills the memory with them.
KEYS_MAX = 1_000


@dataclass(slots=True, eq=False)
class Holder:
    """One address that owns keys and wallets.

    Args:
        wallets: Its own and those derived from it.

    Attributes:
        is_banned: Takes no orders.
        is_closed_only: Takes sells only.
        needs_deposit_wallet: Takes orders of the deposit wallet only.
        accounts: API keys by nonce.
        readers: Keys that may only read, by id.
        builders: Keys for the relayer, by id.
    """

    wallets: OwnerWallets
    is_banned: bool = False
    is_closed_only: bool = False
    needs_deposit_wallet: bool = False
    accounts: "dict[int, Account]" = field(default_factory=dict)
    readers: "dict[str, Account]" = field(default_factory=dict)
    builders: "dict[str, Account]" = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The key's own address."""
        return self.wallets.owner

    @property
    def is_full(self) -> bool:
        """Whether it has as many keys as anybody may have."""
        return len(self.accounts) + len(self.readers) + len(self.builders) >= KEYS_MAX


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """An API key and whose it is.

    Args:
        holder: Owner of the key.
        key_id: UUID; the exchange knows the account's orders by it.
        secret: Key of the HMAC, base64 in the alphabet of URLs.
        passphrase: Hexadecimal digits.
        nonce: Which of the holder's keys.
        reads_only: It may ask for what is there and change nothing.
        created_s: Unix seconds.
    """

    holder: Holder
    key_id: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)
    nonce: int = 0
    reads_only: bool = False
    created_s: int = 0

    @property
    def address(self) -> str:
        """Address that owns the key, with its checksum."""
        return self.holder.address

    @property
    def credentials(self) -> dict[str, str]:
        """What the venue answers when the key is made."""
        return {"apiKey": self.key_id, "secret": self.secret, "passphrase": self.passphrase}

    def sign(self, message: bytes) -> str:
        """HMAC of a request (signing notes 2)."""
        digest = hmac.digest(base64.urlsafe_b64decode(self.secret), message, "sha256")
        return base64.urlsafe_b64encode(digest).decode()


class Accounts:
    """All keys, holders and their wallets on one exchange.

    Args:
        exchange: Holds the money.
        settings: Play money, chain, seed.

    Attributes:
        deployed: Addresses of wallets that are there on the chain.
    """

    def __init__(self, exchange: Exchange, settings: ServerSettings) -> None:
        self._exchange = exchange
        self._settings = settings
        self._holders: dict[str, Holder] = {}
        self._of_wallet: dict[str, Holder] = {}
        self._by_key: dict[str, Account] = {}
        self._builders: dict[str, Account] = {}
        self._retired: dict[tuple[str, int], int] = {}
        self._numbers = count(1)
        self.deployed: set[str] = set()

    # Holders and wallets

    def holder(self, address: str) -> Holder | None:
        """Find who an address belongs to, its own or a derived wallet's, in any case."""
        return self._of_wallet.get(read_address(address) or "")

    def wallet(self, address: str) -> Wallet | None:
        """Find the exchange's wallet of a known holder by address, in any case."""
        proper = read_address(address) or ""
        if proper not in self._of_wallet:
            return None
        return self._exchange.ledger.open_wallet(proper)

    def take_in(self, address: str) -> Holder:
        """Give the holder of a key's address; at its first mention its wallets are made and filled.

        Args:
            address: With its checksum.
        """
        holder = self._holders.get(address)
        if holder is None:
            wallets = derive_wallets(address)
            holder = self._holders[address] = Holder(wallets)
            for one in (*wallets.current, wallets.deposit_uups):
                self._of_wallet[one] = holder
            for one in wallets.current:
                self.deploy(one)
        return holder

    def deploy(self, address: str) -> None:
        """Put a wallet on the chain, allow all contracts and fill it; nothing if it is there."""
        if address in self.deployed:
            return
        self.deployed.add(address)
        wallet = self._exchange.ledger.open_wallet(address)
        for spender in spenders(self._settings.chain_id):
            wallet.allow(spender)
        self._exchange.ledger.deposit(wallet, self._settings.fund_e6)
        for listing in self._exchange.listings.values():
            self._give_pairs(wallet, listing)

    def listed(self, listing: Listing) -> None:
        """Give every wallet its pairs of a new window."""
        for address in self.deployed:
            self._give_pairs(self._exchange.ledger.open_wallet(address), listing)

    def _give_pairs(self, wallet: Wallet, listing: Listing) -> None:
        """Pairs come with dollars of their own, so that no wallet's cash moves unasked."""
        pairs_e6 = self._settings.pairs_e6
        if pairs_e6 and listing.accepting:
            self._exchange.ledger.deposit(wallet, pairs_e6)
            self._exchange.ledger.split(wallet, listing.pool, pairs_e6)

    # Keys

    def create(self, address: str, nonce: int, now_s: int = 0) -> Account | None:
        """Make the key of an address and a nonce; None where it is there or there are too many."""
        holder = self.take_in(address)
        if nonce in holder.accounts or holder.is_full:
            return None
        name = f"{address} {nonce} {self._retired.get((address, nonce), 0)}"
        account = self._make(holder, name, nonce=nonce, now_s=now_s)
        holder.accounts[nonce] = self._by_key[account.key_id] = account
        return account

    def derive(self, address: str, nonce: int) -> Account | None:
        """Find the key of an address and a nonce."""
        holder = self._holders.get(address)
        return None if holder is None else holder.accounts.get(nonce)

    def create_reader(self, holder: Holder, now_s: int = 0) -> Account | None:
        """Make a key that may only read; None where there are too many."""
        if holder.is_full:
            return None
        name = f"{holder.address} reader {next(self._numbers)}"
        account = self._make(holder, name, now_s=now_s, reads_only=True)
        holder.readers[account.key_id] = self._by_key[account.key_id] = account
        return account

    def create_builder(self, holder: Holder, now_s: int = 0) -> Account | None:
        """Make a key for the relayer; None where there are too many."""
        if holder.is_full:
            return None
        name = f"{holder.address} builder {next(self._numbers)}"
        account = self._make(holder, name, now_s=now_s)
        holder.builders[account.key_id] = self._builders[account.key_id] = account
        return account

    def delete(self, account: Account) -> None:
        """Forget a key; the next one of the same nonce is another. Its open orders stay."""
        holder = account.holder
        for keys in (self._by_key, self._builders, holder.readers, holder.builders):
            keys.pop(account.key_id, None)
        if holder.accounts.get(account.nonce) is account:
            del holder.accounts[account.nonce]
            place = account.address, account.nonce
            self._retired[place] = self._retired.get(place, 0) + 1

    def find(self, key_id: str) -> Account | None:
        """Find a key that may trade or read."""
        return self._by_key.get(key_id)

    def find_builder(self, key_id: str) -> Account | None:
        """Find a key for the relayer."""
        return self._builders.get(key_id)

    def match(self, key_id: object, secret: object, passphrase: object) -> Account | None:
        """Find a key by credentials that are all sent, as the user channel does."""
        account = self._by_key.get(key_id) if isinstance(key_id, str) else None
        known = account is not None and (account.secret, account.passphrase) == (secret, passphrase)
        return account if known else None

    def _make(
        self, holder: Holder, name: str, *, now_s: int, nonce: int = 0, reads_only: bool = False
    ) -> Account:
        def draw(what: str) -> bytes:
            return sha256(f"polymm {what} {self._settings.seed} {name}".encode()).digest()

        return Account(
            holder,
            str(UUID(bytes=draw("key")[:16], version=4)),
            base64.urlsafe_b64encode(draw("secret")).decode(),
            draw("passphrase").hex(),
            nonce=nonce,
            reads_only=reads_only,
            created_s=now_s,
        )


def spenders(chain_id: int) -> list[str]:
    """Contracts that a wallet allows to move its money and tokens (onchain notes 4)."""
    exchanges = {contract for key, contract in wire.EXCHANGES.items() if key[0] == chain_id}
    return [
        *sorted(exchanges),
        wire.COLLATERAL_ADAPTER,
        wire.NEG_RISK_COLLATERAL_ADAPTER,
        wire.ROUTER,
        wire.AUTO_REDEEMER,
        wire.BINARY_MODULE,
        wire.NEG_RISK_MODULE,
        wire.PERPS_DEPOSIT,
    ]
