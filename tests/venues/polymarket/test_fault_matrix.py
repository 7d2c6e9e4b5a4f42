"""Every switch of the exchange has a test of our client that turns it on."""

import random
from collections import defaultdict

import pytest

from polymm.domain.order import Side
from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Fault
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.results import PlaceResult, PlaceState
from polymm.venues.polymarket.user_events import OrderChange, OrderEvent, UserEvent
from polymm.venues.polymarket.user_feed import UserFeed
from tests.support import fault_matrix
from tests.support.fault_matrix import TURNED_ON, audited, turns_on
from tests.support.loopback import until
from tests.support.traders import Trader, play

# Whose import fills the table.
from tests.venues.polymarket import (  # noqa: F401
    test_feeds_on_exchange,
    test_gateway_exchange,
    test_gateway_faults,
    test_user_feed_on_exchange,
)


@pytest.mark.parametrize("fault", Fault)
def test_each_switch_is_turned_on_before_our_client(fault: Fault) -> None:
    assert TURNED_ON[fault], f"mark a test of the client with @turns_on(Fault.{fault.name})"


@turns_on(Fault.USER_FILL_BEFORE_REPLY)
def test_an_order_is_known_by_its_id_before_its_reply() -> None:
    async def scene(one: Trader) -> None:
        told: list[UserEvent | PlaceResult] = []
        rng = random.Random(1)
        key = one.gateway.wallet.key
        feed = UserFeed(
            one.urls["ws_user"],
            await create_or_derive_key(Hosts.of(one.urls), key, rng=rng),
            lambda event, _: told.append(event),
            lambda _: None,
            rng=rng,
        )
        await feed.open()
        try:
            await until(lambda: feed.is_live)
            one.turn(Fault.USER_FILL_BEFORE_REPLY, 20)
            ids = one.gateway.place([one.order(Side.BUY, 40)], told.append)
            await until(lambda: len(told) == 2)
        finally:
            await feed.close()
        event, result = told
        assert isinstance(event, OrderEvent)
        assert isinstance(result, PlaceResult)
        assert event.change is OrderChange.PLACEMENT
        assert [event.order_id, result.order_id] == ids * 2
        assert result.state is PlaceState.LIVE

    play(scene)


# The marks themselves


def test_a_mark_wants_its_switches_to_strike_and_the_books_to_be_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fault_matrix, "TURNED_ON", defaultdict(set))
    exchange = Exchange()
    exchange.faults.set(Fault.THROTTLED, 1.0)
    exchange.faults.strikes(Fault.THROTTLED)

    def looks(**_: object) -> None:
        audited(exchange)

    turns_on(Fault.THROTTLED)(looks)()
    turns_on(*Fault)(looks)(fault=Fault.THROTTLED)
    turns_on(*Fault)(looks)(fault=None)
    for test, given in (
        (turns_on(Fault.THROTTLED)(lambda: None), {}),
        (turns_on(Fault.THROTTLED, Fault.EDGE_HTML)(looks), {}),
        (turns_on(*Fault)(looks), {"fault": Fault.EDGE_HTML}),
    ):
        with pytest.raises(AssertionError, match="never struck"):
            test(**given)
