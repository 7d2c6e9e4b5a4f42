"""Secrets have no text form: not in a repr, a format, a pickle, a copy, or an error's frames."""

import copy
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict

import pytest

from polymm.errors import CredentialError
from polymm.venues.polymarket.auth import RequestSigner
from polymm.venues.polymarket.credentials import GROUP_ORDER, ApiCredentials, Secret, SigningKey
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS, signing_key

UUID = "9180014b-33c8-9240-a14b-bdca11c0a465"
HMAC_SECRET = "srP01Y2CymOG0sludg6Bm4XJJMNZcWTEpgWKAFgaIrI="
PASSPHRASE = "0a1b2c3d4e5f"


def api() -> ApiCredentials:
    return ApiCredentials(Secret(UUID), Secret(HMAC_SECRET), Secret(PASSPHRASE))


SECRETIVE: dict[str, Callable[[], object]] = {
    "Secret": lambda: Secret(HARDHAT),
    "SigningKey": signing_key,
    "ApiCredentials": api,
    "RequestSigner": lambda: RequestSigner(HARDHAT_ADDRESS, api()),
}
TEXTS = (HARDHAT, HARDHAT[2:], str(int(HARDHAT, 16)), UUID, HMAC_SECRET, PASSPHRASE)


@pytest.mark.parametrize("make", SECRETIVE.values(), ids=SECRETIVE)
def test_a_secret_shows_its_kind_and_nothing_else(make: Callable[[], object]) -> None:
    one = make()
    shown = [
        repr(one),
        str(one),
        f"{one}",
        f"{one!r:>20}",
        f"{one} {one!r}",
        f"{[one]} {(one,)}",
    ]
    for text in shown:
        assert type(one).__name__ in text
        assert not any(secret in text or secret.upper() in text for secret in TEXTS)


@pytest.mark.parametrize("make", SECRETIVE.values(), ids=SECRETIVE)
def test_a_secret_is_neither_pickled_nor_copied(make: Callable[[], object]) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            pickle.dumps(make(), protocol)
    for duplicate in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            duplicate(make())
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        asdict(api())


@pytest.mark.parametrize("make", SECRETIVE.values(), ids=SECRETIVE)
def test_a_secret_has_no_dictionary_to_look_into(make: Callable[[], object]) -> None:
    assert not hasattr(make(), "__dict__")


BAD_KEYS = {
    "short": HARDHAT[:-1],
    "long": HARDHAT + "0",
    "letters": HARDHAT[:-2] + "zz",
    "blank": " " + HARDHAT,
    "zero": "0x" + "0" * 64,
    "order": f"0x{GROUP_ORDER:064x}",
    "other digits": HARDHAT[:-1] + "０",
}


def told(error: BaseException) -> str:
    """Everything a program could print of an error: its chain, its frames and their locals.

    The frame of the test itself is left out: it is the one that knows the secret.
    """
    texts = []
    while error is not None:
        texts.append(repr(error) + str(error) + repr(vars(error)))
        stack = traceback.walk_tb(error.__traceback__.tb_next if error.__traceback__ else None)
        summary = traceback.StackSummary.extract(stack, capture_locals=True)
        texts += summary.format()
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return "".join(texts)


@pytest.mark.parametrize("text", BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_refused_key_is_not_repeated(text: str) -> None:
    secret = Secret(text)
    with pytest.raises(CredentialError, match="must be 64 hexadecimal digits") as caught:
        SigningKey(secret)
    assert "credentials.py" in told(caught.value)
    assert text.strip()[2:60] not in told(caught.value)


@pytest.mark.parametrize("text", [HARDHAT, HARDHAT[2:], "0x" + HARDHAT[2:].upper()])
def test_a_key_is_read_with_and_without_its_prefix(text: str) -> None:
    assert signing_key(text).address == HARDHAT_ADDRESS


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        (("two words", HMAC_SECRET, PASSPHRASE), "the API key must be"),
        ((UUID, HMAC_SECRET, 'quo"te-quote-quote'), "the API passphrase must be"),
        ((UUID, HMAC_SECRET, "line\r\nPOLY_ADDRESS: 0x"), "the API passphrase must be"),
        ((UUID, HMAC_SECRET, ""), "the API passphrase must be"),
        ((UUID, "not base64!", PASSPHRASE), "the API secret must be base64"),
        ((UUID, "abcde", PASSPHRASE), "the API secret must be base64"),
        ((UUID, "", PASSPHRASE), "the API secret must be base64"),
        ((UUID, "=", PASSPHRASE), "the API secret must be base64"),
    ],
)
def test_refused_credentials_are_not_repeated(parts: tuple[str, str, str], what: str) -> None:
    secrets = [Secret(part) for part in parts]
    with pytest.raises(CredentialError, match=what) as caught:
        ApiCredentials(*secrets)
    assert not any(part in told(caught.value) for part in parts if len(part) > 4)
