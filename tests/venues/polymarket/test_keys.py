"""API keys: created, or derived where they exist; refusals by name and never a secret in them."""

import random

import pytest

from polymm.errors import CredentialError, VenueError
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.geoblock import ask_geoblock
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from tests.support.gateways import KEY_ID, PASSPHRASE, SECRET, ScriptedVenue, json_reply, shown_by
from tests.support.keys import HARDHAT_ADDRESS, signing_key
from tests.support.loopback import Stage, reply, serving, unused_port

GIVEN = {"apiKey": KEY_ID, "secret": SECRET, "passphrase": PASSPHRASE}
CREATE, DERIVE = ("POST", "/auth/api-key"), ("GET", "/auth/derive-api-key")


async def key_from(venue: ScriptedVenue, nonce: int = 0) -> ApiCredentials:
    async with serving(venue.script) as server:
        return await create_or_derive_key(
            Hosts(clob=f"http://127.0.0.1:{server.port}"),
            signing_key(),
            rng=random.Random(1),
            nonce=nonce,
        )


def test_a_key_is_created_with_the_venues_time(stage: Stage) -> None:
    async def scene() -> None:
        venue = ScriptedVenue()
        venue.say("GET", "/time", reply(b"1784850912"))
        venue.say(*CREATE, json_reply(GIVEN))
        found = await key_from(venue, nonce=3)
        assert (found.key.reveal(), found.secret.reveal()) == (KEY_ID, SECRET)
        (one,) = venue.of(*CREATE)
        assert one.headers["POLY_TIMESTAMP"] == "1784850912"
        assert one.headers["POLY_ADDRESS"] == HARDHAT_ADDRESS
        assert one.headers["POLY_NONCE"] == "3"
        assert len(one.headers["POLY_SIGNATURE"]) == 132

    stage(scene())


@pytest.mark.parametrize(
    "created",
    [
        reply(b'{"error":"Could not create api key"}', "400 Bad Request"),
        None,
        reply(b"<html>", "502 Bad Gateway"),
    ],
)
def test_a_key_that_exists_or_may_is_derived(stage: Stage, created: bytes | None) -> None:
    async def scene() -> None:
        venue = ScriptedVenue()
        venue.say(*CREATE, created)
        venue.say(*DERIVE, json_reply(GIVEN))
        assert (await key_from(venue)).key.reveal() == KEY_ID
        assert len(venue.of(*CREATE)) == 1

    stage(scene())


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("401 ?", b'{"error":"Invalid L1 Request headers"}', "unauthorized"),
        ("403 ?", b"error code: 1010", "blocked"),
        ("429 ?", b"", "throttled"),
    ],
)
def test_a_refusal_is_named(stage: Stage, status: str, body: bytes, reason: str) -> None:
    async def scene() -> None:
        venue = ScriptedVenue()
        venue.say(*CREATE, reply(body, status))
        with pytest.raises(VenueError) as caught:
            await key_from(venue)
        assert caught.value.reason == reason
        assert venue.of(*DERIVE) == []
        (one,) = venue.of(*CREATE)
        assert shown_by(caught.value, one.headers["POLY_SIGNATURE"]) == []

    stage(scene())


def test_no_key_at_all_is_an_error(stage: Stage) -> None:
    async def scene() -> None:
        venue = ScriptedVenue()
        venue.say(*CREATE, reply(b'{"error":"Could not create api key"}', "400 ?"))
        venue.say(*DERIVE, reply(b'{"error":"Could not derive api key!"}', "400 ?"))
        with pytest.raises(VenueError, match="Could not derive api key!") as caught:
            await key_from(venue)
        (one,) = venue.of(*DERIVE)
        assert shown_by(caught.value, one.headers["POLY_SIGNATURE"]) == []

    stage(scene())


@pytest.mark.parametrize(
    "given",
    [GIVEN | {"secret": "?!"}, GIVEN | {"passphrase": 'a"b'}, GIVEN | {"apiKey": 5}, [GIVEN]],
)
def test_what_cannot_be_credentials_is_not_shown(stage: Stage, given: object) -> None:
    async def scene() -> None:
        venue = ScriptedVenue()
        venue.say(*CREATE, json_reply(given))
        with pytest.raises((CredentialError, VenueError)) as caught:
            await key_from(venue)
        assert shown_by(caught.value, SECRET, PASSPHRASE, KEY_ID) == []

    stage(scene())


def test_a_venue_that_is_not_there(stage: Stage) -> None:
    async def scene() -> None:
        hosts = Hosts(clob=f"http://127.0.0.1:{await unused_port()}")
        with pytest.raises(VenueError) as caught:
            await create_or_derive_key(hosts, signing_key(), rng=random.Random(1))
        assert caught.value.reason == "refused"

    stage(scene())


@pytest.mark.parametrize("blocked", [True, False])
def test_a_place_may_trade_or_not(stage: Stage, blocked: bool) -> None:
    async def scene() -> None:
        venue = ScriptedVenue()
        answer = {"blocked": blocked, "ip": "192.0.2.1", "country": "US", "region": "NY"}
        venue.say("GET", "/api/geoblock", json_reply(answer), reply(b"{}"))
        async with serving(venue.script) as server:
            hosts = Hosts(site=f"http://127.0.0.1:{server.port}")
            found = await ask_geoblock(hosts, rng=random.Random(1))
            assert (found.is_blocked, found.country, found.region) == (blocked, "US", "NY")
            with pytest.raises(VenueError):
                await ask_geoblock(hosts, rng=random.Random(1))

    stage(scene())
