"""Frames of the two price sockets, through the feed that keeps them: prices, answers, refusals."""

import random
from typing import Any, Final

import orjson

from polymm.errors import DecodeError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.price_board import PriceBoard
from polymm.venues.polymarket.price_reading import (
    PRICE_E8_MAX,
    STAMP_MS_MAX,
    PriceFrame,
    read_polybolt,
    read_rtds,
)
from polymm.venues.polymarket.reference import ReferenceFeed
from tests.fuzz.inputs import Sample
from tests.fuzz.targets.target import must

AT_MS: Final = 1_796_000_001_000
COINS: Final = ("btc", "eth")
KEEP_S: Final = 5
POINT: Final = {
    "value": 64012.53,
    "full_accuracy_value": "64012.531278840000000000",
    "timestamp": AT_MS,
}
OLDER: Final = {"value": 64012.5, "timestamp": AT_MS - 200}
EXACT: Final = POINT | {"full_accuracy_value": "64012531278840000000000"}


def _polybolt(payload: dict[str, Any], *, twap: bool = False, **more: Any) -> dict[str, Any]:
    named = {"symbol": "btcusd", "source": "chainlink"} | ({"window_seconds": 60} if twap else {})
    channel = "price.crypto.twap" if twap else "price.crypto"
    return {"v": 1, "channel": channel, "seq": 2, "ts": AT_MS, "payload": named | payload} | more


def _rtds(topic: str, payload: dict[str, Any]) -> dict[str, Any]:
    named = {"symbol": "eth/usd"} | payload
    return {"topic": topic, "type": "update", "timestamp": AT_MS, "payload": named}


POLYBOLT: Final = (
    _polybolt(POINT),
    _polybolt(POINT, twap=True),
    _polybolt({"data": [OLDER, POINT]}, snapshot=True, dropped=3),
    {"op": "authed", "rid": "a1"},
    {"op": "pong", "rid": "a1"},
    {"op": "error", "code": "auth_invalid", "rid": "a1"},
)
RTDS: Final = (
    _rtds("crypto_prices_chainlink", EXACT),
    _rtds("crypto_prices_twap_sixty", EXACT),
    _rtds("crypto_prices", {"data": [OLDER, EXACT]}),
    {"statusCode": 401, "body": {"message": "x"}},
)


class ReferenceTarget:
    """Both sockets of one feed; what is known of prices stays from input to input."""

    spoil = None
    # Names that the feed counts by: its own, the venue's refusals, statuses of HTTP.
    growing_max = 20 + len(wire.PRICE_ERRORS) + 500

    def __init__(self) -> None:
        self.samples = [
            *(Sample("polybolt", orjson.dumps(one)) for one in POLYBOLT),
            *(Sample("rtds", orjson.dumps(one)) for one in RTDS),
            Sample("rtds", b"", is_json=False),
        ]
        self._board = PriceBoard(COINS, window_s=60, age_ns_max=1, keep_s=KEEP_S)
        self._feed = ReferenceFeed(
            "ws://127.0.0.1:1/", "ws://127.0.0.1:1/", None, COINS, rng=random.Random(1)
        )
        self._now_ns = 0

    def read(self, label: str, text: bytes) -> str:
        self._now_ns += 1
        # The feed itself lets nothing out; it must count what the reader refuses.
        hear = self._feed._on_polybolt if label == "polybolt" else self._feed._on_rtds
        hear(text, self._now_ns)
        try:
            told = read_polybolt(text) if label == "polybolt" else read_rtds(text, COINS)
        except DecodeError as error:
            must(len(str(error)) < 300, f"an error is told briefly, had {len(str(error))} letters")
            return "refused"
        self._check(told)
        self._board.take(told, label, self._now_ns)
        if told.observations:
            return "event"
        return "answer" if told.answer or told.error else "ignored"

    def _check(self, told: PriceFrame) -> None:
        must(isinstance(told.dropped, int) and told.dropped >= 0, "a count of what was dropped")
        for seen in told.observations:
            must(0 < seen.price_e8 < PRICE_E8_MAX, f"a price within bounds, was {seen.price_e8}")
            must(0 < seen.observed_ms < STAMP_MS_MAX, f"a time, was {seen.observed_ms}")
            must(seen.window_s >= 0, f"a window of seconds, was {seen.window_s}")

    def growing(self) -> int:
        for series in self._board._series.values():
            kept = len(series.prices)
            must(kept <= KEEP_S * 1_000, f"prices of {KEEP_S} s, a millisecond apart, were {kept}")
        return len(self._feed.counts)
