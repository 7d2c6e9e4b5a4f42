"""Keys and credentials as objects without a text form.

A secret that can be printed will be: in a log line, a traceback with locals, a pickle sent to a
worker. So a secret here shows its kind and nothing else, cannot be pickled or copied, and errors
about one never carry it, neither in their text nor in the frames they keep alive.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, SupportsIndex

import coincurve

from polymm._core.digest import keccak256, signature_text
from polymm.errors import CredentialError
from polymm.venues.polymarket.addresses import checksum

# Order of secp256k1's group (SEC 2, section 2.4.1): a private key is below it.
GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")  # stands in a header and in JSON as it is


class Unprintable:
    """Base of everything secret: one fixed text, no pickle, no copy."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied")


class Secret(Unprintable):
    """A text that is shown only to who asks for it by name."""

    __slots__ = ("_reveal",)

    def __init__(self, text: str) -> None:
        self._reveal: Callable[[], str] = lambda: text  # a closure has no text form either

    def reveal(self) -> str:
        """Give the text. Keep it out of names that a traceback may show."""
        return self._reveal()


class SigningKey(Unprintable):
    """A private key that signs digests.

    Args:
        secret: 64 hexadecimal digits, with or without 0x.

    Attributes:
        address: The key's own address (EOA), with checksum.

    Raises:
        CredentialError: Not a private key; the message does not say what it is.
    """

    __slots__ = ("_sign", "address")

    def __init__(self, secret: Secret) -> None:
        self.address = ""  # a key that is refused is printed too, in its error's frames
        key = _private_key(secret)
        if key is None:
            raise CredentialError(
                "a private key must be 64 hexadecimal digits, with or without 0x, "
                "above 0 and below the order of secp256k1"
            )
        self.address = checksum(keccak256(key.public_key.format(compressed=False)[1:])[12:])
        self._sign: Callable[..., bytes] = key.sign_recoverable

    def __repr__(self) -> str:
        return f"<SigningKey of {self.address}>"

    def sign(self, digest: bytes) -> bytes:
        """Sign 32 bytes: r, s and v (27 or 28), 65 bytes. Deterministic (RFC 6979), low s."""
        return bytes.fromhex(self.sign_hex(digest)[2:])

    def sign_hex(self, digest: bytes) -> str:
        """Sign as `sign` does, written as 0x and 130 digits: what a request carries."""
        return signature_text(self._sign(digest, None))


def _private_key(secret: Secret) -> coincurve.PrivateKey | None:
    """Read a key without ever raising: an error would keep the text alive in its frames."""
    match = _KEY.fullmatch(secret.reveal())
    if match is None or not 0 < int(match[1], 16) < GROUP_ORDER:
        return None
    return coincurve.PrivateKey(bytes.fromhex(match[1]))


@dataclass(frozen=True, slots=True, repr=False)
class ApiCredentials(Unprintable):
    """What the venue gives for an L1 signature and asks of every private request.

    Args:
        key: The API key, a UUID; it is also the ``owner`` of every order.
        secret: Key of the HMAC, base64 in either alphabet.
        passphrase: Sent with every request.

    Raises:
        CredentialError: One of them cannot be what it is given for.
    """

    key: Secret
    secret: Secret
    passphrase: Secret

    def __post_init__(self) -> None:
        for name, one in (("API key", self.key), ("API passphrase", self.passphrase)):
            if not _TOKEN.fullmatch(one.reveal()):
                raise CredentialError(
                    f"the {name} must be 1 to 256 printable characters without blanks, quotes and "
                    "backslashes"
                )
        if _decoded(self.secret) is None:
            raise CredentialError("the API secret must be base64")

    def hmac_key(self) -> bytes:
        """Give the bytes of the HMAC's key."""
        key = _decoded(self.secret)
        assert key is not None, "checked when it was made"
        return key


def _decoded(secret: Secret) -> bytes | None:
    text = secret.reveal().rstrip("=")
    if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(
        text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4)
    )
