"""Words, digests and recovered keys, against drawn keys and the examples of the standards."""

import random

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from polymm.exchange.server.eip712 import (
    address_word,
    checksum,
    domain_separator,
    personal_digest,
    read_address,
    read_hex,
    recover,
    struct_hash,
    typed_digest,
    uint_word,
)
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS, drawn_key, signing_key
from tests.support.vectors import vectors


def test_drawn_keys_are_recovered_from_what_they_signed() -> None:
    draw = random.Random(3)
    for _ in range(50):
        key, digest = signing_key(drawn_key(draw)), draw.randbytes(32)
        assert recover(digest, key.sign(digest)) == key.address
        assert recover(draw.randbytes(32), key.sign(digest)) != key.address


@pytest.mark.parametrize(
    "signature",
    [b"", bytes(64), bytes(65), bytes(64) + b"\x1b", b"\xff" * 32 + bytes(31) + b"\1\x1b"],
)
def test_what_is_no_signature_is_nobodys(signature: bytes) -> None:
    assert recover(bytes(32), signature) is None


def test_addresses_carry_the_checksum_of_eip_55() -> None:
    for address in (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
    ):
        assert checksum(bytes.fromhex(address[2:])) == address


def test_a_personal_message_verifies_as_the_relayers_vectors_sign_it() -> None:
    rows = [row for row in vectors("onchain")["relayer"] if row["type"] == "PROXY"]
    for row in rows:
        digest = personal_digest(bytes.fromhex(row["hash"][2:]))
        signature = bytes.fromhex(row["payload"]["signature"][2:])
        assert recover(digest, signature) == row["payload"]["from"]
    assert rows


def test_a_safes_domain_has_neither_name_nor_version() -> None:
    fields = [{"name": "to", "type": "address"}, {"name": "value", "type": "uint256"}]
    domain = {"chainId": 137, "verifyingContract": HARDHAT_ADDRESS}
    message = {"to": HARDHAT_ADDRESS, "value": 7}
    signed = Account.sign_message(encode_typed_data(domain, {"Gift": fields}, message), HARDHAT)
    separator = domain_separator(chain_id=137, contract=HARDHAT_ADDRESS)
    gift = struct_hash(
        "Gift(address to,uint256 value)", address_word(HARDHAT_ADDRESS), uint_word(7)
    )
    assert recover(typed_digest(separator, gift), signed.signature) == HARDHAT_ADDRESS


@pytest.mark.parametrize("message", [b"", b"a", bytes(32), b"long " * 50])
def test_a_personal_message_is_what_eth_account_signs(message: bytes) -> None:
    signed = Account.sign_message(encode_defunct(message), HARDHAT)
    assert recover(personal_digest(message), signed.signature) == HARDHAT_ADDRESS


@pytest.mark.parametrize(
    "text", ["", "0x", "0x1", "0x+1", "0x 1", "0x1_1", "1111", "0X11", "0xgg", None, 17, ["0x11"]]
)
def test_what_is_no_hexadecimal_text_is_not_read(text: object) -> None:
    assert not read_hex(text)
    assert read_address(text) is None


def test_an_address_is_read_in_any_case() -> None:
    for text in (HARDHAT_ADDRESS, HARDHAT_ADDRESS.lower(), "0x" + HARDHAT_ADDRESS[2:].upper()):
        assert read_address(text) == HARDHAT_ADDRESS
    for text in (HARDHAT_ADDRESS[:-1], HARDHAT_ADDRESS + "0", HARDHAT_ADDRESS[:-1] + "g"):
        assert read_address(text) is None
