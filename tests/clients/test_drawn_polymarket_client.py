"""200 drawn orders: our requests and those of polymarket-client agree, and so do headers."""

import asyncio
from itertools import islice

from polymm.exchange.server.app import PATHS
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.auth import RequestSigner, l1_headers
from tests.clients.drawn import COUNT, OurClient, draw, whole
from tests.support.gateways import SECRET, credentials
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS, signing_key
from tests.support.noting_venue import noting
from tests.support.other_clients import needs_polymarket_client, other_program

pytestmark = needs_polymarket_client

TIME_S = 1_790_000_000


def wish(drawn):
    """What the client is asked for: texts, which it reads exactly."""
    return {
        "wallet": str(int(drawn.wallet_type)),
        "asset_id": drawn.listed.token_id,
        "side": wire.SIDES[drawn.side],
        "price": drawn.price,
        "amount": drawn.amount,
        "kind": drawn.kind,
        "post_only": drawn.post_only,
        "expiration": drawn.expiration_s,
        "builder_code": None if drawn.builder == wire.ZERO_BYTES32 else drawn.builder,
    }


def test_placements_are_the_same_and_so_are_headers():
    orders = list(islice(draw(), COUNT))
    ours = OurClient(HARDHAT)
    signer = RequestSigner(HARDHAT_ADDRESS, credentials())

    async def scene():
        async with (
            asyncio.timeout(30),
            noting() as venue,
            other_program("drawn.py") as program,
        ):
            told = await program.tell(
                post={
                    "urls": dict.fromkeys(PATHS, venue.url),
                    "key": HARDHAT,
                    "wallets": {str(int(kind)): ours.funder(kind) for kind in wire.SignatureType},
                    "drawn": [wish(one) for one in orders],
                }
            )
            assert set(told) == {""}
            posted = venue.of("POST", "/order")
            sent = []
            for drawn, theirs in zip(orders, posted, strict=True):
                order = theirs.json["order"]
                stamp = int(order["timestamp"])
                sent.append(ours.post(drawn, salt=order["salt"], timestamp_ms=stamp))
                assert sent[-1].json == whole(theirs.json), drawn
                assert theirs.headers["POLY_SIGNATURE"] == signer.signature(
                    theirs.timestamp_s, "POST", "/order", theirs.body
                )
            attested = l1_headers(signing_key(), chain_id=137, timestamp_s=TIME_S, nonce=7)
            proof = await program.tell(
                prove={
                    "secret": SECRET,
                    "requests": [
                        {
                            "timestamp": one.timestamp_s,
                            "method": one.method,
                            "path": one.path,
                            "body": one.body.decode(),
                        }
                        for one in sent
                    ],
                    "attested": {
                        "address": HARDHAT_ADDRESS,
                        "chain_id": 137,
                        "timestamp": TIME_S,
                        "nonce": 7,
                        "signature": attested["POLY_SIGNATURE"],
                    },
                }
            )
            assert proof["hmacs"] == [one.headers["POLY_SIGNATURE"] for one in sent]
            assert proof["attested"] == HARDHAT_ADDRESS
            for made in venue.of("POST", "/auth/api-key"):
                again = l1_headers(signing_key(), chain_id=137, timestamp_s=made.timestamp_s)
                assert again == {name: made.headers[name] for name in again}

    asyncio.run(scene())
