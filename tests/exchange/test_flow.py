"""Synthetic markets: same seed, same bytes; frames as recorded; books, trades and truth agree."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha1

import numpy as np
import orjson
import pytest

from polymm._core import layout
from polymm._core.decode import Decoder
from polymm.domain.market import NS
from polymm.domain.tape import Tape, TapeFrame
from polymm.errors import InputError
from polymm.exchange.flow import SHORT_WINDOW, FlowSettings, generate_window, iter_windows
from polymm.exchange.flow_actions import MS

SEED = 20_261_123


@pytest.fixture(scope="module")
def tape() -> Tape:
    return generate_window(SEED, settings=SHORT_WINDOW)


def messages(tape: Tape) -> Iterator[tuple[TapeFrame, dict]]:
    for frame in tape.frames:
        parsed = orjson.loads(frame.frame)
        for message in parsed if isinstance(parsed, list) else [parsed]:
            yield frame, message


def of_kind(tape: Tape, kind: str) -> list[tuple[TapeFrame, dict]]:
    return [pair for pair in messages(tape) if pair[1]["event_type"] == kind]


def e4(text: str) -> int:
    return round(float(text) * 10_000)


def e6(text: str) -> int:
    return round(float(text) * 1_000_000)


class TokenBook:
    """One token's book in dicts, the slow and obvious way."""

    def __init__(self) -> None:
        self.sides: dict[str, dict[int, int]] = {"BUY": {}, "SELL": {}}

    def replace(self, message: dict) -> None:
        self.sides = snapshot(message)

    def change(self, entry: dict) -> int:
        """Set a level; answer by how much it fell."""
        side, price = self.sides[entry["side"]], e4(entry["price"])
        before = side.pop(price, 0)
        if size := e6(entry["size"]):
            side[price] = size
        return before - size

    @property
    def top(self) -> tuple[int, int]:
        return max(self.sides["BUY"], default=0), min(self.sides["SELL"], default=10_000)


def snapshot(message: dict) -> dict[str, dict[int, int]]:
    return {
        side: {e4(level["price"]): e6(level["size"]) for level in message[name]}
        for side, name in (("BUY", "bids"), ("SELL", "asks"))
    }


# Determinism


def test_same_seed_gives_same_bytes(tape: Tape) -> None:
    again = generate_window(SEED, settings=SHORT_WINDOW)
    assert again == tape


def test_another_seed_or_window_is_another_market(tape: Tape) -> None:
    quick = replace(SHORT_WINDOW, window_s=12)
    by_window = list(iter_windows(SEED, 3, quick))
    assert len({tape.frames[0].frame for tape in by_window}) == 3
    assert len({tape.market.up_token for tape in by_window}) == 3
    assert generate_window(SEED + 1, settings=quick).truth != by_window[0].truth
    # A window stands for itself: nobody has to generate those before it.
    assert generate_window(SEED, window=2, settings=quick) == by_window[2]
    starts = [tape.market.start_ns for tape in by_window]
    assert np.diff(starts).tolist() == [12 * NS, 12 * NS]


# Shapes on the wire

NUMBER = r'"(?:0|1|[1-9]\d*|\d+\.\d*[1-9])"'
ASSET, HASH, STAMP = r'"\d{60,90}"', r'"[0-9a-f]{40}"', r'"\d{13}"'
MARKET = r'"0x[0-9a-f]{64}"'
LEVEL = rf'\{{"price":{NUMBER},"size":{NUMBER}\}}'
SIDES = rf'"bids":\[(?:{LEVEL}(?:,{LEVEL})*)?\],"asks":\[(?:{LEVEL}(?:,{LEVEL})*)?\]'
ENTRY = (
    rf'\{{"asset_id":{ASSET}, "price":{NUMBER}, "size":{NUMBER}, "side":"(?:BUY|SELL)", '
    rf'"hash":{HASH}, "best_bid":{NUMBER}, "best_ask":{NUMBER}\}}'
)
# Key order and spacing as the recordings have them; that of tick_size_change was not recorded.
SHAPES = {
    "price_change": rf'\{{"market":{MARKET}, "price_changes":\[{ENTRY}, {ENTRY}\], '
    rf'"timestamp":{STAMP}, "event_type":"price_change"\}}',
    "book": rf'\{{"market":{MARKET},"asset_id":{ASSET},{SIDES},"hash":{HASH},'
    rf'"timestamp":{STAMP},"event_type":"book"\}}',
    "best_bid_ask": rf'\{{"market":{MARKET},"asset_id":{ASSET},"best_bid":{NUMBER},'
    rf'"best_ask":{NUMBER},"spread":{NUMBER},"timestamp":{STAMP},"event_type":"best_bid_ask"\}}',
    "last_trade_price": rf'\{{"market":{MARKET},"asset_id":{ASSET},"price":{NUMBER},'
    rf'"size":{NUMBER},"fee_rate_bps":"1000","side":"(?:BUY|SELL)","timestamp":{STAMP},'
    rf'"event_type":"last_trade_price","transaction_hash":"0x[0-9a-f]{{64}}"\}}',
    "tick_size_change": rf'\{{"market":{MARKET},"asset_id":{ASSET},"old_tick_size":"0.01",'
    rf'"new_tick_size":"0.001","timestamp":{STAMP},"event_type":"tick_size_change"\}}',
}
FIRST_BOOK = (
    rf'\{{"market":{MARKET},"asset_id":{ASSET},"timestamp":{STAMP},"hash":{HASH},{SIDES},'
    r'"tick_size":"0.01","event_type":"book","last_trade_price":"(?:0\.\d\d\d)?"\}'
)


def test_frames_have_the_recorded_byte_shapes(tape: Tape) -> None:
    first, *others = [frame.frame.decode() for frame in tape.frames]
    assert re.fullmatch(rf"\[{FIRST_BOOK},{FIRST_BOOK}\]\n", first)
    shapes = {kind: re.compile(shape) for kind, shape in SHAPES.items()}
    seen = set()
    for text in others:
        kind = orjson.loads(text)["event_type"]
        assert shapes[kind].fullmatch(text), text[:300]
        seen.add(kind)
    assert seen == set(SHAPES)


def test_frames_run_in_venue_order_inside_the_window(tape: Tape) -> None:
    times = [frame.exch_ns for frame in tape.frames]
    assert times == sorted(times)
    assert times[0] == tape.market.start_ns
    assert times[-1] < tape.market.end_ns
    for frame, message in messages(tape):
        assert int(message["timestamp"]) == frame.exch_ns // MS


def test_each_price_change_mirrors_on_the_other_token(tape: Tape) -> None:
    market = tape.market
    for _, message in of_kind(tape, "price_change"):
        by_asset = {entry["asset_id"]: entry for entry in message["price_changes"]}
        up, down = by_asset[market.up_token], by_asset[market.down_token]
        assert e4(up["price"]) + e4(down["price"]) == 10_000
        assert up["size"] == down["size"]
        assert {up["side"], down["side"]} == {"BUY", "SELL"}
        assert e4(up["best_bid"]) + e4(down["best_ask"]) == 10_000
        assert e4(up["best_ask"]) + e4(down["best_bid"]) == 10_000


# Books, deltas and trades tell one story


def test_deltas_lead_to_the_next_snapshot_and_to_the_stated_top(tape: Tape) -> None:
    books: dict[str, TokenBook] = defaultdict(TokenBook)
    compared = 0
    for _, message in messages(tape):
        kind = message["event_type"]
        if kind == "price_change":
            for entry in message["price_changes"]:
                books[entry["asset_id"]].change(entry)
            entry = message["price_changes"][0]
            top = (e4(entry["best_bid"]), e4(entry["best_ask"]))
            assert books[entry["asset_id"]].top == top
        elif kind == "book":
            book = books[message["asset_id"]]
            if book.sides["BUY"] or book.sides["SELL"]:
                assert book.sides == snapshot(message)
                compared += 1
            book.replace(message)
        elif kind == "best_bid_ask":
            top = (e4(message["best_bid"]), e4(message["best_ask"]))
            assert books[message["asset_id"]].top == top
    assert compared > 200


def test_a_trade_is_the_fall_of_its_level_20_ms_before(tape: Tape) -> None:
    market, up_book = tape.market, TokenBook()
    falls: dict[tuple[int, int], int] = {}
    traded: dict[tuple[int, int], int] = defaultdict(int)
    match_times = set()
    for frame, message in messages(tape):
        kind = message["event_type"]
        if kind == "book" and message["asset_id"] == market.up_token:
            up_book.replace(message)
            match_times.add(frame.exch_ns)
        elif kind == "price_change":
            for entry in message["price_changes"]:
                if entry["asset_id"] == market.up_token:
                    falls[frame.exch_ns, e4(entry["price"])] = up_book.change(entry)
        elif kind == "last_trade_price":
            price = e4(message["price"])
            up_price = price if message["asset_id"] == market.up_token else 10_000 - price
            traded[frame.exch_ns - 20 * MS, up_price] += e6(message["size"])
    assert len(traded) > 200
    for (match_ns, price), size in traded.items():
        assert falls[match_ns, price] == size
        assert match_ns in match_times


def test_book_hashes_reproduce_by_the_recipe(tape: Tape) -> None:
    last_trades = {
        frame.exch_ns - 20 * MS: f"{float(message['price']):.3f}"
        for frame, message in of_kind(tape, "last_trade_price")
    }
    change_ns = min((f.exch_ns for f, _ in of_kind(tape, "tick_size_change")), default=0)
    checked, last_change = 0, {}
    for frame, message in messages(tape):
        if message["event_type"] == "price_change":
            last_change = {entry["asset_id"]: entry["hash"] for entry in message["price_changes"]}
        if message["event_type"] != "book" or "tick_size" in message:
            continue
        if frame.exch_ns not in last_trades:
            continue  # The window closed, or the tick changed, before a trade was reported.
        # After a match the last delta and the snapshot name the same book.
        assert message["hash"] == last_change[message["asset_id"]]
        body = {
            "market": message["market"],
            "asset_id": message["asset_id"],
            "timestamp": message["timestamp"],
            "hash": "",
            "bids": message["bids"],
            "asks": message["asks"],
            "min_order_size": "5",
            "tick_size": "0.001" if change_ns and frame.exch_ns > change_ns else "0.01",
            "neg_risk": False,
            "last_trade_price": last_trades[frame.exch_ns],
        }
        assert sha1(orjson.dumps(body)).hexdigest() == message["hash"]
        checked += 1
    assert checked > 200


def test_the_compiled_decoder_finds_nothing_to_complain_about(tape: Tape) -> None:
    decoder = Decoder()
    decoder.add_market(tape.market.up_token, tape.market.down_token)
    complaints = layout.MISMATCH | layout.CROSSED | layout.LATE | layout.NO_EPOCH | layout.FOREIGN
    trades = 0
    for frame in tape.frames:
        flags = decoder.feed(frame.frame)
        assert not flags & complaints, layout.flag_names(flags)
        trades += len(decoder.trades())
    assert trades == len(of_kind(tape, "last_trade_price"))


# Tick


def test_tick_changes_once_per_token_and_fresh_books_follow(tape: Tape) -> None:
    kinds = [(message["event_type"], message["asset_id"]) for _, message in messages(tape)
             if message["event_type"] != "price_change"]  # fmt: skip
    tokens = [tape.market.up_token, tape.market.down_token]
    at = kinds.index(("tick_size_change", tokens[0]))
    assert kinds[at : at + 4] == [
        *(("tick_size_change", token) for token in tokens),
        *(("book", token) for token in tokens),
    ]
    assert sum(kind == "tick_size_change" for kind, _ in kinds) == 2


def test_prices_keep_to_the_tick_of_the_moment(tape: Tape) -> None:
    tick_e4 = 100
    finer = 0
    for _, message in messages(tape):
        if message["event_type"] == "tick_size_change":
            tick_e4 = 10
        elif message["event_type"] == "price_change":
            for entry in message["price_changes"]:
                assert e4(entry["price"]) % tick_e4 == 0
                finer += e4(entry["price"]) % 100 != 0
    assert finer > 0


# Truth


def test_truth_covers_the_window_and_ends_at_the_outcome(tape: Tape) -> None:
    times = [ns for ns, _ in tape.truth]
    assert times[0] == tape.market.start_ns
    assert times[-1] == tape.market.end_ns
    assert tape.truth[-1][1] == (1.0 if tape.outcome == "up" else 0.0)
    assert all(0.0 <= fair <= 1.0 for _, fair in tape.truth)


# Settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window_s": 0}, "window_s must be within 1..3600, was 0"),
        ({"lookback_s": 301}, r"lookback_s must be within 1..window_s \(300\), was 301"),
        ({"step_ms": 7}, "step_ms must divide 1000, was 7"),
        ({"vol_annual": float("nan")}, "vol_annual must be above 0, was nan"),
        ({"noise_take_rate": -1.0}, "noise_take_rate must be at least 0, was -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        FlowSettings(**changes)


def test_a_market_without_takers_or_noise_still_quotes() -> None:
    settings = replace(
        SHORT_WINDOW,
        window_s=12,
        noise_order_rate=0.0,
        noise_take_rate=0.0,
        informed_count=0,
        settlement="point",
    )
    tape = generate_window(SEED, settings=settings)
    assert not of_kind(tape, "last_trade_price")
    assert of_kind(tape, "price_change")
