"""The verdict on a bot that traded while the exchange fanned out."""

from dataclasses import replace

import pytest

from benches.path.fanout_bot import BotFigures, Slice, report
from polymm.runtime.stage_names import new_stages, stage_times

KEY = "key"
GOOD = BotFigures(
    slices=[Slice(placed=4, looks=1_000, allowed=1_000, quoted=950, both=900) for _ in range(2)],
    ages_ms=[2] * 100,
    fills=3,
    user_events=(KEY, 40),
    gaps=0,
    faults=[],
    stages=stage_times(new_stages()),
)
IDLE = Slice(placed=0, looks=1_000, allowed=1_000, quoted=1_000, both=1_000)


def wrongs(bot: BotFigures, told: int = 40) -> list[str]:
    return [text for text, is_so in report(bot, told, 20.0).items() if is_so]


def test_a_bot_that_quotes_all_the_while_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert wrongs(GOOD) == []
    out = capsys.readouterr().out
    assert "bot, orders in 10 s   4 4\n" in out
    assert "95.0% a side, 90.0% both, of the 100.0% that books allow; 3 fills" in out
    assert "40 told, 0 lost, 0 gaps" in out


@pytest.mark.parametrize(
    ("bot", "told", "wrong"),
    [
        (replace(GOOD, slices=[*GOOD.slices, IDLE]), 40, "placed nothing for a slice"),
        (replace(GOOD, slices=[Slice(looks=1_000)]), 40, "placed nothing for a slice"),
        (
            replace(GOOD, slices=[replace(GOOD.slices[0], quoted=890)]),
            40,
            "uptime is below 90%",
        ),
        (replace(GOOD, ages_ms=[2] * 98 + [21] * 2), 40, "above 20 ms at p99"),
        (GOOD, 41, "user events were lost"),
        (replace(GOOD, gaps=1), 40, "user events were lost"),
        (replace(GOOD, faults=["orders_after_close"]), 40, "do not add up"),
    ],
)
def test_what_is_wrong_is_named(bot: BotFigures, told: int, wrong: str) -> None:
    assert [text for text in wrongs(bot, told) if wrong in text]


def test_a_slice_that_hardly_allowed_quoting_may_be_idle() -> None:
    quiet = replace(IDLE, allowed=500, quoted=500)
    assert wrongs(replace(GOOD, slices=[*GOOD.slices, quiet])) == []
