"""Every recorded market-channel frame decodes, and both passes give the same book."""

import gzip
import json

import numpy as np
import pytest

from polymm._core.decode import Decoder
from polymm.errors import DecodeError
from tests.support.recordings import data_dir, names, recording, wrapped_messages


class BothPasses:
    """Feeds two decoders, the second by the tolerant pass only (a leading blank forces it)."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.usual, self.tolerant = Decoder(), Decoder()
        self.slots = [
            (self.usual.add_market(up, down), self.tolerant.add_market(up, down))
            for up, down in tokens
        ]
        self.views = [
            (decoder.book(slot).sizes(0), decoder.book(slot).sizes(1))
            for pair in self.slots
            for decoder, slot in zip((self.usual, self.tolerant), pair, strict=True)
        ]

    def feed(self, frame: bytes) -> None:
        self.usual.feed(frame)
        self.tolerant.feed(b" " + frame)
        for slot in self.usual.touched():
            for side in (0, 1):
                ours, theirs = self.views[2 * slot][side], self.views[2 * slot + 1][side]
                assert np.array_equal(ours, theirs), frame[:300]

    def finish(self) -> dict[str, int]:
        usual, tolerant = self.usual.counters(), self.tolerant.counters()
        assert tolerant.pop("fast") == 0
        assert tolerant.pop("tolerant") == usual["fast"] + usual["tolerant"]
        assert tolerant == {k: v for k, v in usual.items() if k not in ("fast", "tolerant")}
        assert usual["rejected"] == 0
        return usual


def tokens_in(frames: list[bytes]) -> list[tuple[str, str]]:
    assets = dict.fromkeys(json.loads(frame)["asset_id"] for frame in frames)
    return [(asset, "") for asset in assets]


@pytest.mark.parametrize("name", names("book_ws_btc5m/*.gz"))
def test_every_book_only_frame_decodes_alike_in_both_passes(name: str) -> None:
    frames = list(wrapped_messages(recording(name), b"msg"))
    both = BothPasses(tokens_in(frames))
    for frame in frames:
        both.feed(frame)
    counters = both.finish()
    assert counters["books"] == counters["fast"] + counters["tolerant"] == len(frames)
    assert counters["tolerant"] == 0


def test_every_frame_of_the_raw_capture_decodes_alike_in_both_passes() -> None:
    markets = json.loads(recording("ws_market_btc5m/*.markets.json").read_bytes())
    both = BothPasses([(m["upTokenId"], m["downTokenId"]) for m in markets.values()])
    for frame in wrapped_messages(recording("ws_market_btc5m/*.jsonl.gz"), b"payload"):
        both.feed(frame)
    counters = both.finish()
    assert counters["frames"] == 3698
    assert counters["fast"] == 3477 + 88
    assert counters["trades"] == 43
    assert counters["ignored"] == 90
    assert counters["foreign"] == 0


@pytest.mark.parametrize("name", names("sessions_15m/*.raw_messages.jsonl.gz"))
def test_every_venue_frame_of_a_session_decodes(name: str) -> None:
    path = recording(name)
    markets = path.with_name(path.name.replace("raw_messages.jsonl.gz", "markets.jsonl"))
    tokens = []
    for line in markets.read_text().splitlines():
        by_label = {o["outcome"]: o["token_id"] for o in json.loads(line)["outcomes"]}
        tokens.append((by_label["Up"], by_label["Down"]))
    both = BothPasses(tokens)
    lines = gzip.decompress(path.read_bytes()).splitlines()
    ours = [r for r in map(json.loads, lines) if r["source"] == "polymarket_clob"]
    for record in ours:
        both.feed(record["payload"].encode())
    counters = both.finish()
    assert counters["books"] > 0
    assert counters["foreign"] == 0


def test_fixtures_of_autumn_decode() -> None:
    folder = data_dir() / "fixtures"
    frames = [
        json.loads(line)["payloadUtf8"].encode()
        for line in (folder / "ws_sep2026" / "btc-updown-frames.jsonl").read_text().splitlines()
    ]
    up, down = (book["asset_id"] for book in json.loads(frames[0]))
    both = BothPasses([(up, down)])
    for frame in frames:
        both.feed(frame)
    assert both.finish()["fast"] == len(frames) == 11
    for name in ("book-btc15m.json", "book-empty-version-v2.json"):
        frame = (folder / "rest_oct2026" / name).read_bytes()
        both = BothPasses([(json.loads(frame)["asset_id"], "")])
        both.feed(frame)
        assert both.finish()["books"] == 1
    head = (folder / "ws_sep2026" / "v2-session-head.jsonl").read_text().splitlines()
    received = [r["data"] for r in map(json.loads, head) if r["dir"] == "recv"]
    (dump,) = (text for text in received if text != "PONG")
    both = BothPasses([(json.loads(dump)[0]["asset_id"], "")])
    both.feed(dump.encode())
    assert both.finish()["books"] == 1


def test_recorded_single_change_shape_of_2024_is_refused_by_name() -> None:
    frame = (data_dir() / "fixtures" / "nautilus" / "ws_price_change.json").read_bytes()
    with pytest.raises(DecodeError, match="single-change shape of 2024"):
        Decoder().feed(frame)
