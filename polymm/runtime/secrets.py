"""Secrets from the environment or from files, and from nowhere else.

Each is a variable POLYMARKET_NAME, or POLYMARKET_NAME_FILE with the path of a file that only its
owner can read. What is wrong is told by the variable's name alone: people put a key into the wrong
variable, so no value, no path and no third party's error text is ever repeated. The frames that an
error keeps alive hold no secret either, for tracebacks that print locals.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from polymm.errors import CredentialError, InputError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.addresses import checksummed, derive_wallets
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType

PREFIX = "POLYMARKET_"
PRIVATE_KEY = "PRIVATE_KEY"
FUNDER = "FUNDER"
SIGNATURE_TYPE = "SIGNATURE_TYPE"
API_PARTS = ("API_KEY", "API_SECRET", "API_PASSPHRASE")
NAMES = (PRIVATE_KEY, FUNDER, SIGNATURE_TYPE, *API_PARTS)
SECRET_BYTES_MAX = 4_096
FILE_MODE = 0o600


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who trades, and how the venue knows it.

    Args:
        wallet: Key, wallet and signature type.
        api: None where the credentials are still to be created or derived by an L1 request.
    """

    wallet: Wallet
    api: ApiCredentials | None


def load_credentials(environ: Mapping[str, str], *, chain_id: int = wire.POLYGON) -> Credentials:
    """Read the six POLYMARKET_ variables, or the files that their _FILE twins name.

    Only the private key is needed. Without a signature type it follows from the funder: none is
    the key's own address (type 0), a proxy, safe or deposit wallet derived from the key is types 1
    to 3. Without a funder the wallet is derived.

    Raises:
        CredentialError: One line for each fault; names variables, never values.
    """
    faults: list[str] = []
    found = _read_all(environ, faults)
    # A mapping's repr is its values, and this frame lives on in the error.
    del environ
    loaded = None if faults else _put_together(found, chain_id, faults)
    if loaded is None:
        raise CredentialError("\n".join(faults))
    return loaded


def _read_all(environ: Mapping[str, str], faults: list[str]) -> dict[str, Secret]:
    found = {}
    for name in NAMES:
        variable = PREFIX + name
        text, path = environ.get(variable, ""), environ.get(f"{variable}_FILE", "")
        if text and path:
            faults.append(f"set {variable} or {variable}_FILE, not both")
        elif path:
            secret = read_secret_file(path, f"{variable}_FILE", faults)
            if secret is not None:
                found[name] = secret
        elif text.strip():
            found[name] = Secret(text.strip())
    return found


def read_secret_file(path: str, variable: str, faults: list[str]) -> Secret | None:
    """Read a file that only its owner can read; what is checked is what is read."""
    content, fault = b"", ""
    try:
        # Not blocking: a path may name a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            fault = _file_fault(os.fstat(descriptor))
            if not fault:
                content = os.read(descriptor, SECRET_BYTES_MAX + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except ValueError:
        fault = "cannot be read: its path holds a zero byte"
    text = content.decode("utf-8", "replace").strip()
    if not fault and not text:
        fault = "is empty"
    if fault:
        faults.append(f"the file named by {variable} {fault}")
        return None
    return Secret(text)


def _file_fault(status: os.stat_result) -> str:
    """Say why a secret is not read from this file; "" if it is."""
    if not stat.S_ISREG(status.st_mode):
        return "must be a regular file"
    if status.st_uid != os.geteuid():
        return "must belong to the user who runs polymm"
    mode = stat.S_IMODE(status.st_mode)
    if mode & ~FILE_MODE:
        return f"must have mode 0600, has {mode:04o}: others could read it (chmod 600)"
    if status.st_size > SECRET_BYTES_MAX:
        return f"must be at most {SECRET_BYTES_MAX} bytes, has {status.st_size}"
    return ""


def _put_together(
    found: Mapping[str, Secret], chain_id: int, faults: list[str]
) -> Credentials | None:
    key = _key(found, faults)
    api = _api(found, faults)
    wallet = None if key is None else _wallet(key, found, chain_id, faults)
    return None if faults or wallet is None else Credentials(wallet, api)


def _key(found: Mapping[str, Secret], faults: list[str]) -> SigningKey | None:
    variable = PREFIX + PRIVATE_KEY
    if PRIVATE_KEY not in found:
        faults.append(f"{variable} or {variable}_FILE must be set")
        return None
    try:
        return SigningKey(found[PRIVATE_KEY])
    except CredentialError as error:
        faults.append(f"{variable}: {error}")
        return None


def _api(found: Mapping[str, Secret], faults: list[str]) -> ApiCredentials | None:
    missing = [PREFIX + name for name in API_PARTS if name not in found]
    if missing:
        if len(missing) < len(API_PARTS):
            faults.append(f"API credentials are three, missing: {', '.join(missing)}")
        return None
    try:
        return ApiCredentials(*(found[name] for name in API_PARTS))
    except CredentialError as error:
        faults.append(f"{PREFIX}API_*: {error}")
        return None


def _wallet(
    key: SigningKey, found: Mapping[str, Secret], chain_id: int, faults: list[str]
) -> Wallet | None:
    """Put key, type and funder together; each may follow from the others."""
    before = len(faults)
    kind = _signature_type(found, faults)
    funder = _funder(found, faults)
    if len(faults) > before:
        return None
    try:
        if kind is None:
            kind = SignatureType.EOA
            if funder and funder != key.address:
                # A stranger's wallet, or a chain without derivation: nothing to go by.
                known = derive_wallets(key.address, chain_id).type_of(funder)
                if known is None:
                    faults.append(
                        f"{PREFIX}{FUNDER} is no wallet derived from the key: set "
                        f"{PREFIX}{SIGNATURE_TYPE} to 1, 2 or 3"
                    )
                    return None
                kind = known
        return Wallet(key=key, signature_type=kind, funder=funder, chain_id=chain_id)
    except InputError as error:
        faults.append(f"{PREFIX}{FUNDER} or {PREFIX}{SIGNATURE_TYPE}: {error}")
        return None


def _signature_type(found: Mapping[str, Secret], faults: list[str]) -> SignatureType | None:
    secret = found.get(SIGNATURE_TYPE)
    if secret is None:
        return None
    for kind in SignatureType:
        if secret.reveal() == str(int(kind)):
            return kind
    names = ", ".join(f"{int(kind)} ({kind.name})" for kind in SignatureType)
    faults.append(f"{PREFIX}{SIGNATURE_TYPE} must be one of {names}")
    return None


def _funder(found: Mapping[str, Secret], faults: list[str]) -> str:
    secret = found.get(FUNDER)
    if secret is None:
        return ""
    try:
        return checksummed(secret.reveal())
    except InputError:
        # The error repeats what it was given.
        faults.append(
            f"{PREFIX}{FUNDER} must be an address: 0x, 40 hexadecimal digits, a fitting checksum"
        )
        return ""
