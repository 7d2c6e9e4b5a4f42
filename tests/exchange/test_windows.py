"""Windows come and go by the clock: slugs, averages, ties, resolution, several coins, no leak."""

import json

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.errors import InputError
from polymm.exchange.exchange import Exchange
from polymm.exchange.rules import Rules
from polymm.exchange.windows import Windows, WindowSettings, window_slug

T0 = 1_800_000_000


class Fixed:
    """A price that is said in advance, per second of the average's end."""

    def __init__(self, prices: dict[int, int]) -> None:
        self.prices = prices
        self.asked: list[tuple[int, int]] = []

    def twap_e8(self, ns: int, lookback_ns: int) -> int:
        self.asked.append((ns // NS, lookback_ns))
        return self.prices.get(ns // NS, 100)


def start(length: int = 300, prices=None, **more) -> tuple[Exchange, Windows, Fixed]:
    exchange = Exchange(rules=Rules(retire_after_s=600, **more.pop("rules", {})))
    source = Fixed(prices or {})
    settings = WindowSettings(length_s=length, **more)
    windows = Windows(exchange, dict.fromkeys(settings.coins, source), settings, seed=4)
    windows.start(T0 * NS + 7 * NS)
    return exchange, windows, source


@pytest.mark.parametrize(
    ("length", "slug"),
    [(300, "btc-updown-5m-1800000000"), (900, "btc-updown-15m-1800000000"),
     (60, "btc-updown-1m-1800000000"), (6, "btc-updown-6s-1800000000")],
)  # fmt: skip
def test_slug_follows_from_coin_length_and_start(length, slug):
    assert window_slug("btc", length, T0) == slug


@pytest.mark.parametrize(
    ("length", "lookback", "resolve"),
    [(300, 60.0, 21.0), (900, 60.0, 21.0), (60, 12.0, 6.0), (6, 1.2, 0.6)],
)
def test_lookback_and_delay_follow_from_the_length(length, lookback, resolve):
    settings = WindowSettings(length_s=length)
    assert settings.rule.lookback_ns == lookback * NS
    assert settings.resolve_ns == resolve * NS
    chosen = WindowSettings(length_s=length, lookback_ns=NS, resolve_delay_ns=2 * NS)
    assert (chosen.rule.lookback_ns, chosen.resolve_ns) == (NS, 2 * NS)


@pytest.mark.parametrize(
    "wrong", [{"length_s": 0}, {"length_s": 90}, {"coins": ()}, {"coins": ("a", "a")}, {"ahead": 0}]
)
def test_settings_that_make_no_windows_are_refused(wrong):
    with pytest.raises(InputError):
        WindowSettings(**wrong)


def test_current_and_next_windows_stand_from_the_start():
    exchange, windows, _ = start(coins=("btc", "eth"))
    assert list(windows.by_slug) == [
        f"{coin}-updown-5m-{T0 + 300 * i}" for coin in ("btc", "eth") for i in range(4)
    ]
    ids = {token for listing in exchange.listings.values() for token in listing.pool.tokens}
    assert len(ids) == 16
    created = [json.loads(m.payload)["slug"] for m in exchange.drain()]
    assert created == list(windows.by_slug)


def test_one_more_window_is_listed_whenever_one_begins():
    exchange, windows, _ = start()
    exchange.advance((T0 + 300) * NS)
    assert f"btc-updown-5m-{T0 + 1_200}" in windows.by_slug


@pytest.mark.parametrize(
    ("to_beat", "final", "winner"),
    [(100, 101, Token.UP), (100, 100, Token.UP), (100, 99, Token.DOWN)],
)
def test_average_at_the_end_is_compared_with_that_of_the_start_and_a_tie_is_up(
    to_beat, final, winner
):
    exchange, windows, source = start(prices={T0: to_beat, T0 + 300: final})
    listing = windows.by_slug[f"btc-updown-5m-{T0}"]
    exchange.advance((T0 + 300) * NS - 1)
    assert (listing.accepting, listing.to_beat_e8) == (True, to_beat)
    exchange.advance((T0 + 300) * NS)
    assert not listing.accepting
    assert listing.winner is None
    exchange.advance((T0 + 321) * NS)
    assert (listing.winner, listing.final_e8) == (winner, final)
    assert (T0 + 300, 60 * NS) in source.asked
    message = json.loads(exchange.drain()[-1].payload)
    assert (message["event_type"], message["winning_outcome"]) == (
        "market_resolved", "Down" if winner else "Up",
    )  # fmt: skip


def test_orders_are_taken_before_the_start_and_through_the_grace():
    exchange, windows, _ = start(rules={"close_grace_ms": 2_000})
    later = windows.by_slug[f"btc-updown-5m-{T0 + 600}"]
    assert later.accepting
    assert later.accepts_from_ns <= T0 * NS
    exchange.advance((T0 + 301) * NS)
    assert windows.by_slug[f"btc-updown-5m-{T0}"].accepting
    exchange.advance((T0 + 302) * NS)
    assert not windows.by_slug[f"btc-updown-5m-{T0}"].accepting


def test_ids_of_the_second_protocol_hold_condition_and_index():
    _, windows, _ = start(version="v2", down_first=True)
    listing = windows.by_slug[f"btc-updown-5m-{T0}"]
    condition = int(listing.condition_id, 16)
    assert len(listing.condition_id) == 66
    assert condition % 256 == 0
    assert [int(token) - condition for token in listing.pool.tokens] == [0, 1]
    # The official client tells them from ids of v1 by these, and the module by the first byte.
    assert all(int(token) >> 40 & 2**64 - 1 == 0 for token in listing.pool.tokens)
    assert listing.condition_id.startswith("0x01")
    assert listing.outcomes == (Token.DOWN, Token.UP)


def test_hundred_windows_later_there_are_no_more_of_them():
    exchange, windows, _ = start(6, coins=("btc", "eth"))
    counts = []
    for i in range(120):
        exchange.advance((T0 + 10 + 6 * i) * NS)
        exchange.drain()
        counts.append((len(exchange.listings), len(windows.by_slug), len(exchange.ledger.pools)))
    # 600 s of the past, the one that runs and three ahead, two coins.
    assert counts[-1] == counts[-10]
    assert counts[-1][0] <= 2 * (102 + 4)
    exchange.audit()
