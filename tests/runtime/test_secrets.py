"""Secrets from environment and files: what is taken, what is refused, what is never told."""

import itertools
import os
import traceback
from pathlib import Path

import pytest

from polymm.errors import CredentialError
from polymm.runtime.secrets import NAMES, load_credentials
from polymm.venues.polymarket.wire import AMOY, SignatureType
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS
from tests.support.vectors import vectors

API = {
    "POLYMARKET_API_KEY": "9180014b-33c8-9240-a14b-bdca11c0a465",
    "POLYMARKET_API_SECRET": "srP01Y2CymOG0sludg6Bm4XJJMNZcWTEpgWKAFgaIrI=",
    "POLYMARKET_API_PASSPHRASE": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
}
KEY = {"POLYMARKET_PRIVATE_KEY": HARDHAT}
SAFE = "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47"
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def secret_file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / f"secret{len(list(folder.iterdir()))}"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def refusal(environ: dict[str, str]) -> tuple[str, str]:
    """The error's message, and everything its frames would tell of themselves."""
    with pytest.raises(CredentialError) as caught:
        load_credentials(environ)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    frames = traceback.walk_tb(error.__traceback__.tb_next if error.__traceback__ else None)
    shown = "".join(traceback.StackSummary.extract(frames, capture_locals=True).format())
    assert "secrets.py" in shown
    return str(error), f"{error!r}{vars(error)}{shown}"


def test_a_key_alone_is_an_eoa_without_api_credentials() -> None:
    loaded = load_credentials(KEY)
    assert loaded.wallet.signature_type is SignatureType.EOA
    assert loaded.wallet.funder == loaded.wallet.key.address == HARDHAT_ADDRESS
    assert loaded.api is None


@pytest.mark.parametrize("kind", SignatureType)
def test_the_type_follows_from_the_funder_and_the_funder_from_the_type(kind: SignatureType) -> None:
    funder = vectors("orders")["funders"][str(int(kind))]
    for given in ({"FUNDER": funder.lower()}, {"SIGNATURE_TYPE": str(int(kind))}):
        named = {f"POLYMARKET_{name}": value for name, value in given.items()}
        wallet = load_credentials(KEY | named).wallet
        assert (wallet.funder, wallet.signature_type) == (funder, kind)


def test_a_funder_of_somebody_else_wants_a_type_that_is_said() -> None:
    message, _ = refusal(KEY | {"POLYMARKET_FUNDER": STRANGER})
    assert "no wallet derived from the key: set POLYMARKET_SIGNATURE_TYPE" in message
    named = {"POLYMARKET_FUNDER": STRANGER, "POLYMARKET_SIGNATURE_TYPE": "2"}
    assert load_credentials(KEY | named).wallet.funder == STRANGER
    message, _ = refusal(KEY | named | {"POLYMARKET_SIGNATURE_TYPE": "0"})
    assert "with signature type 0 the key's own address" in message


def test_a_chain_without_derivation_wants_both() -> None:
    with pytest.raises(CredentialError, match="wallets can be derived on chain 137 only"):
        load_credentials(KEY | {"POLYMARKET_FUNDER": SAFE}, chain_id=AMOY)
    named = {"POLYMARKET_FUNDER": SAFE, "POLYMARKET_SIGNATURE_TYPE": "2"}
    assert load_credentials(KEY | named, chain_id=AMOY).wallet.chain_id == AMOY


def test_every_secret_may_come_from_a_file(tmp_path: Path) -> None:
    values = KEY | API | {"POLYMARKET_FUNDER": SAFE, "POLYMARKET_SIGNATURE_TYPE": "2"}
    files = {f"{name}_FILE": secret_file(tmp_path, f"{v}\n") for name, v in values.items()}
    loaded = load_credentials(files)
    assert loaded.wallet.funder == SAFE
    assert loaded.api is not None
    assert loaded.api.key.reveal() == API["POLYMARKET_API_KEY"]
    assert loaded.api.passphrase.reveal() == API["POLYMARKET_API_PASSPHRASE"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o700, 0o777])
def test_a_key_file_that_others_could_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, HARDHAT, mode)
    message, shown = refusal({"POLYMARKET_PRIVATE_KEY_FILE": path})
    assert f"must have mode 0600, has {mode:04o}" in message
    assert HARDHAT[2:] not in shown


def test_a_file_that_is_stricter_still_is_taken(tmp_path: Path) -> None:
    load_credentials({"POLYMARKET_PRIVATE_KEY_FILE": secret_file(tmp_path, HARDHAT, 0o400)})


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = secret_file(tmp_path, HARDHAT)
    other = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: other)
    message, _ = refusal({"POLYMARKET_PRIVATE_KEY_FILE": path})
    assert "must belong to the user who runs polymm" in message


def test_a_link_counts_as_what_it_points_to(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(secret_file(tmp_path, HARDHAT, 0o644))
    message, _ = refusal({"POLYMARKET_PRIVATE_KEY_FILE": str(link)})
    assert "must have mode 0600" in message


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (str(pipe), str(tmp_path), "/dev/null"):
        message, _ = refusal({"POLYMARKET_PRIVATE_KEY_FILE": path})
        assert "must be a regular file" in message


def test_an_empty_an_endless_and_a_garbled_file_are_refused(tmp_path: Path) -> None:
    for text, what in (("\n", "is empty"), ("0" * 5_000, "must be at most 4096 bytes")):
        message, _ = refusal({"POLYMARKET_PRIVATE_KEY_FILE": secret_file(tmp_path, text)})
        assert what in message
    garbled = tmp_path / "garbled"
    garbled.write_bytes(b"\xff\xfe" + HARDHAT.encode())
    garbled.chmod(0o600)
    message, shown = refusal({"POLYMARKET_PRIVATE_KEY_FILE": str(garbled)})
    assert "POLYMARKET_PRIVATE_KEY: a private key must be 64 hexadecimal digits" in message
    assert HARDHAT[2:] not in shown


def test_every_fault_is_told_at_once() -> None:
    message, _ = refusal(
        {
            "POLYMARKET_API_KEY": API["POLYMARKET_API_KEY"],
            "POLYMARKET_FUNDER": SAFE,
            "POLYMARKET_FUNDER_FILE": "/nowhere",
            "POLYMARKET_SIGNATURE_TYPE_FILE": "/nowhere",
        }
    )
    assert "set POLYMARKET_FUNDER or POLYMARKET_FUNDER_FILE, not both" in message
    assert "POLYMARKET_SIGNATURE_TYPE_FILE cannot be read: No such file or directory" in message


def test_a_key_and_whole_api_credentials_are_asked_for() -> None:
    message, _ = refusal({"POLYMARKET_API_KEY": API["POLYMARKET_API_KEY"]})
    assert message.splitlines() == [
        "POLYMARKET_PRIVATE_KEY or POLYMARKET_PRIVATE_KEY_FILE must be set",
        "API credentials are three, missing: POLYMARKET_API_SECRET, POLYMARKET_API_PASSPHRASE",
    ]


MISPLACED = [HARDHAT, HARDHAT[2:], HARDHAT + "\n0", "zz" + HARDHAT, "\0" + HARDHAT]


@pytest.mark.parametrize(("name", "text"), list(itertools.product(NAMES, MISPLACED)))
def test_a_key_in_the_wrong_variable_is_not_told(name: str, text: str) -> None:
    for variable in (f"POLYMARKET_{name}", f"POLYMARKET_{name}_FILE"):
        # One variable is wrong wherever the key goes, so that there is always an error to read.
        environ = {"POLYMARKET_SIGNATURE_TYPE": "9", "POLYMARKET_API_KEY": "x"} | {variable: text}
        _, shown = refusal(environ)
        assert HARDHAT[2:] not in shown, variable


def test_what_was_loaded_shows_no_secret() -> None:
    loaded = load_credentials(KEY | API)
    shown = f"{loaded} {loaded!r} {loaded.wallet} {loaded.api}"
    assert HARDHAT[2:] not in shown
    assert not any(value in shown for value in API.values())
