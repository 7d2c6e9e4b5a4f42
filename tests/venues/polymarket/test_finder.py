"""Windows by arithmetic, found ahead in two records, and refused by name."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from polymm.venues.polymarket.catalog import CatalogEntry
from polymm.venues.polymarket.finder import FinderSettings, WindowFinder
from polymm.venues.polymarket.slugs import Window, parse_slug
from tests.support.loopback import Stage, until
from tests.support.market_records import clob_record, gamma_record

SECOND = 1_000_000_000
MINUTE = 60
START_S = 1_791_241_200
FAST = FinderSettings(backoff_base_ns=1_000_000, backoff_ns_max=2_000_000)


def number_of(window: Window) -> int:
    """Something of its own for each window and coin."""
    return window.start_s * 10 + {"btc": 1, "eth": 2}[window.coin]


@dataclass
class Catalogue:
    """Records of all windows there are, as both sources would give them."""

    clock_ns: int = START_S * SECOND
    gamma_changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    clob_changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    conditions: dict[str, Window] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def tokens(self, window: Window) -> tuple[str, str]:
        return f"7{number_of(window):070d}", f"5{number_of(window):070d}"

    async def read_gamma(self, path: str) -> tuple[int, bytes]:
        slug = path.removeprefix("/markets/slug/")
        self.reads.append(slug)
        await asyncio.sleep(0)
        window = parse_slug(slug)
        condition = f"0x{number_of(window):064x}"
        self.conditions[condition] = window
        if self.statuses.get(slug, 200) != 200:
            return self.statuses[slug], b'{"error":"not found"}'
        up, down = self.tokens(window)
        record = gamma_record(
            slug=slug,
            conditionId=condition,
            clobTokenIds=orjson.dumps([down, up]).decode(),
            outcomes='["Down", "Up"]',
            eventStartTime=None,
            endDate=None,
            resolutionSource=None,
            cryptoMarketConfig={
                "asset": window.coin,
                "duration": "1m",
                "twapEnabled": True,
                "twapLookbackSeconds": 12,
            },
        )
        return 200, orjson.dumps(record | self.gamma_changes.get(slug, {}))

    async def read_clob(self, path: str) -> tuple[int, bytes]:
        await asyncio.sleep(0)
        window = self.conditions[path.removeprefix("/clob-markets/")]
        up, down = self.tokens(window)
        record = clob_record(
            c=path.removeprefix("/clob-markets/"),
            t=[{"t": up, "o": "Up"}, {"t": down, "o": "Down"}],
        )
        return 200, orjson.dumps(record | self.clob_changes.get(window.slug, {}))


@dataclass
class Scene:
    """A finder and what it told."""

    catalogue: Catalogue
    finder: WindowFinder
    found: dict[str, CatalogEntry] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def make(catalogue: Catalogue, settings: FinderSettings = FAST) -> Scene:
    scene = Scene(catalogue, None)  # type: ignore[arg-type]

    def on_found(window: Window, entry: CatalogEntry) -> None:
        assert window.slug not in scene.found
        scene.found[window.slug] = entry

    def on_refused(window: Window, reason: str) -> None:
        assert window.slug not in scene.refused
        scene.refused[window.slug] = reason

    scene.finder = WindowFinder(
        ["btc", "eth"],
        MINUTE,
        catalogue.read_gamma,
        catalogue.read_clob,
        on_found,
        rng=random.Random(1),
        on_refused=on_refused,
        settings=settings,
        clock_ns=lambda: catalogue.clock_ns,
    )
    return scene


@asynccontextmanager
async def opened(catalogue: Catalogue, settings: FinderSettings = FAST) -> AsyncIterator[Scene]:
    scene = make(catalogue, settings)
    await scene.finder.open()
    try:
        yield scene
    finally:
        await scene.finder.close()


def slug(coin: str, later: int) -> str:
    return Window(coin, MINUTE, START_S + later * MINUTE).slug


def test_open_and_next_windows_of_all_coins_are_found_at_once(run: Stage) -> None:
    async def scene() -> None:
        async with opened(Catalogue()) as it:
            await until(lambda: len(it.found) == 6)
            assert set(it.found) == {slug(coin, i) for coin in ("btc", "eth") for i in range(3)}
            market = it.found[slug("eth", 1)].market
            # Gamma lists Down first: only the label says which is which.
            assert (market.up_token[0], market.down_token[0]) == ("7", "5")
            assert market.start_ns == (START_S + MINUTE) * SECOND
            assert it.finder.searching == {}

    run(scene())


def test_each_window_is_begun_once_when_its_time_comes() -> None:
    catalogue = Catalogue()
    finder = make(catalogue).finder
    begun = finder.due(catalogue.clock_ns)
    assert [window.slug for window in begun[:3]] == [slug("btc", i) for i in range(3)]
    assert finder.due(catalogue.clock_ns + 59 * SECOND) == []
    later = finder.due(catalogue.clock_ns + 60 * SECOND)
    assert [window.slug for window in later] == [slug("btc", 3), slug("eth", 3)]
    # Nobody looked for a while: the window that is open now still counts.
    many = finder.due(catalogue.clock_ns + 600 * SECOND)
    assert [window.slug for window in many[:3]] == [slug("btc", 10 + i) for i in range(3)]


def test_a_lead_makes_windows_wait_and_the_open_one_may_be_left_out() -> None:
    catalogue = Catalogue()
    settings = FinderSettings(ahead=1, lead_ns=20 * SECOND, with_open=False)
    finder = make(catalogue, settings).finder
    assert finder.due(catalogue.clock_ns) == []
    assert finder.due(catalogue.clock_ns + 39 * SECOND) == []
    later = finder.due(catalogue.clock_ns + 40 * SECOND)
    assert [window.slug for window in later] == [slug("btc", 1), slug("eth", 1)]
    assert finder.due(catalogue.clock_ns + 61 * SECOND) == []


def test_a_window_is_looked_for_until_late() -> None:
    finder = make(Catalogue()).finder
    window = Window("btc", MINUTE, START_S)
    before_ns = (START_S - 500) * SECOND
    assert finder.gives_up_ns(window, before_ns) == (START_S + 30) * SECOND
    assert finder.gives_up_ns(window, (START_S + 10) * SECOND) == (START_S + 40) * SECOND
    assert finder.gives_up_ns(window, (START_S + 50) * SECOND) == window.end_ns


@pytest.mark.parametrize(
    ("status", "name"), [(404, "gamma_404"), (503, "gamma_503"), (0, "gamma_unanswered")]
)
def test_a_missing_record_is_asked_for_again_and_holds_up_no_other(
    stage: Stage, status: int, name: str
) -> None:
    async def scene() -> None:
        catalogue = Catalogue(statuses={slug("btc", 1): status})
        async with opened(catalogue) as it:
            await until(lambda: len(it.found) == 5 and it.finder.counts[name] >= 3)
            assert "gamma" in it.finder.searching[Window("btc", MINUTE, START_S + MINUTE)]
            del catalogue.statuses[slug("btc", 1)]
            await until(lambda: len(it.found) == 6)
            assert it.refused == {}

    stage(scene())


@pytest.mark.parametrize(
    ("source", "changes", "name"),
    [
        ("gamma", {"acceptingOrders": False}, "obstacle"),
        ("clob", {"ao": False}, "obstacle"),
        ("clob", {"v": "v2"}, "bad_version"),
        ("clob", {"mos": 50}, "bad_minimum_size_e6"),
        ("clob", {"error": "unknown"}, "bad_clob"),
        ("gamma", {"slug": slug("btc", 0)}, "gamma_other"),
        ("gamma", {"outcomes": '["Yes", "No"]'}, "bad_outcomes"),
        ("gamma", {"clobTokenIds": None}, "bad_clobTokenIds"),
    ],
)
def test_a_window_that_stays_unfit_is_refused_by_name(
    stage: Stage, source: str, changes: dict[str, Any], name: str
) -> None:
    async def scene() -> None:
        catalogue = Catalogue()
        bad = slug("btc", 1)
        getattr(catalogue, f"{source}_changes")[bad] = changes
        async with opened(catalogue) as it:
            await until(lambda: len(it.found) == 5 and it.finder.counts[name] >= 2)
            assert it.refused == {}
            catalogue.clock_ns = (START_S + MINUTE + 31) * SECOND
            await until(lambda: bool(it.refused))
            assert list(it.refused) == [bad]
            assert it.refused[bad]
            assert it.finder.counts["refused"] == 1

    stage(scene())


def test_swapped_labels_are_refused(stage: Stage) -> None:
    async def scene() -> None:
        catalogue = Catalogue()
        bad = slug("eth", 0)
        up, down = catalogue.tokens(parse_slug(bad))
        catalogue.clob_changes[bad] = {"t": [{"t": down, "o": "Up"}, {"t": up, "o": "Down"}]}
        async with opened(catalogue) as it:
            await until(lambda: it.finder.counts["bad_token_of_Up"] >= 1)
            assert it.finder.counts["bad_token_of_Down"] >= 1
            assert bad not in it.found

    stage(scene())


def test_a_finder_that_is_closed_asks_no_more(stage: Stage) -> None:
    async def scene() -> None:
        catalogue = Catalogue(statuses={slug("btc", 1): 404})
        async with opened(catalogue) as it:
            await until(lambda: len(it.found) == 5)
        asked = len(catalogue.reads)
        await asyncio.sleep(0.01)
        assert len(catalogue.reads) == asked

    stage(scene())
