"""Who may submit to the relayer, how often, and which wallets are there to act."""

import orjson
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from polymm.domain.market import NS
from polymm.venues.polymarket import relayer, wire
from polymm.venues.polymarket.addresses import derive_wallets
from polymm.venues.polymarket.auth import RequestSigner
from polymm.venues.polymarket.relayer import (
    NonceGrant,
    RelayedWallet,
    RelayerKind,
    submission,
)
from polymm.venues.polymarket.relayer_replies import Accepted
from tests.support.chain_scene import (
    KEY,
    RELAYED,
    WALLETS,
    ChainScene,
    merge,
    play,
)
from tests.support.keys import HARDHAT, api_credentials, signing_key

KINDS = list(RelayerKind)
STRANGER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
every_kind = pytest.mark.parametrize("kind", KINDS)


def test_a_builders_signature_opens_the_relayer() -> None:
    async def script(scene: ChainScene) -> None:
        account = scene.account
        for key in (account, scene.hall.accounts.create_builder(account.holder)):
            body = (await scene.sign(RelayerKind.SAFE, merge(scene.v1, 1))).body
            signer = RequestSigner(KEY.address, api_credentials(key.credentials))
            # A builder's headers are those of an account under other names, over the same text.
            signed = signer.headers(scene.now_ns // NS, "POST", wire.RELAYER_SUBMIT_PATH, body)
            names = {
                wire.BUILDER_HEADER_KEY: wire.HEADER_API_KEY,
                wire.BUILDER_HEADER_PASSPHRASE: wire.HEADER_PASSPHRASE,
                wire.BUILDER_HEADER_TIMESTAMP: wire.HEADER_TIMESTAMP,
                wire.BUILDER_HEADER_SIGNATURE: wire.HEADER_SIGNATURE,
            }
            headers = {name: signed[other] for name, other in names.items()}
            assert (await scene.post(body + b" ", headers)).status == 401
            for name in names:
                assert (await scene.post(body, headers | {name: "1"})).status == 401
            assert (await scene.post(body, headers)).status == 200
            scene.wait(10_000)
        assert scene.owned(WALLETS.safe) == (10_002, 98, 98)

    play(script)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {wire.RELAYER_HEADER_KEY: "nobody"},
        {wire.RELAYER_HEADER_ADDRESS: STRANGER},
        {wire.RELAYER_HEADER_ADDRESS: "?"},
    ],
)
def test_a_stranger_submits_nothing(headers: dict[str, str]) -> None:
    async def script(scene: ChainScene) -> None:
        body = (await scene.sign(RelayerKind.SAFE, merge(scene.v1, 1))).body
        sent = {**scene.key_headers, **headers} if headers else {}
        reply = await scene.post(body, sent)
        assert (reply.status, reply.body) == (401, {"error": "Unauthorized/Invalid api key"})

    play(script)


def test_the_quota_of_a_minute_is_kept() -> None:
    async def script(scene: ChainScene) -> None:
        for _ in range(3):
            assert isinstance(await scene.submit(RelayerKind.SAFE, merge(scene.v1, 1)), Accepted)
            scene.wait(10_000)
        signed = await scene.sign(RelayerKind.SAFE, merge(scene.v1, 1))
        reply = await scene.post(signed.body)
        assert (reply.status, reply.headers["Retry-After"]) == (429, "30")
        scene.wait(30_000)
        assert (await scene.post(signed.body)).status == 200

    play(script, submits_a_minute=3)


def test_a_key_that_only_reads_submits_nothing() -> None:
    async def script(scene: ChainScene) -> None:
        reader = scene.hall.accounts.create_reader(scene.account.holder)
        body = (await scene.sign(RelayerKind.SAFE, merge(scene.v1, 1))).body
        headers = scene.key_headers | {wire.RELAYER_HEADER_KEY: reader.key_id}
        assert (await scene.post(body, headers)).status == 401

    play(script)


# Wallets that come to be


def test_wallets_are_deployed_at_their_owners_first_key() -> None:
    async def script(scene: ChainScene) -> None:
        async def deployed(address: str, **query: str) -> bool:
            reply = await scene.get("/deployed", address=address, **query)
            assert reply.status == 200
            found: bool = reply.body["deployed"]
            return found

        for kind, wallet in RELAYED.items():
            assert await deployed(wallet)
            assert await deployed(wallet.lower(), type=kind)
            assert await deployed(KEY.address, type=kind)
        assert not await deployed(KEY.address)
        assert not await deployed(WALLETS.deposit_uups, type="WALLET")
        assert not await deployed(STRANGER, type="SAFE")

    play(script)


def creation(key: str, kind: str) -> bytes:
    """What a key that has no wallet yet submits, signed by eth-account."""
    account = Account.from_key(key)
    if kind == "WALLET-CREATE":
        return orjson.dumps(relayer.creation(account.address))
    zero = wire.ZERO_ADDRESS
    names = {"paymentToken": "address", "payment": "uint256", "paymentReceiver": "address"}
    message = {
        "domain": {
            "name": "Polymarket Contract Proxy Factory",
            "chainId": 137,
            "verifyingContract": wire.SAFE_FACTORY,
        },
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "CreateProxy": [{"name": name, "type": kind} for name, kind in names.items()],
        },
        "primaryType": "CreateProxy",
        "message": {"paymentToken": zero, "payment": 0, "paymentReceiver": zero},
    }
    signed = account.sign_message(encode_typed_data(full_message=message))
    return orjson.dumps(
        {
            "type": "SAFE-CREATE",
            "from": account.address,
            "to": wire.SAFE_FACTORY,
            "proxyWallet": derive_wallets(account.address).safe,
            "data": "0x",
            "signature": f"0x{signed.signature.hex()}",
            "signatureParams": {"paymentToken": zero, "payment": "0", "paymentReceiver": zero},
        }
    )


@pytest.mark.parametrize(("kind", "short"), [("SAFE-CREATE", "SAFE"), ("WALLET-CREATE", "WALLET")])
def test_a_wallet_is_made_once(kind: str, short: str) -> None:
    key = "0x" + "17" * 32
    owner = Account.from_key(key).address

    async def script(scene: ChainScene) -> None:
        body = creation(key, kind)
        assert (await scene.post(body)).status == 200
        assert not (await scene.get("/deployed", address=owner, type=short)).body["deployed"]
        scene.wait(10_000)
        assert (await scene.get("/deployed", address=owner, type=short)).body["deployed"]
        again = await scene.post(body)
        assert again.status == 400
        assert "already deployed" in again.body["error"]

    play(script)


def test_a_strangers_wallet_does_not_act() -> None:
    async def script(scene: ChainScene) -> None:
        key = signing_key("0x" + "17" * 32)
        safe = derive_wallets(key.address).safe
        wallet = RelayedWallet(kind=RelayerKind.SAFE, owner=key.address, address=safe)
        grant = NonceGrant(key.address, 0)
        now_s = scene.now_ns // NS
        body = submission(wallet, [merge(scene.v1, 1)], grant, key.sign, now_s=now_s).body
        reply = await scene.post(body)
        assert (reply.status, reply.body) == (400, {"error": f"wallet {safe} is not deployed"})

    play(script)


def test_a_deposit_wallet_that_is_gone_is_made_again() -> None:
    async def script(scene: ChainScene) -> None:
        scene.hall.accounts.deployed.discard(WALLETS.deposit)
        assert (await scene.post(creation(HARDHAT, "WALLET-CREATE"))).status == 200
        scene.wait(10_000)
        assert WALLETS.deposit in scene.hall.accounts.deployed

    play(script)
