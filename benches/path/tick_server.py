"""The venue's side of tick to trade: sends one price change, waits for the request it causes.

One process, one clock: a sample is from handing the frame to the first socket until the last byte
of the first order (``POST /order``) that answers it has come. Every order is refused, as post-only
orders that cross are, so that no contender has anything to cancel before the next tick. It says
when it is done with one; the next comes at once, or after a pause in which all fall asleep.
"""

import asyncio
import json
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from time import monotonic_ns, time
from typing import cast

import uvloop

from benches.path.wire_server import accept_line, frame

UP_TOKEN = "71183960810705820955071415844881728181970340514894896943812046065452395013351"
DOWN_TOKEN = "57726118860664877408225679006057036191805241206083874875095996065406561439567"
CONDITION = "0x" + "ab" * 32
START_MS = 1_776_808_414_000
REFUSED = b'{"error":"invalid post-only order: order crosses book"}'
ANSWERS = {
    "/tick-size": b'{"minimum_tick_size":0.01}',
    "/neg-risk": b'{"neg_risk":false}',
    "/version": b'{"version":2}',
    "/fee-rate": b'{"base_fee":0}',
}
PATIENCE_S = 0.2
UNHEARD_MAX = 25


def book_frames() -> list[bytes]:
    """Snapshots of both tokens: 40 levels a side around 0.50."""
    bids = [{"price": f"0.{p:02d}", "size": "100"} for p in range(10, 50)]
    asks = [{"price": f"0.{p:02d}", "size": "100"} for p in range(90, 50, -1)]
    frames = []
    for token in (UP_TOKEN, DOWN_TOKEN):
        message = {
            "event_type": "book",
            "asset_id": token,
            "market": CONDITION,
            "bids": bids,
            "asks": asks,
            "timestamp": str(START_MS),
            "hash": "0" * 40,
        }
        frames.append(json.dumps(message, separators=(",", ":")).encode())
    return frames


def tick_frame(number: int) -> bytes:
    """The best bid goes or comes back, so that every tick moves the quote."""
    size, best = ("0", "0.48") if number % 2 else ("100", "0.49")
    other = {"0.48": "0.52", "0.49": "0.51"}[best]
    entries = [
        {
            "asset_id": UP_TOKEN, "price": "0.49", "size": size, "side": "BUY",
            "hash": f"{number:040x}", "best_bid": best, "best_ask": "0.51",
        },
        {
            "asset_id": DOWN_TOKEN, "price": "0.51", "size": size, "side": "SELL",
            "hash": f"{number:040x}", "best_bid": "0.49", "best_ask": other,
        },
    ]  # fmt: skip
    message = {
        "market": CONDITION,
        "price_changes": entries,
        "timestamp": str(START_MS + 1 + number),
        "event_type": "price_change",
    }
    return json.dumps(message, separators=(", ", ":")).encode()


class Venue:
    """What both kinds of connection share: the open feeds, and when their answer came."""

    def __init__(self) -> None:
        self.feeds: list[asyncio.Transport] = []
        self.number = 0
        self.sent_ns = 0
        self.missing = 0
        self.samples: list[int] = []
        self.answered = asyncio.Event()
        self.ready = asyncio.Event()

    def open_feed(self, transport: asyncio.Transport) -> None:
        self.feeds.append(transport)
        self.number = 0
        for message in book_frames():
            transport.write(frame(message))

    def order_came(self) -> None:
        if self.sent_ns:
            self.samples.append(monotonic_ns() - self.sent_ns)
            self.sent_ns = 0
        self.missing -= 1
        if not self.missing:
            self.answered.set()

    async def tick(self, count: int, orders: int, pause_us: int) -> list[int]:
        """Send so many ticks; samples, ns.

        Each is sent a pause after the contender said that it is done with the one before. They
        count from the one after the first that was answered: a contender that has just connected
        proves its account first, and what it then sends is no answer to a tick.
        """
        unheard = 0
        while not await self._tick(orders, pause_us):
            unheard += 1
            assert unheard < UNHEARD_MAX, "a contender quotes shortly after it asks"
        self.samples = []
        for _ in range(count):
            await self._tick(orders, pause_us)
        return self.samples

    async def _tick(self, orders: int, pause_us: int) -> bool:
        """Send one; whether the contender answered it in time."""
        assert self.feeds, "a contender connects before it asks"
        self.number += 1
        message = frame(tick_frame(self.number))
        self.answered.clear()
        self.missing = orders
        self.ready.clear()
        if pause_us:
            await asyncio.sleep(pause_us / 1e6)
        self.sent_ns = monotonic_ns()
        for feed in self.feeds:
            feed.write(message)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.answered.wait()
                await self.ready.wait()
        except TimeoutError:
            # A contender had nothing to say to this one; its sample is left out.
            self.sent_ns = 0
            return False
        return True


class VenueConnection(asyncio.Protocol):
    """A feed after an upgrade, a line for "done" after its request, else requests in turn."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._data = b""
        self._is_feed = False
        self._is_done_line = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _: Exception | None) -> None:
        if self._is_feed:
            self._venue.feeds.remove(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._is_feed:
            if data[0] & 0x0F == 8:
                self._transport.close()
            return
        if self._is_done_line:
            self._venue.ready.set()
            return
        self._data += data
        while (head_end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:head_end].decode("latin-1")
            headers = dict(line.lower().partition(": ")[::2] for line in head.split("\r\n")[1:])
            stop = head_end + 4 + int(headers.get("content-length", "0"))
            if len(self._data) < stop:
                return
            self._data = self._data[stop:]
            self._take(head.split(" ", 2), headers, head)

    def _take(self, line: list[str], headers: dict[str, str], head: str) -> None:
        method, target = line[0], line[1]
        path, _, query = target.partition("?")
        if headers.get("upgrade") == "websocket":
            self._is_feed = True
            self._transport.write(accept_line(head.encode("latin-1") + b"\r\n\r\n"))
            self._venue.open_feed(self._transport)
        elif path == "/order" and method == "POST":
            self._venue.order_came()
            self._answer(400, REFUSED)
        elif path == "/done":
            self._is_done_line = True
        elif path == "/ticks":
            self._task = asyncio.get_running_loop().create_task(
                self._tick(*map(int, query.split("&")))
            )
        elif path == "/time":
            self._answer(200, b"%d" % time())
        else:
            self._answer(200, ANSWERS.get(path, b"{}"))

    async def _tick(self, count: int, orders: int, pause_us: int) -> None:
        samples = await self._venue.tick(count, orders, pause_us)
        self._answer(200, json.dumps(samples).encode())

    def _answer(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: "
        self._transport.write(head.encode() + b"%d\r\n\r\n" % len(body) + body)


def _serve(ready: Connection, core: int | None) -> None:
    async def run() -> None:
        venue = Venue()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: VenueConnection(venue), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    if core is not None:
        os.sched_setaffinity(0, {core})
    uvloop.run(run())


@contextmanager
def tick_server(client_core: int | None) -> Iterator[int]:
    """Run the venue on another core than the client's, where there is one; yields its port."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    others = sorted(allowed - {client_core})
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(theirs, others[0] if others else None), daemon=True
    )
    process.start()
    try:
        if not ours.poll(20):
            raise TimeoutError("the bench's venue did not start")
        yield ours.recv()
    finally:
        process.terminate()
        process.join()
