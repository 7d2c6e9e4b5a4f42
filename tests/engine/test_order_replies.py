"""What makers are told of their orders: what is proven, once."""

from polymm.domain.order import (
    Accepted,
    Cancelled,
    CancelRefused,
    Fill,
    Rejected,
    Side,
    Token,
    Voided,
)
from polymm.engine.evidence import MarketClosed, Settlement, Swept
from tests.support.order_scene import (
    CANCELLATION,
    GONE,
    KEPT,
    LIVE,
    LOST,
    MARKET,
    PLACEMENT,
    REJECTED,
    SHARE,
    OrderScene,
    canceled,
    fill,
    listed,
    ns,
    placed,
    seen,
    told,
    trades,
)


def test_a_life_is_told_once_and_in_order() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(0.2, told(PLACEMENT, 0.2), listed(0.2, seen()))
    scene.cancel(1)
    for _ in range(2):
        scene.step(1.2, fill("t", 1.2, 4), canceled(GONE, 1, 1.2), told(CANCELLATION, 1.2, 4))
    accepted, filled, ended = scene.replies
    assert accepted == Accepted(1)
    assert ended == Cancelled(1, 4 * SHARE, "requested")
    assert filled == Fill(
        trade_id=1,
        order_id=1,
        slug="slug",
        token=Token.UP,
        side=Side.BUY,
        price_e4=4_900,
        size_e6=4 * SHARE,
        fee_e6=0,
        exch_ns=ns(1.1),
        front_e6=3 * SHARE,
        after_cancel_sent=True,
        counter_fee_e6=7,
    )


def test_a_fill_before_the_answer_is_a_sign_of_life_first() -> None:
    scene = OrderScene()
    scene.send()
    scene.step(0.1, fill("t", 0.1, 10))
    scene.step(0.2, placed(LIVE, 0.2))
    assert [type(reply) for reply in scene.replies] == [Accepted, Fill]


def test_rounding_left_over_is_told_as_an_end_after_the_last_fill() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, fill("t", 1, 9.995))
    assert [type(reply) for reply in scene.replies] == [Accepted, Fill, Cancelled]
    assert scene.replies[-1] == Cancelled(1, 9_995_000, "venue")


def test_an_end_is_told_when_all_its_fills_are() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, told(CANCELLATION, 1, 4))
    assert scene.replies == [Accepted(1)]
    scene.step(1.1, fill("t", 1.1, 4))
    assert scene.replies[-1] == Cancelled(1, 4 * SHARE, "venue")


def test_why_it_ended_is_told() -> None:
    for status, reason in (("CANCELED", "venue"), ("CANCELED_MARKET_RESOLVED", "expired")):
        scene = OrderScene()
        scene.rest()
        scene.step(1, told(CANCELLATION, 1, 0, status=status))
        assert scene.replies[-1] == Cancelled(1, 0, reason)
    scene = OrderScene()
    scene.rest()
    scene.step(1, MarketClosed(MARKET))
    scene.step(12, trades(12))
    assert scene.replies[-1] == Cancelled(1, 0, "expired")


def test_a_refusal_is_told_in_the_engine_s_words() -> None:
    for reason, word in (
        ("post_only_crosses", "post_only_crosses"),
        ("not_found", "market_closed"),
        ("amount_below_minimum", "size_below_minimum"),
        ("odd", "odd"),
        ("", "refused"),
    ):
        scene = OrderScene()
        scene.send()
        scene.step(0.1, placed(REJECTED, 0.1, reason=reason))
        assert scene.replies == [Rejected(1, word)]


def test_cancels_that_prove_nothing_are_told_to_whoever_wanted_them() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(0.5, Swept(MARKET, GONE, (), ("A",), "", ns(0.4), ns(0.5)))
    assert scene.replies == [Accepted(1)]
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    for _ in range(2):
        scene.step(1.1, canceled(LOST, 1, 1.1))
    for recv in (2.1, 2.1, 2.2):
        scene.step(recv, canceled(KEPT, 2, recv))
    assert scene.replies[1:] == [CancelRefused(1, "unavailable"), CancelRefused(1, "matched")]


def test_a_void_fill_is_taken_back_once_with_what_was_told() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, fill("t", 1, 4))
    filled = scene.replies[-1]
    for _ in range(2):
        scene.step(5, fill("t", 5, 4, Settlement.VOID))
    assert isinstance(filled, Fill)
    assert scene.replies[2:] == [Voided(filled)]
    assert scene.alarms == ["settlement_failed"]


def test_what_was_void_when_first_heard_of_is_told_to_nobody() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, fill("t", 1, 4, Settlement.VOID), fill("t", 2, 4))
    assert scene.replies == [Accepted(1)]
    assert scene.manager.by_id[1].matched_e6 == 0


def test_fills_have_numbers_of_their_own() -> None:
    scene = OrderScene()
    scene.rest("A")
    scene.rest("B")
    told_e6 = [fill("t", 1, 1), fill("t", 1, 1, leg=1), fill("t", 1, 1, order="B")]
    scene.step(1, *told_e6, fill("u", 1, 1))
    numbers = [reply.trade_id for reply in scene.replies if isinstance(reply, Fill)]
    assert len(set(numbers)) == 4


def test_an_order_refused_and_alive_is_not_told_again_but_for_its_fills() -> None:
    scene = OrderScene()
    scene.send()
    scene.step(0.1, placed(REJECTED, 0.1, reason="balance"))
    scene.step(0.2, told(PLACEMENT, 0.2), fill("t", 0.2, 10))
    assert [type(reply) for reply in scene.replies] == [Rejected, Fill]
