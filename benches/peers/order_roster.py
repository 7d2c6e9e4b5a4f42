"""Who takes part in table C: an order from price and size to a signature, and to a request's bytes.

Every row signs the same drawn orders, one after the other, with a fresh salt and time stamp each.
The official client runs twice: with coincurve, and with eth-keys' own arithmetic, which is what
``pip install py-clob-client-v2`` alone leaves it with.
"""

import base64
import hashlib
import hmac
import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from benches.timing import Contender, Skipped

POLYMM = "polymm"
POLYMM_TYPE_3 = "polymm, deposit wallet (type 3)"
BARE_SIGN = "coincurve sign_recoverable alone"
CLOB = "py-clob-client-v2, coincurve"
CLOB_ALONE = "py-clob-client-v2, as pip alone leaves it"

# The first account of every hardhat chain: it never held money.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
TOKEN = "71183960810705820955071415844881728181970340514894896943812046065452395013351"
API_KEY = "9180014b-33c8-9240-a14b-bdca11c0a465"
API_SECRET = "CzBVep_E6Q4zWH2ix-wRNluApcrvFDleg6jN8hc8YYY="
API_PASSPHRASE = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
CHAIN = 137
TICK_E4 = 100
NOW_S = 1_796_086_989
PATH = "/order"
BACKEND = "ECC_BACKEND_CLASS"  # of eth-keys, read at each call

Rows = list[Contender | Skipped]


@dataclass(frozen=True, slots=True)
class Quote:
    """What was decided: buy at this price, this much; drawn salt and time stamp."""

    price_e4: int
    size_e6: int
    salt: int
    timestamp_ms: int


def draw_quotes(count: int, seed: int = 1) -> list[Quote]:
    """Draw quotes whose amounts a binary float gets right too."""
    draw = random.Random(seed)
    return [
        Quote(
            draw.randrange(1, 100) * 100,
            draw.randrange(5, 500) * 1_000_000,
            draw.getrandbits(53),
            NOW_S * 1_000 + i,
        )
        for i in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Ours:
    """polymm's signer of one wallet, with what is prepared once."""

    family: Any
    envelopes: Any
    requests: Any

    def sign(self, quote: Quote) -> Any:
        """From price and size to a signed order."""
        from polymm.domain.amounts import limit_amounts
        from polymm.domain.order import Side

        amounts = limit_amounts(Side.BUY, quote.price_e4, quote.size_e6, TICK_E4)
        return self.family.sign(amounts, salt=quote.salt, timestamp_ms=quote.timestamp_ms)


@cache
def ours(signature_type: int = 0) -> Ours:
    """Prepare polymm for one kind of wallet."""
    from polymm.domain.order import Side
    from polymm.venues.polymarket.auth import RequestSigner
    from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
    from polymm.venues.polymarket.signing import Envelopes, OrderFamily, Wallet
    from polymm.venues.polymarket.wire import SignatureType

    key = SigningKey(Secret(KEY))
    wallet = Wallet(key=key, signature_type=SignatureType(signature_type))
    credentials = ApiCredentials(Secret(API_KEY), Secret(API_SECRET), Secret(API_PASSPHRASE))
    return Ours(
        OrderFamily(wallet, token_id=TOKEN, side=Side.BUY, market_version="v1", neg_risk=False),
        Envelopes(credentials.key),
        RequestSigner(key.address, credentials),
    )


@contextmanager
def own_backend() -> Iterator[None]:
    """Let rows choose what eth-keys signs with; put the caller's choice back at the end."""
    before = os.environ.get(BACKEND)
    try:
        yield
    finally:
        os.environ.pop(BACKEND, None)
        if before is not None:
            os.environ[BACKEND] = before


def _contender(
    name: str, call: Callable[[Any], object], inputs: Sequence[Any], *, backend: str = ""
) -> Contender:
    """A pass over all inputs; ``backend`` is what eth-keys is told to sign with."""

    def run() -> None:
        for one in inputs:
            call(one)

    def prepare() -> Callable[[], None]:
        os.environ.pop(BACKEND, None)
        if backend:
            os.environ[BACKEND] = backend
        return run

    return Contender(name, prepare, len(inputs))


def _polymm(name: str, signature_type: int, quotes: Sequence[Quote], *, whole: bool) -> Contender:
    from polymm.domain.amounts import limit_amounts
    from polymm.domain.order import Side

    prepared = ours(signature_type)
    sign, body = prepared.family.sign, prepared.envelopes.body
    header_lines, buy = prepared.requests.header_lines, Side.BUY

    def signed(quote: Quote) -> object:
        amounts = limit_amounts(buy, quote.price_e4, quote.size_e6, TICK_E4)
        return sign(amounts, salt=quote.salt, timestamp_ms=quote.timestamp_ms)

    def ready(quote: Quote) -> object:
        posted = body(signed(quote), post_only=True)
        return header_lines(NOW_S, "POST", PATH, posted) + b"\r\n" + posted

    return _contender(name, ready if whole else signed, quotes)


def _bare_sign(quotes: Sequence[Quote]) -> Contender:
    from coincurve import PrivateKey

    sign = PrivateKey(bytes.fromhex(KEY[2:])).sign_recoverable
    digests = [hashlib.sha256(str(quote).encode()).digest() for quote in quotes]
    return _contender(BARE_SIGN, lambda digest: sign(digest, None), digests)


def _clob(name: str, quotes: Sequence[Quote], *, whole: bool, backend: str = "") -> Contender:
    """The official client's own steps; each call draws its salt and reads its clock."""
    from py_clob_client_v2.clob_types import (
        ApiCreds,
        CreateOrderOptions,
        OrderArgsV2,
        RequestArgs,
    )
    from py_clob_client_v2.headers.headers import create_level_2_headers
    from py_clob_client_v2.order_builder.builder import OrderBuilder
    from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2
    from py_clob_client_v2.signer import Signer

    signer = Signer(KEY, CHAIN)
    builder = OrderBuilder(signer)
    options = CreateOrderOptions(tick_size="0.01", neg_risk=False)
    credentials = ApiCreds(API_KEY, API_SECRET, API_PASSPHRASE)
    inputs = [
        OrderArgsV2(
            token_id=TOKEN, price=q.price_e4 / 10_000, size=q.size_e6 / 1_000_000, side="BUY"
        )
        for q in quotes
    ]

    def signed(arguments: Any) -> object:
        return builder.build_order(arguments, options)

    def ready(arguments: Any) -> object:
        payload = order_to_json_v2(signed(arguments), API_KEY, "GTC", True, False)
        text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        request = RequestArgs("POST", PATH, body=payload, serialized_body=text)
        return create_level_2_headers(signer, credentials, request, NOW_S), text

    return _contender(name, ready if whole else signed, inputs, backend=backend)


def clob_signature(quote: Quote) -> str:
    """What the official client signs for a quote's own salt and time stamp.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2
    from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2
    from py_clob_client_v2.signer import Signer

    signer = Signer(KEY, CHAIN)
    exchange = "0xE111180000d2663C0091e4f400237545B87B996B"
    builder = ExchangeOrderBuilderV2(exchange, CHAIN, signer, lambda: str(quote.salt))
    order = OrderDataV2(
        maker=signer.address(),
        tokenId=TOKEN,
        makerAmount=str(quote.price_e4 * quote.size_e6 // 10_000),
        takerAmount=str(quote.size_e6),
        side=0,
        signer=signer.address(),
        signatureType=0,
        timestamp=str(quote.timestamp_ms),
    )
    signature: str = builder.build_signed_order(order).signature
    return signature


def order_rows(quotes: Sequence[Quote], *, whole: bool) -> Rows:
    """Make the rows that sign, or the rows that make the whole request's bytes."""
    native = "eth_keys.backends.NativeECCBackend"
    rows: Rows = [
        _polymm(POLYMM, 0, quotes, whole=whole),
        _polymm(POLYMM_TYPE_3, 3, quotes, whole=whole),
        _bare_sign(quotes),
    ]
    try:
        rows.append(_clob(CLOB, quotes, whole=whole))
        # Milliseconds a call: a few of them are a pass.
        rows.append(_clob(CLOB_ALONE, quotes[:4], whole=whole, backend=native))
    except ModuleNotFoundError as error:
        rows += [Skipped(name, error.name or "unknown") for name in (CLOB, CLOB_ALONE)]
    return rows


HEADER_POLYMM = "polymm header_lines"
HEADER_MAPPING = "polymm headers, a mapping"
HEADER_STATES = "two saved hashlib states + base64"
HEADER_HMAC = "hmac.digest + base64"
HEADER_CLOB = "py-clob-client-v2 create_level_2_headers"


def header_rows(bodies: Sequence[bytes]) -> Rows:
    """Make the rows of the L2 header over ready bodies."""
    signer = ours().requests
    key = base64.urlsafe_b64decode(API_SECRET)
    inner, outer = (
        hashlib.sha256(bytes(byte ^ pad for byte in key.ljust(64, b"\0"))) for pad in (0x36, 0x5C)
    )

    def from_states(body: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(f"{NOW_S}POST{PATH}".encode() + body)
        second.update(first.digest())
        return base64.urlsafe_b64encode(second.digest())

    def from_hmac(body: bytes) -> bytes:
        message = f"{NOW_S}POST{PATH}".encode() + body
        return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256"))

    calls: dict[str, Callable[[bytes], object]] = {
        HEADER_POLYMM: lambda body: signer.header_lines(NOW_S, "POST", PATH, body),
        HEADER_MAPPING: lambda body: signer.headers(NOW_S, "POST", PATH, body),
        HEADER_STATES: from_states,
        HEADER_HMAC: from_hmac,
    }
    rows: Rows = [_contender(name, call, bodies) for name, call in calls.items()]
    try:
        rows.append(_clob_header(bodies))
    except ModuleNotFoundError as error:
        rows.append(Skipped(HEADER_CLOB, error.name or "unknown"))
    return rows


def _clob_header(bodies: Sequence[bytes]) -> Contender:
    from py_clob_client_v2.clob_types import ApiCreds, RequestArgs
    from py_clob_client_v2.headers.headers import create_level_2_headers
    from py_clob_client_v2.signer import Signer

    signer, credentials = Signer(KEY, CHAIN), ApiCreds(API_KEY, API_SECRET, API_PASSPHRASE)
    requests = [RequestArgs("POST", PATH, serialized_body=body.decode()) for body in bodies]
    return _contender(
        HEADER_CLOB,
        lambda request: create_level_2_headers(signer, credentials, request, NOW_S),
        requests,
    )


KECCAK_POLYMM = "polymm keccak256"


def keccak_rows(length: int) -> Rows:
    """Make the rows of keccak-256 over messages of one length."""
    from polymm._core.digest import keccak256

    draw = random.Random(2)
    messages = [draw.randbytes(length) for _ in range(64)]
    rows: Rows = [_contender(KECCAK_POLYMM, keccak256, messages)]
    name = "eth-hash (what py-clob-client-v2 uses)"
    try:
        from eth_hash.auto import keccak
    except ModuleNotFoundError as error:
        return [*rows, Skipped(name, error.name or "unknown")]
    return [*rows, _contender(name, keccak, messages)]
