"""The relayer's headers, and that nothing secret in them has a text form."""

import base64
import hashlib
import hmac
import pickle
import random

import pytest

from polymm.errors import CredentialError, InputError
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.relayer_auth import BuilderSigner, RelayerKey

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CANARY = "canary-7f3a"


def builder(key=b"k" * 32):
    secret = base64.urlsafe_b64encode(key).decode()
    return BuilderSigner(ApiCredentials(Secret(CANARY), Secret(secret), Secret("phrase")))


def test_a_relayer_key_goes_with_its_address():
    key = RelayerKey(Secret(CANARY), OWNER.lower())
    assert key.headers(1, "POST", "/submit", b"{}") == {
        "RELAYER_API_KEY": CANARY,
        "RELAYER_API_KEY_ADDRESS": OWNER,
    }


def test_builder_headers_carry_the_hmac_of_the_exact_request():
    for seed in range(50):
        rng = random.Random(seed)
        key, body, now_s = rng.randbytes(32), rng.randbytes(rng.randrange(400)), rng.getrandbits(31)
        message = f"{now_s}POST/submit".encode() + body
        expected = base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).decode()
        assert builder(key).headers(now_s, "POST", "/submit", body) == {
            "POLY_BUILDER_API_KEY": CANARY,
            "POLY_BUILDER_PASSPHRASE": "phrase",
            "POLY_BUILDER_SIGNATURE": expected,
            "POLY_BUILDER_TIMESTAMP": str(now_s),
        }, f"seed {seed}"


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "ü", "x" * 257])
def test_a_key_that_cannot_stand_in_a_header_is_refused_without_showing_it(key):
    with pytest.raises(CredentialError) as caught:
        RelayerKey(Secret(key), OWNER)
    assert not key or key not in str(caught.value)


def test_a_relayer_key_belongs_to_an_address():
    with pytest.raises(InputError):
        RelayerKey(Secret(CANARY), "somebody")


@pytest.mark.parametrize("one", [RelayerKey(Secret(CANARY), OWNER), builder()])
def test_secrets_have_no_text_form(one):
    assert CANARY not in f"{one!r} {one} {one:}"
    with pytest.raises(TypeError):
        pickle.dumps(one)
