"""The documents keep their word: what is cited exists, and the worked numbers are the code's."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from polymm._core.inventory import inventory_skew
from polymm._core.queue import prob
from polymm._core.quoting import calculate_mm_prices
from polymm._core.signals import analyze_levels
from polymm.domain.market import NS, FeeSchedule
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.life import Life
from polymm.engine.order_manager import OrderManager
from polymm.engine.order_settings import OrderSettings
from polymm.engine.recovered import REMEMBER_NS
from polymm.engine.refusals import CLOSINGS, REFUSALS, RESTRICTIONS
from polymm.engine.worth import NEVER_TICKS, Worth
from polymm.research.estimates import brier, log_loss
from polymm.runtime.journal_files import RETRY_S, JournalSettings
from polymm.runtime.journal_format import Kind
from polymm.strategy.base import BaseParameters, raise_order_size
from tests.support.gates import FakeBudget
from tests.support.lanes import SHARE, book_at, quote_of

ROOT = Path(__file__).resolve().parent.parent
STRATEGY = (ROOT / "docs/strategy.md").read_text()
ENGINE = (ROOT / "docs/engine.md").read_text() + (ROOT / "docs/risk.md").read_text()
FOLDERS = ("polymm", "benches", "docs", "examples", "tests")
SUFFIXES = {".py", ".pyi", ".pyx", ".pxd", ".h", ".md", ".toml", ".sh"}


def sources() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return [path for path in (*found, *ROOT.glob("*.*")) if path.suffix in SUFFIXES]


def section(number: int) -> str:
    """Text of one section, up to the next."""
    return STRATEGY.split(f"\n## {number}. ", 1)[1].split("\n## ", 1)[0]


def table(head: str, text: str = STRATEGY) -> list[list[str]]:
    """Cells of the table whose heading begins so."""
    rows = text.split(f"\n| {head}", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def e4(dollars: str) -> int:
    return round(float(dollars) * 10_000)


def pair(cell: str) -> tuple[float, float]:
    bid, ask = cell.split("/")
    return float(bid), float(ask)


# What is cited


def test_every_document_that_is_cited_is_in_the_repository() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in re.findall(r"[\w./-]+\.md\b", path.read_text())
        if not (ROOT / name).is_file() and not (path.parent / name).is_file()
    ]
    assert not missing


def test_every_section_and_step_that_is_cited_is_there() -> None:
    cited: set[tuple[int, int]] = set()
    for path in sources():
        # A citation may be broken over two lines, with a comment's mark between.
        text = re.sub(r"\n[ #]*", " ", path.read_text())
        for name in re.findall(r"docs/strategy\.md (\d\.\d+|section \d(?:, steps? \d+)?)", text):
            numbers = [int(number) for number in re.findall(r"\d+", name)]
            cited.add((numbers[0], numbers[1] if len(numbers) > 1 else 0))
    assert {(1, 0), (2, 7), (4, 0), (4, 12), (5, 0)} <= cited
    for number, step in sorted(cited):
        assert not step or re.search(rf"^{step}\. ", section(number), re.MULTILINE), (number, step)


# Section 1


def test_fees() -> None:
    text = section(1)
    fees = re.findall(r"(?:at|shares at) (0\.\d\d)\s+(?:cost )?(\d\.\d+)", text)
    assert len(fees) == 4
    for price, fee in fees:
        assert FeeSchedule().taker_fee_e6(e4(price), 100 * SHARE) / 1e6 == float(fee)
    rebate = FeeSchedule().taker_fee_e6(5_000, 100 * SHARE) * FeeSchedule().rebate_e6 / 1e12
    assert f"${rebate:g} on 100 shares at 0.50" in text


# Section 2


def test_parameters_have_the_defaults_of_the_table() -> None:
    shown: dict[str, str] = {}
    for row in table("parameter"):
        for names, values in (row[:2], row[2:]):
            keys = re.findall(r"`(\w+)`", names)
            given = re.findall(r"`\w+`|\d[\d.]*", values)
            shown.update(zip(keys, given, strict=False))
    parameters = BaseParameters()
    for name, value in shown.items():
        field = f"{name}_e6" if hasattr(parameters, f"{name}_e6") else name
        found = getattr(parameters, field)
        if value.startswith("`"):
            assert found == value.strip("`"), name
        else:
            assert found == pytest.approx(float(value) * (1e6 if field != name else 1)), name
    assert len(shown) == 21


def test_depth_and_imbalance() -> None:
    book = section(2).split("### Worked numbers")[1].split("\n\n")[1]
    bids, asks = (
        [(float(price), float(size)) for price, size in re.findall(r"(\.\d+)x(\d+)", side)]
        for side in book.split(" bid, and")
    )
    rows = table("min_size | bid")
    assert len(rows) == 3
    for min_size, bid, ask, bid_depth, ask_depth, imbalance in rows:
        found = analyze_levels(bids, asks, min_size=float(min_size))
        assert found is not None
        assert (found.bid_e4, found.ask_e4) == (e4(bid), e4(ask))
        assert (found.bid_depth_e6, found.ask_depth_e6) == (
            int(bid_depth) * SHARE,
            int(ask_depth) * SHARE,
        )
        assert found.imbalance == pytest.approx(float(imbalance), abs=1e-6)


def test_skews() -> None:
    rows = re.findall(r"(\d+)/(\d+) at\s(0\.\d\d)\sis\s(-?[\d.]*\d)", section(2))
    assert len(rows) == 6
    for up, down, mid, skew in rows:
        found = inventory_skew(int(up) * SHARE, int(down) * SHARE, float(mid))
        assert found == pytest.approx(float(skew), abs=1e-6)


def test_prices_under_both_signs() -> None:
    rows = table("bid | ask")
    assert len(rows) == 6
    for bid, ask, skew, imbalance, *quotes in rows:
        for sign, raw, ticks in zip(("prose", "literal"), quotes[:2], quotes[2:], strict=True):
            # A touch that cannot be met leaves the post-only guard out.
            found = calculate_mm_prices(
                e4(bid),
                e4(ask),
                float(skew),
                float(imbalance),
                inventory_sign=sign,
                touch_bid_e4=0,
                touch_ask_e4=10_000,
            )
            assert (found.bid, found.ask) == pytest.approx(pair(raw), abs=1e-6)
            assert (found.bid_e4 / 1e4, found.ask_e4 / 1e4) == pytest.approx(pair(ticks))


def test_sizes_after_limits_and_skips() -> None:
    rows = table("Up | Down")
    assert len(rows) == 6
    for i, (up, down, mid, most, skew, bid, ask) in enumerate(rows):
        size = 20 if i < 4 else 1
        wanted = BaseParameters(order_size_e6=size * SHARE, max_position_e6=int(most) * SHARE)
        parameters = raise_order_size(wanted, 5 * SHARE)
        found = quote_of(*book_at(e4(mid)), parameters, up=int(up), down=int(down))
        assert found.skew == pytest.approx(float(skew), abs=1e-6)
        assert (found.bid_e6, found.ask_buy_e6) == (int(bid) * SHARE, int(ask) * SHARE)


# Sections 4 and 5


def test_queue_model() -> None:
    text = " ".join(section(4).split())
    assert f"80 ahead and 20 behind leave {prob(80, 20, 30, 70):.6f} ahead" in text
    assert f"20 and 80 leave {prob(20, 80, 30, 70):.6f}" in text


def test_calibration() -> None:
    forecasts, outcomes = (0.9, 0.6, 0.3, 0.2), (1.0, 1.0, 0.0, 1.0)
    told = f"Brier is {brier(forecasts, outcomes):.3f} and log loss"
    text = " ".join(section(5).split())
    assert f"{told} {log_loss(forecasts, outcomes):.5f}" in text


# docs/engine.md and docs/risk.md


@pytest.mark.parametrize(
    ("head", "names"),
    [("refusal", REFUSALS), ("closed by", CLOSINGS), ("restricted by", RESTRICTIONS)],
)
def test_every_name_of_the_risk_gate_is_explained_in_its_order(
    head: str, names: Mapping[str, str]
) -> None:
    told = {name.strip("`"): meaning for name, meaning in table(f"{head} |", ENGINE)}
    assert list(told.items()) == list(names.items())


def test_every_state_of_an_order_is_explained_in_its_order() -> None:
    states = [name for row in table("state", ENGINE) for name in re.findall(r"`(\w+)`", row[0])]
    assert states == [life.name for life in Life]


def test_the_waits_for_orders_are_those_that_are_told() -> None:
    settings, text = OrderSettings(), " ".join(ENGINE.split())
    resends = [f"{wait_ns / NS:g}" for wait_ns in settings.resends_ns]
    checks = [f"{wait_ns / NS:g}" for wait_ns in settings.checks_ns]
    for waits, verb in ((resends, "repeated"), (checks, "asked about after")):
        assert f"{verb} {', '.join(waits[:-1])} and {waits[-1]} s" in text
    assert f"then every {settings.check_period_ns // NS} s" in text


def test_the_ticks_that_a_requote_must_be_worth() -> None:
    words = {"one half": 120, "one quarter": 60, "one eighth": 30, "none": 0}
    for left, _, ticks in table("left of the tokens |", ENGINE):
        # Nothing is live: one cancel token is kept.
        budget = FakeBudget(words[left], words[left] + 1, bursts=(240, 241))
        found = Worth(budget, OrderManager(FillLedger())).least_ticks(0)
        assert found == (int(ticks) if ticks else NEVER_TICKS)


def test_every_kind_of_the_journal_is_explained_in_its_order() -> None:
    assert [kind.strip("`") for kind, _, _ in table("kind |", ENGINE)] == [k.name for k in Kind]


def test_the_journal_is_kept_as_told() -> None:
    settings = JournalSettings()
    kept = f"{settings.segments_kept} of {settings.segment_bytes_max >> 20} MiB are kept"
    assert kept in " ".join(ENGINE.split())
    assert settings.sync_slow_ns == 5 * NS
    assert RETRY_S == 1.0
    assert REMEMBER_NS == 1_800 * NS
