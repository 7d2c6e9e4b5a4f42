"""Command line: ``python -m benches.path``."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from contextlib import nullcontext

import uvloop

from benches.goals import Goal
from benches.path import post, receive, socket_to_book, tick_to_trade
from benches.path.latency import Spread, spreads_text, take_turns
from benches.path.tick_server import tick_server
from benches.path.wire_server import BURST, wire_server
from benches.report import goals_text
from benches.timing import quiet_machine

Spreads = Mapping[str, Spread]
PAUSE_US = 2_000


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benches.path", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="few rounds: does everything run?")
    parser.add_argument("--rounds", type=int, help="rounds a table, 11 as it ships")
    parser.add_argument("--seed", type=int, default=1, help="of the order of contenders")
    return parser.parse_args(arguments)


class Spin:
    """Keeps the loop from sleeping while it is entered."""

    def __enter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_soon(self._again)

    def _again(self) -> None:
        self._handle = self._loop.call_soon(self._again)

    def __exit__(self, *_: object) -> None:
        self._handle.cancel()


async def measure(ports: list[int], trust: object, rounds: int, seed: int) -> list[Goal]:
    """Measure and print all tables; give the goals."""
    goals: list[Goal] = []
    count = 200 if rounds > 2 else 20
    wires = [("plain", ports[0], None)]
    if trust is not None:
        wires.append(("TLS 1.3", ports[2], trust))
    for name, port, tls in wires:
        async with post.post_contenders(port, tls) as runs:
            spreads = await take_turns(runs, rounds=rounds, count=count, seed=seed)
            title = f"POST {len(post.BODY)} B, {name}, round trip"
            print(spreads_text(title, spreads, post.RAW), end="\n\n")
            goals += post_goals(name, spreads)
            with Spin():
                spreads = await take_turns(runs, rounds=rounds, count=count, seed=seed)
            print(spreads_text(f"{title}, loop spinning", spreads, post.RAW), end="\n\n")
    async with receive.receive_contenders(ports[1], b"b") as runs:
        spreads = await take_turns(runs, rounds=rounds, count=count * BURST, seed=seed)
    print(spreads_text("receive at full speed, a frame", spreads, receive.RAW), end="\n\n")
    goals += receive_goals(spreads)
    runs = socket_to_book.book_contenders(ports[1])
    spreads = await take_turns(runs, rounds=rounds, count=count * BURST, seed=seed)
    title = "socket to book, a price change at full speed"
    print(spreads_text(title, spreads, socket_to_book.ORJSON), end="\n\n")
    goals += book_goals(spreads)
    async with receive.receive_contenders(ports[1], b"p") as runs:
        spreads = await take_turns(runs, rounds=rounds, count=count // 4, seed=seed)
        print(spreads_text("receive one a millisecond, delay", spreads, receive.RAW), end="\n\n")
        with Spin():
            spreads = await take_turns(runs, rounds=rounds, count=count // 4, seed=seed)
        title = "receive one a millisecond, delay, loop spinning"
        print(spreads_text(title, spreads, receive.RAW), end="\n\n")
    return goals


def post_goals(name: str, spreads: Spreads) -> list[Goal]:
    """Goals of a POST table, by p50."""
    ours = spreads[post.POLYMM]
    return [
        Goal(
            text=f"POST over aiohttp, {name}",
            value=spreads[post.AIOHTTP].p50_ns / ours.p50_ns,
            floor=1.8,
            aim=1.9,
        ),
        Goal(
            text=f"POST, share of the raw ping-pong, {name}",
            value=ours.p50_ns / spreads[post.RAW].p50_ns,
            floor=1.2,
            aim=1.15,
            at_most=True,
        ),
        Goal(
            text=f"POST, share of aiohttp's CPU, {name}",
            value=ours.cpu_ns / spreads[post.AIOHTTP].cpu_ns,
            floor=None,
            aim=0.35,
            at_most=True,
        ),
    ]


def receive_goals(spreads: Spreads) -> list[Goal]:
    """Goals of the receive table, by p50 of the rounds' means."""
    found = []
    for engine, aim in (("websockets", 20), ("picows", 20)):
        if (name := receive.polymm(engine)) in spreads:
            value = spreads[receive.WEBSOCKETS].p50_ns / spreads[name].p50_ns
            text = f"receive by {engine} over websockets' own client"
            found.append(Goal(text=text, value=value, floor=None, aim=aim))
    return found


def book_goals(spreads: Spreads) -> list[Goal]:
    """Goals of socket to book, by p50 of the rounds' means."""
    peer = spreads[socket_to_book.ORJSON].p50_ns
    return [
        Goal(
            text=f"socket to book by {engine} over {socket_to_book.ORJSON}",
            value=peer / spreads[name].p50_ns,
            floor=floor,
            aim=aim,
        )
        for engine, floor, aim in (("websockets", 2.0, 2.0), ("picows", 11.0, 15.0))
        if (name := socket_to_book.ours(engine)) in spreads
    ]


async def measure_ticks(port: int, rounds: int, seed: int) -> list[Goal]:
    """Measure and print tick to trade; give the goals."""
    count = 300 if rounds > 2 else 20
    found = []
    for title, pause_us, awake in (
        ("tick to trade, back to back", 0, nullcontext()),
        ("tick to trade, after a pause asleep", PAUSE_US, nullcontext()),
        ("tick to trade, after a pause spinning", PAUSE_US, Spin()),
    ):
        stages, ahead = tick_to_trade.new_samples(), tick_to_trade.new_samples()
        contenders = tick_to_trade.tick_contenders(port, stages, pause_us, stages_ahead=ahead)
        async with contenders as runs:
            with awake:
                spreads = await take_turns(runs, rounds=rounds, count=count, seed=seed)
        print(spreads_text(title, spreads, tick_to_trade.TRANSPORT), end="\n\n")
        for name, samples in ((tick_to_trade.POLYMM, stages), (tick_to_trade.POLYMM_AHEAD, ahead)):
            print(tick_to_trade.stages_text(f"{title}, {name} by stage", samples), end="\n\n")
        found.append(spreads)
    return tick_goals(found[0])


def tick_goals(spreads: Spreads) -> list[Goal]:
    """Goals of tick to trade, by p50: each names the row that it judges; both have one floor."""
    bare = spreads[tick_to_trade.TRANSPORT]
    plain, recorded = (
        spreads[name] for name in (tick_to_trade.POLYMM, tick_to_trade.POLYMM_RECORDED)
    )
    peers = (
        ("over the poly-maker path", tick_to_trade.POLY_MAKER, 8.0),
        ("over the poly-maker path as pip leaves it", tick_to_trade.PIP_MAKER, 33.0),
    )
    goals = [
        Goal(
            text="tick to trade, recorded over not recorded",
            value=recorded.p50_ns / plain.p50_ns,
            floor=None,
            aim=1.02,
            at_most=True,
        )
    ]
    for name, most_us, added_us, aim in (
        (tick_to_trade.POLYMM, 40.0, 30.0, 10.0),
        (tick_to_trade.POLYMM_AHEAD, None, 9.0, 20.0),
    ):
        ours = spreads[name]
        goals.append(
            Goal(
                text=f"tick to trade, added to bare transport: {name}",
                value=(ours.p50_ns - bare.p50_ns) / 1e3,
                floor=most_us,
                aim=added_us,
                at_most=True,
                unit="µs",
            )
        )
        for what, row, floor in peers:
            if row in spreads:
                text = f"tick to trade {what}: {name}"
                value = spreads[row].p50_ns / ours.p50_ns
                goals.append(Goal(text=text, value=value, floor=floor, aim=max(aim, floor)))
    return goals


def main(arguments: list[str] | None = None) -> int:
    """Run the benches and print them."""
    options = parse(arguments)
    rounds = options.rounds or (2 if options.smoke else 11)
    with quiet_machine() as core, wire_server(core) as (ports, trust):
        goals = uvloop.run(measure(ports, trust, rounds, options.seed))
    with quiet_machine() as core, tick_server(core) as port:
        goals += uvloop.run(measure_ticks(port, min(rounds, 7), options.seed))
    if not options.smoke:  # two rounds judge nothing
        print(goals_text(goals))
    return 0


if __name__ == "__main__":
    sys.exit(main())
