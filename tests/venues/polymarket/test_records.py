"""Gamma's and the CLOB's records: every recorded one is read, every impossible one is named."""

import gzip

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymm.domain.market import NS, FeeSchedule, SettlementRule
from polymm.domain.order import Token
from polymm.errors import MarketError
from polymm.venues.polymarket.records import Fees, read_clob, read_gamma
from tests.support.market_records import (
    CONDITION,
    DOWN,
    START_S,
    UP,
    body,
    clob_record,
    gamma_record,
)
from tests.support.recordings import recording

CRYPTO_FEES = Fees(FeeSchedule(rate_e6=70_000, exponent=1, rebate_e6=200_000), True)
TWAP_60 = SettlementRule(kind="twap", lookback_ns=60 * NS)
STREAM = gamma_record()["resolutionSource"]
CONFIG = gamma_record()["cryptoMarketConfig"]
POINT = SettlementRule(kind="point", lookback_ns=0)


def gamma(**changes):
    return read_gamma(body(gamma_record(**changes)))


def clob(**changes):
    return read_clob(body(clob_record(**changes)))


# Recorded bodies


def test_every_recorded_five_minute_market_is_read():
    path = recording("reference/gamma-btc-5m-markets-*.jsonl.gz")
    records = [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(records) > 100
    for record in records:
        market = read_gamma(body(record["raw"]))
        window = market.window
        assert window.slug == record["slug"]
        assert (window.start_s, window.length_s) == (record["start_sec"], 300)
        assert market.condition_id == record["condition_id"]
        assert list(market.tokens) == record["token_ids"]
        winner = Token.UP if record["outcome_prices"] == ["1", "0"] else Token.DOWN
        assert (market.winner, market.is_open) == (winner, False)
        assert (market.fees, market.settlement) == (CRYPTO_FEES, POINT)
        assert (market.order_min_e6, market.neg_risk, market.version) == (5_000_000, False, None)
        assert market.tick_e4 in (10, 100)


@pytest.mark.parametrize(
    ("pattern", "slug", "version"),
    [
        ("fixtures/gamma-market-btc5m-2026-08-22.json", "btc-updown-5m-1787414400", None),
        ("fixtures/rest_oct2026/gamma-market-btc15m.json", "btc-updown-15m-1791241200", "v1"),
    ],
)
def test_recorded_markets_of_the_averaged_price_are_read(pattern, slug, version):
    market = read_gamma(recording(pattern).read_bytes())
    assert (market.window.slug, market.version, market.is_open) == (slug, version, True)
    assert (market.settlement, market.fees, market.tick_e4) == (TWAP_60, CRYPTO_FEES, 100)
    assert (market.order_min_e6, market.winner) == (5_000_000, None)


@pytest.mark.parametrize(
    ("name", "version", "clears_book"), [("btc15m", "v1", False), ("version-v2", "v2", True)]
)
def test_recorded_records_of_the_clob_are_read(name, version, clears_book):
    path = recording(f"fixtures/rest_oct2026/clob-market-info-{name}.json")
    market = read_clob(path.read_bytes())
    listed = {entry["o"]: entry["t"] for entry in orjson.loads(path.read_bytes())["t"]}
    assert market.tokens == (listed["Up"], listed["Down"])
    assert (market.version, market.clears_book, market.neg_risk) == (version, clears_book, False)
    assert (market.tick_e4, market.order_min_e6, market.is_accepting) == (100, 5_000_000, True)
    assert (market.delays_takers, market.seconds_delay) == (True, 0)
    assert market.fees == Fees(FeeSchedule(rate_e6=70_000, rebate_e6=0), True)


def test_a_recorded_404_is_a_market_that_the_clob_does_not_know():
    with pytest.raises(MarketError, match="must know the market"):
        read_clob(recording("fixtures/rest_oct2026/clob-market-404.json").read_bytes())


def test_a_recorded_market_of_yes_and_no_is_no_window():
    path = recording("fixtures/nautilus/gamma_market_closed_binary_accepting_false.json")
    with pytest.raises(MarketError, match="slug"):
        read_gamma(path.read_bytes())


# Composed records


def test_a_record_is_read_whole():
    market = gamma()
    assert (market.window.start_s, market.window.length_s) == (START_S, 900)
    assert (market.condition_id, market.tokens) == (CONDITION, (UP, DOWN))
    assert (market.version, market.neg_risk, market.is_open) == ("v1", False, True)
    assert (market.tick_e4, market.order_min_e6) == (100, 5_000_000)
    assert (market.fees, market.settlement, market.winner) == (CRYPTO_FEES, TWAP_60, None)


def test_up_is_found_by_its_label_wherever_it_stands():
    swapped = gamma(outcomes='["Down", "Up"]')
    assert swapped.tokens == (DOWN, UP)
    listed = [{"t": DOWN, "o": "Down"}, {"t": UP, "o": "Up"}]
    assert clob(t=listed).tokens == (UP, DOWN)


def test_real_arrays_serve_as_well_as_texts():
    assert gamma(outcomes=["Up", "Down"], clobTokenIds=[UP, DOWN]) == gamma()


def test_position_ids_count_in_v2_only():
    others = ["11", "12"]
    assert gamma(positionIds=others).tokens == (UP, DOWN)
    assert gamma(positionIds=others, version="v2").tokens == ("11", "12")


def test_a_fresh_record_may_leave_facts_open():
    market = gamma(
        orderPriceMinTickSize=None,
        orderMinSize=None,
        negRisk=None,
        version=None,
        feesEnabled=None,
        feeSchedule=None,
        eventStartTime=None,
        endDate=None,
    )
    assert (market.tick_e4, market.order_min_e6, market.neg_risk) == (None, None, None)
    assert (market.version, market.fees, market.tokens) == (None, None, (UP, DOWN))


@pytest.mark.parametrize("key", ["active", "acceptingOrders", "enableOrderBook", "closed"])
def test_a_market_is_open_only_when_all_say_so(key):
    assert not gamma(**{key: None}).is_open
    assert not gamma(**{key: key == "closed"}).is_open


@pytest.mark.parametrize("status", ["umaResolutionStatus", "resolutionStatus"])
def test_a_winner_is_known_when_it_was_resolved(status):
    over = {"closed": True, "outcomePrices": '["0", "1"]'}
    assert gamma(**over).winner is None
    assert gamma(**over, **{status: "resolved"}).winner is Token.DOWN
    assert gamma(**over, **{status: "resolved"}, outcomes='["Down", "Up"]').winner is Token.UP
    assert gamma(**{status: "resolved"}, outcomePrices='["0", "1"]').winner is None  # not closed


def test_an_event_or_a_list_holds_the_market():
    record = gamma_record()
    config = record.pop("cryptoMarketConfig")
    event = {"slug": record["slug"], "markets": [record], "cryptoMarketConfig": config}
    assert read_gamma(body(event)) == read_gamma(body([event])) == gamma()
    assert read_gamma(body([gamma_record()])) == gamma()


@pytest.mark.parametrize(
    ("source", "config", "rule"),
    [
        ("https://data.chain.link/streams/btc-usd", None, POINT),
        ("https://data.chain.link/streams/btc-usd-twap-30s-streams", None, 30),
        (None, {"twapEnabled": True, "twapLookbackSeconds": 60}, 60),
        (None, {"twapEnabled": True, "twapLookbackSeconds": 1.2}, 1.2),
        (None, {"twapEnabled": False}, POINT),
    ],
)
def test_either_source_of_the_settlement_rule_is_enough(source, config, rule):
    if config is not None:
        config = {"asset": "btc", "duration": "15m", **config}
    found = gamma(resolutionSource=source, cryptoMarketConfig=config).settlement
    expected = rule if rule is POINT else SettlementRule(lookback_ns=round(rule * NS))
    assert found == expected


def test_no_fees_are_no_fees():
    free = Fees(FeeSchedule(rate_e6=0, rebate_e6=0), True)
    assert gamma(feesEnabled=False).fees == clob(fd=None).fees == free


def test_what_the_clob_leaves_out_is_at_its_default():
    market = clob(itode=None, v=None, ao=None)
    assert (market.delays_takers, market.version, market.is_accepting) == (False, None, False)
    assert (market.neg_risk, market.clears_book, market.seconds_delay) == (False, False, 0)


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"slug": "btc-updown-15m-1"}, "slug"),
        ({"slug": 7}, "slug"),
        ({"slug": None}, "slug"),
        ({"eventStartTime": "2026-10-05T23:00:01Z"}, "window"),
        ({"eventStartTime": "2026-10-05T23:00:00"}, "window"),
        ({"endDate": "2026-10-05T23:20:00Z"}, "window"),
        ({"endDate": "soon"}, "window"),
        ({"endDate": 7}, "window"),
        ({"conditionId": None}, "condition id"),
        ({"conditionId": "0x12"}, "condition id"),
        ({"version": "v3"}, "version"),
        ({"version": 1}, "version"),
        ({"outcomes": '["Yes", "No"]'}, "outcomes"),
        ({"outcomes": '["Up", "Up"]'}, "outcomes"),
        ({"outcomes": '["Up", "Down", "Flat"]'}, "outcomes"),
        ({"outcomes": None}, "outcomes"),
        ({"clobTokenIds": None}, "clobTokenIds"),
        ({"clobTokenIds": ""}, "body"),
        ({"clobTokenIds": "[]"}, "tokens"),
        ({"clobTokenIds": [UP, UP]}, "tokens"),
        ({"clobTokenIds": [UP, "0x12"]}, "tokens"),
        ({"clobTokenIds": [UP, 5]}, "tokens"),
        ({"version": "v2"}, "positionIds"),
        ({"active": "yes"}, "flags"),
        ({"negRisk": 0}, "flags"),
        ({"orderPriceMinTickSize": 0.02}, "tick"),
        ({"orderPriceMinTickSize": 0}, "tick"),
        ({"orderMinSize": 0}, "minimum"),
        ({"orderMinSize": -5}, "gamma's orderMinSize"),
        ({"feeSchedule": None}, "fees"),
        ({"feeSchedule": 0.07}, "fees"),
        ({"feeSchedule": {"rate": 0.07, "takerOnly": True}}, "gamma's feeSchedule, exponent"),
        ({"feeSchedule": {"rate": 0.07, "exponent": 0.5}}, "gamma's feeSchedule, exponent"),
        ({"feeSchedule": {"rate": 1.5, "exponent": 1}}, "gamma's feeSchedule, rate"),
        ({"resolutionSource": STREAM.replace("btc", "eth")}, "settlement"),
        ({"resolutionSource": "https://www.binance.com/en/trade/BTC_USDT"}, "settlement"),
        ({"resolutionSource": "https://data.chain.link/streams/btc-usd"}, "settlement"),
        ({"resolutionSource": 7}, "settlement"),
        ({"resolutionSource": None, "cryptoMarketConfig": None}, "settlement"),
        ({"cryptoMarketConfig": 7}, "settlement"),
        ({"cryptoMarketConfig": CONFIG | {"asset": "eth"}}, "settlement"),
        ({"cryptoMarketConfig": CONFIG | {"duration": "5m"}}, "settlement"),
        ({"cryptoMarketConfig": CONFIG | {"twapLookbackSeconds": 30}}, "settlement"),
        ({"cryptoMarketConfig": {"asset": "btc", "duration": "15m"}}, "settlement"),
        ({"closed": True, "umaResolutionStatus": "resolved"}, "winner"),
    ],
)
def test_what_gamma_cannot_mean_is_refused_by_name(changes, fact):
    with pytest.raises(MarketError) as caught:
        gamma(**changes)
    assert caught.value.facts == (fact,)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"c": None}, "condition id"),
        ({"t": None}, "tokens"),
        ({"t": [UP, DOWN]}, "tokens"),
        ({"t": [{"t": UP, "o": "Up"}]}, "outcomes"),
        ({"t": [{"t": "", "o": "Up"}, {"t": "", "o": "Down"}]}, "tokens"),
        ({"v": "v9"}, "version"),
        ({"mts": None}, "the clob's mts"),
        ({"mts": 0.03}, "tick"),
        ({"mos": None}, "the clob's mos"),
        ({"ao": "true"}, "flags"),
        ({"fd": 7}, "fees"),
        ({"fd": {"r": 0.07, "to": True}}, "the clob's fd, exponent"),
        ({"sd": -1}, "the clob's sd"),
        ({"sd": 10**6}, "the clob's sd"),
    ],
)
def test_what_the_clob_cannot_mean_is_refused_by_name(changes, fact):
    with pytest.raises(MarketError) as caught:
        clob(**changes)
    assert caught.value.facts == (fact,)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b"7", b"null", b"[{},{}]", b" " * 5_000_000]
)
def test_what_is_no_record_is_refused(data):
    for read in (read_gamma, read_clob):
        with pytest.raises(MarketError):
            read(data)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 10**9)
    | st.floats(allow_nan=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(sorted(gamma_record())), st.sampled_from(sorted(clob_record())), JSON)
def test_any_value_in_any_place_is_read_or_refused(key, short, value):
    for read, record in (
        (read_gamma, gamma_record() | {key: value}),
        (read_clob, clob_record() | {short: value}),
    ):
        try:
            read(body(record))
        except MarketError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    for read in (read_gamma, read_clob):
        with pytest.raises(MarketError):
            read(data)
