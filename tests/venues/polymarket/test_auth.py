"""L1 and L2 headers: the golden ones, and drawn ones against the official clients' recipes."""

import hmac
import pickle
import random
from typing import Any

import pytest
from py_clob_client_v2.headers.headers import create_level_1_headers
from py_clob_client_v2.signer import Signer
from py_clob_client_v2.signing.hmac import build_hmac_signature

from polymm.errors import InputError
from polymm.venues.polymarket.auth import RequestSigner, l1_digest, l1_headers
from tests.support.keys import HARDHAT_ADDRESS, api_credentials, drawn_key, signing_key
from tests.support.vectors import selection, vectors

CREDS = {
    "apiKey": "9180014b-33c8-9240-a14b-bdca11c0a465",
    "secret": "srP01Y2CymOG0sludg6Bm4XJJMNZcWTEpgWKAFgaIrI=",
    "passphrase": "pass-0",
}


def request_signer() -> RequestSigner:
    return RequestSigner(HARDHAT_ADDRESS, api_credentials(CREDS))


@pytest.mark.parametrize("read", [vectors, selection])
def test_golden_l1_headers_are_met(read: Any) -> None:
    for row in read("auth")["l1"]:
        key = signing_key(row["privateKey"])
        claim = {name: row[name] for name in ("nonce",)}
        claim |= {"chain_id": row["chainId"], "timestamp_s": row["timestamp"]}
        assert "0x" + l1_digest(key.address, **claim).hex() == row["digest"]
        assert l1_headers(key, **claim) == row["headers"]


@pytest.mark.parametrize("read", [vectors, selection])
def test_golden_l2_headers_are_met(read: Any) -> None:
    rows = read("auth")["l2"]
    assert {row["body"] is None for row in rows} == {True, False}
    assert any("_note" in row for row in rows)
    for row in rows:
        body = (row["body"] or "").encode()
        request = (row["timestamp"], row["method"], row["path"], body)
        owner = signing_key(row["privateKey"]).address
        signer = RequestSigner(owner, api_credentials(row["apiCreds"]))
        assert signer.signature(*request) == row["signature"]
        # Where a body holds an apostrophe one client signs another text than it sends.
        expected = row["headers"] | {"POLY_SIGNATURE": row["signature"]}
        assert signer.headers(*request) == expected


def test_golden_orders_carry_our_headers() -> None:
    whole = vectors("orders")
    signer = RequestSigner(whole["eoa"], api_credentials(whole["apiCreds"]))
    for row in whole["orders"]:
        body = row["output"]["body"].encode()
        headers = signer.headers(row["input"]["httpTimestampS"], "POST", "/order", body)
        assert headers == row["output"]["headers"]


def test_drawn_l1_headers_equal_the_official_clients() -> None:
    draw = random.Random(5)
    for _ in range(40):
        text, chain_id = drawn_key(draw), draw.choice((137, 80002))
        nonce, timestamp_s = draw.getrandbits(40), draw.getrandbits(32)
        theirs = create_level_1_headers(Signer(text, chain_id), nonce, timestamp_s)
        ours = l1_headers(
            signing_key(text), chain_id=chain_id, timestamp_s=timestamp_s, nonce=nonce
        )
        assert ours == theirs


def test_drawn_l2_signatures_equal_the_official_clients() -> None:
    draw = random.Random(6)
    for length in (*range(200), 763, 1_400, 20_000):
        body = "".join(draw.choices('abc{}":,0123456789', k=length))
        timestamp_s, path = draw.getrandbits(32), draw.choice(("/order", "/data/order/0x12"))
        theirs = build_hmac_signature(CREDS["secret"], str(timestamp_s), "POST", path, body)
        assert request_signer().signature(timestamp_s, "POST", path, body.encode()) == theirs


def test_header_lines_say_what_the_mapping_says() -> None:
    request = (1_796_086_989, "DELETE", "/cancel-all")
    lines = request_signer().header_lines(*request).decode()
    assert lines.endswith("\r\n")
    pairs = dict(line.split(": ", 1) for line in lines.split("\r\n")[:-1])
    assert pairs == request_signer().headers(*request)


@pytest.mark.parametrize("secret", ["srP01Y2-_g==", "srP01Y2-_g", "srP01Y2+/g==", "srP01Y2+/g"])
def test_a_secret_in_either_alphabet_and_without_padding_is_the_same_key(secret: str) -> None:
    key = bytes.fromhex("b2b3f4d58dbefe")
    assert hmac.compare_digest(api_credentials(CREDS | {"secret": secret}).hmac_key(), key)


def test_a_negative_nonce_is_refused() -> None:
    with pytest.raises(InputError, match="uint256"):
        l1_headers(signing_key(), chain_id=137, timestamp_s=1, nonce=-1)


def test_what_signs_requests_shows_none_of_its_credentials() -> None:
    signer = request_signer()
    shown = f"{signer} {signer!r} {signer:}"
    assert not any(value in shown for value in CREDS.values())
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(signer)
