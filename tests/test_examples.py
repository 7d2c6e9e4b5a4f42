"""The examples run, and show what they say they show."""

import runpy

import pytest

from tests.support.recordings import ROOT


def test_inventory_sign_shows_prose_holding_less(capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(ROOT / "examples" / "inventory_sign.py"))
    spreads = example["compare"](10, 60)
    with capsys.disabled():
        print(f"\n(inventory shares, PnL $) by sign: {spreads}")
    prose, literal = spreads["prose"], spreads["literal"]
    assert prose[0] < 0.8 * literal[0]
    assert prose[1] < literal[1]


def test_the_official_client_trades_on_an_exchange_of_its_own() -> None:
    example = runpy.run_path(str(ROOT / "examples" / "official_client.py"))
    with example["exchange"]() as urls:
        placed, cancelled = example["trade"](urls)
    assert placed == cancelled
    assert len(placed) == len("0x") + 64
