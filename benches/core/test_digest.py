"""An order's digest, a request's HMAC and keccak-256."""

import random

import pytest

from benches.core.conftest import TimePasses
from polymm._core.digest import HmacSha256, OrderDigest, keccak256


@pytest.mark.parametrize("wrapped", [False, True])
def test_digest_of_an_order(time_calls: TimePasses, wrapped: bool) -> None:
    """Time the digest of one order from its four values.

    Four permutations of keccak-f (seven for a deposit wallet) and three small objects. Slower
    means every order leaves later by as much; next to the signature it is a twentieth.
    """
    digest = OrderDigest(bytes(32), bytes(384), bytes(224) if wrapped else None)
    time_calls(
        [lambda i=i: digest.fill(i, 2_850_000, 5_000_000, 1_796_086_989_441) for i in range(64)]
    )


@pytest.mark.parametrize("length", [66, 384])
def test_keccak(time_calls: TimePasses, length: int) -> None:
    """Time keccak-256 over a sealed struct (66 bytes) and over an order (384).

    Slower means a slower digest: see there.
    """
    draw = random.Random(1)
    messages = [draw.randbytes(length) for _ in range(64)]
    time_calls([lambda one=one: keccak256(one) for one in messages])


@pytest.mark.parametrize("portable", [False, True])
def test_hmac_of_a_request(time_calls: TimePasses, portable: bool) -> None:
    """Time the HMAC over an order's body, with the processor's SHA extensions and without.

    Slower means every private request leaves later by as much. Without the extensions it takes
    some four times as long, still a tenth of a signature.
    """
    signer, body = HmacSha256(bytes(32), portable=portable), bytes(763)
    time_calls([lambda: signer.sign(b"1796086989POST/order", body)] * 16)
