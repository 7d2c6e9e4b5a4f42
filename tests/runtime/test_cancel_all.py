"""Everything cancelled without an engine: again and again until two complete lists are empty."""

from dataclasses import replace
from typing import Any

import pytest

from polymm.runtime import cancel_all
from polymm.runtime.cancel_all import Cancelled, cancel_everything
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType
from tests.support.gateways import ORDER_A, ORDER_B, ScriptedVenue, credentials, json_reply
from tests.support.keys import signing_key
from tests.support.loopback import Stage, serving
from tests.venues.polymarket.test_account import ORDER, page

SWEEP, LIST = ("DELETE", "/cancel-all"), ("GET", "/data/orders")


def cancelled(
    stage: Stage, sweeps: list[Any], lists: list[Any], patience_s: float = 5.0
) -> tuple[Cancelled, ScriptedVenue]:
    venue = ScriptedVenue()
    venue.say(*SWEEP, *sweeps)
    venue.say(*LIST, *lists)

    async def scene() -> Cancelled:
        async with serving(venue.script) as server:
            hosts = replace(Hosts(), clob=f"http://127.0.0.1:{server.port}")
            wallet = Wallet(key=signing_key(), signature_type=SignatureType.EOA)
            return await cancel_everything(hosts, wallet, credentials(), patience_s=patience_s)

    found: list[Cancelled] = []

    async def keep() -> None:
        found.append(await scene())

    stage(keep())
    return found[0], venue


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancel_all, "APART_S", 0.01)
    monkeypatch.setattr(cancel_all, "RETRY_S", 0.005)


NONE = json_reply({"canceled": [], "not_canceled": {}})
BOTH = json_reply({"canceled": [ORDER_A, ORDER_B], "not_canceled": {}})


def test_two_empty_lists_prove_it(stage: Stage) -> None:
    done, venue = cancelled(stage, [BOTH], [page([])])
    assert done == Cancelled((ORDER_A, ORDER_B), (), is_proven=True)
    assert len(venue.of(*SWEEP)) == 1
    assert len(venue.of(*LIST)) >= 2


def test_two_empty_lists_at_once_prove_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_all, "APART_S", 0.3)
    done, venue = cancelled(stage, [NONE], [page([])])
    assert done.is_proven
    assert len(venue.of(*LIST)) >= 3


def test_an_order_that_lands_afterwards_is_cancelled_too(stage: Stage) -> None:
    late = json_reply({"canceled": [ORDER_B], "not_canceled": {}})
    lists = [page([]), page([ORDER | {"id": ORDER_B}]), page([])]
    done, venue = cancelled(stage, [NONE, late, NONE], lists)
    assert done == Cancelled((ORDER_B,), (), is_proven=True)
    assert len(venue.of(*SWEEP)) == 2


def test_a_sweep_without_an_answer_is_sent_again_whatever_the_list_says(stage: Stage) -> None:
    done, venue = cancelled(stage, [None, NONE], [page([])])
    assert done.is_proven
    assert len(venue.of(*SWEEP)) == 2


def test_what_is_left_is_told_by_id_and_silence_proves_nothing(stage: Stage) -> None:
    done, _ = cancelled(stage, [NONE], [page([ORDER])], patience_s=0.05)
    assert done == Cancelled((), (ORDER_A,), is_proven=False, why="not_empty")
    broken = json_reply({"error": "x"}, "500 Oops")
    done, _ = cancelled(stage, [NONE], [broken], patience_s=0.05)
    assert done == Cancelled((), (), is_proven=False, why="server_error")
