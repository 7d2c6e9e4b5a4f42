"""Headers that say to the relayer who asks: a relayer key, or a builder's credentials.

Either is enough (onchain notes section 5). Which wallet acts is told by the action's own signature.
"""

from polymm._core.digest import HmacSha256
from polymm.errors import CredentialError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.addresses import checksummed
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, Unprintable

_KEY_CHARS_MAX = 256


class RelayerKey(Unprintable):
    """A relayer API key and the address that it belongs to.

    Raises:
        InputError: No address.
        CredentialError: The key cannot stand in a header.
    """

    __slots__ = ("_key", "address")

    def __init__(self, key: Secret, address: str) -> None:
        self.renew(key)
        self.address = checksummed(address)

    def renew(self, key: Secret) -> None:
        """Use another key from here on.

        Raises:
            CredentialError: It cannot stand in a header.
        """
        text = key.reveal()
        is_header = text.isascii() and text.isprintable() and " " not in text
        if not is_header or not 1 <= len(text) <= _KEY_CHARS_MAX:
            del text
            raise CredentialError(
                f"a relayer key must be 1 to {_KEY_CHARS_MAX} printable characters without blanks"
            )
        self._key = key

    def headers(
        self, timestamp_s: int, method: str, path: str, body: bytes = b""
    ) -> dict[str, str]:
        """Headers of any request; what is asked does not change them."""
        return {
            wire.RELAYER_HEADER_KEY: self._key.reveal(),
            wire.RELAYER_HEADER_ADDRESS: self.address,
        }


class BuilderSigner(Unprintable):
    """Makes the headers of a builder's credentials, with the recipe of L2 (signing notes 2)."""

    __slots__ = ("_credentials", "_hmac")

    def __init__(self, credentials: ApiCredentials) -> None:
        self._credentials = credentials
        self._hmac = HmacSha256(credentials.hmac_key())

    def headers(
        self, timestamp_s: int, method: str, path: str, body: bytes = b""
    ) -> dict[str, str]:
        """Headers of one request.

        Args:
            timestamp_s: Unix seconds.
            method: Upper case.
            path: From the slash on, without the query.
            body: The very bytes that are sent.
        """
        signature = self._hmac.sign(f"{timestamp_s}{method}{path}".encode(), body)
        return {
            wire.BUILDER_HEADER_KEY: self._credentials.key.reveal(),
            wire.BUILDER_HEADER_PASSPHRASE: self._credentials.passphrase.reveal(),
            wire.BUILDER_HEADER_SIGNATURE: signature,
            wire.BUILDER_HEADER_TIMESTAMP: str(timestamp_s),
        }
