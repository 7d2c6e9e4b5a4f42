"""The venue's book hash, on its golden vectors' shapes and on every recorded book."""

import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest

from polymm._core.bookhash import BookText
from polymm._core.decode import Decoder
from polymm.errors import DecodeError
from tests.support.hash_audit import Explainer, HashAudit, last_trade_texts, reproduces
from tests.support.recordings import (
    data_dir,
    names,
    recording,
    recordings,
    wrapped_messages,
)
from tests.support.vectors import vectors

# A composed v2 book: its hash was computed with json and hashlib alone.
COMPOSED = (
    b'{"market":"0x01","asset_id":"12345678","timestamp":"1700000000000",'
    b'"hash":"%s","bids":[{"price":"0.4","size":"10"}],"asks":[],"min_order_size":"5",'
    b'"tick_size":"0.01","neg_risk":false,"last_trade_price":"","version":"v2"}'
)


def composed(text: bytes = COMPOSED) -> bytes:
    import hashlib

    return text % hashlib.sha1(text % b"").hexdigest().encode()


def test_hash_covers_the_texts_as_they_stand() -> None:
    text = BookText(composed())
    assert text.digest() == text.claimed
    assert BookText(composed().replace(b'"10"', b'"10.0"')).digest() != text.claimed


def test_negative_risk_is_hashed_as_it_stands() -> None:
    message = composed(COMPOSED.replace(b"false", b"true"))
    spaced = json.dumps(json.loads(message)).encode()
    for written in (message, spaced):
        text = BookText(written)
        assert text.digest() == text.claimed


def test_spaced_and_reordered_books_hash_alike() -> None:
    message = json.loads(composed())
    shuffled = json.dumps(dict(reversed(list(message.items())))).encode()
    text = BookText(shuffled)
    assert text.digest() == text.claimed


def test_hidden_last_trade_price_is_found_or_refused() -> None:
    hidden = composed().replace(b'"last_trade_price":"",', b"")
    assert BookText(hidden).find_last_trade("0.500") == ""
    assert BookText(hidden.replace(b'"0.4"', b'"0.5"')).find_last_trade() is None


def test_who_knows_the_last_trade_price_tries_no_other() -> None:
    hidden = BookText(composed().replace(b'"last_trade_price":"",', b""))
    assert hidden.find_last_trade("0.500", is_alone=True) is None
    assert hidden.find_last_trade("", is_alone=True) == ""


def test_a_guess_that_is_no_price_is_passed_over() -> None:
    assert BookText(composed()).find_last_trade("0.abc") == "0.abc"


def test_golden_books_hash_in_either_spacing() -> None:
    rows = vectors("books")["books"]
    assert {row["book"]["neg_risk"] for row in rows} == {True, False}
    for row in rows:
        compact = row["preimage"].replace('"hash":""', f'"hash":"{row["hash"]}"')
        for text in (compact, json.dumps(json.loads(compact))):
            assert BookText(text.encode()).digest() == row["hash"]


@pytest.mark.parametrize("message", [b"", b"[]", b"{}", b'{"bids":[],"asks":[]}', b"\xff"])
def test_what_is_no_book_is_refused(message: bytes) -> None:
    with pytest.raises(DecodeError, match="book must be"):
        BookText(message)


def unreproduced(messages: Sequence[bytes]) -> int:
    """Count books whose hash no last trade price reproduces; the last found one is tried first."""
    failed, guess = 0, "0.500"
    for message in messages:
        found = BookText(message).find_last_trade(guess)
        failed += found is None
        guess = found or guess
    return failed


@pytest.mark.parametrize("name", names("book_ws_btc5m/*.gz"))
def test_every_recorded_book_hash_reproduces(name: str) -> None:
    messages = list(wrapped_messages(recording(name), b"msg"))
    assert messages
    assert unreproduced(messages) == 0


def test_hashes_of_the_raw_capture_and_the_sessions_reproduce() -> None:
    raw = recording("ws_market_btc5m/*.jsonl.gz")
    books = [m for m in wrapped_messages(raw, b"payload") if b'"book"' in m]
    assert len(books) == 88
    assert unreproduced(books) == 0
    rest, streamed = [], []
    for path in recordings("sessions_15m/*.raw_messages.jsonl.gz"):
        for record in map(json.loads, gzip.decompress(path.read_bytes()).splitlines()):
            text = record["payload"].encode()
            if record["source"] != "polymarket_clob" or b'"bids"' not in text:
                continue
            if text.startswith(b"["):
                books = json.loads(text)
                streamed += [json.dumps(book, separators=(",", ":")).encode() for book in books]
            else:
                rest.append(text)
    assert len(rest) == 438
    assert len(streamed) == 228
    assert unreproduced(rest) == 0
    assert unreproduced(streamed) == 0


def test_fixture_book_hashes_reproduce() -> None:
    for name in ("book-btc15m.json", "book-empty-version-v2.json"):
        text = BookText((data_dir() / "fixtures" / "rest_oct2026" / name).read_bytes())
        assert text.digest() == text.claimed


def capture_in_time_order() -> tuple[list[dict[str, Any]], list[bytes], dict[str, tuple[str, int]]]:
    raw = recording("ws_market_btc5m/*.jsonl.gz")
    markets = json.loads(recording("ws_market_btc5m/*.markets.json").read_bytes())
    tokens = {}
    for market in markets.values():
        tokens[market["upTokenId"]] = (market["conditionId"], 0)
        tokens[market["downTokenId"]] = (market["conditionId"], 1)
    frames = sorted(
        wrapped_messages(raw, b"payload"), key=lambda frame: int(json.loads(frame)["timestamp"])
    )
    return [json.loads(frame) for frame in frames], frames, tokens


def test_price_change_hashes_of_the_raw_capture(capsys: pytest.CaptureFixture[str]) -> None:
    messages, frames, tokens = capture_in_time_order()
    decoder = Decoder()
    slots: dict[str, int] = {}
    for market in dict.fromkeys(market for market, _ in tokens.values()):
        up, down = (token for token, (owner, _) in tokens.items() if owner == market)
        slots[market] = decoder.add_market(up, down)
    last = {
        (entry["asset_id"], message["timestamp"], entry["hash"]): position
        for position, message in enumerate(messages)
        if message["event_type"] == "price_change"
        for entry in message["price_changes"]
    }
    audit, explainer = HashAudit(), Explainer(messages, tokens)
    trades, guess = last_trade_texts(), "0.870"
    for position, (message, frame) in enumerate(zip(messages, frames, strict=True)):
        decoder.feed(frame)
        for entry in message.get("price_changes", ()):
            asset, wanted = entry["asset_id"], entry["hash"]
            if last[asset, message["timestamp"], wanted] != position:
                continue
            market, token = tokens[asset]
            texts = decoder.book(slots[market]).level_texts(token)
            likely = [guess, *trades]
            found = reproduces(texts, asset, message["timestamp"], market, wanted, likely)
            if found:
                audit.reproduced, guess = audit.reproduced + 1, found
            else:
                near = [guess, *(t for t in trades if abs(float(t) - float(guess)) < 0.035)]
                stamp = int(message["timestamp"])
                audit.failed[explainer.explain(asset, stamp, wanted, near)] += 1
    with capsys.disabled():
        print(f"\nprice_change hashes: {audit.reproduced} of {audit.total}, {dict(audit.failed)}")
    assert audit.total == 6832
    assert audit.reproduced >= 0.964 * audit.total
    assert audit.failed["unclassed"] <= 0.005 * audit.total
