"""Who sent a request: a wallet's signature (L1) or an HMAC with an API key's secret (L2)."""

import hmac
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.answers import Refused
from polymm.exchange.server.eip712 import (
    UINT_LIMIT,
    address_word,
    domain_separator,
    read_address,
    read_hex,
    recover,
    struct_hash,
    text_word,
    typed_digest,
    uint_word,
)
from polymm.exchange.server.hall import HALL, Hall
from polymm.venues.polymarket import wire

NUMBER_DIGITS_MAX = 78
ACCOUNT_NAMES = (wire.HEADER_TIMESTAMP, wire.HEADER_PASSPHRASE, wire.HEADER_SIGNATURE)
BUILDER_NAMES = (
    wire.BUILDER_HEADER_TIMESTAMP,
    wire.BUILDER_HEADER_PASSPHRASE,
    wire.BUILDER_HEADER_SIGNATURE,
)


async def authenticate(request: web.Request, *, reads: bool = False) -> tuple[Account, bytes]:
    """Read a private request and find whose it is.

    Args:
        reads: Nothing is changed though the method is not GET; a key that only reads may do it.

    Returns:
        The account and the raw body.

    Raises:
        Refused: The venue would not believe it.
    """
    body = await request.read()
    hall = request.app[HALL]
    account = check_l2(hall, request, body)
    if account.reads_only and not reads and request.method != "GET":
        raise Refused(refusals.UNAUTHORIZED)
    return account, body


async def authenticate_builder(request: web.Request) -> tuple[Account, bytes]:
    """Do as ``authenticate`` for a request that a builder's key signs."""
    body = await request.read()
    hall, headers = request.app[HALL], request.headers
    account = hall.accounts.find_builder(headers.get(wire.BUILDER_HEADER_KEY, ""))
    proof = Proof(*(headers.get(name, "") for name in BUILDER_NAMES))
    if account is None or not proof.holds(hall, account, request, body):
        raise Refused(refusals.UNAUTHORIZED)
    return account, body


def check_l2(hall: Hall, request: web.BaseRequest, body: bytes) -> Account:
    """Check the headers of a private request (signing notes 2).

    The same request may come again while its time is good: the venue is not known to remember.
    """
    headers = request.headers
    account = hall.accounts.find(headers.get(wire.HEADER_API_KEY, ""))
    proof = Proof(*(headers.get(name, "") for name in ACCOUNT_NAMES))
    if account is None or not proof.holds(hall, account, request, body):
        raise Refused(refusals.UNAUTHORIZED)
    if read_address(headers.get(wire.HEADER_ADDRESS)) != account.address:
        raise Refused(refusals.UNAUTHORIZED)
    return account


class Proof(NamedTuple):
    """What a request brings to prove that its sender has a key's secret."""

    timestamp: str
    passphrase: str
    signature: str

    def holds(
        self,
        hall: Hall,
        account: Account,
        request: web.BaseRequest,
        body: bytes,
        prefix: str = "",
    ) -> bool:
        """Whether it does, now and for this very request.

        Args:
            prefix: Path of a service that its clients take for part of the host and do not sign.
        """
        if not is_timely(hall, self.timestamp):
            return False
        if not hmac.compare_digest(as_bytes(self.passphrase), account.passphrase.encode()):
            return False
        path = request.raw_path.partition("?")[0].removeprefix(prefix)
        head = as_bytes(f"{self.timestamp}{request.method}{path}")
        # py-clob-client-v2 signs each apostrophe of a body as a quotation mark.
        texts = {body, body.replace(b"'", b'"')}
        return any(
            hmac.compare_digest(as_bytes(self.signature), account.sign(head + text).encode())
            for text in texts
        )


def check_l1(hall: Hall, headers: Mapping[str, str]) -> tuple[str, int]:
    """Check the headers of a request for an API key (signing notes 1).

    Returns:
        The address that signed, and the nonce.

    Raises:
        Refused: The signature is not the address's, or its time is not now.
    """
    address = read_address(headers.get(wire.HEADER_ADDRESS))
    signature = read_hex(headers.get(wire.HEADER_SIGNATURE))
    timestamp = headers.get(wire.HEADER_TIMESTAMP, "")
    nonce = read_number(headers.get(wire.HEADER_NONCE, "0"))
    if address is None or signature is None or nonce is None or not is_timely(hall, timestamp):
        raise Refused(refusals.INVALID_L1)
    digest = auth_digest(address, timestamp, nonce, chain_id=hall.settings.chain_id)
    if recover(digest, signature) != address:
        raise Refused(refusals.INVALID_L1)
    return address, nonce


def auth_digest(address: str, timestamp: str, nonce: int, *, chain_id: int) -> bytes:
    """What a wallet signs to get an API key."""
    separator = domain_separator(
        name=wire.AUTH_DOMAIN_NAME, version=wire.AUTH_DOMAIN_VERSION, chain_id=chain_id
    )
    struct = struct_hash(
        wire.AUTH_TYPE,
        address_word(address),
        text_word(timestamp),
        uint_word(nonce),
        text_word(wire.AUTH_MESSAGE),
    )
    return typed_digest(separator, struct)


def is_timely(hall: Hall, timestamp: str) -> bool:
    """Whether a time in seconds is near enough to now."""
    time_s = read_number(timestamp)
    return time_s is not None and abs(hall.now_ns() // NS - time_s) <= hall.settings.skew_s_max


def read_number(text: str) -> int | None:
    """Read a decimal number below 2^256; None for anything else."""
    if not (text.isascii() and text.isdecimal()) or len(text) > NUMBER_DIGITS_MAX:
        return None
    number = int(text)
    return number if number < UINT_LIMIT else None


def as_bytes(header: str) -> bytes:
    """Take a header's bytes, of which some may be no text."""
    return header.encode("utf-8", "surrogateescape")
