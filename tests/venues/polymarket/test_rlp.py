"""RLP agrees with pyrlp both ways, has one form for each value, and survives any bytes."""

import random

import pytest
import rlp as oracle
from hypothesis import given
from hypothesis import strategies as st

from polymm.errors import InputError
from polymm.venues.polymarket import rlp


def random_item(rng, depth=0):
    if depth < 3 and rng.random() < 0.4:
        return [random_item(rng, depth + 1) for _ in range(rng.randrange(5))]
    return rng.randbytes(rng.choice([0, 1, 1, 2, 20, 32, 55, 56, 57, 300, 70_000 // 50]))


def test_random_items_go_both_ways_as_with_pyrlp():
    for seed in range(300):
        item = random_item(random.Random(seed))
        encoded = rlp.encode(item)
        assert encoded == oracle.encode(item), f"seed {seed}"
        assert rlp.decode(encoded) == item, f"seed {seed}"


@pytest.mark.parametrize(("value", "data"), [(0, b""), (1, b"\x01"), (256, b"\x01\x00")])
def test_a_scalar_has_no_leading_zeros(value, data):
    assert rlp.integer(value) == data
    assert rlp.read_integer(data, "nonce") == value


def test_a_negative_scalar_has_no_form():
    with pytest.raises(InputError, match="at least 0"):
        rlp.integer(-1)


@pytest.mark.parametrize("data", [b"\0", b"\0\1", b"\1" * 33, [b"\1"]])
def test_what_is_no_scalar_is_refused_by_name(data):
    with pytest.raises(InputError, match="nonce must be"):
        rlp.read_integer(data, "nonce")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("", "found its end"),
        ("8100", "the byte itself"),
        ("817f", "the byte itself"),
        ("8261", "cut short"),
        ("b80161", "shortest length"),
        ("b837" + "61" * 55, "shortest length"),
        ("b90038" + "61" * 56, "shortest length"),
        ("b8", "shortest length"),
        ("c26161ff", "1 bytes more"),
        ("c28361", "cut short"),
        ("f801c0", "shortest length"),
        ("6161", "1 bytes more"),
        ("bfffffffffffffffff", "cut short"),
        ("c8c7c6c5c4c3c2c1c0", "nest"),
    ],
)
def test_another_form_of_a_value_is_refused(data, found):
    with pytest.raises(InputError, match=found):
        rlp.decode(bytes.fromhex(data))


def test_too_many_bytes_are_refused_before_they_are_read():
    with pytest.raises(InputError, match="at most"):
        rlp.decode(bytes(rlp.BYTES_MAX + 1))


def read_by(decode, refusal, data):
    try:
        return decode(data)
    except refusal:
        return None


@given(st.binary(max_size=200))
def test_any_bytes_are_one_value_or_refused(data):
    ours = read_by(rlp.decode, InputError, data)
    theirs = read_by(oracle.decode, oracle.exceptions.RLPException, data)
    deepest = b"".join(bytes((0xC0 + n,)) for n in range(rlp.DEPTH_MAX, -1, -1))
    assert ours == theirs or len(data) >= len(deepest)
    assert ours is None or rlp.encode(ours) == data
