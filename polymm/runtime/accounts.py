"""Whose orders, and where: an account of the venue, or of play money on a local exchange."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from polymm.errors import InputError, UsageError
from polymm.runtime.secrets import load_credentials
from polymm.runtime.state_folder import StateFolder
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType

WALLETS: Final[Mapping[str, SignatureType]] = MappingProxyType(
    {
        "eoa": SignatureType.EOA,
        "proxy": SignatureType.POLY_PROXY,
        "safe": SignatureType.POLY_GNOSIS_SAFE,
        "deposit": SignatureType.POLY_1271,
    }
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who trades where.

    Args:
        api: None where the credentials are to be created or derived.
    """

    hosts: Hosts
    wallet: Wallet
    api: ApiCredentials | None


def venue_account(environ: Mapping[str, str]) -> Account:
    """The account of the environment's credentials, at the venue itself.

    Raises:
        CredentialError: They are missing or malformed.
    """
    credentials = load_credentials(environ)
    return Account(Hosts(), credentials.wallet, credentials.api)


def local_hosts(url: str) -> Hosts:
    """The services of a local exchange.

    Raises:
        UsageError: No address of this machine.
    """
    try:
        return Hosts.at(url)
    except InputError as error:
        raise UsageError(f"--exchange: {error}") from None


def local_account(url: str, folder: Path, wallet: str) -> Account:
    """The account that a run on a local exchange has kept its key of.

    Args:
        wallet: One of `WALLETS`.

    Raises:
        UsageError: No address of this machine, or no such kind of wallet.
        CredentialError: No key is there.
    """
    if wallet not in WALLETS:
        raise UsageError(f"--wallet must be one of {', '.join(WALLETS)}, was {wallet!r}")
    key = StateFolder(folder).read_key()
    return Account(local_hosts(url), Wallet(key=key, signature_type=WALLETS[wallet]), None)
