"""Bodies that the relayer refuses: of another form, changed, forged, for somebody else."""

import orjson
import pytest
from eth_abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data

from polymm.domain.market import NS
from polymm.exchange.server.relayer import RELAY
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.relayer import (
    NonceGrant,
    RelayedWallet,
    RelayerKind,
    submission,
)
from tests.support.chain_scene import (
    KEY,
    RELAYED,
    WALLETS,
    ChainScene,
    merge,
    play,
)
from tests.support.keys import HARDHAT, signing_key

KINDS = list(RelayerKind)
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
every_kind = pytest.mark.parametrize("kind", KINDS)


def wrong(body: bytes, **changes: object) -> bytes:
    return orjson.dumps(orjson.loads(body) | changes)


BAD_BODIES = {
    b"": "body must be JSON",
    b"[]": "body must be an object",
    b"{": "body must be JSON",
    b"{}": "body.type must be text",
    b'{"type":"CAR"}': "type must be one of",
    b'{"type":"SAFE"}': "body.from must be text",
    b'{"type":"WALLET-CREATE","from":"me"}': "body.from must be an address",
    b'{"type":"WALLET-CREATE","from":"%s","to":"%s"}'
    % (STRANGER.encode(), STRANGER.encode()): "to must be 0x000",
}


@pytest.mark.parametrize(("body", "text"), BAD_BODIES.items())
def test_a_body_of_another_form_is_refused(body: bytes, text: str) -> None:
    async def script(scene: ChainScene) -> None:
        reply = await scene.post(body)
        assert reply.status == 400
        assert text in reply.body["error"]

    play(script)


CHANGES = {
    "another nonce": {"nonce": "1"},
    "no number": {"nonce": "0x1"},
    "a number": {"nonce": 0},
    "another owner": {"from": STRANGER},
    "long metadata": {"metadata": "x" * 501},
    "no signature": {"signature": "0x"},
    "signature cut": {"signature": "0x12"},
    "signature of zeros": {"signature": "0x" + "00" * 64 + "1f"},
    "signature of zeros, plain": {"signature": "0x" + "00" * 64 + "1b"},
}


@every_kind
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_body_is_refused(kind: RelayerKind, change: str) -> None:
    async def script(scene: ChainScene) -> None:
        body = (await scene.sign(kind, merge(scene.v1, 1))).body
        reply = await scene.post(wrong(body, **CHANGES[change]))
        assert reply.status == 400, reply
        scene.wait(10_000)
        assert scene.owned(RELAYED[kind]) == (10_000, 100, 100)

    play(script)


INNER_CHANGES = {
    RelayerKind.SAFE: [
        ("signatureParams", "operation", "1"),
        ("signatureParams", "operation", "2"),
        ("signatureParams", "gasPrice", "1"),
        ("signatureParams", "refundReceiver", STRANGER),
        ("", "proxyWallet", STRANGER),
        ("", "to", wire.NEG_RISK_COLLATERAL_ADAPTER),
        ("", "value", "1"),
        ("", "data", "0x1"),
    ],
    RelayerKind.PROXY: [
        ("signatureParams", "relay", STRANGER),
        ("signatureParams", "relayHub", STRANGER),
        ("signatureParams", "gasLimit", "1"),
        ("", "proxyWallet", WALLETS.safe),
        ("", "to", STRANGER),
        ("", "data", "0x34ee9791"),
        ("", "data", "0xab"),
    ],
    RelayerKind.WALLET: [
        ("depositWalletParams", "depositWallet", STRANGER),
        ("depositWalletParams", "deadline", "1900000000"),
        ("depositWalletParams", "calls", []),
        ("depositWalletParams", "calls", [1]),
        ("depositWalletParams", "calls", [{"target": STRANGER, "value": "0", "data": "0x"}]),
        ("", "depositWalletParams", None),
        ("", "to", STRANGER),
    ],
}


@pytest.mark.parametrize(
    ("kind", "place", "key", "value"),
    [(kind, *change) for kind, changes in INNER_CHANGES.items() for change in changes],
)
def test_every_signed_field_is_checked(
    kind: RelayerKind, place: str, key: str, value: object
) -> None:
    async def script(scene: ChainScene) -> None:
        body = orjson.loads((await scene.sign(kind, merge(scene.v1, 1))).body)
        (body[place] if place else body)[key] = value
        reply = await scene.post(orjson.dumps(body))
        assert reply.status == 400, reply
        assert "invalid" in reply.body["error"]

    play(script)


def test_a_signature_of_another_key_or_chain_is_refused() -> None:
    async def script(scene: ChainScene) -> None:
        other = signing_key("0x" + "17" * 32)
        for kind in KINDS:
            wallet = RelayedWallet(kind=kind, owner=KEY.address, address=RELAYED[kind])
            for sign, chain_id in ((other.sign, 137), (KEY.sign, 80002)):
                if kind is RelayerKind.PROXY and chain_id != wire.POLYGON:
                    continue  # A relayed call names no chain.
                signed = submission(
                    wallet,
                    [merge(scene.v1, 1)],
                    NonceGrant(RELAY, 0),
                    sign,
                    now_s=scene.now_ns // NS,
                    chain_id=chain_id,
                )
                reply = await scene.post(signed.body)
                assert (reply.status, reply.body) == (400, {"error": "invalid signature"})

    play(script)


@pytest.mark.parametrize(
    ("kind", "address", "relay", "text"),
    [
        (RelayerKind.PROXY, WALLETS.proxy, STRANGER, f"relay must be {RELAY}"),
        (RelayerKind.WALLET, STRANGER, RELAY, "depositWallet is not the wallet of from"),
        (RelayerKind.SAFE, WALLETS.proxy, RELAY, "proxyWallet is not the wallet of from"),
    ],
)
def test_what_is_signed_for_another_wallet_or_relay_is_refused(
    kind: RelayerKind, address: str, relay: str, text: str
) -> None:
    async def script(scene: ChainScene) -> None:
        wallet = RelayedWallet(kind=kind, owner=KEY.address, address=address)
        grant, now_s = NonceGrant(relay, 0), scene.now_ns // NS
        body = submission(wallet, [merge(scene.v1, 1)], grant, KEY.sign, now_s=now_s).body
        reply = await scene.post(body)
        assert (reply.status, reply.body) == (400, {"error": f"invalid request: {text}"})

    play(script)


def safe_body(to: str, data: bytes, operation: int) -> bytes:
    """Whatever a safe's key may be made to sign, by eth-account."""
    zero = wire.ZERO_ADDRESS
    types = "address uint256 bytes uint8 uint256 uint256 uint256 address address uint256"
    names = "to value data operation safeTxGas baseGas gasPrice gasToken refundReceiver nonce"
    values = (to, 0, data, operation, 0, 0, 0, zero, zero, 0)
    domain = [("chainId", "uint256"), ("verifyingContract", "address")]
    message = {
        "domain": {"chainId": 137, "verifyingContract": WALLETS.safe},
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in domain],
            "SafeTx": [
                {"name": name, "type": kind}
                for name, kind in zip(names.split(), types.split(), strict=True)
            ],
        },
        "primaryType": "SafeTx",
        "message": dict(zip(names.split(), values, strict=True)),
    }
    signed = Account.from_key(HARDHAT).sign_message(encode_typed_data(full_message=message))
    return orjson.dumps(
        {
            "type": "SAFE",
            "from": KEY.address,
            "to": to,
            "proxyWallet": WALLETS.safe,
            "data": f"0x{data.hex()}",
            "nonce": "0",
            "signature": f"0x{signed.signature.hex()}",
            "signatureParams": {"operation": str(operation)},
        }
    )


def multi_send(count: int) -> bytes:
    """A batch of calls that do nothing."""
    call = bytes(1) + bytes.fromhex(wire.PUSD[2:]) + bytes(64)
    return wire.MULTI_SEND.selector + encode(["bytes"], [call * count])


@pytest.mark.parametrize(
    ("to", "data", "operation", "text"),
    [
        (wire.PUSD, b"", 1, "only MultiSend may be called as a delegate"),
        (wire.SAFE_MULTISEND, multi_send(1), 2, "operation must be 0 or 1"),
        (wire.SAFE_MULTISEND, multi_send(0), 1, "calls must be 1..100, were 0"),
        (wire.SAFE_MULTISEND, multi_send(101), 1, "calls must be 1..100, were 101"),
        (wire.SAFE_MULTISEND, multi_send(1)[:-64], 1, "calldata is too short"),
        (wire.SAFE_MULTISEND, multi_send(100), 1, ""),
    ],
    ids=["a delegate", "operation", "no call", "too many", "cut", "good"],
)
def test_a_signed_batch_must_be_one(to: str, data: bytes, operation: int, text: str) -> None:
    async def script(scene: ChainScene) -> None:
        reply = await scene.post(safe_body(to, data, operation))
        if text:
            assert (reply.status, reply.body) == (400, {"error": f"invalid request: {text}"})
        else:
            assert reply.status == 200

    play(script)


def test_eth_account_signs_for_a_safe_without_the_personal_prefix() -> None:
    """A safe takes both; only the personal one adds 4 to v."""

    async def script(scene: ChainScene) -> None:
        signed = await scene.sign(RelayerKind.SAFE, merge(scene.v1, 1))
        plain = Account.unsafe_sign_hash(signed.digest, HARDHAT)
        reply = await scene.post(wrong(signed.body, signature=f"0x{plain.signature.hex()}"))
        assert reply.status == 200

    play(script)
