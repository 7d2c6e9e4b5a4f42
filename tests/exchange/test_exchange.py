"""Orders on the whole exchange: money, refusals, delay, cancels, modes; audited at every end."""

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange.faults import Fault
from polymm.exchange.matching import OrderKind
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules
from polymm.exchange.trading import Mode
from tests.oracle.matching import Matcher
from tests.support.exchange_scene import DOLLAR, MARKET, SHARE, START_NS, Scene

DOWN = {"token": Token.DOWN}
FOK = {"kind": OrderKind.FOK}
FAK = {"kind": OrderKind.FAK}
POST_ONLY = {"post_only": True}


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.exchange.audit()


def mined(scene: Scene) -> None:
    scene.wait(20_000)


def test_resting_order_is_live_and_holds_cash(scene):
    placed = scene.buy(scene.ann, 48, 100)
    assert (placed.status, placed.making_e6, placed.trade_ids) == ("live", 0, ())
    assert scene.ann.reserved["cash"] == 48 * DOLLAR
    assert scene.cancel(scene.ann, placed).canceled == [placed.order_id]
    assert scene.ann.reserved["cash"] == 0


def test_sale_pays_the_seller_and_the_taker_pays_the_fee(scene):
    scene.sell(scene.ann, 50, 100)
    placed = scene.buy(scene.bob, 50, 100)
    assert placed.status == "matched"
    assert (placed.making_e6, placed.taking_e6) == (50 * DOLLAR, 100 * SHARE)
    assert len(placed.trade_ids) == 1
    assert scene.cash(scene.bob) == 1_000 - 50 - 1.75
    assert scene.cash(scene.ann) == 1_000  # the proceeds come with the block
    assert scene.shares(scene.bob) == 1_000
    mined(scene)
    assert scene.cash(scene.ann) == 1_050
    assert scene.shares(scene.bob) == 1_100


def test_two_buyers_make_a_pair(scene):
    pool = scene.listing.pool
    before = pool.collateral_e6
    scene.buy(scene.ann, 48, 100)
    scene.buy(scene.bob, 53, 100, **DOWN)
    assert pool.collateral_e6 == before + 100 * SHARE
    mined(scene)
    # Bob pays 0.52, the rest of the dollar, and the fee of that price.
    assert scene.cash(scene.bob) == pytest.approx(1_000 - 52 - 1.7472)
    assert scene.shares(scene.bob, Token.DOWN) == 1_100
    assert scene.cash(scene.ann) == 952


def test_two_sellers_burn_a_pair(scene):
    before = scene.listing.pool.collateral_e6
    scene.sell(scene.ann, 48, 100)
    scene.sell(scene.bob, 50, 100, **DOWN)
    assert scene.listing.pool.collateral_e6 == before - 100 * SHARE
    mined(scene)
    assert scene.cash(scene.ann) == 1_048
    assert scene.cash(scene.bob) == pytest.approx(1_000 + 52 - 1.7472)
    assert scene.shares(scene.bob, Token.DOWN) == 900


def test_part_fills_at_once_and_the_rest_rests(scene):
    scene.sell(scene.ann, 50, 30)
    placed = scene.buy(scene.bob, 52, 100)
    assert (placed.status, placed.taking_e6) == ("matched", 30 * SHARE)
    assert scene.listing.ladder.best_bid_e4 == 5_200
    assert scene.bob.reserved["cash"] == 70 * 520_000


def test_own_orders_may_meet_since_the_venue_has_no_rule_against_it(scene):
    scene.sell(scene.ann, 50, 10)
    assert scene.buy(scene.ann, 50, 10).status == "matched"
    mined(scene)
    assert scene.shares(scene.ann) == 1_000
    assert scene.cash(scene.ann) == 1_000 - 0.175


def refused(answer: object) -> str:
    assert isinstance(answer, Refusal)
    return answer.text


def test_post_only_that_crosses_is_refused_and_holds_nothing(scene):
    scene.sell(scene.ann, 50, 10)
    text = refused(scene.buy(scene.bob, 50, 10, **POST_ONLY))
    assert text == "invalid post-only order: order crosses book"
    assert scene.bob.reserved["cash"] == 0
    assert scene.buy(scene.bob, 49, 10, **POST_ONLY).status == "live"


def test_fill_or_kill_takes_all_or_nothing(scene):
    scene.sell(scene.ann, 50, 10)
    assert "fully filled or killed" in refused(scene.buy(scene.bob, 50, 20, **FOK))
    assert scene.cash(scene.bob) == 1_000
    assert scene.buy(scene.bob, 50, 10, **FOK).status == "matched"


def test_fill_and_kill_takes_what_there_is(scene):
    assert "no orders found to match" in refused(scene.buy(scene.bob, 50, 20, **FAK))
    scene.sell(scene.ann, 50, 10)
    placed = scene.buy(scene.bob, 50, 20, **FAK)
    assert placed.taking_e6 == 10 * SHARE
    assert not scene.exchange.dealing.open
    assert scene.bob.reserved["cash"] == 0


def test_market_buy_spends_its_dollars_at_better_prices(scene):
    scene.sell(scene.ann, 40, 100)
    placed = scene.buy(scene.bob, 50, 20, **FOK)  # 10 dollars
    assert (placed.making_e6, placed.taking_e6) == (10 * DOLLAR, 25 * SHARE)


@pytest.mark.parametrize(
    ("cents", "shares", "more", "text"),
    [
        (48.5, 10, {}, "Price (0.485) breaks minimum tick size rule: 0.01"),
        (100, 10, {}, "Price (1) breaks minimum tick size rule"),
        (48, 4.99, {}, "Size (4.99) lower than the minimum: 5"),
        (48, 10.005, {}, "Invalid order payload"),
        (48, 10, {"expiration_s": 1_800_000_400}, "invalid expiration"),
        (48, 10, {"kind": OrderKind.GTD}, "invalid expiration"),
        (48, 10, {"kind": OrderKind.GTD, "expiration_s": 1_800_000_179}, "invalid expiration"),
        (48, 10, {"kind": OrderKind.FOK, "post_only": True}, "Invalid order payload"),
        (48, 2_100, {}, "not enough balance / allowance: balance: 1000000000, order amount: 1008"),
    ],
)
def test_what_cannot_enter_is_refused_in_the_venues_words(scene, cents, shares, more, text):
    answer = scene.buy(scene.ann, cents, shares, **more)
    assert text in refused(answer)
    assert answer.status == 400
    assert not scene.exchange.dealing.open
    assert scene.ann.reserved["cash"] == 0


def test_taking_buy_below_a_dollar_is_refused(scene):
    scene.sell(scene.ann, 10, 100)
    answer = refused(scene.buy(scene.bob, 10, 9, **FAK))
    assert answer == "invalid amount for a marketable BUY order ($0.9), min size: $1"


def test_same_order_again_is_a_duplicate_even_when_it_is_gone(scene):
    placed = scene.buy(scene.ann, 48, 10)
    same = {"order_id": placed.order_id}
    assert refused(scene.buy(scene.ann, 48, 10, **same)).endswith("is invalid. Duplicated.")
    scene.cancel(scene.ann, placed)
    assert refused(scene.buy(scene.ann, 48, 10, **same)).endswith("is invalid. Duplicated.")


def test_no_allowance_no_order(scene):
    scene.ann.allow("exchange", 0)
    assert "not enough balance / allowance" in refused(scene.buy(scene.ann, 48, 10))
    assert "not enough balance / allowance" in refused(scene.sell(scene.ann, 52, 10))


def test_bought_shares_can_be_sold_once_mined(scene):
    dan = scene.wallet("dan")
    scene.sell(scene.ann, 50, 10)
    scene.buy(dan, 50, 10)
    assert "balance: 0" in refused(scene.sell(dan, 60, 10))
    mined(scene)
    assert scene.sell(dan, 60, 10).status == "live"


def test_unknown_token_has_no_book(scene):
    scene.exchange._by_token.clear()
    assert scene.buy(scene.ann, 48, 10).status == 404


# The taker delay


@pytest.fixture
def delayed() -> Iterator[Scene]:
    scene = Scene(replace(MARKET, taker_delay_ns=150_000_000))
    yield scene
    scene.exchange.audit()


def test_taker_waits_and_the_maker_may_leave_meanwhile(delayed):
    scene = delayed
    ask = scene.sell(scene.ann, 50, 10)
    placed = scene.buy(scene.bob, 50, 10)
    assert placed.status == "delayed"
    assert scene.cancel(scene.bob, placed).not_canceled[placed.order_id].startswith("order is del")
    assert scene.cancel(scene.ann, ask).canceled
    scene.wait(149)
    assert not scene.listing.ladder.best_bid_e4
    scene.wait(1)
    assert scene.listing.ladder.best_bid_e4 == 5_000
    assert scene.cancel(scene.bob, placed).canceled


def test_taker_meets_the_book_at_the_end_of_its_delay(delayed):
    scene = delayed
    scene.sell(scene.ann, 50, 10)
    scene.buy(scene.bob, 50, 10)
    scene.sell(scene.cat, 49, 10, **POST_ONLY)
    scene.wait(150)
    mined(scene)
    assert scene.cash(scene.cat) == pytest.approx(1_004.9)
    assert scene.cash(scene.ann) == 1_000


@pytest.mark.parametrize("kind", [OrderKind.FOK, OrderKind.FAK])
def test_killed_after_the_delay_is_told_with_the_reason(delayed, kind):
    scene = delayed
    ask = scene.sell(scene.ann, 50, 10)
    scene.buy(scene.bob, 50, 10, kind=kind)
    scene.cancel(scene.ann, ask)
    scene.wait(150)
    placement, end = scene.told(scene.bob)
    assert (placement["type"], placement["status"]) == ("PLACEMENT", "DELAYED")
    assert end["type"] == "CANCELLATION"
    assert end["status"].startswith("CANCELED_")
    assert kind.value in end["status"]


def test_a_waiting_order_that_lost_its_cover_dies(delayed):
    scene = delayed
    scene.sell(scene.ann, 50, 100)
    scene.buy(scene.bob, 50, 100)
    scene.exchange.transfer(scene.now_ns, "cash", 990 * DOLLAR, giver=scene.bob, taker=scene.cat)
    scene.wait(150)
    assert scene.told(scene.bob)[-1]["status"] == "CANCELED_NOT_ENOUGH_BALANCE"
    assert scene.cash(scene.bob) == 10


# Cancels, expiry, cover


def test_cancels_say_what_became_of_each_order(scene):
    mine = scene.buy(scene.ann, 48, 10)
    hers = scene.buy(scene.bob, 47, 10)
    scene.sell(scene.cat, 48, 10)
    answer = scene.cancel(scene.ann, mine, hers)
    assert answer.canceled == []
    assert answer.not_canceled == {
        mine.order_id: "Order already matched",
        hers.order_id: "Order not found or already canceled",
    }
    scene.cancel(scene.bob, hers)
    again = scene.cancel(scene.bob, hers)
    assert again.not_canceled[hers.order_id] == "already canceled or matched"


def test_cancel_of_a_token_leaves_the_other(scene):
    scene.buy(scene.ann, 48, 10)
    down = scene.buy(scene.ann, 48, 10, **DOWN)
    answer = scene.exchange.cancel_where(
        scene.now_ns, "ann-key", token_id=scene.listing.token_id(Token.DOWN)
    )
    assert answer.canceled == [down.order_id]
    assert len(scene.exchange.cancel_where(scene.now_ns, "ann-key").canceled) == 1


def test_dated_order_dies_a_minute_before_what_it_states(scene):
    expiry = {"kind": OrderKind.GTD, "expiration_s": START_NS // NS + 200}
    scene.buy(scene.ann, 48, 10, **expiry)
    scene.wait(139_999)
    assert scene.listing.ladder.best_bid_e4 == 4_800
    scene.wait(1)
    assert scene.told(scene.ann)[-1]["status"] == "CANCELED_EXPIRED_ORDER"
    assert not scene.exchange.dealing.open


def test_newest_orders_go_when_a_balance_no_longer_covers_them(scene):
    orders = [scene.sell(scene.ann, 60 + i, 300) for i in range(3)]
    scene.exchange.merge(scene.now_ns, scene.ann, scene.listing, 200 * SHARE)
    told = scene.told(scene.ann, kind="order")[-1]
    assert (told["id"], told["status"]) == (orders[2].order_id, "CANCELED_NOT_ENOUGH_BALANCE")
    assert len(scene.exchange.open_orders("ann-key")) == 2


def test_merge_and_split_are_refused_beyond_what_is_owned(scene):
    exchange, now = scene.exchange, scene.now_ns
    assert not exchange.merge(now, scene.ann, scene.listing, 1_001 * SHARE)
    assert not exchange.split(now, scene.ann, scene.listing, 1_001 * DOLLAR)
    assert exchange.redeem(now, scene.ann, scene.listing) is None
    assert exchange.merge(now, scene.ann, scene.listing, 1_000 * SHARE)
    assert scene.cash(scene.ann) == 2_000


def test_what_the_chain_credits_counts_after_the_update_where_so_set():
    scene = Scene(rules=Rules(reads_chain_late=True))
    scene.exchange.split(scene.now_ns, scene.ann, scene.listing, 100 * DOLLAR)
    assert "balance: 1000000000" in refused(scene.sell(scene.ann, 60, 1_050))
    scene.ann.see(scene.listing.token_id(Token.UP))
    assert scene.sell(scene.ann, 60, 1_050).status == "live"
    scene.exchange.audit()


# Trading modes


def test_restart_is_followed_by_two_minutes_of_post_only(scene):
    resting = scene.buy(scene.ann, 48, 10)
    scene.exchange.trading.set(Mode.RESTARTING, scene.now_ns + 90 * NS)
    assert scene.buy(scene.ann, 47, 10).status == 425
    assert scene.cancel(scene.ann, resting).status == 425
    scene.wait(91_000)
    answer = scene.buy(scene.ann, 47, 10)
    assert (answer.status, answer.code, answer.retry_after_s) == (503, "post_only_mode", 119)
    assert scene.buy(scene.ann, 47, 10, **POST_ONLY).status == "live"
    assert scene.cancel(scene.ann, resting).canceled
    scene.wait(119_000)
    assert scene.buy(scene.ann, 46, 10).status == "live"


@pytest.mark.parametrize(("mode", "cancels"), [(Mode.CANCEL_ONLY, True), (Mode.DISABLED, False)])
def test_cancel_only_and_disabled(scene, mode, cancels):
    resting = scene.buy(scene.ann, 48, 10)
    scene.exchange.trading.set(mode)
    assert scene.buy(scene.ann, 47, 10, **POST_ONLY).status == 503
    answer = scene.cancel(scene.ann, resting)
    assert isinstance(answer, Refusal) is not cancels
    scene.exchange.trading.set(Mode.NORMAL)


# Close and resolution


def test_close_cancels_what_rests_and_resolution_pays_the_winner(scene):
    scene.sell(scene.ann, 40, 100)
    scene.buy(scene.bob, 40, 100)
    scene.buy(scene.cat, 30, 10)
    mined(scene)
    scene.exchange.close(scene.listing, scene.now_ns)
    assert scene.told(scene.cat)[-1]["status"] == "CANCELED_MARKET_RESOLVED"
    text = refused(scene.buy(scene.cat, 30, 10))
    assert text == "the market is not yet ready to process new orders"
    scene.exchange.resolve(scene.listing, Token.UP, scene.now_ns)
    assert scene.exchange.redeem(scene.now_ns, scene.bob, scene.listing) == 1_100 * SHARE
    assert scene.exchange.redeem(scene.now_ns, scene.ann, scene.listing) == 900 * SHARE
    scene.exchange.audit()
    scene.wait(601_000)
    # The rest was redeemed for those who did not ask, and the market forgotten.
    assert scene.cash(scene.cat) == 2_000
    assert not scene.exchange.listings
    assert not scene.exchange.dealing.ended


def test_rebates_share_a_fifth_of_the_fees_by_weight(scene):
    scene.sell(scene.ann, 50, 300)
    scene.sell(scene.cat, 50, 100)
    scene.buy(scene.bob, 50, 400)  # fee 7.00, rebates 1.05 and 0.35
    mined(scene)
    fees_e6 = scene.exchange.ledger.fees_e6
    scene.exchange.close(scene.listing, scene.now_ns)
    scene.exchange.resolve(scene.listing, Token.DOWN, scene.now_ns)
    assert scene.cash(scene.ann) == 1_150 + 1.05
    assert scene.cash(scene.cat) == 1_050  # below a dollar: owed until there is more
    assert scene.exchange.ledger.fees_e6 == fees_e6 - 1_050_000


def test_side_of_the_request_is_the_orders_own(scene):
    placed = scene.order(scene.ann, Side.SELL, 30, 10, Token.DOWN)
    (order, _) = scene.exchange.dealing.open[placed.order_id]
    assert (order.up_side, order.up_price_e4) == (0, 7_000)


def test_fill_or_kill_that_a_short_fill_leaves_incomplete_is_refused_as_such(scene):
    scene.sell(scene.ann, 50, 10)
    scene.exchange.faults.set(Fault.FILL_SHORT, 1.0)
    assert "fully filled or killed" in refused(scene.buy(scene.bob, 50, 10, **FOK))
    assert scene.exchange.faults.struck[Fault.FILL_SHORT] == 1
    assert scene.told(scene.bob)[-1]["status"].startswith("CANCELED_order couldn't be fully")
    assert scene.cash(scene.bob) == 1_000


KINDS = ("GTC", "GTC", "GTC", "post_only", "FOK", "FAK")


def random_order(rng: random.Random, number: int) -> dict:
    order = {
        "id": number,
        "who": rng.choice(("ann", "bob", "cat")),
        "token": rng.choice(("up", "down")),
        "side": rng.choice(("buy", "sell")),
        "price": Fraction(rng.randrange(45, 56), 100),
        "size": Fraction(rng.randrange(500, 5_000), 100),
        "kind": rng.choice(KINDS),
    }
    if order["side"] == "buy" and order["kind"] in ("FOK", "FAK"):
        order["budget"] = order["size"] * order["price"]
    return order


def send(scene: Scene, order: dict) -> object:
    """Place one of the twin's orders on the exchange and tell the answer in its words."""
    kind = order["kind"]
    placed = scene.order(
        scene.exchange.ledger.wallets[order["who"]],
        Side.BUY if order["side"] == "buy" else Side.SELL,
        int(order["price"] * 100),
        float(order["size"]),
        Token.UP if order["token"] == "up" else Token.DOWN,
        OrderKind(kind) if kind in ("FOK", "FAK") else OrderKind.GTC,
        post_only=kind == "post_only",
        order_id=f"{order['id']}",
    )
    if isinstance(placed, Refusal):
        names = {"post-only": "post_only", "FOK": "FOK", "FAK": "FAK"}
        return next(name for word, name in names.items() if word in placed.text)
    shares_e6 = placed.taking_e6 if order["side"] == "buy" else placed.making_e6
    rests = scene.exchange.dealing.open.get(placed.order_id)
    return Fraction(shares_e6, SHARE), Fraction(rests[0].open_e6, SHARE) if rests else 0


@pytest.mark.parametrize("seed", range(8))
def test_random_orders_end_in_the_money_of_the_slow_twin(seed):
    rng, twin = random.Random(seed), Matcher()
    scene = Scene(pairs=100_000)
    for name in ("ann", "bob", "cat"):
        scene.exchange.ledger.deposit(scene.exchange.ledger.wallets[name], 10**12)
    before = {
        wallet: {asset: wallet.balances[asset] for asset in ("cash", *scene.listing.pool.tokens)}
        for wallet in (scene.ann, scene.bob, scene.cat)
    }
    for number in range(150):
        order = random_order(rng, number)
        if rng.random() < 0.2:
            found = scene.exchange.dealing.open
            if found:
                order_id = rng.choice(list(found))
                scene.exchange.cancel(scene.now_ns, found[order_id][0].owner, [order_id])
                assert twin.cancel(int(order_id))
        assert send(scene, order) == twin.place(order), f"seed {seed}, order {number}"
    mined(scene)
    scene.exchange.audit()
    assert {trade[4] for trade in twin.trades} == {"complementary", "mint", "merge"}
    for wallet, was in before.items():
        for what, asset in zip(("cash", "up", "down"), was, strict=True):
            moved = Fraction(wallet.balances[asset] - was[asset], 1_000_000)
            assert moved == twin.moved.get((wallet.address, what), 0), f"seed {seed} {what}"
