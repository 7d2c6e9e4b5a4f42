"""Signed orders: the golden ones byte for byte, drawn ones against two other implementations."""

import json
import pickle
import random
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from py_clob_client_v2.order_utils import ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2, order_to_json_v2
from py_clob_client_v2.signer import Signer

from polymm.domain.amounts import Amounts, limit_amounts
from polymm.domain.order import Side
from polymm.errors import InputError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.credentials import Secret
from polymm.venues.polymarket.signing import (
    SALT_LIMIT,
    Envelopes,
    OrderFamily,
    OrderStamps,
    SignedOrder,
    Wallet,
)
from polymm.venues.polymarket.wire import SignatureType
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS, drawn_key, signing_key
from tests.support.vectors import selection, vectors

OWNER = "9180014b-33c8-9240-a14b-bdca11c0a465"
TOKEN = "71183960810705820955071415844881728181970340514894896943812046065452395013351"
SAFE = "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47"


def family(wallet: Wallet, **facts: Any) -> OrderFamily:
    usual = {"token_id": TOKEN, "side": Side.BUY, "market_version": "v1", "neg_risk": False}
    return OrderFamily(wallet, **usual | facts)


def golden(row: dict[str, Any], key: str) -> SignedOrder:
    """Sign a golden row's amounts, whatever client rounded them."""
    given, output = row["input"], row["output"]
    wallet = Wallet(
        key=signing_key(key),
        signature_type=SignatureType(given["signatureType"]),
        funder=given["funder"],
        chain_id=given["chainId"],
    )
    prepared = family(
        wallet,
        token_id=given["tokenId"],
        side=Side[given["side"]],
        market_version=given["protocol"],
        neg_risk=given["negRisk"],
        builder=given["builder"],
        metadata=given["metadata"],
    )
    return prepared.sign(
        Amounts(int(output["makerAmount"]), int(output["takerAmount"])),
        salt=given["salt"],
        timestamp_ms=given["timestampMs"],
        expiration_s=given["expiration"],
    )


@pytest.mark.parametrize("read", [vectors, selection])
def test_golden_orders_are_met_byte_for_byte(read: Any) -> None:
    whole = read("orders")
    envelopes = Envelopes(Secret(whole["apiCreds"]["apiKey"]))
    for row in whole["orders"]:
        order, output, given = golden(row, whole["privateKey"]), row["output"], row["input"]
        assert order.order_id == output["orderHash"], row["id"]
        assert order.signature == output["signature"], row["id"]
        body = envelopes.body(
            order,
            given["orderType"],
            post_only=given["postOnly"],
            defer_exec=given["deferExec"],
        )
        assert body.decode() == output["body"], row["id"]
        if other := output.get("bodyPolymarketClient"):
            # That client leaves out a post-only flag that is false, and cannot defer.
            adapted = {"postOnly": False} | json.loads(other) | {"deferExec": given["deferExec"]}
            assert adapted == json.loads(body), row["id"]


def test_golden_rows_cover_every_wallet_exchange_and_chain() -> None:
    for read in (vectors, selection):
        rows = [row["input"] for row in read("orders")["orders"]]
        assert {row["signatureType"] for row in rows} == set(SignatureType)
        assert {(row["protocol"], row["negRisk"]) for row in rows if row["chainId"] == 137} == {
            ("v1", False),
            ("v1", True),
            ("v2", False),
        }
        assert {row["chainId"] for row in rows} == {137, 80002}


def drawn_orders(count: int, seed: int = 20_261_123) -> Any:
    """Random orders of every kind: key, wallet, market, amounts, salt and time stamp."""
    print(f"seed {seed}")
    draw = random.Random(seed)
    for _ in range(count):
        text = drawn_key(draw)
        kind = draw.choice(list(SignatureType))
        funder = "" if kind is SignatureType.EOA else "0x" + draw.randbytes(20).hex()
        wallet = Wallet(
            key=signing_key(text),
            signature_type=kind,
            funder=funder,
            chain_id=draw.choice((wire.POLYGON, wire.AMOY)),
        )
        facts = {
            "token_id": str(draw.getrandbits(256)),
            "side": draw.choice(list(Side)),
            "market_version": draw.choice(("v1", "v2")),
            "neg_risk": draw.random() < 0.5,
            "builder": "0x" + draw.randbytes(32).hex(),
            "metadata": "0x" + draw.randbytes(32).hex(),
        }
        tick_e4 = draw.choice((1_000, 100, 50, 25, 10, 1))
        price_e4 = tick_e4 * draw.randrange(1, 10_000 // tick_e4)
        amounts = limit_amounts(facts["side"], price_e4, draw.randrange(10_000, 10**12), tick_e4)
        values = {
            "salt": draw.getrandbits(53),
            "timestamp_ms": draw.randrange(1, 2**42),
            "expiration_s": draw.choice((0, draw.randrange(1, 2**32))),
        }
        yield text, wallet, facts, amounts, values


def test_drawn_orders_equal_the_official_clients() -> None:
    for text, wallet, facts, amounts, values in drawn_orders(200):
        order = family(wallet, **facts).sign(amounts, **values)
        kind = (wallet.chain_id, facts["market_version"], facts["neg_risk"])
        builder = ExchangeOrderBuilderV2(
            wire.EXCHANGES[kind],
            wallet.chain_id,
            Signer(text, wallet.chain_id),
            generate_salt=lambda salt=values["salt"]: str(salt),
            domain_version={"v1": "2", "v2": "3"}[facts["market_version"]],
        )
        signed = builder.build_signed_order(
            OrderDataV2(
                maker=wallet.funder,
                signer=wallet.signer,
                tokenId=facts["token_id"],
                makerAmount=str(amounts.maker_e6),
                takerAmount=str(amounts.taker_e6),
                side=int(facts["side"]),
                signatureType=int(wallet.signature_type),
                timestamp=str(values["timestamp_ms"]),
                metadata=facts["metadata"],
                builder=facts["builder"],
                expiration=str(values["expiration_s"]),
            )
        )
        assert order.signature == signed.signature
        order_type = "GTD" if values["expiration_s"] else "GTC"
        body = Envelopes(Secret(OWNER)).body(order, order_type, post_only=True)
        theirs = order_to_json_v2(signed, OWNER, order_type, post_only=True, defer_exec=False)
        assert json.loads(body) == json.loads(json.dumps(theirs))


ORDER_FIELDS = [
    {"name": name.split()[1], "type": name.split()[0]}
    for name in wire.ORDER_TYPE.removeprefix("Order(").removesuffix(")").split(",")
]


def typed_data(wallet: Wallet, facts: dict[str, Any], text: bytes) -> dict[str, Any]:
    """The order as any wallet program would be asked to sign it, from its JSON alone."""
    order = json.loads(text)
    order["side"] = wire.SIDES.index(order["side"])
    numbers = ("tokenId", "makerAmount", "takerAmount", "timestamp")
    message = {field["name"]: order[field["name"]] for field in ORDER_FIELDS}
    message |= {name: int(order[name]) for name in numbers}
    message |= {name: bytes.fromhex(order[name][2:]) for name in ("metadata", "builder")}
    return {
        "primaryType": "Order",
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Order": ORDER_FIELDS,
        },
        "domain": {
            "name": "Polymarket CTF Exchange",
            "version": {"v1": "2", "v2": "3"}[facts["market_version"]],
            "chainId": wallet.chain_id,
            "verifyingContract": wire.EXCHANGES[
                wallet.chain_id, facts["market_version"], facts["neg_risk"]
            ],
        },
        "message": message,
    }


def test_the_id_of_drawn_orders_is_the_typed_data_hash_and_the_signer_recovers() -> None:
    for text, wallet, facts, amounts, values in drawn_orders(60, seed=7):
        order = family(wallet, **facts).sign(amounts, **values)
        message = encode_typed_data(full_message=typed_data(wallet, facts, order.text))
        assert order.order_id == "0x" + _hash_eip191_message(message).hex()
        if wallet.signature_type is not SignatureType.POLY_1271:
            recovered = Account.recover_message(message, signature=order.signature)
            assert recovered == wallet.key.address == Account.from_key(text).address


def test_an_order_signed_twice_is_the_same_order() -> None:
    prepared = family(Wallet(key=signing_key()))
    one, other = (prepared.sign(Amounts(5, 10), salt=1, timestamp_ms=2) for _ in range(2))
    assert one == other
    assert prepared.sign(Amounts(5, 10), salt=2, timestamp_ms=2).order_id != one.order_id


def test_a_wallet_without_a_funder_is_derived() -> None:
    key = signing_key()
    funders = vectors("orders")["funders"]
    for kind in SignatureType:
        wallet = Wallet(key=key, signature_type=kind)
        assert wallet.funder == funders[str(int(kind))]
        assert wallet.signer == (wallet.funder if kind == 3 else HARDHAT_ADDRESS)


def test_a_type_0_wallet_that_is_not_the_keys_own_is_refused() -> None:
    with pytest.raises(InputError, match=r"with signature type 0 .* name the wallet's signature"):
        Wallet(key=signing_key(), funder=SAFE)
    assert Wallet(key=signing_key(), funder=HARDHAT_ADDRESS.lower()).funder == HARDHAT_ADDRESS


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"market_version": "v3"}, "version must be v1 or v2, was 'v3'"),
        ({"market_version": "2"}, "version must be v1 or v2, was '2'"),
        ({"token_id": "0x12"}, "token_id must be a decimal number"),
        ({"token_id": ""}, "token_id must be a decimal number"),
        ({"token_id": str(2**256)}, "within 0..2"),
        ({"token_id": "９"}, "token_id must be a decimal number"),
        ({"builder": "0x12"}, "a builder code must be 0x and 64"),
        ({"metadata": "12" * 32}, "metadata must be 0x and 64"),
    ],
)
def test_a_family_of_nothing_known_is_refused(facts: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        family(Wallet(key=signing_key()), **facts)


def test_a_bare_number_is_no_signature_type() -> None:
    with pytest.raises(InputError, match="signature_type must be a SignatureType, was int"):
        Wallet(key=signing_key(), signature_type=3)  # type: ignore[arg-type]


def test_an_unknown_chain_is_refused() -> None:
    with pytest.raises(InputError, match="chain_id must be 137 or 80002, was 1"):
        Wallet(key=signing_key(), chain_id=1)
    with pytest.raises(InputError, match="give the wallet's address"):
        Wallet(key=signing_key(), signature_type=SignatureType.POLY_GNOSIS_SAFE, chain_id=wire.AMOY)


@pytest.mark.parametrize(
    "values",
    [
        {"salt": -1},
        {"salt": SALT_LIMIT},
        {"timestamp_ms": 0},
        {"expiration_s": -1},
        {"amounts": Amounts(0, 1)},
        {"amounts": Amounts(1, -1)},
    ],
)
def test_a_value_out_of_range_is_not_signed(values: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"amounts": Amounts(5, 10), "salt": 1, "timestamp_ms": 2}
    call = usual | values
    with pytest.raises(InputError, match="must be"):
        family(Wallet(key=signing_key())).sign(call.pop("amounts"), **call)


def test_flags_that_do_not_fit_the_order_type_are_refused() -> None:
    envelopes = Envelopes(Secret(OWNER))
    prepared = family(Wallet(key=signing_key()))
    order = prepared.sign(Amounts(5, 10), salt=1, timestamp_ms=2)
    dated = prepared.sign(Amounts(5, 10), salt=1, timestamp_ms=2, expiration_s=3)
    for order_type in ("FOK", "FAK", "gtc", ""):
        with pytest.raises(InputError, match="post-only only with GTC and GTD"):
            envelopes.body(order, order_type, post_only=True)
    for wrong, order_type in ((order, "GTD"), (dated, "GTC"), (dated, "FAK")):
        with pytest.raises(InputError, match="GTD wants an expiration and nothing else takes one"):
            envelopes.body(wrong, order_type, post_only=False)
    assert json.loads(envelopes.body(dated, "GTD", post_only=True))["order"]["expiration"] == "3"


def test_time_stamps_rise_although_the_clock_stands_or_falls() -> None:
    stamps = OrderStamps()
    assert [stamps.next_ms(now_ms) for now_ms in (10, 10, 9, 12, 11, 20)] == [
        10,
        11,
        12,
        13,
        14,
        20,
    ]


def test_neither_key_nor_owner_shows_in_what_signs() -> None:
    wallet = Wallet(key=signing_key())
    prepared, envelopes = family(wallet), Envelopes(Secret(OWNER))
    shown = f"{wallet} {wallet!r} {prepared!r} {envelopes} {envelopes!r}"
    assert HARDHAT[2:] not in shown
    assert OWNER not in shown
    for secret in (wallet, wallet.key, prepared, envelopes):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
