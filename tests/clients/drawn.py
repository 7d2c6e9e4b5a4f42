"""Orders drawn by a seed, and what our client sends for each of them.

They cover all wallets, protocols, ticks, sides and order types. What is drawn is what an official
client is asked for; salt and time stamp are those it chose, so that all of the request must agree.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from math import floor
from typing import Any

import orjson

from polymm.domain.amounts import AMOUNT_DECIMALS
from polymm.domain.market import Market
from polymm.domain.order import Side, Token
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.results import NewOrder
from polymm.venues.polymarket.signing import Wallet
from tests.support.gateways import credentials
from tests.support.keys import signing_key

SEED = 20_261_123
COUNT = 200
BUILDER = "0x" + "b1" * 32
ORDER_FACTS = (
    "salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "side", "expiration",
    "signatureType", "timestamp", "metadata", "builder", "signature",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListedToken:
    """One outcome of a market that the clients are told of."""

    token_id: str
    condition_id: str
    version: str
    neg_risk: bool
    tick_e4: int

    @property
    def tick(self) -> str:
        return f"{Decimal(self.tick_e4) / 10_000:f}"

    @property
    def market(self) -> Market:
        return Market(
            slug="btc-updown-5m-1776323400",
            condition_id=self.condition_id,
            up_token=self.token_id,
            down_token="1",
            start_ns=1,
            end_ns=2,
            tick_e4=self.tick_e4,
            version="v1" if self.version == "v1" else "v2",
            neg_risk=self.neg_risk,
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """One order as somebody wishes it.

    Args:
        amount_e6: 1e-6 shares; of a FAK or FOK that buys, 1e-6 dollars.
    """

    wallet_type: wire.SignatureType
    listed: ListedToken
    side: Side
    price_e4: int
    amount_e6: int
    kind: str
    post_only: bool
    expiration_s: int
    builder: str

    @property
    def takes(self) -> bool:
        return self.kind in (wire.FAK, wire.FOK)

    @property
    def price(self) -> str:
        return f"{Decimal(self.price_e4) / 10_000:f}"

    @property
    def amount(self) -> str:
        return f"{Decimal(self.amount_e6) / 1_000_000:f}"

    @property
    def floats_are_wrong(self) -> bool:
        """Whether flooring a binary float loses a unit that is there (signing notes 4).

        py-clob-client-v2 floors ``size * 100``, and the price of an order that takes likewise.
        """
        places = AMOUNT_DECIMALS[self.listed.tick_e4] - 2
        exact = self.price_e4 * 10**places // 10_000
        return floor(float(self.amount) * 100) != self.amount_e6 // 10_000 or (
            self.takes and floor(float(self.price) * 10**places) != exact
        )


def _listed() -> list[ListedToken]:
    found = []
    for version in ("v1", "v2"):
        for neg_risk in (False, True):
            for tick_e4 in AMOUNT_DECIMALS:
                name = f"{version} {neg_risk} {tick_e4}"
                hashed = sha256(name.encode()).hexdigest()
                # Ids of v2 are told by what is zero in them (onchain notes 2).
                token = hashed if version == "v1" else f"01{hashed[:32]}{'0' * 30}"
                condition_id = f"0x{sha256(hashed.encode()).hexdigest()}"
                found.append(
                    ListedToken(str(int(token, 16)), condition_id, version, neg_risk, tick_e4)
                )
    return found


LISTED = _listed()


def draw(seed: int = SEED) -> Iterator[Drawn]:
    """Draw orders without end."""
    rng = random.Random(seed)
    while True:
        listed, kind = rng.choice(LISTED), rng.choice(wire.ORDER_TYPES)
        rests = kind in wire.RESTING_ORDER_TYPES
        # Mostly hundredths; what is finer is floored away by everybody.
        amount_e6 = rng.randrange(500, 50_000) * 10_000
        if rng.random() < 0.2:
            amount_e6 += rng.randrange(1, 10_000)
        yield Drawn(
            wallet_type=rng.choice(list(wire.SignatureType)),
            listed=listed,
            side=rng.choice(list(Side)),
            price_e4=rng.randrange(1, 10_000 // listed.tick_e4) * listed.tick_e4,
            amount_e6=amount_e6,
            kind=kind,
            post_only=rests and rng.random() < 0.5,
            expiration_s=rng.randrange(4_000_000_000, 5_000_000_000) if kind == wire.GTD else 0,
            builder=BUILDER if rng.random() < 0.2 else wire.ZERO_BYTES32,
        )


class _Salt(random.Random):
    """Draws the salt that is given."""

    salt = 0

    def getrandbits(self, k: int, /) -> int:
        return self.salt


@dataclass(frozen=True, slots=True)
class Sent:
    """One request on the wire; header names in upper case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def timestamp_s(self) -> int:
        return int(self.headers["POLY_TIMESTAMP"])


class OurClient:
    """Our client with one key, which sends nothing but shows what it would send."""

    def __init__(self, key: str, api: ApiCredentials | None = None) -> None:
        self._api = api or credentials()
        self._wallets = {
            kind: Wallet(key=signing_key(key), signature_type=kind) for kind in wire.SignatureType
        }

    def funder(self, kind: wire.SignatureType) -> str:
        return self._wallets[kind].funder

    def post(self, drawn: Drawn, *, salt: int, timestamp_ms: int) -> Sent:
        """Make the request that places an order."""
        rng = _Salt()
        rng.salt = salt
        gateway = Gateway(
            Hosts(clob="http://127.0.0.1:1"),
            self._wallets[drawn.wallet_type],
            self._api,
            settings=GatewaySettings(builder=drawn.builder),
            rng=rng,
            wall_ns=lambda: timestamp_ms * 1_000_000,
        )
        (posting,) = gateway.sign(
            [
                NewOrder(
                    market=drawn.listed.market,
                    token=Token.UP,
                    side=drawn.side,
                    price_e4=drawn.price_e4,
                    size_e6=drawn.amount_e6,
                    kind=drawn.kind,
                    post_only=drawn.post_only,
                    expiration_s=drawn.expiration_s,
                )
            ]
        )
        return read(posting.request)


def read(request: bytes) -> Sent:
    """Take a request apart."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    return Sent(method, path, {name.upper(): value for name, value in headers.items()}, body)


def whole(body: dict[str, Any]) -> dict[str, Any]:
    """A placement with its defaults: polymarket-client leaves ``postOnly`` out where it is not."""
    assert set(body["order"]) == set(ORDER_FACTS)
    return {"postOnly": False} | body
