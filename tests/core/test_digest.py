"""Keccak-256, the prefilled order digest and the HMAC against other people's code."""

import base64
import hmac
import pickle
import random
from hashlib import sha3_256

import pytest
from eth_hash.auto import keccak

from polymm._core.digest import HmacSha256, OrderDigest, keccak256, signature_text

EMPTY = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
HOLES = (1, 5, 6, 9)


def test_known_answers() -> None:
    # Published with the Ethereum yellow paper: the hash of nothing, and a selector everybody knows.
    assert keccak256(b"").hex() == EMPTY
    assert keccak256(b"transfer(address,uint256)").hex().startswith("a9059cbb")
    assert keccak256(b"") != sha3_256(b"").digest()


def test_every_length_around_the_block_borders_agrees_with_another_library() -> None:
    draw = random.Random(1)
    for length in [*range(300), 543, 544, 545, 10_000]:
        message = draw.randbytes(length)
        assert keccak256(message) == keccak(message), length


@pytest.mark.parametrize("portable", [False, True])
def test_hmac_agrees_with_the_standard_library(portable: bool) -> None:
    draw = random.Random(2)
    for key_length in (0, 1, 32, 63, 64, 65, 200):
        key = draw.randbytes(key_length)
        ours = HmacSha256(key, portable=portable)
        for length in [*range(140), 763, 1_400]:
            head, body = draw.randbytes(length % 41), draw.randbytes(length)
            expected = base64.urlsafe_b64encode(hmac.digest(key, head + body, "sha256")).decode()
            assert ours.sign(head, body) == expected, (key_length, length)


def words(*, wrap: bool = False) -> tuple[bytes, bytes, bytes | None]:
    """A separator, an order and, for a wallet, a wrap of random words with empty holes."""
    draw = random.Random(3)
    order = [bytes(32) if i in HOLES else draw.randbytes(32) for i in range(12)]
    outer = [bytes(32) if i == 1 else draw.randbytes(32) for i in range(7)]
    return draw.randbytes(32), b"".join(order), b"".join(outer) if wrap else None


def slow_fill(separator: bytes, order: bytes, wrap: bytes | None, *values: int) -> list[object]:
    """The same digests with every struct put together anew."""
    parts = [order[i : i + 32] for i in range(0, 384, 32)]
    for hole, value in zip(HOLES, values, strict=True):
        parts[hole] = value.to_bytes(32, "big")
    contents = keccak(b"".join(parts))
    order_id = keccak(b"\x19\x01" + separator + contents)
    if wrap is None:
        return ["0x" + order_id.hex(), order_id, contents]
    outer = keccak(wrap[:32] + contents + wrap[64:])
    return ["0x" + order_id.hex(), keccak(b"\x19\x01" + separator + outer), contents]


@pytest.mark.parametrize("wrap", [False, True])
def test_a_filled_struct_keeps_nothing_of_the_order_before(wrap: bool) -> None:
    prepared = words(wrap=wrap)
    digest = OrderDigest(*prepared)
    assert digest.wrapped is wrap
    draw = random.Random(4)
    for bits in (64, 1, 53, 8, 64, 33, 1):
        values = [draw.getrandbits(bits) for _ in HOLES]
        assert list(digest.fill(*values)) == slow_fill(*prepared, *values)


@pytest.mark.parametrize("values", [(-1, 1, 1, 1), (1, 1 << 64, 1, 1)])
def test_a_value_beyond_64_bits_is_refused_and_changes_nothing(values: tuple[int, ...]) -> None:
    prepared = words()
    digest = OrderDigest(*prepared)
    with pytest.raises(OverflowError):
        digest.fill(*values)
    assert list(digest.fill(1, 2, 3, 4)) == slow_fill(*prepared, 1, 2, 3, 4)


def test_words_that_are_filled_later_must_come_empty() -> None:
    separator, order, wrap = words(wrap=True)
    assert wrap is not None
    for hole in HOLES:
        full = order[: 32 * hole] + b"\x01" * 32 + order[32 * hole + 32 :]
        with pytest.raises(ValueError, match=f"word {hole} of order must be zero"):
            OrderDigest(separator, full)
    with pytest.raises(ValueError, match="word 1 of wrap must be zero"):
        OrderDigest(separator, order, wrap[:32] + b"\x01" * 32 + wrap[64:])


def test_wrong_lengths_are_refused() -> None:
    separator, order, _ = words()
    with pytest.raises(ValueError, match="separator must be 32 bytes, was 31"):
        OrderDigest(separator[1:], order)
    with pytest.raises(ValueError, match="order must be 384 bytes, was 352"):
        OrderDigest(separator, order[32:])
    with pytest.raises(ValueError, match="wrap must be 224 bytes, was 0"):
        OrderDigest(separator, order, b"")


def test_the_state_of_a_key_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(HmacSha256(b"secret"))


def test_a_signature_is_written_with_its_recovery_id_as_v() -> None:
    body = bytes(range(64))
    assert signature_text(body + b"\x00") == f"0x{body.hex()}1b"
    assert signature_text(body + b"\x01") == f"0x{body.hex()}1c"
    for wrong in (b"", body, body + b"\x02", body + b"\x00\x00"):
        with pytest.raises(ValueError, match="must be 65 bytes that end in 0 or 1"):
            signature_text(wrong)
