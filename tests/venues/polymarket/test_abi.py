"""Words, heads and tails agree with eth-abi; what is no number and no address is refused."""

import random

import pytest
from eth_abi import decode, encode

from polymm.errors import InputError
from polymm.venues.polymarket import abi

ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def random_value(rng):
    """One value as eth-abi names it, takes it, and as we encode it."""
    kind = rng.choice(["uint256", "uint8", "address", "bytes31", "bytes", "uint256[]", "struct[]"])
    if kind in ("uint256", "uint8"):
        number = rng.getrandbits(int(kind[4:]))
        return kind, number, abi.uint(number, int(kind[4:]))
    if kind == "address":
        text = f"0x{rng.getrandbits(160):040x}"
        return kind, text, abi.address(text)
    if kind == "bytes31":
        raw = rng.randbytes(31)
        return kind, raw, abi.fixed_bytes(raw)
    if kind == "bytes":
        raw = rng.randbytes(rng.randrange(70))
        return kind, raw, abi.byte_string(raw)
    if kind == "uint256[]":
        numbers = [rng.getrandbits(256) for _ in range(rng.randrange(4))]
        return kind, numbers, abi.array([abi.uint(number) for number in numbers])
    pairs = [(rng.getrandbits(256), rng.randbytes(rng.randrange(40))) for _ in range(3)]
    ours = [abi.structure(abi.uint(number), abi.byte_string(raw)) for number, raw in pairs]
    return "(uint256,bytes)[]", pairs, abi.array(ours)


def test_random_arguments_are_encoded_as_eth_abi_does():
    for seed in range(300):
        rng = random.Random(seed)
        drawn = [random_value(rng) for _ in range(rng.randrange(1, 6))]
        types = [kind for kind, _, _ in drawn]
        theirs = encode(types, [value for _, value, _ in drawn])
        assert abi.arguments(*(ours for _, _, ours in drawn)) == theirs, f"seed {seed}: {types}"


@pytest.mark.parametrize("value", [-1, 2**256, True, 1.0, "1", None])
def test_a_word_takes_integers_of_its_range_only(value):
    with pytest.raises(InputError, match="uint256"):
        abi.uint(value)


def test_a_narrow_integer_is_held_to_its_own_range():
    assert abi.uint(255, 8) == bytes(31) + b"\xff"
    with pytest.raises(InputError, match="uint8"):
        abi.uint(256, 8)


def test_fixed_bytes_stand_at_the_left_and_addresses_at_the_right():
    assert abi.fixed_bytes(b"\x01" * 31) == b"\x01" * 31 + b"\0"
    assert abi.address(ADDRESS) == bytes(12) + bytes.fromhex(ADDRESS[2:])
    assert decode(["address"], abi.address(ADDRESS)) == (ADDRESS.lower(),)


@pytest.mark.parametrize("value", [b"", bytes(33)])
def test_fixed_bytes_are_one_word_at_most(value):
    with pytest.raises(InputError, match="fixed bytes must be"):
        abi.fixed_bytes(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        ADDRESS[:-1],
        ADDRESS + "0",
        ADDRESS[2:],
        "0X" + ADDRESS[2:],
        "0x" + "g" * 40,
        "0x" + " f" * 20,
        "0x" + "ff " * 12 + "ffff",
        "0x" + "１" * 40,
        "x" * 10_000,
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InputError, match="40 hexadecimal digits") as caught:
        abi.address_bytes(text)
    assert len(str(caught.value)) < 300


def test_an_answer_is_one_word():
    assert abi.read_uint(abi.uint(7), "a balance") == 7
    assert abi.read_bool(abi.uint(1), "an approval")
    assert not abi.read_bool(abi.uint(0), "an approval")


@pytest.mark.parametrize("answer", [b"", bytes(31), bytes(64)])
def test_a_contract_that_is_not_there_answers_no_number(answer):
    with pytest.raises(InputError, match="a balance must be one word"):
        abi.read_uint(answer, "a balance")


def test_a_truth_value_is_0_or_1():
    with pytest.raises(InputError, match="0 or 1, was 2"):
        abi.read_bool(abi.uint(2), "an approval")
