"""What the gate hears: refusals, states of the venue, losses; and what it concludes from them."""

import pytest

from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm
from polymm.engine.alarms import ALARMS
from polymm.engine.evidence import CancelVerdict, PlaceVerdict
from polymm.engine.refusals import CLOSINGS, HALTS
from polymm.engine.venue_state import GLOBAL_REJECTS, SPELLS
from polymm.engine.watch import SERVER_ERRORS
from polymm.venues.polymarket.reasons import REASONS
from tests.support.gates import BUY, DOWN, MARKET, NOW, SELL, UP, Scene, limits

REJECTED, UNKNOWN, LIVE = PlaceVerdict.REJECTED, PlaceVerdict.UNKNOWN, PlaceVerdict.LIVE


@pytest.fixture
def scene() -> Scene:
    return Scene(limits=limits(levels_max=1_000, orders_a_minute_max=10_000))


def refuse(scene: Scene, reason: str, verdict: PlaceVerdict = REJECTED, **more: float) -> None:
    """Send an order that never meets another, and have the venue refuse it."""
    scene.answered(scene.sent(UP, BUY, 0.20, 5), verdict, reason, **more)


def accept(scene: Scene) -> None:
    scene.answered(scene.sent(UP, BUY, 0.20, 5))


def alarms(scene: Scene) -> list[str]:
    names = [action.name for action in scene.gate.actions if isinstance(action, Alarm)]
    assert all(name in ALARMS for name in names)
    scene.gate.actions.clear()
    return names


def test_what_is_listened_for_is_what_the_venue_says() -> None:
    assert SPELLS.keys() | GLOBAL_REJECTS | SERVER_ERRORS | {"balance", "throttled"} <= set(REASONS)
    assert SPELLS.keys() | HALTS <= CLOSINGS.keys()


# Refusals of orders


def test_refusals_in_a_row_make_a_side_rest_longer_each_time(scene: Scene) -> None:
    for _ in range(2):
        refuse(scene, "post_only_crosses")
        assert scene.check() == ""
        scene.wait(7)
    for rest_s in (1, 2, 4, 8, 8):
        refuse(scene, "post_only_crosses")
        assert scene.check() == "rejects_throttled"
        # Its own side only, in Up terms, and its own market.
        assert scene.check(DOWN, BUY) == ""
        assert scene.check(DOWN, SELL, 0.70) == "rejects_throttled"
        assert scene.check(condition_id="0xbb") == ""
        scene.wait(rest_s - 0.001)
        assert scene.check() == "rejects_throttled"
        scene.wait(0.001)
        assert scene.check() == ""


def test_refusals_between_accepted_orders_are_too_many_within_a_second_only(scene: Scene) -> None:
    for _ in range(6):
        refuse(scene, "post_only_crosses")
        accept(scene)
        scene.wait(0.5)
        assert scene.check() == ""
    for _ in range(2):
        refuse(scene, "post_only_crosses")
        accept(scene)
    assert scene.check() == "rejects_throttled"


def test_a_price_refused_for_its_tick_keeps_its_market_back_until_the_book_knows(
    scene: Scene,
) -> None:
    scene.view.tick_e4 = 10
    scene.answered(scene.sent(UP, BUY, 0.201, 5), REJECTED, "off_tick")
    assert scene.check() == scene.check(DOWN, BUY, 0.30) == "tick_refused"
    assert scene.check(condition_id="0xbb") == ""
    scene.view.tick_e4 = 100
    assert scene.check() == ""
    # It is tried again after a while, later each time, until an order is accepted.
    scene.view.tick_e4 = 10
    for wait_s in (1, 2):
        scene.wait(wait_s - 0.001)
        assert scene.check(DOWN, BUY) == "tick_refused"
        scene.wait(wait_s / 4 + 0.002)
        assert scene.check(DOWN, BUY) == ""
        scene.answered(scene.sent(UP, BUY, 0.201, 5), REJECTED, "off_tick")
    accept(scene)
    assert scene.check(DOWN, BUY) == ""


def test_an_accepted_order_makes_the_next_rest_short_again(scene: Scene) -> None:
    for _ in range(3):
        for _ in range(3):
            refuse(scene, "post_only_crosses")
        scene.wait(10)
    accept(scene)
    for _ in range(3):
        refuse(scene, "post_only_crosses")
    scene.wait(1)
    assert scene.check() == ""


def test_what_was_never_sent_is_no_refusal_of_the_venue(scene: Scene) -> None:
    for _ in range(5):
        refuse(scene, "order_budget", PlaceVerdict.NOT_SENT)
    assert scene.check() == ""


def test_orders_the_balance_does_not_cover_wait_longer_each_time(scene: Scene) -> None:
    for n, wait_s in enumerate((1, 2, 4, 8, 16, 16, 16), start=1):
        refuse(scene, "balance")
        assert scene.check() == scene.check(DOWN, BUY) == "balance_blocked"
        assert alarms(scene) == (["balance_refused"] if n == 3 else [])
        scene.wait(wait_s - 0.001)
        assert scene.check() == "balance_blocked"
        # A quarter more at most: waits are spread.
        scene.wait(wait_s / 4 + 0.002)
        assert scene.check() == ""
    accept(scene)
    refuse(scene, "balance")
    scene.wait(1.3)
    assert scene.check() == ""


def test_orders_that_were_out_before_a_block_do_not_make_it_longer(scene: Scene) -> None:
    for _ in range(4):
        refuse(scene, "balance")
    assert alarms(scene) == []
    scene.wait(1.3)
    assert scene.check() == ""


def test_a_refused_purchase_blocks_no_sale_and_a_refused_sale_no_purchase(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.4, 20)
    scene.fill(DOWN, BUY, 0.4, 20)
    refuse(scene, "balance")
    assert scene.check(UP, SELL, 0.6) == ""
    scene.wait(2)
    scene.answered(scene.sent(UP, SELL, 0.70, 5), REJECTED, "balance")
    assert scene.check() == ""
    assert scene.check(UP, SELL, 0.6) == "balance_blocked"
    assert scene.check(DOWN, SELL, 0.7) == ""


def test_balances_are_wanted_until_they_were_read_afterwards(scene: Scene) -> None:
    assert not scene.gate.watch.wants_balances
    refuse(scene, "balance")
    assert scene.gate.watch.wants_balances
    scene.tell(ev.BalancesRead(0, (), NOW - 1, NOW))
    assert scene.gate.watch.wants_balances
    scene.tell(ev.BalancesRead(0, (), NOW, NOW))
    assert not scene.gate.watch.wants_balances


@pytest.mark.parametrize("reason", sorted(GLOBAL_REJECTS))
def test_what_is_wrong_with_every_order_halts(scene: Scene, reason: str) -> None:
    refuse(scene, reason)
    assert set(scene.gate.closed_by) == {"orders_refused", "halted"}
    assert alarms(scene) == ["halted"]
    scene.wait(10_000)
    assert not scene.gate.is_open


# States of the venue


def test_placements_wait_as_long_as_the_venue_asks(scene: Scene) -> None:
    refuse(scene, "throttled", retry_after_s=7)
    assert scene.check() == "throttled"
    # Quotes stay: what rests costs no token.
    assert scene.gate.may_quote(MARKET)
    scene.wait(6.999)
    assert scene.check() == "throttled"
    scene.wait(0.001)
    assert scene.check() == ""


@pytest.mark.parametrize("reason", ["restarting", "disabled", "cancel_only", "blocked"])
def test_a_venue_that_takes_no_orders_is_left_alone_for_longer_each_time(
    scene: Scene, reason: str
) -> None:
    longest_s = 30 if reason == "restarting" else 16
    for n, wait_s in enumerate((1, 2, 4, 8, 16, longest_s, longest_s)):
        refuse(scene, reason)
        refuse(scene, reason)
        assert set(scene.gate.closed_by) == {reason}
        assert len(alarms(scene)) == (n == 0)
        scene.wait(wait_s - 0.001)
        assert scene.check() == "gate_closed"
        scene.wait(wait_s / 4 + 0.002)
        assert scene.check() == ""
    accept(scene)
    refuse(scene, reason)
    scene.wait(1.3)
    assert scene.check() == ""


def test_the_venue_may_ask_for_longer(scene: Scene) -> None:
    refuse(scene, "restarting", retry_after_s=79)
    scene.wait(78.9)
    assert scene.check() == "gate_closed"
    scene.wait(0.2)
    assert scene.check() == ""


@pytest.mark.parametrize(
    "event",
    [
        ev.CancelAnswered("0x9", CancelVerdict.REFUSED, "restarting", NOW, NOW),
        ev.Swept("", CancelVerdict.REFUSED, (), (), "restarting", NOW, NOW),
        ev.BeatAnswered(False, "restarting", NOW, NOW),
        ev.ReadFailed(ev.ReadKind.OPEN, "", "restarting", NOW, NOW),
    ],
)
def test_every_answer_tells_of_the_venue(scene: Scene, event: ev.Event) -> None:
    scene.tell(event)
    assert scene.check() == "gate_closed"


def good(sent_ns: int) -> list[ev.Event]:
    return [
        ev.CancelAnswered("0x9", CancelVerdict.NOT_CANCELED, "gone", sent_ns, sent_ns),
        ev.Swept("", CancelVerdict.CANCELED, (), (), "", sent_ns, sent_ns),
        ev.BeatAnswered(True, "", sent_ns, sent_ns),
        ev.OpenListed("", (), sent_ns, sent_ns),
        ev.OrderRead("0x9", None, sent_ns, sent_ns),
        ev.TradesRead("", 0, (), sent_ns, sent_ns),
        ev.BalancesRead(0, (), sent_ns, sent_ns),
    ]


@pytest.mark.parametrize("n", range(7))
def test_refused_keys_are_good_again_after_an_answer_that_was_asked_for_later(n: int) -> None:
    scene = Scene()
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW, NOW))
    assert scene.check() == "gate_closed"
    assert alarms(scene) == ["keys_refused"]
    scene.wait(3_600)
    scene.tell(good(NOW)[n])
    assert scene.check() == "gate_closed"
    scene.tell(good(NOW + 1)[n])
    assert scene.gate.is_open


def test_the_latest_refusal_of_keys_counts_though_it_is_told_first(scene: Scene) -> None:
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW + 5, NOW))
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW, NOW))
    scene.tell(good(NOW + 5)[0])
    assert not scene.gate.is_open
    scene.tell(good(NOW + 6)[0])
    assert scene.gate.is_open


def test_keys_that_are_refused_again_halt(scene: Scene) -> None:
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW, NOW))
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW + 5, NOW))
    scene.wait(1)
    scene.tell(good(scene.now_ns)[0])
    # An old answer that comes late belongs to the spell that is over.
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW + 6, NOW))
    assert scene.gate.is_open
    scene.wait(1)
    scene.tell(ev.BeatAnswered(False, "unauthorized", scene.now_ns, scene.now_ns))
    assert {"keys_refused_again", "halted"} <= set(scene.gate.closed_by)


def test_keys_that_are_refused_again_much_later_are_a_new_spell(scene: Scene) -> None:
    for _ in range(3):
        scene.wait(601)
        scene.tell(ev.BeatAnswered(False, "unauthorized", scene.now_ns, scene.now_ns))
        scene.wait(1)
        scene.tell(good(scene.now_ns)[0])
        assert scene.gate.is_open


def test_refused_keys_are_derived_anew_once_and_halt_where_that_does_not_help() -> None:
    scene = Scene()
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW, NOW))
    assert scene.gate.watch.wants_keys
    scene.wait(1)
    renewed_ns = scene.now_ns
    scene.tell(ev.KeysRead(NOW + 1, renewed_ns))
    assert not scene.gate.watch.wants_keys
    assert not scene.gate.is_open
    # What was sent with the keys from before says nothing of the new ones.
    scene.tell(ev.BeatAnswered(False, "unauthorized", renewed_ns, NOW))
    assert "halted" not in scene.gate.closed_by
    scene.tell(ev.BeatAnswered(False, "unauthorized", renewed_ns + 1, NOW))
    assert {"keys_refused_again", "halted"} <= set(scene.gate.closed_by)
    assert not scene.gate.watch.wants_keys


def test_new_keys_that_the_venue_takes_open_the_gate() -> None:
    scene = Scene()
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW, NOW))
    scene.wait(1)
    scene.tell(ev.KeysRead(NOW + 1, scene.now_ns))
    scene.tell(good(scene.now_ns + 1)[0])
    assert scene.gate.is_open
    assert not scene.gate.watch.wants_keys


@pytest.mark.parametrize(("reason", "is_over"), [("refused", True), ("timeout", False)])
def test_a_venue_that_knows_of_no_keys_halts_and_a_silent_one_is_asked_again(
    reason: str, *, is_over: bool
) -> None:
    scene = Scene()
    scene.tell(ev.BeatAnswered(False, "unauthorized", NOW, NOW))
    scene.tell(ev.ReadFailed(ev.ReadKind.KEYS, "", reason, NOW + 1, NOW + 2))
    assert ("keys_refused_again" in scene.gate.closed_by) is is_over
    assert scene.gate.watch.wants_keys is not is_over


@pytest.mark.parametrize("reason", sorted(SERVER_ERRORS))
def test_errors_that_say_nothing_stop_a_market_for_a_while(reason: str) -> None:
    scene = Scene()
    for n in range(5):
        assert scene.gate.may_quote(MARKET), n
        scene.answered(scene.sent(UP, BUY, 0.20 + n / 100, 5), UNKNOWN, reason)
        scene.wait(2.4)
    assert scene.check(DOWN, BUY) == "market_stopped"
    assert alarms(scene) == ["venue_errors"]
    assert scene.check(DOWN, BUY, condition_id="0xbb") == ""
    scene.wait(17.5)
    assert scene.check(DOWN, BUY) == "market_stopped"
    scene.wait(0.2)
    assert scene.check(DOWN, BUY) == ""


def test_fewer_errors_or_slower_ones_stop_nothing() -> None:
    scene = Scene()
    for n in range(7):
        scene.answered(scene.sent(UP, BUY, 0.20 + n / 100, 5), UNKNOWN, "engine")
        scene.wait(2.5)
        assert scene.gate.may_quote(MARKET)


def test_time_outs_are_no_errors_of_the_venue() -> None:
    scene = Scene()
    for n in range(7):
        scene.answered(scene.sent(UP, BUY, 0.20 + n / 100, 5), UNKNOWN, "timeout")
    assert scene.gate.may_quote(MARKET)


def test_answers_that_take_too_long_close_the_gate_for_a_while(scene: Scene) -> None:
    scene.answered(scene.sent(price=0.20), took_s=1.001)
    assert scene.gate.is_open
    scene.answered(scene.sent(price=0.21), took_s=1.0)
    assert scene.gate.is_open
    scene.answered(scene.sent(price=0.22), took_s=1.001)
    assert set(scene.gate.closed_by) == {"slow_venue"}
    scene.wait(5)
    assert scene.gate.is_open


def test_five_of_a_hundred_answers_may_be_slow(scene: Scene) -> None:
    for _ in range(95):
        accept(scene)
    for _ in range(5):
        scene.answered(scene.sent(UP, BUY, 0.20, 5), took_s=2)
    assert scene.gate.is_open
    scene.answered(scene.sent(UP, BUY, 0.20, 5), took_s=2)
    assert not scene.gate.is_open


def test_a_market_that_is_over_leaves_nothing_behind(scene: Scene) -> None:
    for reason in ("off_tick", "balance"):
        refuse(scene, reason)
    refuse(scene, "engine", UNKNOWN)
    scene.fill(UP, BUY, 0.50, 10)
    scene.gate.forget(MARKET)
    watch = scene.gate.watch
    assert not watch._rests
    assert not watch._errors
    assert not watch._grids
    assert not watch.losses._watches
    # Cash belongs to all markets.
    assert len(watch._blocks) == 1
