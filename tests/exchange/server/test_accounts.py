"""Keys, wallets and play money: the same from the same seed, and nothing made from nothing."""

from typing import Any

import pytest

from polymm.domain.order import Token
from polymm.exchange.exchange import Exchange
from polymm.exchange.server.accounts import Account, Accounts, spenders
from polymm.exchange.server.derive import derive_wallets
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.wallets import CASH, UNLIMITED
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket import addresses, wire
from polymm.venues.polymarket.wire import SignatureType
from tests.support.exchange_scene import MARKET, MS, SHARE, START_NS
from tests.support.keys import HARDHAT_ADDRESS
from tests.support.vectors import vectors

FUND_E6 = 10_000_000_000
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def accounts_of(**settings: Any) -> tuple[Accounts, Exchange]:
    exchange = Exchange()
    accounts = Accounts(exchange, ServerSettings(**settings))
    exchange.on_listed.append(accounts.listed)
    return accounts, exchange


def created(accounts: Accounts, address: str = HARDHAT_ADDRESS, nonce: int = 0) -> Account:
    account = accounts.create(address, nonce)
    assert account is not None
    return account


def test_wallets_are_where_the_golden_vectors_have_them() -> None:
    for row in vectors("onchain")["wallets"]:
        wallets = derive_wallets(row["eoa"])
        assert wallets.proxy == row["proxy"]
        assert wallets.safe == row["safe"]
        assert wallets.deposit == row["depositWalletBeacon"]
        assert wallets.deposit_uups == row["depositWalletUups"]


def test_wallets_are_where_our_client_derives_them() -> None:
    """Two readings of the same notes."""
    ours, theirs = derive_wallets(OTHER), addresses.derive_wallets(OTHER)
    for kind in SignatureType:
        assert ours.current[kind] == theirs.of_type(kind)
        assert ours.type_of(ours.current[kind]) is kind
    assert ours.deposit_uups == theirs.deposit_uups
    assert ours.type_of(ours.deposit_uups) is SignatureType.POLY_1271
    assert ours.type_of(HARDHAT_ADDRESS) is None


def test_the_first_key_fills_the_wallet_of_every_type() -> None:
    accounts, exchange = accounts_of()
    wallets = created(accounts).holder.wallets
    for address in wallets.current:
        wallet = accounts.wallet(address)
        assert wallet is not None
        assert wallet.balances[CASH] == FUND_E6
        assert address in accounts.deployed
        for spender in spenders(wire.POLYGON):
            assert wallet.allowed(CASH, spender) == UNLIMITED
            assert wallet.allowed("1", spender) == UNLIMITED
    exchange.audit()


def test_the_older_deposit_wallet_is_known_but_not_there() -> None:
    """An official client takes it in place of the newer one wherever it is deployed."""
    accounts, exchange = accounts_of()
    older = created(accounts).holder.wallets.deposit_uups
    wallet = accounts.wallet(older)
    assert wallet is not None
    assert wallet.balances[CASH] == 0
    assert older not in accounts.deployed
    accounts.deploy(older)
    accounts.deploy(older)
    assert wallet.balances[CASH] == FUND_E6
    exchange.audit()


def test_more_keys_of_an_address_share_its_wallets_and_bring_no_money() -> None:
    accounts, exchange = accounts_of()
    first, second = created(accounts), created(accounts, nonce=7)
    assert first.holder is second.holder
    assert first.key_id != second.key_id
    wallet = accounts.wallet(HARDHAT_ADDRESS)
    assert wallet is not None
    assert wallet.balances[CASH] == FUND_E6
    exchange.audit()


def test_keys_follow_from_seed_address_and_nonce() -> None:
    def made(seed: int, address: str, nonce: int) -> dict[str, str]:
        return created(accounts_of(seed=seed)[0], address, nonce).credentials

    usual = made(1, OTHER, 0)
    assert usual == made(1, OTHER, 0)
    for other in (made(2, OTHER, 0), made(1, HARDHAT_ADDRESS, 0), made(1, OTHER, 1)):
        assert not set(usual.values()) & set(other.values())


def test_a_key_is_made_once_and_found_again() -> None:
    accounts, _ = accounts_of()
    assert accounts.derive(OTHER, 0) is None
    account = created(accounts, OTHER)
    assert accounts.create(OTHER, 0) is None
    assert accounts.derive(OTHER, 0) is account
    assert accounts.derive(OTHER, 1) is None
    assert accounts.find(account.key_id) is account


def test_a_deleted_key_does_not_come_back() -> None:
    accounts, _ = accounts_of()
    first = created(accounts)
    accounts.delete(first)
    assert accounts.find(first.key_id) is None
    assert accounts.derive(HARDHAT_ADDRESS, 0) is None
    second = created(accounts)
    assert not set(first.credentials.values()) & set(second.credentials.values())
    accounts.delete(first)
    assert accounts.find(second.key_id) is second, "deleted twice"


def test_an_account_shows_no_secret() -> None:
    account = created(accounts_of()[0])
    assert account.secret not in repr(account)
    assert account.passphrase not in repr(account)


def test_all_wallets_and_letter_cases_lead_to_their_holder() -> None:
    accounts, _ = accounts_of()
    holder = created(accounts).holder
    for address in (*holder.wallets.current, holder.wallets.deposit_uups):
        for text in (address, address.lower()):
            assert accounts.holder(text) is holder
            assert accounts.wallet(text) is accounts.wallet(address)
    for text in ("", "0x", OTHER, "0x" + "g" * 40, HARDHAT_ADDRESS[2:]):
        assert accounts.holder(text) is None
        assert accounts.wallet(text) is None


def test_credentials_of_the_user_channel_must_all_fit() -> None:
    accounts, _ = accounts_of()
    account = created(accounts)
    key, secret, passphrase = account.credentials.values()
    assert accounts.match(key, secret, passphrase) is account
    assert accounts.match(key, secret, "") is None
    assert accounts.match(key, passphrase, secret) is None
    assert accounts.match("", secret, passphrase) is None
    assert accounts.match([key], {}, None) is None


def test_keys_that_read_and_keys_for_the_relayer_are_no_keys_to_trade() -> None:
    accounts, _ = accounts_of()
    holder = created(accounts).holder
    reader, builder = accounts.create_reader(holder), accounts.create_builder(holder)
    assert reader is not None
    assert builder is not None
    assert reader.reads_only
    assert accounts.find(reader.key_id) is reader
    assert accounts.find(builder.key_id) is None
    assert accounts.find_builder(builder.key_id) is builder
    assert list(holder.accounts) == [0]
    accounts.delete(reader)
    accounts.delete(builder)
    assert accounts.find(reader.key_id) is None
    assert accounts.find_builder(builder.key_id) is None
    assert list(holder.accounts) == [0]


def test_nobody_has_more_keys_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polymm.exchange.server.accounts.KEYS_MAX", 3)
    accounts, _ = accounts_of()
    holder = created(accounts).holder
    assert accounts.create_reader(holder) is not None
    assert accounts.create_builder(holder) is not None
    assert accounts.create_reader(holder) is None
    assert accounts.create_builder(holder) is None
    assert accounts.create(HARDHAT_ADDRESS, 1) is None
    accounts.delete(created(accounts, OTHER))
    created(accounts, OTHER)


@pytest.mark.parametrize("is_listed_first", [True, False])
def test_pairs_come_with_every_window_whether_listed_before_or_after(is_listed_first: bool) -> None:
    accounts, exchange = accounts_of(pairs_e6=30 * SHARE)
    if not is_listed_first:
        created(accounts)
    listing = exchange.list_market(MARKET)
    if is_listed_first:
        created(accounts)
    for address in derive_wallets(HARDHAT_ADDRESS).current:
        wallet = accounts.wallet(address)
        assert wallet is not None
        assert wallet.balances[CASH] == FUND_E6, "pairs are no reason for cash to move"
        for token in Token:
            assert wallet.balances[listing.token_id(token)] == 30 * SHARE
    exchange.audit()


def test_windows_listed_while_the_exchange_runs_bring_pairs() -> None:
    windows = WindowSettings(length_s=5, coins=("btc", "eth"), ahead=1)
    settings = ServerSettings(windows=windows, pairs_e6=10 * SHARE)
    hall = Hall(settings, clock_ns=lambda: START_NS)
    hall.markets.start(START_NS)
    created(hall.accounts)
    wallet = hall.accounts.wallet(HARDHAT_ADDRESS)
    assert wallet is not None
    for second in range(1, 13):
        hall.exchange.advance(START_NS + second * 1000 * MS)
        for listing in hall.by_slug.values():
            if listing.accepting:
                assert wallet.balances[listing.token_id(Token.UP)] == 10 * SHARE
        hall.exchange.audit()
    assert len(hall.by_slug) == 10, "five windows of each coin"
    assert wallet.balances[CASH] == FUND_E6


def test_a_window_that_is_over_brings_no_pairs() -> None:
    accounts, exchange = accounts_of(pairs_e6=10 * SHARE)
    listing = exchange.list_market(MARKET)
    exchange.close(listing, START_NS)
    created(accounts)
    wallet = accounts.wallet(HARDHAT_ADDRESS)
    assert wallet is not None
    assert wallet.balances[listing.token_id(Token.UP)] == 0
