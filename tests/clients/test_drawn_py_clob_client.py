"""200 drawn orders: our requests and those of ``py-clob-client-v2`` agree, and so do headers."""

import asyncio
from collections import Counter
from itertools import islice

import pytest

from polymm.domain.amounts import limit_amounts, market_amounts
from polymm.domain.order import Side
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.auth import RequestSigner, l1_headers
from tests.clients.drawn import COUNT, OurClient, draw, whole
from tests.support.gateways import PASSPHRASE, credentials
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS, signing_key
from tests.support.noting_venue import noting

official = pytest.importorskip("py_clob_client_v2", reason="the official client is not installed")

from py_clob_client_v2.client import ClobClient  # noqa: E402
from py_clob_client_v2.clob_types import (  # noqa: E402
    ApiCreds,
    MarketOrderArgs,
    OrderArgs,
    RequestArgs,
)
from py_clob_client_v2.headers.headers import (  # noqa: E402
    create_level_1_headers,
    create_level_2_headers,
)
from py_clob_client_v2.signer import Signer  # noqa: E402

# Of the orders drawn until 200 are those that floats can tell.
WRONG_IN_FLOATS = 15


def client(url, kind, funder):
    """A client with nothing changed but its host."""
    made = ClobClient(host=url, chain_id=137, key=HARDHAT, signature_type=int(kind), funder=funder)
    made.set_api_creds(made.create_or_derive_api_key())
    return made


def args(drawn):
    """What the client is asked for: it works in floats."""
    asset = "token_id" if drawn.listed.version == "v1" else "position_id"
    common = {
        asset: drawn.listed.token_id,
        "side": wire.SIDES[drawn.side],
        "price": float(drawn.price),
        "builder_code": drawn.builder,
    }
    if drawn.takes:
        return MarketOrderArgs(amount=float(drawn.amount), order_type=drawn.kind, **common)
    return OrderArgs(size=float(drawn.amount), expiration=drawn.expiration_s, **common)


def post(one, drawn):
    make = one.create_market_order if drawn.takes else one.create_order
    one.post_order(make(args(drawn)), drawn.kind, drawn.post_only)


def test_placements_are_the_same_but_where_floats_lose_a_unit():
    orders, wrong = [], []
    for one in draw():
        (wrong if one.floats_are_wrong else orders).append(one)
        if len(orders) == COUNT:
            break
    assert len(wrong) == WRONG_IN_FLOATS
    for facts in ("wallet_type", "kind", "side", "post_only"):
        assert min(Counter(getattr(one, facts) for one in orders).values()) > 20
    assert len({one.listed for one in orders}) == 24

    ours = OurClient(HARDHAT)

    async def scene():
        async with asyncio.timeout(20), noting() as venue:

            def work():
                clients = {
                    kind: client(venue.url, kind, ours.funder(kind)) for kind in wire.SignatureType
                }
                for one in [*orders, *wrong]:
                    post(clients[one.wallet_type], one)

            await asyncio.to_thread(work)
            return venue

    venue = asyncio.run(scene())
    posted = venue.of("POST", "/order")
    signer = RequestSigner(HARDHAT_ADDRESS, credentials())
    for drawn, theirs in zip([*orders, *wrong], posted, strict=True):
        order = theirs.json["order"]
        sent = ours.post(drawn, salt=order["salt"], timestamp_ms=int(order["timestamp"]))
        if drawn.floats_are_wrong:
            exact = market_amounts if drawn.takes else limit_amounts
            maker_e6, taker_e6 = exact(
                drawn.side, drawn.price_e4, drawn.amount_e6, drawn.listed.tick_e4
            )
            assert sent.json["order"]["makerAmount"] == str(maker_e6)
            assert (order["makerAmount"], order["takerAmount"]) != (str(maker_e6), str(taker_e6))
            continue
        assert sent.json == theirs.json == whole(theirs.json), drawn
        # Both sign bytes, and each finds the other's headers true.
        assert theirs.headers["POLY_SIGNATURE"] == signer.signature(
            theirs.timestamp_s, "POST", "/order", theirs.body
        )
        assert their_l2(sent) == {name: sent.headers[name] for name in their_l2(sent)}
    for made in venue.of("POST", "/auth/api-key"):
        made_by_us = l1_headers(signing_key(), chain_id=137, timestamp_s=made.timestamp_s)
        assert made_by_us == {name: made.headers[name] for name in made_by_us}


def their_l2(sent):
    """Headers that their code makes for a request of ours."""
    api = ApiCreds(
        api_key=credentials().key.reveal(),
        api_secret=credentials().secret.reveal(),
        api_passphrase=PASSPHRASE,
    )
    asked = RequestArgs(
        method=sent.method, request_path=sent.path, serialized_body=sent.body.decode() or None
    )
    return create_level_2_headers(Signer(HARDHAT, 137), api, asked, timestamp=sent.timestamp_s)


@pytest.mark.parametrize("chain_id", [137, 80002])
@pytest.mark.parametrize("nonce", [0, 7])
def test_both_attest_to_a_wallet_alike(chain_id, nonce):
    theirs = create_level_1_headers(Signer(HARDHAT, chain_id), nonce, timestamp=1_790_000_000)
    ours = l1_headers(signing_key(), chain_id=chain_id, timestamp_s=1_790_000_000, nonce=nonce)
    assert ours == theirs


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/data/orders"), ("GET", "/balance-allowance"), ("DELETE", "/cancel-all")],
)
def test_both_sign_requests_without_a_body_alike(method, path):
    signer = RequestSigner(HARDHAT_ADDRESS, credentials())
    asked = RequestArgs(method=method, request_path=path)
    api = ApiCreds(
        api_key=credentials().key.reveal(),
        api_secret=credentials().secret.reveal(),
        api_passphrase=PASSPHRASE,
    )
    theirs = create_level_2_headers(Signer(HARDHAT, 137), api, asked, timestamp=1_790_000_000)
    assert signer.headers(1_790_000_000, method, path) == theirs


def test_what_is_drawn_comes_back():
    assert list(islice(draw(), 20)) == list(islice(draw(), 20))
    assert {one.side for one in islice(draw(), 20)} == set(Side)
