"""The stories that cost others money, each played once; with what must happen instead.

Most are days in the virtual world, where the checker holds every invariant at every step; what is
asserted beside that is the story's own point. Two are about research: what a replay must not say.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.engine.settings import MakerSettings
from polymm.errors import LockedError
from polymm.exchange.faults import Fault
from polymm.research.analytics import measure
from polymm.research.records import FillRecord, MarketRun
from polymm.research.tape_run import RunSettings, run_tape
from polymm.runtime.account_lock import account_locked
from polymm.strategy.base import BaseParameters
from tests.simulation.faults import MS, ProcessFault, WireFault
from tests.simulation.scenario import START_NS
from tests.stories.day import Day, befalls, goes_wrong
from tests.support.recordings import ROOT
from tests.support.runs import make_fill, make_market
from tests.support.tapes import SHARE, book, change, tape, trade

PRODUCT = (ROOT.parent / "shared" / "PRODUCT").with_suffix(".md")
HEADING = "## Stories that cost money"
CANCELS_MAX = 5
KILL_NS_MAX = 20 * MS

# Each story as it is told, and the test that plays it.
STORIES = {
    'A request "failed", was retried, and all three orders filled.': "retried_and_all_filled",
    "Feed open, PONGs fine, no data for hours over 1,268 tokens.": "open_feed_without_data",
    "A blocked call on a dead socket froze a bot for 84 minutes, kill switch included.": (
        "dead_socket_and_the_kill_switch"
    ),
    "Six of six matches failed on chain in a day; re-buying the missing leg doubled the"
    " position.": "matches_failed_on_chain",
    "Two engines on one wallet.": "two_engines_on_one_wallet",
    "Positions not loaded after a restart: the same orders again.": "positions_after_a_restart",
    "A stop at -10 % executed at -80 %: bought shares could not be sold.": (
        "bought_shares_cannot_be_sold"
    ),
    "Paper made $175 K overnight: fills were book flicker, Down marked at Up's mid, capital"
    " without end.": "paper_made_a_fortune",
    "Replay -0.49, live -3.24 on the same trades: the sign of the rebate.": "sign_of_the_rebate",
    'A cancel refused as "already cancelled" was sent 14,000 times.': "cancel_sent_14000_times",
    "A cancel-all ran while an order was in flight; it landed afterwards.": (
        "cancel_all_while_an_order_is_in_flight"
    ),
}


def test_no_story_is_without_its_scene() -> None:
    missing = [name for name in STORIES.values() if f"test_{name}" not in globals()]
    assert missing == []


def test_every_story_told_is_in_the_table() -> None:
    if not PRODUCT.is_file():
        pytest.skip(
            f"the stories are told in {PRODUCT.name}, which does not stand beside the clone"
        )
    section = PRODUCT.read_text().partition(HEADING)[2].partition("\n## ")[0].partition("\n")[2]
    told = [" ".join(story.split()) for story in re.split(r"\*", section) if story.strip()]
    assert told == list(STORIES)


def test_retried_and_all_filled() -> None:
    """A lost answer is neither yes nor no: nothing is sent again, the side waits for proof."""
    day = Day(goes_wrong(Fault.POST_REPLY_LOST, 10, 30), seconds=60)
    tally = day.play()
    assert tally.struck[Fault.POST_REPLY_LOST] >= 4
    posts = day.sent("post")
    ids = [order for post in posts for order in post.orders]
    intents = [place.order_id for post in posts for place in post.places]
    assert len(set(ids)) == len(ids) == len(set(intents)), "one hash an intent, sent once"
    assert max(n for _, n in day.live) <= 2, "one order a side rests, whatever was answered"
    assert day.sent("post", 45), "it quotes again afterwards"


def test_open_feed_without_data() -> None:
    """A live socket is not a live feed: nothing is quoted from a book that nobody proves."""
    silent_s = 20
    day = Day(
        goes_wrong(Fault.MARKET_SILENT, silent_s),
        goes_wrong(Fault.MARKET_BOOK_MISSING, silent_s),
        goes_wrong(WireFault.REST_BOOK_STALE, silent_s),
        seconds=60,
    )
    tally = day.play()
    assert tally.struck[Fault.MARKET_SILENT]
    assert [n for at_s, n in day.live if 10 < at_s < silent_s].count(2) > 5, "it quoted before"
    assert not any(n for at_s, n in day.live if at_s > silent_s + 5)
    assert not day.sent("post", silent_s + 5)


def test_dead_socket_and_the_kill_switch() -> None:
    """Nothing waits for an answer: the switch works within 20 ms on sockets that say nothing."""
    dead_s, killed_s = 20, 25
    day = Day(
        goes_wrong(WireFault.REPLY_LOST, dead_s),
        goes_wrong(WireFault.READ_HANGS, dead_s),
        troubles=[befalls(ProcessFault.KILL_SWITCH, killed_s)],
        seconds=killed_s + 10,
    )
    tally = day.play()
    assert tally.struck[WireFault.REPLY_LOST]
    sweep = day.sent("sweep", killed_s)[0]
    assert sweep.ns - START_NS - killed_s * NS <= KILL_NS_MAX
    assert not day.sent("post", killed_s)
    assert tally.alarms["killed"] == 1


def test_matches_failed_on_chain() -> None:
    """A match is not a settlement: three failures end all buying, and nothing is bought again."""
    day = Day(goes_wrong(Fault.TRADE_FAILED, 5), seconds=90)
    tally = day.play()
    assert tally.alarms["settlement_failed"] >= 3
    assert tally.alarms["settlements_limit"] == 1
    assert day.held_e6() == (0, 0), "what failed is not there, and was not bought a second time"
    position = [day.engine.fills.position(day.market.condition_id, token) for token in Token]
    assert [(one.low_e6, one.high_e6) for one in position] == [(0, 0), (0, 0)]
    assert not day.sent("post", 80)


def test_two_engines_on_one_wallet(tmp_path: Path) -> None:
    """The second one ends before it has written a byte."""
    first, second = tmp_path / "first", tmp_path / "second"
    with account_locked("0xA", first, folder=tmp_path):
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        with (
            pytest.raises(LockedError, match=r"process .* trades for 0xa"),
            account_locked("0xa", second, folder=tmp_path),
        ):
            pytest.fail("two engines traded")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with account_locked("0xa", second, folder=tmp_path):
        pass


def test_positions_after_a_restart() -> None:
    """What was held and what rested is known before anything is sent."""
    killed_s = 40
    day = Day(troubles=[befalls(ProcessFault.KILLED, killed_s)], seconds=70)
    tally = day.play()
    assert (tally.lives, tally.crashes) == (2, 1)
    assert any(day.held_e6()), "there was something to forget"
    first = day.sent("post", killed_s)[0]
    asked = [
        one.kind for one in day.run.world.wire.log if START_NS + killed_s * NS < one.ns < first.ns
    ]
    assert asked[0] == "sweep", "what rested is cancelled first"
    assert {"read_open", "read_trades", "read_balances"} <= set(asked)
    for token, held_e6 in zip(Token, day.held_e6(), strict=True):
        position = day.engine.fills.position(day.market.condition_id, token)
        assert position.low_e6 <= held_e6 <= position.high_e6
    assert max(n for at_s, n in day.live if at_s > killed_s) <= 2


@pytest.mark.parametrize("ask_mode", ["buy_complement", "sell_first"])
def test_bought_shares_cannot_be_sold(ask_mode: str) -> None:
    """Only confirmed shares are offered; who has none yet leaves by buying the other token."""
    day = Day(goes_wrong(Fault.TRADE_RETRIED, 0), seconds=90, lane={"ask_mode": ask_mode})
    day.play()
    places = [place for post in day.sent("post") for place in post.places]
    sides = Counter(place.side for place in places)
    assert any(day.held_e6()), "it bought"
    if ask_mode == "buy_complement":
        assert set(sides) == {Side.BUY}
    else:
        assert sides[Side.SELL], "what is confirmed is sold"
    (seat,) = day.engine.seats.values()
    assert seat.maker.counts["rejected_coverage"] == seat.maker.counts["rejected_balance"] == 0


BIDS, ASKS = [(0.48, 100), (0.47, 100), (0.46, 100)], [(0.52, 100), (0.53, 100), (0.54, 100)]
PAPER = RunSettings(
    parameters=BaseParameters(order_size_e6=10 * SHARE, max_position_e6=1_000 * SHARE),
    maker=MakerSettings(merge_enabled=False, max_total_position_e6=10**12),
    cash_e6=12 * SHARE,
)


def test_paper_made_a_fortune() -> None:
    """Flicker fills nothing, Down is worth one less Up, and money that is gone buys nothing."""
    flicker = [
        frame
        for ms in range(1_000, 290_000, 1_000)
        for frame in (book(ms, BIDS, ASKS), book(ms + 400, BIDS[1:], ASKS[1:]))
    ]
    assert run_tape(tape(*flicker), PAPER).fills == []

    trades = [trade(ms + 500, "SELL", 0.30, 500) for ms in range(2_000, 290_000, 2_000)]
    run = run_tape(tape(*flicker, *trades), PAPER)
    paid_e6 = sum(r.fill.size_e6 * r.fill.price_e4 // 10_000 for r in run.fills)
    assert run.fills
    assert 0 < paid_e6 <= PAPER.cash_e6

    down = FillRecord(fill=make_fill(Token.DOWN, 3_000, 100, make_market().start_ns + NS), fair=0.7)
    held = MarketRun(market=make_market(), source="test", status="unsettled", fills=[down])
    held.marks = [(make_market().start_ns, 0.7)]
    assert measure(held).pnl == pytest.approx(0.0), "bought at 0.30, worth 1 - 0.70"


def test_sign_of_the_rebate() -> None:
    """A rebate is paid to the maker: it adds, in replay as at the venue."""
    still = [change(1_000 * s, "BUY", 0.40, 100 + s) for s in range(1, 300)]
    run = run_tape(
        tape(book(0, BIDS, ASKS), *still, trade(2_500, "SELL", 0.40, 7)),
        RunSettings(parameters=PAPER.parameters, maker=PAPER.maker),
    )
    fill = run.fills[0].fill
    assert fill.fee_e6 == 0, "makers pay none"
    assert run.rebate_e6 == int(fill.counter_fee_e6 * 0.2) > 0
    assert measure(run).pnl == pytest.approx(run.pnl_fills_e6 / 1e6)


def test_cancel_sent_14000_times() -> None:
    """A refused cancel is no reason to send it again: five at most, then by other means."""
    day = Day(goes_wrong(Fault.CANCEL_UNKNOWN, 10), seconds=90)
    tally = day.play()
    assert tally.struck[Fault.CANCEL_UNKNOWN] >= 10
    cancels = Counter(order for sent in day.sent("cancel") for order in sent.orders)
    assert max(cancels.values()) <= CANCELS_MAX
    assert tally.alarms["cancel_by_market"], "what does not go by id goes by market"


def test_cancel_all_while_an_order_is_in_flight() -> None:
    """A POST on its way is exposure: cancelling goes on until each earlier one is resolved."""
    killed_s = 30
    day = Day(
        goes_wrong(Fault.POST_LATE, 20, killed_s),
        troubles=[befalls(ProcessFault.KILL_SWITCH, killed_s)],
        seconds=killed_s + 30,
    )
    landed: list[float] = []
    before: set[str] = set()

    def look(now_ns: int) -> None:
        new = set(day.resting()) - before
        landed.extend([(now_ns - START_NS) / NS] * len(new))
        before.update(new)

    for i in range(2_000):
        day.run.world.at(START_NS + killed_s * NS + i * 10 * MS, look)
    tally = day.play()
    assert tally.struck[Fault.POST_LATE]
    assert any(at_s > killed_s + 0.1 for at_s in landed), "one landed after the cancel-all"
    sweeps = [(one.ns - START_NS) / NS for one in day.sent("sweep", killed_s)]
    assert sweeps[0] - killed_s <= 0.02
    assert len(sweeps) > 1
    ends = [end.partition(":")[0] for end in tally.ends]
    assert ends == ["halted"], "it ended by proof"
