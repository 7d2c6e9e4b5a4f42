"""Tick to trade: from a price change on the socket to the whole order at the venue.

polymm runs a desk as `polymm run` does (benches/path/tick_desk.py). It wants both sides and sends
an order each; the sample ends with the first. "Signed ahead" is `session.sign_ahead = 2`: the venue
must take orders whose time stamp is some milliseconds old. "Transport only" answers each frame with
bytes made ahead, through the same frame cutter and connections: the limit. "Recorded" is polymm
with its recorder, as every run has it: every frame and step copied aside, and a thread that writes.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from benches.path.latency import Run, spread
from benches.path.tick_desk import STAGES, Samples, trading
from polymm.domain.market import NS
from polymm.net.dialling import endpoint_of
from polymm.net.http_outcome import compose_request
from polymm.net.http_pool import HttpPool
from polymm.net.websocket import Receiver, open_websocket
from polymm.venues.polymarket.wire import SignatureType

POLYMM = "polymm"
POLYMM_AHEAD = "polymm, signed ahead"
POLYMM_RECORDED = "polymm, recorded"
AHEAD_TICKS = 2
POLY_MAKER = "websockets + json + SortedDict + py-clob-client-v2 (httpx)"
PIP_MAKER = f"{POLY_MAKER}, as pip leaves it"
POLYMM_TYPE_3 = "polymm, deposit wallet (type 3)"
TRANSPORT = "transport only"
PATIENCE_NS = 2 * NS


class Asker:
    """Asks the venue for ticks, on connections of its own.

    Args:
        pause_us: From a contender's word that it is done to the next tick.
    """

    def __init__(self, port: int, pause_us: int) -> None:
        self._port = port
        self._pause_us = pause_us
        self._line: asyncio.StreamWriter | None = None

    def done(self, *_: object) -> None:
        """Say that the last tick is dealt with."""
        if self._line is not None:
            self._line.write(b".")

    async def ticks(self, count: int, orders: int = 1) -> list[int]:
        """Wait until so many ticks were answered by so many orders each; samples, ns."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        _, self._line = await asyncio.open_connection("127.0.0.1", self._port)
        self._line.write(b"GET /done HTTP/1.1\r\nhost: bench\r\n\r\n")
        try:
            asked = f"{count}&{orders}&{self._pause_us}"
            writer.write(f"GET /ticks?{asked} HTTP/1.1\r\nhost: bench\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            samples = orjson.loads(await reader.readexactly(size))
        finally:
            writer.close()
            self._line.close()
            self._line = None
        assert isinstance(samples, list)
        return samples


def new_samples() -> Samples:
    """Room for the durations of all stages."""
    return {name: [] for name in STAGES}


def stages_text(title: str, samples: Samples) -> str:
    """Lay out what each stage of our path took."""
    lines = [
        title,
        f"{'first order of a tick':22} {'p50 µs':>8} {'p99':>8} {'p99.9':>8} {'min':>8}",
    ]
    for name, values in samples.items():
        one = spread(values, 0)
        figures = (one.p50_ns, one.p99_ns, one.p999_ns, one.min_ns)
        lines.append(f"{name:22} " + " ".join(f"{figure / 1e3:8.2f}" for figure in figures))
    return "\n".join(lines)


async def run_ours(
    port: int,
    signature_type: SignatureType,
    samples: Samples,
    asker: Asker,
    count: int,
    *,
    ahead_ticks: int = 0,
    is_recorded: bool = False,
) -> list[int]:
    """One run of polymm: connect, then quote until the venue has its samples."""
    async with trading(
        port,
        signature_type,
        samples,
        asker.done,
        ahead_ticks=ahead_ticks,
        is_recorded=is_recorded,
    ):
        return await asker.ticks(count, orders=2)


async def run_transport(port: int, asker: Asker, count: int) -> list[int]:
    """Answer each frame with a request made ahead, as long as one of ours."""
    endpoint = endpoint_of(f"http://127.0.0.1:{port}")
    body = b"x" * 747
    lines = [(f"poly_{i}", "x" * 44) for i in range(5)]
    request = compose_request(
        "POST", "/order", authority=endpoint.authority, headers=lines, body=body
    )
    pool = HttpPool(endpoint, random.Random(1))
    await pool.open()
    opened = 2  # snapshots come first

    def on_message(_: bytes, recv_ns: int) -> None:
        nonlocal opened
        if opened:
            opened -= 1
            return
        pool.send(request, deadline_ns=recv_ns + PATIENCE_NS, on_outcome=asker.done)

    receiver = Receiver(on_message=on_message, on_close=lambda _: None)
    socket = await open_websocket(f"ws://127.0.0.1:{port}/feed", receiver)
    samples = await asker.ticks(count)
    socket.abort()
    await socket.wait_closed()
    await pool.close()
    return samples


@asynccontextmanager
async def tick_contenders(
    port: int, stages: Samples, pause_us: int = 0, *, stages_ahead: Samples | None = None
) -> AsyncIterator[dict[str, Run]]:
    """Make all contenders; the peers where they are installed.

    Args:
        stages: Gets what each stage took of polymm with a wallet of type 0, ns.
        stages_ahead: The same with orders signed ahead.
        pause_us: Between two ticks; 0 for back to back.
    """
    asker = Asker(port, pause_us)

    async def ours(count: int) -> list[int]:
        return await run_ours(port, SignatureType.EOA, stages, asker, count)

    async def ours_ahead(count: int) -> list[int]:
        samples = new_samples() if stages_ahead is None else stages_ahead
        return await run_ours(
            port, SignatureType.EOA, samples, asker, count, ahead_ticks=AHEAD_TICKS
        )

    async def ours_recorded(count: int) -> list[int]:
        return await run_ours(
            port, SignatureType.EOA, new_samples(), asker, count, is_recorded=True
        )

    async def ours_type_3(count: int) -> list[int]:
        return await run_ours(port, SignatureType.POLY_1271, new_samples(), asker, count)

    async def transport(count: int) -> list[int]:
        return await run_transport(port, asker, count)

    runs: dict[str, Run] = {
        TRANSPORT: transport,
        POLYMM: ours,
        POLYMM_AHEAD: ours_ahead,
        POLYMM_RECORDED: ours_recorded,
        POLYMM_TYPE_3: ours_type_3,
    }
    try:
        from benches.path import tick_peers as peers
    except ModuleNotFoundError:
        yield runs
        return
    import aiohttp

    async with aiohttp.ClientSession() as session:
        post = peers.post_by_aiohttp(port, session)
        client_post = peers.post_by_client(port)

        async def by_aiohttp(count: int) -> list[int]:
            return await peers.run_peer(port, orjson.loads, post, asker, count)

        async def by_client(count: int) -> list[int]:
            return await peers.run_peer(port, json.loads, client_post, asker, count)

        async def by_pip(count: int) -> list[int]:
            with peers.as_pip_leaves_it():
                return await by_client(count)

        yield runs | {peers.AIOHTTP: by_aiohttp, POLY_MAKER: by_client, PIP_MAKER: by_pip}
