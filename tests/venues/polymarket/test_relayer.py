"""Relayer payloads: every golden vector byte for byte, and eth-account's reading of random ones."""

import random

import orjson
import pytest
from eth_abi import decode
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.crypto import keccak

from polymm.errors import InputError
from polymm.venues.polymarket import onchain, relayer, wire
from polymm.venues.polymarket.addresses import derive_wallets
from polymm.venues.polymarket.credentials import Secret, SigningKey
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.relayer import NonceGrant, RelayedWallet, RelayerKind
from tests.support.vectors import vectors

KEY = SigningKey(Secret(vectors("onchain")["privateKey"]))
WALLETS = derive_wallets(KEY.address)
RELAY = "0x250b4d70edfe57d7f6cefeb32ebeb02db6e7bb73"
NOW_S = 1_777_541_423
MERGE = onchain.merge_call(onchain.Condition(condition_id="0x" + "ab" * 32), 5_000_000)

KINDS = list(RelayerKind)


def wallet_of(kind):
    addresses = {
        RelayerKind.PROXY: WALLETS.proxy,
        RelayerKind.SAFE: WALLETS.safe,
        RelayerKind.WALLET: WALLETS.deposit,
    }
    return RelayedWallet(kind=kind, owner=KEY.address, address=addresses[kind])


def submit(kind, calls=(MERGE,), *, nonce=466, relay=RELAY, now_s=NOW_S, **others):
    grant = NonceGrant(relay, nonce)
    return relayer.submission(wallet_of(kind), calls, grant, KEY.sign, now_s=now_s, **others)


def unpack(payload):
    """Take a payload apart again, by eth-abi and by hand."""
    if "depositWalletParams" in payload:
        listed = payload["depositWalletParams"]["calls"]
        return [Call(c["target"], bytes.fromhex(c["data"][2:]), int(c["value"])) for c in listed]
    data = bytes.fromhex(payload["data"][2:])
    if payload["type"] == "PROXY":
        assert data[:4] == wire.PROXY.selector
        (structs,) = decode(["(uint8,address,uint256,bytes)[]"], data[4:])
        assert {code for code, *_ in structs} == {1}
        return [Call(to, inner, value) for _, to, value, inner in structs]
    if payload["to"] != wire.SAFE_MULTISEND:
        return [Call(payload["to"], data, int(payload.get("value", "0")))]
    assert data[:4] == wire.MULTI_SEND.selector
    (packed,) = decode(["bytes"], data[4:])
    calls = []
    while packed:
        assert packed[0] == 0
        size = int.from_bytes(packed[53:85], "big")
        value = int.from_bytes(packed[21:53], "big")
        calls.append(Call("0x" + packed[1:21].hex(), packed[85 : 85 + size], value))
        packed = packed[85 + size :]
    return calls


def lowered(calls):
    return [(call.to.lower(), call.data, call.value_wei) for call in calls]


@pytest.mark.parametrize("row", vectors("onchain")["relayer"], ids=lambda row: row["type"])
def test_payloads_equal_the_official_clients(row):
    expected = row["payload"]
    own = expected.get("depositWalletParams", {})
    wallet = RelayedWallet(
        kind=RelayerKind(row["type"]),
        owner=expected["from"],
        address=own.get("depositWallet") or expected["proxyWallet"],
    )
    relay = expected.get("signatureParams", {}).get("relay", RELAY)
    made = relayer.submission(
        wallet,
        unpack(expected),
        NonceGrant(relay, int(expected["nonce"])),
        KEY.sign,
        now_s=int(own.get("deadline", "0")) - wire.RELAYER_DEADLINE_S,
    )
    sent = orjson.loads(made.body)
    assert sent == expected
    digest = row.get("safeTxHash") or row.get("hash") or row["digest"]
    assert "0x" + made.digest.hex() == digest
    assert made.wallet.address == WALLETS.of_type({"PROXY": 1, "SAFE": 2, "WALLET": 3}[row["type"]])


def test_a_vector_with_several_calls_is_there_for_every_kind():
    several = {
        row["type"] for row in vectors("onchain")["relayer"] if len(unpack(row["payload"])) > 1
    }
    assert several == set(KINDS)


def random_calls(rng):
    return [
        Call(
            f"0x{rng.getrandbits(160):040x}", rng.randbytes(rng.randrange(80)), rng.randrange(2) * 7
        )
        for _ in range(rng.randrange(1, 5))
    ]


def typed_digest(message):
    signable = encode_typed_data(full_message=message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def safe_message(wallet, payload, nonce, chain_id):
    names = "to value data operation safeTxGas baseGas gasPrice gasToken refundReceiver nonce"
    types = "address uint256 bytes uint8 uint256 uint256 uint256 address address uint256"
    domain = [("chainId", "uint256"), ("verifyingContract", "address")]
    values = (
        payload["to"],
        int(payload.get("value", "0")),
        bytes.fromhex(payload["data"][2:]),
        int(payload["signatureParams"]["operation"]),
        *(0, 0, 0, wire.ZERO_ADDRESS, wire.ZERO_ADDRESS, nonce),
    )
    return {
        "domain": {"chainId": chain_id, "verifyingContract": wallet},
        "types": {
            "EIP712Domain": fields(domain),
            "SafeTx": fields(zip(names.split(), types.split(), strict=True)),
        },
        "primaryType": "SafeTx",
        "message": dict(zip(names.split(), values, strict=True)),
    }


def fields(pairs):
    return [{"name": name, "type": kind} for name, kind in pairs]


def batch_message(wallet, calls, nonce, chain_id, deadline_s):
    call = [("target", "address"), ("value", "uint256"), ("data", "bytes")]
    batch = [("wallet", "address"), ("nonce", "uint256"), ("deadline", "uint256")]
    domain = [("name", "string"), ("version", "string"), ("chainId", "uint256")]
    return {
        "domain": {
            "name": "DepositWallet",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": wallet,
        },
        "types": {
            "EIP712Domain": fields([*domain, ("verifyingContract", "address")]),
            "Batch": fields([*batch, ("calls", "Call[]")]),
            "Call": fields(call),
        },
        "primaryType": "Batch",
        "message": {
            "wallet": wallet,
            "nonce": nonce,
            "deadline": deadline_s,
            "calls": [{"target": c.to, "value": c.value_wei, "data": c.data} for c in calls],
        },
    }


def recovered(payload, digest, kind):
    signature = bytearray.fromhex(payload["signature"][2:])
    if kind is RelayerKind.WALLET:
        return Account._recover_hash(digest, signature=bytes(signature))
    if kind is RelayerKind.SAFE:
        assert signature[-1] in (31, 32)
        signature[-1] -= 4
    return Account.recover_message(encode_defunct(primitive=digest), signature=bytes(signature))


@pytest.mark.parametrize("kind", KINDS)
def test_random_actions_are_what_eth_account_reads(kind):
    for seed in range(40):
        rng = random.Random(seed)
        calls, nonce = random_calls(rng), rng.getrandbits(60)
        chain_id = rng.choice([wire.POLYGON, wire.AMOY])
        gas_limit = rng.randrange(1, 10**7)
        made = submit(kind, calls, nonce=nonce, chain_id=chain_id, gas_limit=gas_limit)
        payload = made.payload
        assert lowered(unpack(payload)) == lowered(calls), f"seed {seed}"
        address = made.wallet.address
        if kind is RelayerKind.SAFE:
            expected = typed_digest(safe_message(address, payload, nonce, chain_id))
        elif kind is RelayerKind.WALLET:
            assert made.deadline_s == NOW_S + 600
            message = batch_message(address, calls, nonce, chain_id, made.deadline_s)
            expected = typed_digest(message)
        else:
            parts = [KEY.address, payload["to"]]
            head = b"rlx:" + b"".join(bytes.fromhex(part[2:]) for part in parts)
            numbers = b"".join(n.to_bytes(32, "big") for n in (0, 0, gas_limit, nonce))
            tail = b"".join(bytes.fromhex(part[2:]) for part in (wire.RELAY_HUB, RELAY))
            expected = keccak(head + bytes.fromhex(payload["data"][2:]) + numbers + tail)
        assert made.digest == expected, f"seed {seed}"
        assert recovered(payload, made.digest, kind) == KEY.address, f"seed {seed}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_action_is_the_same_bytes(kind):
    assert submit(kind).body == submit(kind).body
    assert submit(kind).body != submit(kind, nonce=467).body


def test_only_a_deposit_wallets_action_lapses():
    assert [submit(kind).deadline_s for kind in KINDS] == [0, 0, NOW_S + 600]


def test_the_nonce_is_asked_for_by_kind():
    owner = {"address": KEY.address}
    assert [wallet_of(kind).nonce_request() for kind in KINDS] == [
        ("/relay-payload", {**owner, "type": "PROXY"}),
        ("/v1/account/transactions/params", {**owner, "type": "SAFE"}),
        ("/v1/account/transactions/params", {**owner, "type": "WALLET"}),
    ]


def test_signature_types_name_their_kinds():
    assert [relayer.KINDS[number] for number in (1, 2, 3)] == KINDS


def test_a_deposit_wallet_is_created_without_a_signature():
    assert relayer.creation(KEY.address) == {
        "type": "WALLET-CREATE",
        "from": KEY.address,
        "to": wire.DEPOSIT_WALLET_FACTORY,
        "metadata": "",
    }
    with pytest.raises(InputError, match="an address"):
        relayer.creation("somebody")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"calls": []}, "1..16 calls, held 0"),
        ({"calls": [MERGE] * 17}, "1..16 calls, held 17"),
        ({"calls": [Call("nobody", b"")]}, "an address"),
        ({"calls": [Call(MERGE.to, b"", -1)]}, "uint256"),
        ({"metadata": "x" * 501}, "500 characters, was 501"),
        ({"nonce": -1}, "uint256"),
        ({"nonce": True}, "uint256"),
    ],
)
def test_what_cannot_be_an_action_is_refused(kind, wrong, found):
    with pytest.raises(InputError, match=found):
        submit(kind, **wrong)


def test_a_relay_must_be_an_address():
    with pytest.raises(InputError, match="an address"):
        submit(RelayerKind.PROXY, relay="")


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_shows_in_nothing_that_is_made(kind):
    secret = vectors("onchain")["privateKey"][2:]
    made = submit(kind)
    assert secret not in f"{made!r}{made}{made.body!r}"
