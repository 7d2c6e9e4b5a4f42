"""Two records become one market, or are refused by the names of what they contradict."""

import gzip

import orjson
import pytest

from polymm.domain.market import NS, FeeSchedule, Market, SettlementRule
from polymm.errors import MarketError
from polymm.venues.polymarket.catalog import join
from polymm.venues.polymarket.records import read_clob, read_gamma
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

MS = 1_000_000
V2 = "0x01" + "7791f201d5a788e0039e511fc1900e5f" + "00" * 14


def entry(gamma=None, clob=None, **settings):
    gamma_body, clob_body = body(gamma_record(**(gamma or {}))), body(clob_record(**(clob or {})))
    return join(read_gamma(gamma_body), read_clob(clob_body), **settings)


def test_two_records_become_one_market():
    found = entry()
    assert found.market == Market(
        slug=f"btc-updown-15m-{START_S}",
        condition_id=CONDITION,
        up_token=UP,
        down_token=DOWN,
        start_ns=START_S * NS,
        end_ns=(START_S + 900) * NS,
        tick_e4=100,
        order_min_e6=5_000_000,
        fees=FeeSchedule(rate_e6=70_000, exponent=1, rebate_e6=200_000),
        settlement=SettlementRule(kind="twap", lookback_ns=60 * NS),
        taker_delay_ns=150 * MS,
        version="v1",
        neg_risk=False,
    )
    assert (found.obstacles, found.clears_book) == ((), False)


def test_the_recorded_pair_of_october_becomes_a_market():
    gamma = read_gamma(recording("fixtures/rest_oct2026/gamma-market-btc15m.json").read_bytes())
    clob = read_clob(recording("fixtures/rest_oct2026/clob-market-info-btc15m.json").read_bytes())
    found = join(gamma, clob)
    assert found.obstacles == ()
    assert found.market.slug == "btc-updown-15m-1791241200"
    assert found.market.up_token.startswith("25070934348813416902477876984955")
    assert found.market.taker_delay_ns == 150 * MS


def test_every_recorded_market_joins_the_record_that_the_clob_would_give():
    path = recording("reference/gamma-btc-5m-markets-*.jsonl.gz")
    records = [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    for record in records:
        raw = record["raw"]
        up, down = record["token_ids"]
        clob = clob_record(
            c=record["condition_id"],
            t=[{"t": down, "o": "Down"}, {"t": up, "o": "Up"}],
            mts=raw["orderPriceMinTickSize"],
            ao=raw["acceptingOrders"],
        )
        found = join(read_gamma(body(raw)), read_clob(body(clob)))
        assert (found.market.up_token, found.market.down_token) == (up, down)
        assert found.market.settlement.kind == "point"
        assert found.obstacles == (
            "gamma says that the market is not open",
            "the clob takes no orders",
        )


def test_the_recorded_v2_market_joins_whether_its_condition_is_filled_up_or_not():
    path = recording("fixtures/rest_oct2026/clob-market-info-version-v2.json")
    clob = read_clob(path.read_bytes())
    listed = [token["t"] for token in orjson.loads(path.read_bytes())["t"]]
    for condition in (V2, V2 + "00"):
        gamma = gamma_record(version="v2", conditionId=condition, positionIds=listed)
        found = join(read_gamma(body(gamma)), clob)
        assert (found.market.version, found.clears_book) == ("v2", True)
        assert [found.market.up_token, found.market.down_token] == listed


@pytest.mark.parametrize(
    ("clob", "fact"),
    [
        ({"c": "0x" + "cd" * 32}, "condition id"),
        ({"v": "v2"}, "version"),
        ({"nr": True}, "neg-risk"),
        ({"mos": 15}, "minimum size_e6"),
        ({"fd": {"r": 0.072, "e": 1, "to": True}}, "fee rate_e6"),
        ({"fd": {"r": 0.07, "e": 2, "to": True}}, "fee exponent"),
        ({"fd": {"r": 0.07, "e": 1, "to": False}}, "fees of takers only"),
        ({"fd": None}, "fee rate_e6"),
    ],
)
def test_a_contradiction_is_refused_by_name(clob, fact):
    with pytest.raises(MarketError, match=fact) as caught:
        entry(clob=clob)
    assert fact in caught.value.facts


def test_up_and_down_swapped_in_one_source_are_refused():
    with pytest.raises(MarketError, match="token of Up") as caught:
        entry(gamma={"outcomes": '["Down", "Up"]'})
    assert caught.value.facts == ("token of Up", "token of Down")


def test_all_contradictions_are_named_at_once():
    with pytest.raises(MarketError) as caught:
        entry(clob={"mos": 15, "nr": True, "fd": {"r": 0.05, "e": 1, "to": True}})
    assert caught.value.facts == ("neg-risk", "minimum size_e6", "fee rate_e6")


def test_what_gamma_leaves_open_is_the_clobs_to_say():
    found = entry(
        gamma={
            "negRisk": None,
            "version": None,
            "orderMinSize": None,
            "feesEnabled": None,
            "feeSchedule": None,
        },
        clob={"nr": True, "mos": 7},
    )
    assert (found.market.neg_risk, found.market.version) == (True, "v1")
    assert found.market.order_min_e6 == 7_000_000
    assert found.market.fees == FeeSchedule(rate_e6=70_000, rebate_e6=0)


def test_the_tick_is_the_clobs_for_gamma_is_behind_a_cache():
    assert entry(clob={"mts": 0.001}).market.tick_e4 == 10


def test_takers_wait_where_the_market_says_so():
    assert entry(clob={"itode": None}).market.taker_delay_ns == 0
    assert entry(taker_delay_ns=50 * MS).market.taker_delay_ns == 50 * MS
    assert entry(clob={"sd": 3}).market.taker_delay_ns == 3 * NS


@pytest.mark.parametrize(
    ("gamma", "clob", "obstacle"),
    [
        ({"closed": True}, {}, "gamma says"),
        ({"acceptingOrders": False}, {}, "gamma says"),
        ({}, {"ao": False}, "the clob takes no orders"),
        (
            {"feeSchedule": {"exponent": 2, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2}},
            {"fd": {"r": 0.07, "e": 2, "to": True}},
            "exponent is 2",
        ),
        (
            {"feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": False, "rebateRate": 0.2}},
            {"fd": {"r": 0.07, "e": 1, "to": False}},
            "makers pay",
        ),
    ],
)
def test_what_must_not_be_quoted_says_why(gamma, clob, obstacle):
    (found,) = entry(gamma, clob).obstacles
    assert obstacle in found
