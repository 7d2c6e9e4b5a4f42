"""Checksums and derived wallets against the golden ones."""

from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from polymm.errors import InputError
from polymm.venues.polymarket.addresses import checksum, checksummed, derive_wallets
from polymm.venues.polymarket.wire import SignatureType
from tests.support.keys import signing_key
from tests.support.vectors import selection, vectors

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.mark.parametrize("read", [vectors, selection])
def test_golden_wallets_are_derived(read: Any) -> None:
    for row in read("onchain")["wallets"]:
        key = signing_key(row["privateKey"])
        wallets = derive_wallets(key.address)
        assert key.address == wallets.owner == row["eoa"]
        assert wallets.proxy == row["proxy"]
        assert wallets.safe == row["safe"]
        assert wallets.deposit == row["depositWalletBeacon"]
        assert wallets.deposit_uups == row["depositWalletUups"]


def test_an_address_says_which_wallet_of_its_owner_it_is() -> None:
    wallets = derive_wallets(OWNER)
    for kind in SignatureType:
        assert wallets.type_of(wallets.of_type(kind).lower()) is kind
    assert wallets.type_of(wallets.deposit_uups) is SignatureType.POLY_1271
    assert wallets.type_of("0x" + "12" * 20) is None


def test_checksums_equal_another_librarys() -> None:
    for i in range(200):
        address = (i * 0x9E3779B97F4A7C15F39CC0605CEDC834).to_bytes(32, "big")[-20:]
        assert checksum(address) == to_checksum_address(address)


def test_either_case_is_taken_and_a_mistyped_letter_is_not() -> None:
    assert checksummed(OWNER.lower()) == OWNER
    assert checksummed("0x" + OWNER[2:].upper()) == OWNER
    with pytest.raises(InputError, match="must fit its own checksum"):
        checksummed(OWNER.replace("Fd", "fd"))


@pytest.mark.parametrize("text", ["", "0x", OWNER[2:], OWNER[:-1], OWNER + "0", "0x" + "zz" * 20])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="an address must be 0x and 40"):
        checksummed(text)


def test_no_wallet_is_guessed_on_a_chain_without_documents() -> None:
    with pytest.raises(InputError, match="on chain 137 only, not on 80002"):
        derive_wallets(OWNER, 80002)
