"""Orders verify when their owner signed them for their market's exchange, and never otherwise."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_typed_data
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import CreateOrderOptions, OrderArgsV2
from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2

from polymm.domain.amounts import Amounts
from polymm.domain.order import Side, Token
from polymm.exchange import refusals
from polymm.exchange.exchange import Exchange
from polymm.exchange.listing import Listing
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.accounts import Account, Accounts
from polymm.exchange.server.eip712 import S_MAX
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.server.signatures import OrderMessage, verify_order
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.signing import OrderFamily, Wallet
from polymm.venues.polymarket.wire import SignatureType
from tests.support.exchange_scene import MARKET
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS, signing_key
from tests.support.vectors import vectors

GROUP_ORDER = 2 * int.from_bytes(S_MAX, "big") + 1
TYPES = list(SignatureType)
OTHER_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
NUMBERS = ("salt", "maker_amount_e6", "taker_amount_e6", "timestamp_ms")


def account_of(address: str = HARDHAT_ADDRESS) -> Account:
    account = Accounts(Exchange(), ServerSettings()).create(address, 0)
    assert account is not None
    return account


def listed(version: str = "v1", *, neg_risk: bool = False) -> Listing:
    """A market whose orders are signed for one of the exchanges."""
    return Exchange().list_market(replace(MARKET, neg_risk=neg_risk), version=version)


def message_of(order: dict[str, Any]) -> OrderMessage:
    """Take the object that a client posts."""
    return OrderMessage(
        salt=order["salt"],
        maker=order["maker"],
        signer=order["signer"],
        token_id=order["tokenId"],
        maker_amount_e6=int(order["makerAmount"]),
        taker_amount_e6=int(order["takerAmount"]),
        side=Side[order["side"]],
        signature_type=order["signatureType"],
        timestamp_ms=int(order["timestamp"]),
        metadata=order["metadata"],
        builder=order["builder"],
        signature=order["signature"],
    )


def signed(kind: SignatureType, version: str = "v1", *, neg_risk: bool = False) -> OrderMessage:
    """An order as our client signs it."""
    family = OrderFamily(
        Wallet(key=signing_key(), signature_type=kind),
        token_id=MARKET.up_token,
        side=Side.BUY,
        market_version=version,
        neg_risk=neg_risk,
    )
    order = family.sign(Amounts(2_600_000, 5_000_000), salt=7, timestamp_ms=1_800_000_000_000)
    return message_of(orjson.loads(order.text))


def re_signed(message: OrderMessage, version: str = "2") -> OrderMessage:
    """Sign an order of any content with eth-account, as its own types describe it."""
    order = {
        "salt": message.salt,
        "maker": message.maker,
        "signer": message.signer,
        "tokenId": int(message.token_id),
        "makerAmount": message.maker_amount_e6,
        "takerAmount": message.taker_amount_e6,
        "side": int(message.side),
        "signatureType": message.signature_type,
        "timestamp": message.timestamp_ms,
        "metadata": bytes.fromhex(message.metadata[2:]),
        "builder": bytes.fromhex(message.builder[2:]),
    }
    domain = {
        "name": wire.EXCHANGE_DOMAIN_NAME,
        "version": version,
        "chainId": wire.POLYGON,
        "verifyingContract": wire.EXCHANGES[wire.POLYGON, "v1", False],
    }
    plain = encode_typed_data(domain, {"Order": fields(wire.ORDER_TYPE)}, order)
    if message.signature_type != SignatureType.POLY_1271:
        signature = EthAccount.sign_message(plain, HARDHAT).signature
        return replace(message, signature=f"0x{signature.hex()}")
    outer = wire.WRAP_TYPE.removesuffix(wire.ORDER_TYPE)
    types = {"TypedDataSign": fields(outer), "Order": fields(wire.ORDER_TYPE)}
    nested = {
        "contents": order,
        "name": wire.DEPOSIT_WALLET_NAME,
        "version": wire.DEPOSIT_WALLET_VERSION,
        "chainId": wire.POLYGON,
        "verifyingContract": message.signer,
        "salt": bytes(32),
    }
    signature = EthAccount.sign_message(encode_typed_data(domain, types, nested), HARDHAT).signature
    described = wire.ORDER_TYPE.encode()
    tail = plain.header + plain.body + described + len(described).to_bytes(2, "big")
    return replace(message, signature=f"0x{(signature + tail).hex()}")


def fields(type_text: str) -> list[dict[str, str]]:
    """Read the fields of ``Name(type name,...)``."""
    pairs = type_text.partition("(")[2].rstrip(")").split(",")
    return [dict(zip(("type", "name"), pair.split(), strict=True)) for pair in pairs]


def verdict(
    message: OrderMessage,
    listing: Listing | None = None,
    *,
    account: Account | None = None,
    chain_id: int = wire.POLYGON,
) -> str | Refusal:
    account = account or account_of()
    return verify_order(
        message,
        owner=account.key_id,
        account=account,
        listing=listing or listed(),
        chain_id=chain_id,
    )


def test_every_golden_order_verifies_and_gets_the_id_of_the_vector() -> None:
    account = account_of(vectors("orders")["eoa"])
    markets = {
        (version, neg_risk): listed(version, neg_risk=neg_risk)
        for version in ("v1", "v2")
        for neg_risk in (False, True)
    }
    for vector in vectors("orders")["orders"]:
        given, wanted = vector["input"], vector["output"]
        found = verdict(
            message_of(orjson.loads(wanted["body"])["order"]),
            markets[given["protocol"], given["negRisk"]],
            account=account,
            chain_id=given["chainId"],
        )
        assert found == wanted["orderHash"], vector["id"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", ["token_id", "side", "metadata", "builder", *NUMBERS])
def test_a_changed_field_breaks_the_signature(kind: SignatureType, name: str) -> None:
    message = signed(kind)
    value = getattr(message, name)
    changed: dict[str, Any] = {name: value + 1 if name in NUMBERS else "0x" + "01" * 32}
    if name == "side":
        changed = {"side": Side.SELL}
    if name == "token_id":
        changed = {"token_id": MARKET.down_token}
    assert isinstance(verdict(message), str)
    assert verdict(replace(message, **changed)) == refusals.INVALID_SIGNATURE


@pytest.mark.parametrize("kind", TYPES)
def test_no_changed_byte_of_a_signature_passes(kind: SignatureType) -> None:
    message = signed(kind)
    raw = bytes.fromhex(message.signature[2:])
    places = {*range(0, len(raw), 5), 64, len(raw) - 1}
    for place in places:
        forged = raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]
        changed = replace(message, signature=f"0x{forged.hex()}")
        assert verdict(changed) == refusals.INVALID_SIGNATURE, place


@pytest.mark.parametrize("kind", TYPES)
def test_a_signature_of_another_shape_is_invalid(kind: SignatureType) -> None:
    message = signed(kind)
    whole = message.signature
    for text in ("", "0x", "0x00", whole[2:], whole[:-2], whole + "00", "0x" + "zz" * 65):
        assert verdict(replace(message, signature=text)) == refusals.INVALID_SIGNATURE, text[:10]
    session_key = whole + "6492" * 16
    assert verdict(replace(message, signature=session_key)) == refusals.INVALID_SIGNATURE


def test_the_other_half_of_the_group_is_refused_as_contracts_do() -> None:
    """(r, n - s) with the other v verifies mathematically: it would be a second form."""
    message = signed(SignatureType.EOA)
    raw = bytes.fromhex(message.signature[2:])
    high = GROUP_ORDER - int.from_bytes(raw[32:64], "big")
    forged = raw[:32] + high.to_bytes(32, "big") + bytes((55 - raw[64],))
    changed = replace(message, signature=f"0x{forged.hex()}")
    assert verdict(changed) == refusals.INVALID_SIGNATURE


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("signed_for", "market"),
    [
        (("v1", False), ("v1", True)),
        (("v1", True), ("v1", False)),
        (("v1", False), ("v2", False)),
        (("v2", False), ("v1", False)),
    ],
)
def test_an_order_for_another_exchange_is_a_version_mismatch(
    kind: SignatureType, signed_for: tuple[str, bool], market: tuple[str, bool]
) -> None:
    message = signed(kind, signed_for[0], neg_risk=signed_for[1])
    listing = listed(market[0], neg_risk=market[1])
    assert verdict(message, listing) == refusals.VERSION_MISMATCH


def test_a_wrong_version_for_the_right_contract_is_one_too() -> None:
    message = signed(SignatureType.EOA)
    assert verdict(re_signed(message, "3")) == refusals.VERSION_MISMATCH
    assert verdict(re_signed(message, "4")) == refusals.INVALID_SIGNATURE


@pytest.mark.parametrize("kind", TYPES)
def test_an_order_for_another_chain_is_not_signed(kind: SignatureType) -> None:
    assert verdict(signed(kind), chain_id=wire.AMOY) == refusals.INVALID_SIGNATURE


def test_in_v2_the_neg_risk_flag_changes_nothing() -> None:
    message = signed(SignatureType.EOA, "v2")
    plain, neg_risk = (verdict(message, listed("v2", neg_risk=flag)) for flag in (False, True))
    assert plain == neg_risk
    assert isinstance(plain, str)


@pytest.mark.parametrize("kind", TYPES)
def test_the_signer_must_be_whose_key_sent_the_order(kind: SignatureType) -> None:
    stranger = account_of(OTHER_ADDRESS)
    assert verdict(signed(kind), account=stranger) == refusals.NOT_SIGNER


def test_a_deposit_wallet_signs_as_itself_not_as_its_key() -> None:
    """The first releases of a client named the key: the venue's words were these."""
    message = replace(signed(SignatureType.POLY_1271), signer=HARDHAT_ADDRESS)
    assert verdict(message) == refusals.NOT_SIGNER


@pytest.mark.parametrize("kind", TYPES[:3])
def test_a_well_signed_order_may_not_spend_from_another_wallet(kind: SignatureType) -> None:
    wallets = account_of().holder.wallets
    makers = {*wallets.current, wallets.deposit_uups, OTHER_ADDRESS}
    message = signed(kind)
    for maker in makers:
        found = verdict(re_signed(replace(message, maker=maker)))
        if maker == message.maker:
            assert isinstance(found, str)
        else:
            assert found == refusals.INVALID_SIGNATURE, maker


def test_a_deposit_wallet_may_not_spend_from_another_one() -> None:
    message = signed(SignatureType.POLY_1271)
    older = account_of().holder.wallets.deposit_uups
    assert verdict(re_signed(message)) == verdict(message)
    for maker in (older, OTHER_ADDRESS):
        assert verdict(re_signed(replace(message, maker=maker))) == refusals.INVALID_SIGNATURE


def test_both_forms_of_a_deposit_wallet_sign() -> None:
    holder = account_of().holder
    for funder in (holder.wallets.deposit, holder.wallets.deposit_uups):
        wallet = Wallet(key=signing_key(), signature_type=SignatureType.POLY_1271, funder=funder)
        family = OrderFamily(
            wallet,
            token_id=MARKET.up_token,
            side=Side.SELL,
            market_version="v1",
            neg_risk=False,
        )
        order = family.sign(Amounts(5_000_000, 2_500_000), salt=1, timestamp_ms=9)
        assert verdict(message_of(orjson.loads(order.text))) == order.order_id


def test_the_owner_must_be_the_key_that_sent_the_order() -> None:
    message, account = signed(SignatureType.EOA), account_of()
    found = verify_order(
        message, owner="other", account=account, listing=listed(), chain_id=wire.POLYGON
    )
    assert found == refusals.NOT_OWNER


def test_a_banned_address_trades_nothing_and_a_closed_one_only_sells() -> None:
    account = account_of()
    account.holder.is_closed_only = True
    text = f"'{HARDHAT_ADDRESS}' address in closed only mode"
    message = signed(SignatureType.EOA)
    assert verdict(message, account=account) == Refusal(text)
    selling = replace(message, side=Side.SELL)
    assert verdict(selling, account=account) == refusals.INVALID_SIGNATURE, "looked at, not shut"
    account.holder.is_banned = True
    found = verdict(message, account=account)
    assert found == Refusal(f"'{HARDHAT_ADDRESS}' address banned")


def test_some_accounts_may_only_use_the_deposit_wallet() -> None:
    account = account_of()
    account.holder.needs_deposit_wallet = True
    for kind in TYPES:
        found = verdict(signed(kind), account=account)
        if kind is SignatureType.POLY_1271:
            assert isinstance(found, str)
        else:
            assert found == refusals.USE_DEPOSIT_WALLET


@pytest.mark.parametrize(
    "changed",
    [
        {"maker": "0x12"},
        {"signer": HARDHAT_ADDRESS[:-1] + "g"},
        {"token_id": ""},
        {"token_id": "-1"},
        {"token_id": "1e3"},
        {"token_id": "٣"},
        {"token_id": str(2**256)},
        {"salt": -1},
        {"salt": 2**256},
        {"maker_amount_e6": -1},
        {"taker_amount_e6": 2**256},
        {"timestamp_ms": -1},
        {"signature_type": 4},
        {"signature_type": -1},
        {"metadata": "0x"},
        {"builder": "0x" + "0" * 63},
        {"builder": "0x" + "0 " * 32},
    ],
)
def test_what_cannot_be_hashed_is_no_order(changed: dict[str, Any]) -> None:
    message = replace(signed(SignatureType.EOA), **changed)
    assert verdict(message) == refusals.INVALID_PAYLOAD


def test_addresses_and_codes_in_any_case_are_the_same_order() -> None:
    message = signed(SignatureType.POLY_1271)
    lower = replace(message, maker=message.maker.lower(), signer=message.signer.lower())
    assert verdict(lower) == verdict(message)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("neg_risk", [False, True])
def test_what_the_official_client_signs_verifies(kind: SignatureType, neg_risk: bool) -> None:
    """py-clob-client-v2 with nothing changed, and no server behind it."""
    listing = listed(neg_risk=neg_risk)
    client = ClobClient(
        "http://localhost",
        wire.POLYGON,
        key=HARDHAT,
        signature_type=int(kind),
        funder=account_of().holder.wallets.current[kind],
    )
    order = client.builder.build_order(
        OrderArgsV2(token_id=listing.token_id(Token.UP), price=0.52, size=5, side="BUY"),
        CreateOrderOptions(tick_size="0.01", neg_risk=neg_risk),
    )
    message = message_of(order_to_json_v2(order, "owner", "GTC")["order"])
    assert isinstance(verdict(message, listing), str)
    assert verdict(message, listed(neg_risk=not neg_risk)) == refusals.VERSION_MISMATCH
