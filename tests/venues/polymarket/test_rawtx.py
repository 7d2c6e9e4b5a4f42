"""Raw transactions are eth-account's byte for byte, and read back what was signed."""

import random
from dataclasses import replace

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from polymm.errors import InputError
from polymm.venues.polymarket import onchain, rawtx, rlp, wire
from polymm.venues.polymarket.addresses import checksummed
from polymm.venues.polymarket.credentials import GROUP_ORDER, Secret, SigningKey
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.rawtx import RawTransaction

# The first account of hardhat; never to be used with money.
SECRET = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
KEY = SigningKey(Secret(SECRET))
GWEI = 10**9
MERGE = onchain.merge_call(onchain.Condition(condition_id="0x" + "ab" * 32), 5_000_000)
TRANSACTION = RawTransaction(
    call=MERGE, nonce=7, gas_limit=300_000, max_fee_wei=90 * GWEI, priority_fee_wei=30 * GWEI
)


def random_transaction(rng):
    max_fee_wei = rng.getrandbits(rng.choice([0, 1, 40, 80]))
    return RawTransaction(
        call=Call(
            f"0x{rng.getrandbits(160):040x}",
            rng.randbytes(rng.choice([0, 1, 55, 56, 260, 2_000])),
            rng.choice([0, 1, 127, 128, 10**18]),
        ),
        nonce=rng.choice([0, 1, 127, 128, 255, 256, 2**63]),
        gas_limit=rng.getrandbits(32),
        max_fee_wei=max_fee_wei,
        priority_fee_wei=rng.randrange(max_fee_wei + 1),
        chain_id=rng.choice([wire.POLYGON, wire.AMOY, 1]),
    )


def signed_by_eth_account(transaction, secret=SECRET):
    return Account.sign_transaction(
        {
            "type": 2,
            "chainId": transaction.chain_id,
            "nonce": transaction.nonce,
            "gas": transaction.gas_limit,
            "maxFeePerGas": transaction.max_fee_wei,
            "maxPriorityFeePerGas": transaction.priority_fee_wei,
            "to": checksummed(transaction.call.to),
            "value": transaction.call.value_wei,
            "data": transaction.call.data,
        },
        secret,
    )


def test_random_transactions_are_eth_accounts_byte_for_byte():
    for seed in range(200):
        rng = random.Random(seed)
        secret = f"0x{rng.randrange(1, 2**255):064x}"
        key, transaction = SigningKey(Secret(secret)), random_transaction(rng)
        theirs = signed_by_eth_account(transaction, secret)
        ours = transaction.signed(key.sign)
        assert ours.raw == bytes(theirs.raw_transaction), f"seed {seed}"
        assert ours.hash == bytes(theirs.hash), f"seed {seed}"
        assert (ours.y, ours.r, ours.s) == (theirs.v, theirs.r, theirs.s), f"seed {seed}"
        assert ours.sender() == key.address, f"seed {seed}"


def test_random_transactions_are_read_back():
    for seed in range(200):
        transaction = random_transaction(random.Random(seed))
        signed = transaction.signed(KEY.sign)
        call = replace(transaction.call, to=checksummed(transaction.call.to))
        assert rawtx.decode(signed.raw) == replace(
            signed, transaction=replace(transaction, call=call)
        ), f"seed {seed}"


def test_the_hash_is_known_before_anything_is_sent():
    signed = TRANSACTION.signed(KEY.sign)
    assert Account.recover_transaction(signed.raw) == KEY.address
    assert signed.hash == rawtx.decode(signed.raw).hash


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": -1},
        {"nonce": 2**64},
        {"nonce": True},
        {"gas_limit": -1},
        {"gas_limit": 2**64},
        {"max_fee_wei": 2**256},
        {"max_fee_wei": 1.5},
        {"priority_fee_wei": 91 * GWEI},
        {"chain_id": -1},
        {"call": Call(MERGE.to, b"", -1)},
    ],
)
def test_numbers_outside_their_range_are_refused(wrong):
    with pytest.raises(InputError):
        replace(TRANSACTION, **wrong)


def test_a_recipient_must_be_an_address():
    with pytest.raises(InputError, match="an address"):
        replace(TRANSACTION, call=Call("", b"")).digest()


def changed(at, value):
    """The transaction's bytes with one field replaced."""
    fields = rlp.decode(TRANSACTION.signed(KEY.sign).raw[1:])
    fields[at] = value
    return b"\x02" + rlp.encode(fields)


# The other signature of the same transaction; taking both would give it two hashes.
HIGH_S = (GROUP_ORDER - TRANSACTION.signed(KEY.sign).s).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", "type 2"),
        (b"\x01" + TRANSACTION.signed(KEY.sign).raw[1:], "type 2"),
        (TRANSACTION.signed(KEY.sign).raw + b"\0", "1 bytes more"),
        (TRANSACTION.signed(KEY.sign).raw[:-1], "cut short"),
        (b"\x02\x05", "12 fields"),
        (b"\x02\xc0", "12 fields"),
        (changed(0, b"\0"), "chain_id"),
        (changed(1, b"\1" * 9), "nonce"),
        (changed(2, b"\xff" * 32), "priority_fee_wei must be at most"),
        (changed(5, b""), "recipient"),
        (changed(5, [b""]), "recipient"),
        (changed(7, []), "bytes and an empty access list"),
        (changed(8, [[bytes(20), []]]), "empty access list"),
        (changed(8, b""), "empty access list"),
        (changed(9, b"\2"), "y 0 or 1"),
        (changed(10, b""), "r in range"),
        (changed(11, HIGH_S), "s low"),
        (changed(11, [b""]), "s must be a scalar"),
    ],
)
def test_what_is_no_transaction_of_ours_is_refused(raw, found):
    with pytest.raises(InputError, match=found):
        rawtx.decode(raw)


def test_another_signature_is_another_sender():
    other = rawtx.decode(changed(1, b"\x08"))
    try:
        assert other.sender() != KEY.address
    except InputError:
        pytest.fail("a changed nonce still leaves a signature of some key")


def test_a_signature_of_no_key_has_no_sender():
    found = [changed(10, r.to_bytes(1, "big")) for r in range(1, 40)]
    refused = 0
    for raw in found:
        try:
            rawtx.decode(raw).sender()
        except InputError:
            refused += 1
    assert refused > 0


@given(st.binary(max_size=300))
def test_any_bytes_are_a_transaction_or_refused(data):
    for raw in (data, b"\x02" + data):
        try:
            rawtx.decode(raw)
        except InputError:
            continue
