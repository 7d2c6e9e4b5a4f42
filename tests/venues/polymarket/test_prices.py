"""Reference prices: exact to 1e-8 dollars, in order, fresh only while something new comes."""

import random
from decimal import Decimal
from typing import Any

import orjson
import pytest

from polymm.errors import DecodeError
from polymm.venues.polymarket.price_board import PriceBoard
from polymm.venues.polymarket.price_reading import (
    Observation,
    PriceKind,
    read_polybolt,
    read_rtds,
)

AT_MS = 1_796_000_001_000
SECOND = 1_000_000_000
SPOT, TWAP = PriceKind.SPOT, PriceKind.TWAP


def point(
    value: Any = 64012.53, exact: Any = "64012.531278840000000000", at_ms: Any = AT_MS
) -> Any:
    return {"value": value, "full_accuracy_value": exact, "timestamp": at_ms}


def polybolt(*points: Any, twap: bool = False, snapshot: bool = False, **more: Any) -> bytes:
    payload: dict[str, Any] = {"symbol": "btcusd", "source": "chainlink"}
    payload |= {"data": list(points)} if snapshot else points[0]
    if twap:
        payload["window_seconds"] = 60
    message = {
        "v": 1,
        "channel": "price.crypto.twap" if twap else "price.crypto",
        "seq": 2,
        "ts": AT_MS,
        "payload": payload,
    }
    if snapshot:
        message["snapshot"] = True
    return orjson.dumps(message | more)


def rtds(topic: str, payload: Any, kind: str = "update") -> bytes:
    return orjson.dumps({"topic": topic, "type": kind, "timestamp": AT_MS, "payload": payload})


def test_spot_and_average_of_polybolt() -> None:
    assert read_polybolt(polybolt(point())).observations == (
        Observation("btc", SPOT, 0, 6_401_253_127_884, AT_MS),
    )
    (seen,) = read_polybolt(polybolt(point(), twap=True)).observations
    assert (seen.kind, seen.window_s) == (TWAP, 60)


def test_a_snapshot_is_the_past_and_what_was_dropped_is_told() -> None:
    told = read_polybolt(polybolt(point(at_ms=AT_MS - 200), point(), snapshot=True, dropped=3))
    assert told.is_snapshot
    assert [seen.observed_ms for seen in told.observations] == [AT_MS - 200, AT_MS]
    assert told.dropped == 3


def test_answers_and_errors_have_names() -> None:
    assert read_polybolt(b'{"op":"authed","rid":"a1"}').answer == "authed"
    told = read_polybolt(b'{"op":"error","code":"auth_invalid","rid":"a1"}')
    assert (told.answer, told.error) == ("error", "auth_invalid")
    assert read_rtds(b'{"statusCode":401,"body":{"message":"x"}}', ["btc"]).error == "status_401"


@pytest.mark.parametrize(
    ("value", "exact", "price_e8"),
    [
        (1, "0.000000015", 2),  # half to even
        (1, "0.000000025", 2),
        (1, "0.0000000251", 3),
        (64001.2, None, 6_400_120_000_000),
        (64001.2, "", 6_400_120_000_000),
        ("3.5", None, 350_000_000),
        (7, None, 700_000_000),
    ],
)
def test_prices_are_read_exactly(value: Any, exact: Any, price_e8: int) -> None:
    (seen,) = read_polybolt(polybolt(point(value, exact))).observations
    assert seen.price_e8 == price_e8


def test_drawn_prices_are_read_as_fractions_say() -> None:
    rng = random.Random(5)
    for _ in range(500):
        number = Decimal(rng.randrange(1, 10**14)) / 10 ** rng.randrange(0, 10)
        if number * 10**8 < 1 or number >= 10**9:
            continue
        (seen,) = read_polybolt(polybolt(point(1, f"{number:f}"))).observations
        assert abs(Decimal(seen.price_e8) - number * 10**8) <= Decimal("0.5")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        polybolt(point("NaN", None)),
        polybolt(point(True, None)),
        polybolt(point(0, None)),
        polybolt(point(-1, None)),
        polybolt(point("1e400", None)),
        polybolt(point("9" * 70, None)),
        polybolt(point(10**9, None)),
        polybolt(point(at_ms="soon")),
        polybolt(point(at_ms=0)),
        orjson.dumps({"channel": "price.crypto", "payload": 3}),
        orjson.dumps({"channel": "price.crypto", "payload": point() | {"symbol": "usd"}}),
        orjson.dumps({"channel": "price.crypto.twap", "payload": point() | {"symbol": "btcusd"}}),
        orjson.dumps({"channel": "price.crypto", "payload": {"symbol": "btcusd", "data": [1]}}),
    ],
)
def test_what_is_no_price_is_refused(frame: bytes) -> None:
    with pytest.raises(DecodeError):
        read_polybolt(frame)


def test_other_channels_are_nothing() -> None:
    assert read_polybolt(b'{"channel":"price.polymarket","payload":{}}').observations == ()


def test_exact_values_of_the_legacy_socket_are_scaled() -> None:
    payload = {"symbol": "btc/usd"} | point(64012.53127884, "64012531278840000000000")
    (seen,) = read_rtds(rtds("crypto_prices_chainlink", payload), ["btc"]).observations
    assert (seen.price_e8, seen.kind) == (6_401_253_127_884, SPOT)
    (seen,) = read_rtds(rtds("crypto_prices_twap_sixty", payload), ["btc"]).observations
    assert (seen.kind, seen.window_s) == (TWAP, 60)


def test_a_back_fill_under_another_topics_name_is_taken_and_another_source_is_not() -> None:
    past = {"symbol": "btc/usd", "data": [{"timestamp": AT_MS, "value": 64001.2}]}
    told = read_rtds(rtds("crypto_prices", past, "subscribe"), ["eth", "btc"])
    assert told.is_snapshot
    assert told.observations[0].price_e8 == 6_400_120_000_000
    binance = {"symbol": "btcusdt"} | point(1, "64012.5")
    assert read_rtds(rtds("crypto_prices", binance), ["btc"]).observations == ()


@pytest.mark.parametrize("frame", [b"", b'{"topic":"weather","payload":{}}', b'{"payload":3}'])
def test_empty_and_other_frames_of_the_legacy_socket_are_nothing(frame: bytes) -> None:
    assert read_rtds(frame, ["btc"]).observations == ()


# The board


def board() -> PriceBoard:
    return PriceBoard(["btc"], window_s=60, age_ns_max=5 * SECOND, keep_s=60)


def take(
    prices: PriceBoard, *at_ms: int, recv_ns: int, value: int = 5, snapshot: bool = False
) -> bool:
    points = [point(value, None, ms) for ms in at_ms]
    told = read_polybolt(polybolt(*points, snapshot=snapshot))
    return ("btc", SPOT) in prices.take(told, "polybolt", recv_ns)


def test_a_price_is_fresh_while_newer_ones_come() -> None:
    prices = board()
    assert not prices.is_fresh("btc", SPOT, 0)
    assert take(prices, AT_MS, recv_ns=SECOND)
    assert prices.is_fresh("btc", SPOT, 6 * SECOND)
    assert not prices.is_fresh("btc", SPOT, 6 * SECOND + 1)

    # The same again, or an older one, is no news.
    assert not take(prices, AT_MS, recv_ns=7 * SECOND)
    assert not take(prices, AT_MS - 1, recv_ns=7 * SECOND)
    assert not prices.is_fresh("btc", SPOT, 7 * SECOND)


def test_the_past_alone_is_not_fresh() -> None:
    prices = board()
    assert take(prices, AT_MS - 200, AT_MS, recv_ns=SECOND, snapshot=True)
    found = prices.price("btc", SPOT)
    assert found is not None
    assert found.observed_ms == AT_MS
    assert not prices.is_fresh("btc", SPOT, SECOND)


def test_the_price_of_a_past_moment_is_the_last_before_it_once_a_later_one_is_known() -> None:
    prices = board()
    assert prices.price_at("btc", SPOT, AT_MS) is None
    take(prices, AT_MS - 1_000, recv_ns=0, value=4)
    assert prices.price_at("btc", SPOT, AT_MS) is None

    take(prices, AT_MS + 200, recv_ns=0, value=6)
    found = prices.price_at("btc", SPOT, AT_MS)
    assert found is not None
    assert found.price_e8 == 400_000_000
    # What comes late finds its place.
    take(prices, AT_MS, recv_ns=0, value=5)
    found = prices.price_at("btc", SPOT, AT_MS)
    assert found is not None
    assert found.price_e8 == 500_000_000


def test_a_price_from_before_a_gap_is_not_that_of_a_moment_within() -> None:
    prices = board()
    take(prices, AT_MS - 5_001, recv_ns=0)
    take(prices, AT_MS + 1, recv_ns=0)
    assert prices.price_at("btc", SPOT, AT_MS) is None
    assert prices.price_at("btc", SPOT, AT_MS - 1) is not None


def test_what_is_kept_is_bounded() -> None:
    prices = board()
    for i in range(1_000):
        take(prices, AT_MS + 200 * i, recv_ns=0)
    last_ms = AT_MS + 200 * 999
    assert prices.price_at("btc", SPOT, last_ms - 60_000) is not None
    assert prices.price_at("btc", SPOT, last_ms - 60_001) is None


def test_averages_over_another_time_and_other_coins_are_left_out() -> None:
    prices = PriceBoard(["btc"], window_s=12, age_ns_max=SECOND, keep_s=60)
    assert prices.take(read_polybolt(polybolt(point(), twap=True)), "polybolt", 0) == set()
    other = read_polybolt(polybolt(point() | {"symbol": "ethusd"}))
    assert prices.take(other, "polybolt", 0) == set()
