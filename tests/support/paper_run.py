"""A paper run to be replayed: a real `polymm run` on a real `polymm exchange` that goes wrong.

By command, with several coins and windows: ``python -m tests.support.paper_run FOLDER``.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from polymm.runtime.embedded import embedded_exchange
from tests.support.live_sessions import FAST_CHAIN

# Room for hundreds of fills, and the patience of a machine that also runs other tests.
SETTINGS: Mapping[str, object] = {
    "strategy.order_size": 20,
    "strategy.max_position": 2_000,
    "strategy.min_spread": 0.002,
    "cycle.cycle": "event",
    "cycle.requote": "diff",
    "cycle.max_total_position": 1_000_000,
    "risk.max_market": 1_000_000,
    "risk.max_total": 1_000_000,
    "risk.loss_max": 1_000_000,
    "risk.markout_loss_max": 1_000_000,
    "risk.lag_max_ms": 10_000,
    "risk.slow_max_ms": 30_000,
    "risk.skew_max_ms": 30_000,
    "risk.book_age_max_ms": 10_000,
}
# A socket that breaks once, and three things that go wrong at order entry and on the user channel.
FAULTS: Sequence[Mapping[str, object]] = (
    {"name": "user_duplicated", "rate": 0.5, "limit": 20},
    {"name": "market_closed", "rate": 1.0, "limit": 1},
    {"name": "cancel_reply_lost", "rate": 1.0, "limit": 1},
    {"name": "post_reply_lost", "rate": 1.0, "limit": 1},
)


def config_text(settings: Mapping[str, object], folder: Path) -> str:
    """The settings as a TOML file."""
    sections: dict[str, list[str]] = {}
    for key, value in {**settings, "record.directory": str(folder)}.items():
        section, name = key.split(".")
        sections.setdefault(section, []).append(f"{name} = {json.dumps(value)}")
    return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


async def paper_run(
    folder: Path,
    *,
    coins: str = "btc",
    windows: int = 1,
    window_s: int = 60,
    seed: int = 1,
    settings: Mapping[str, object] | None = None,
    faults: Sequence[Mapping[str, object]] = FAULTS,
    every_s: float = 5.0,
    exchange: Sequence[str] = (),
) -> Path:
    """Let a run trade, switch each fault in its turn, and answer where it was recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.toml"
    config.write_text(config_text({**SETTINGS, **(settings or {})}, folder / "recordings"))
    span = ("--coins", coins, "--window-s", str(window_s), "--windows", str(windows))
    flags = ("--window", str(window_s), "--coins", coins, "--seed", str(seed), "--fund", "100000")
    async with embedded_exchange([*flags, *FAST_CHAIN, *exchange]) as venue:
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "polymm", "run", "--exchange", venue.hosts.clob),
            *("--state", str(folder / "state"), "--config", str(config), "--no-report", "--quiet"),
            *span,
        )
        try:
            async with aiohttp.ClientSession() as session:
                spoiling = asyncio.create_task(_spoil(session, venue.control, faults, every_s))
                await bot.wait()
                spoiling.cancel()
                struck = (await _state(session, venue.control))["struck"]
        finally:
            if bot.returncode is None:
                bot.terminate()
                await bot.wait()
    assert not bot.returncode, f"the run ended with code {bot.returncode}"
    missing = [fault["name"] for fault in faults if not struck.get(str(fault["name"]))]
    assert not missing, f"each fault must strike, {missing} did not: {struck}"
    (found,) = (folder / "recordings").iterdir()
    return found


async def _spoil(
    session: aiohttp.ClientSession,
    control: str,
    faults: Sequence[Mapping[str, object]],
    every_s: float,
) -> None:
    """Switch one fault after the other, once orders rest."""
    while not (await _state(session, control))["open_orders"]:
        await asyncio.sleep(0.05)
    for fault in faults:
        await asyncio.sleep(every_s)
        async with session.post(f"{control}/fault", json=fault) as reply:
            assert reply.status == 200, await reply.text()


async def _state(session: aiohttp.ClientSession, control: str) -> dict[str, Any]:
    async with session.get(control) as reply:
        state: dict[str, Any] = await reply.json()
        return state


def main() -> None:
    """Trade, and say where it was recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--coins", default="btc,eth,sol")
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", os.getcwd())
    found = asyncio.run(
        paper_run(asked.folder, coins=asked.coins, windows=asked.windows, seed=asked.seed)
    )
    print(found)


if __name__ == "__main__":
    main()
