"""Headers that say who asks: L1 by the key's signature, L2 by an HMAC over the request.

L1 creates or derives API credentials and is rare. L2 is on every private request, so all but the
time stamp and the HMAC is a ready template, and the HMAC starts from saved states of its key.
"""

from polymm._core.digest import HmacSha256
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.abi import address, uint
from polymm.venues.polymarket.addresses import checksummed
from polymm.venues.polymarket.credentials import ApiCredentials, SigningKey, Unprintable
from polymm.venues.polymarket.typed_data import digest, domain_separator, struct_hash, text


def l1_digest(owner: str, *, chain_id: int, timestamp_s: int, nonce: int = 0) -> bytes:
    """What an L1 header signs (signing notes 1)."""
    domain = domain_separator(
        name=wire.AUTH_DOMAIN_NAME, version=wire.AUTH_DOMAIN_VERSION, chain_id=chain_id
    )
    claim = struct_hash(
        wire.AUTH_TYPE,
        address(owner),
        text(str(timestamp_s)),
        uint(nonce),
        text(wire.AUTH_MESSAGE),
    )
    return digest(domain, claim)


def l1_headers(
    key: SigningKey, *, chain_id: int, timestamp_s: int, nonce: int = 0
) -> dict[str, str]:
    """Headers of a request that creates or derives API credentials.

    Args:
        nonce: Selects among the credentials of one address.

    Raises:
        InputError: The nonce is negative or needs more than 256 bits.
    """
    signed = l1_digest(key.address, chain_id=chain_id, timestamp_s=timestamp_s, nonce=nonce)
    return {
        wire.HEADER_ADDRESS: key.address,
        wire.HEADER_SIGNATURE: key.sign_hex(signed),
        wire.HEADER_TIMESTAMP: str(timestamp_s),
        wire.HEADER_NONCE: str(nonce),
    }


class RequestSigner(Unprintable):
    """Makes the L2 headers of one API key.

    Args:
        owner: Address that owns the API key: the signing key's own, whatever the wallet.
        credentials: As the venue gave them.

    Raises:
        InputError: No address.
    """

    __slots__ = ("_credentials", "_hmac", "_tail", "owner")

    def __init__(self, owner: str, credentials: ApiCredentials) -> None:
        self.owner = checksummed(owner)
        self._credentials = credentials
        self._hmac = HmacSha256(credentials.hmac_key())
        self._tail = (
            f"\r\n{wire.HEADER_ADDRESS}: {self.owner}"
            f"\r\n{wire.HEADER_API_KEY}: {credentials.key.reveal()}"
            f"\r\n{wire.HEADER_PASSPHRASE}: {credentials.passphrase.reveal()}\r\n"
        )

    def signature(self, timestamp_s: int, method: str, path: str, body: bytes = b"") -> str:
        """Sign one request (signing notes 2).

        Args:
            timestamp_s: Unix seconds, those of the header.
            method: Upper case.
            path: From the slash on, without the query.
            body: The very bytes that are sent; none for a request without a body.

        Returns:
            Base64 in the alphabet of URLs, padded.
        """
        return self._hmac.sign(f"{timestamp_s}{method}{path}".encode(), body)

    def headers(
        self, timestamp_s: int, method: str, path: str, body: bytes = b""
    ) -> dict[str, str]:
        """Headers by name, for a client that takes a mapping."""
        return {
            wire.HEADER_ADDRESS: self.owner,
            wire.HEADER_SIGNATURE: self.signature(timestamp_s, method, path, body),
            wire.HEADER_TIMESTAMP: str(timestamp_s),
            wire.HEADER_API_KEY: self._credentials.key.reveal(),
            wire.HEADER_PASSPHRASE: self._credentials.passphrase.reveal(),
        }

    def header_lines(self, timestamp_s: int, method: str, path: str, body: bytes = b"") -> bytes:
        """The same as lines of a request's head, each ended, for a client that writes its own."""
        return (
            f"{wire.HEADER_SIGNATURE}: {self.signature(timestamp_s, method, path, body)}"
            f"\r\n{wire.HEADER_TIMESTAMP}: {timestamp_s}{self._tail}"
        ).encode()
