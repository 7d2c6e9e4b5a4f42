"""The market channel of the exchange: true hashes, readable frames, the venue's order."""

import json
from hashlib import sha1

import pytest

from polymm._core import layout
from polymm._core.bookhash import BookText
from polymm._core.decode import Decoder
from polymm.domain.order import Side, Token
from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Fault, Faults
from polymm.exchange.rules import Rules
from tests.support.exchange_scene import MARKET, Scene


@pytest.fixture
def scene():
    return Scene(faults=Faults(5))


class Reader:
    """Follows the channel with the compiled decoder and checks each hash against its book."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.decoder = Decoder()
        slot = self.decoder.add_market(MARKET.up_token, MARKET.down_token)
        self.book = self.decoder.book(slot)
        self.tick, self.last_trade = "0.01", ""
        self.flags = 0
        listing = scene.listing
        for token in Token:
            text = listing.writer.dump(token, listing.changed_ns // 1_000_000)
            self.decoder.feed(text.encode())
        scene.exchange.drain()

    def hash_of(self, asset: str, timestamp: str) -> str:
        sides = self.book.level_texts(int(asset == MARKET.down_token))
        text = (
            f'{{"market":"{MARKET.condition_id}","asset_id":"{asset}",'
            f'"timestamp":"{timestamp}","hash":"",{sides},"min_order_size":"5",'
            f'"tick_size":"{self.tick}","neg_risk":false,"last_trade_price":"{self.last_trade}"}}'
        )
        return sha1(text.encode()).hexdigest()

    def read(self) -> tuple[int, int]:
        """Take all frames in; answer how many hashes were true and how many not."""
        true = false = 0
        for frame in self.scene.frames():
            message = json.loads(frame.payload)
            if message["event_type"] == "tick_size_change":
                self.tick = message["new_tick_size"]
            self.flags |= self.decoder.feed(frame.payload)
            for entry in message.get("price_changes", [message] if "bids" in message else []):
                if self.hash_of(entry["asset_id"], message["timestamp"]) == entry["hash"]:
                    true += 1
                else:
                    false += 1
        return true, false


def test_every_hash_of_placements_and_cancels_is_true(scene):
    reader = Reader(scene)
    placed = [scene.buy(scene.ann, cents, 10 + cents / 100) for cents in (48, 45, 47)]
    scene.sell(scene.bob, 52, 7.77)
    scene.buy(scene.bob, 47, 20, token=Token.DOWN)
    scene.cancel(scene.ann, *placed[:2])
    assert reader.read() == (14, 0)
    assert reader.book.best_bid_e4 == 4_700
    assert reader.book.best_ask_e4 == 5_200
    assert not reader.flags & (layout.MISMATCH | layout.CROSSED | layout.FOREIGN)


def test_match_over_several_levels_keeps_every_hash_true(scene):
    reader = Reader(scene)
    for cents in (50, 51, 52):
        scene.sell(scene.ann, cents, 10)
    assert reader.read() == (6, 0)
    scene.buy(scene.bob, 52, 40)
    frames = scene.frames()
    kinds = [json.loads(frame.payload)["event_type"] for frame in frames]
    assert kinds == ["price_change"] * 4 + ["book"] * 2
    # Each level's hash is made with the last trade at that level.
    trades = ["0.500", "0.510", "0.520", "0.520", "0.520", "0.520"]
    for frame, reader.last_trade in zip(frames, trades, strict=True):
        scene.exchange.outbox.append(frame)
        true, false = reader.read()
        assert (true > 0, false) == (True, 0)


def test_touch_and_trades_follow_a_match_after_one_and_twenty_ms(scene):
    scene.sell(scene.ann, 50, 10)
    scene.sell(scene.ann, 51, 10)
    scene.buy(scene.bob, 51, 15)
    start_ns = scene.now_ns
    scene.told()
    scene.wait(1)
    assert [e["event_type"] for e in scene.told()] == ["best_bid_ask"] * 2
    scene.wait(18)
    assert scene.told() == []
    scene.wait(1)
    first, second = scene.told()
    assert (first["price"], first["size"], first["side"]) == ("0.5", "10", "BUY")
    assert (second["price"], second["size"]) == ("0.51", "5")
    assert first["timestamp"] == str((start_ns + 20_000_000) // 1_000_000)


def test_mirror_and_top_are_told_in_one_message_own_token_first(scene):
    scene.buy(scene.ann, 48, 10, token=Token.DOWN)
    change, *tops = scene.told()
    down, up = change["price_changes"]
    assert (down["asset_id"], down["side"], down["price"]) == (MARKET.down_token, "BUY", "0.48")
    assert (up["asset_id"], up["side"], up["price"]) == (MARKET.up_token, "SELL", "0.52")
    assert (down["best_bid"], down["best_ask"]) == ("0.48", "1")
    assert (up["best_bid"], up["best_ask"]) == ("0", "0.52")
    assert [top["event_type"] for top in tops] == ["best_bid_ask"] * 2


def test_messages_say_whom_they_concern(scene):
    scene.buy(scene.ann, 48, 10)
    change, *tops = scene.frames()
    assert change.tokens == (MARKET.up_token, MARKET.down_token)
    assert not change.is_custom
    assert [(top.tokens, top.is_custom) for top in tops] == [
        ((MARKET.up_token,), True),
        ((MARKET.down_token,), True),
    ]


def test_rest_book_and_dump_carry_the_same_true_hash(scene):
    scene.buy(scene.ann, 48, 10)
    scene.sell(scene.bob, 52, 10)
    for token in Token:
        rest = scene.listing.rest_book(token)
        book = json.loads(rest)
        assert BookText(rest.encode()).digest() == book["hash"]
        dump = json.loads(scene.listing.writer.dump(token, int(book["timestamp"])))
        assert dump["hash"] == book["hash"]
        assert list(book)[-4:] == ["min_order_size", "tick_size", "neg_risk", "last_trade_price"]
    assert book["bids"][-1] == {"price": "0.48", "size": "10"}


def test_touch_and_last_trade_are_given_in_the_tokens_own_terms(scene):
    assert scene.listing.last_trade_of(Token.DOWN) is None
    assert scene.listing.touch(Token.DOWN) == (0, 10_000)
    scene.buy(scene.ann, 48, 10)
    scene.sell(scene.bob, 53, 10)
    scene.buy(scene.cat, 53, 5)
    assert scene.listing.touch(Token.UP) == (4_800, 5_300)
    assert scene.listing.touch(Token.DOWN) == (4_700, 5_200)
    assert scene.listing.last_trade_of(Token.UP) == (Side.BUY, 5_300)
    assert scene.listing.last_trade_of(Token.DOWN) == (Side.SELL, 4_700)


def test_books_of_the_second_protocol_name_their_version():
    exchange = Exchange()
    listing = exchange.list_market(MARKET, version="v2")
    rest = listing.rest_book(Token.UP)
    assert rest.endswith('"last_trade_price":"","version":"v2"}')
    text = BookText(rest.encode())
    assert text.digest() == text.claimed
    assert json.loads(listing.writer.dump(Token.UP, 5))["version"] == "v2"


def test_tick_becomes_fine_beyond_the_edge_and_stays(scene):
    scene.buy(scene.ann, 96, 10)
    assert scene.listing.ladder.tick_e4 == 100
    scene.buy(scene.ann, 97, 10)
    assert scene.listing.ladder.tick_e4 == 10
    messages = scene.told()
    ticks = [m for m in messages if m["event_type"] == "tick_size_change"]
    assert [t["asset_id"] for t in ticks] == [MARKET.up_token, MARKET.down_token]
    assert (ticks[0]["old_tick_size"], ticks[0]["new_tick_size"]) == ("0.01", "0.001")
    assert [m["event_type"] for m in messages[-2:]] == ["book", "book"]
    reader = Reader(scene)
    reader.tick = "0.001"
    scene.buy(scene.ann, 97.1, 10)
    assert reader.read()[1] == 0
    assert json.loads(scene.listing.rest_book(Token.UP))["tick_size"] == "0.001"


def test_new_and_resolved_markets_are_told_to_everybody():
    scene = Scene()
    exchange = Exchange()
    listing = exchange.list_market(MARKET, number=9, outcomes=(Token.DOWN, Token.UP))
    (created,) = exchange.drain()
    message = json.loads(created.payload)
    assert (created.tokens, created.is_custom) == ((), True)
    assert message["assets_ids"] == [MARKET.down_token, MARKET.up_token]
    assert message["outcomes"] == ["Down", "Up"]
    assert message["fee_schedule"]["rate"] == "0.07"
    exchange.close(listing, 5)
    exchange.resolve(listing, Token.DOWN, 5)
    (resolved,) = exchange.drain()
    message = json.loads(resolved.payload)
    assert message["winning_asset_id"] == MARKET.down_token
    reader = Reader(scene)
    assert reader.decoder.feed(resolved.payload) & layout.RESOLVED


# Faults of the feed


def test_wrong_hash_is_told_while_the_book_is_right(scene):
    reader = Reader(scene)
    scene.exchange.faults.set(Fault.MARKET_HASH_WRONG, 1.0)
    scene.buy(scene.ann, 48, 10)
    assert reader.read() == (0, 2)
    scene.exchange.faults.clear()
    scene.buy(scene.ann, 47, 10)
    assert reader.read() == (2, 0)


def test_crossed_top_is_told_and_taken_back(scene):
    scene.sell(scene.bob, 52, 10)
    reader = Reader(scene)
    scene.exchange.faults.set(Fault.MARKET_CROSSED, 1.0, lasts_ms=(400, 400), limit=1)
    scene.buy(scene.ann, 48, 10)
    reader.read()
    assert reader.book.is_crossed
    scene.wait(400)
    reader.read()
    assert not reader.book.is_crossed
    assert reader.book.best_bid_e4 == 4_800
    scene.buy(scene.ann, 47, 10)
    assert reader.read() == (2, 0)


def test_tick_may_change_in_the_middle(scene):
    scene.exchange.faults.set(Fault.MARKET_TICK_CHANGED, 1.0)
    scene.buy(scene.ann, 48, 10)
    assert scene.listing.ladder.tick_e4 == 10
    assert "tick_size_change" in [e["event_type"] for e in scene.told()]


def test_edge_of_the_tick_is_a_setting():
    scene = Scene(rules=Rules(tick_change_e4=10_000))
    scene.buy(scene.ann, 99, 10)
    assert scene.listing.ladder.tick_e4 == 100
