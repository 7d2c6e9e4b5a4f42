"""kill -9 while it quotes, and begun again on the same journal and account, over real sockets.

Two hundred of two hundred: ``python -m tests.support.killing``.
"""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from polymm.domain.order import Place, Side, Token
from polymm.engine.records import OrderPlanned, RunBegun
from polymm.runtime.journal_codec import encode
from polymm.runtime.journal_format import make_header
from polymm.venues.polymarket.gateway import Gateway
from tests.support.killing import kill_often, look, window_s_of, written_orders
from tests.support.second_lane import Bot

TIMES = 5


@pytest.mark.waits
def test_five_kills_leave_no_order_unknown() -> None:
    async def scene() -> None:
        async with asyncio.timeout(240):
            kills = await kill_often(TIMES, 3, bound_by_cpu=True)
        assert kills.faults == []
        assert len(kills.lives) == TIMES
        assert sum(sum(life.looks) for life in kills.lives), "it never had a live order"

    asyncio.run(scene())


def place(order_id: int) -> Place:
    return Place(order_id, "btc-updown-5m-1776323400", Token.UP, Side.BUY, 4_900, 5_000_000)


def write_journal(state: Path, *records: Any, torn: bytes = b"") -> None:
    folder = state / "journal"
    folder.mkdir(parents=True)
    content = make_header() + b"".join(encode(record) for record in records)
    (folder / "0xa.00000001.journal").write_bytes(content + torn)


LIVES = (
    RunBegun("0.1", "", "0xa", 1, ""),
    OrderPlanned("0x01", "0xm", place(1), 2),
    RunBegun("0.1", "", "0xa", 3, ""),
    OrderPlanned("0x02", "0xm", place(2), 4),
    OrderPlanned("0x03", "0xm", place(3), 5),
)


def test_only_what_the_present_life_wrote_down_is_known(tmp_path: Path) -> None:
    write_journal(tmp_path, *LIVES, torn=b"\x10\x00")
    assert written_orders(tmp_path) == {"0x02", "0x03"}


@pytest.mark.parametrize(
    ("live", "fault"),
    [
        ((("0x02", "up", 0), ("0x03", "down", 0)), ""),
        ((("0x02", "up", 0), ("0x01", "down", 0)), "live and unknown to this life: 0x01"),
        ((("0x02", "up", 0), ("0x03", "up", 0)), "two live orders of a token and side"),
    ],
)
def test_an_order_of_an_earlier_life_is_found(
    tmp_path: Path, live: tuple[tuple[str, str, int], ...], fault: str
) -> None:
    """The harness itself must be able to fail."""
    write_journal(tmp_path, *LIVES)

    async def open_orders() -> list[Any]:
        return [SimpleNamespace(order_id=a, token_id=b, side=c) for a, b, c in live]

    gateway = cast(Gateway, SimpleNamespace(open_orders=open_orders))
    bot = cast(Bot, SimpleNamespace(state=tmp_path))
    found, told = asyncio.run(look(gateway, bot))
    assert len(found) == len(live)
    assert told.startswith(fault)
    assert bool(told) is bool(fault)


def test_a_window_is_chosen_that_lasts() -> None:
    assert window_s_of(660.0 * 7 + 1, 60) == 660
    for now_s in range(0, 1_000_000, 997):
        window_s = window_s_of(now_s, 300)
        assert window_s - now_s % window_s > max(300, window_s / 2)
    with pytest.raises(ValueError, match="no window has 5000 s left"):
        window_s_of(0, 5_000)
