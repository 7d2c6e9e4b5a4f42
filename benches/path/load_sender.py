"""A venue that only talks, in a process of its own: pre-built frames at any rate.

Market channel: whoever subscribes gets the books of its tokens and then price changes, 611 bytes
each as recorded; every twentieth takes the best bid away or brings it back. User channel: events of
one order, numbered without a gap. All that is made anew for a frame is its time, which is when it
was due by the rate, not when there was room to send it.
"""

import asyncio
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from time import time
from typing import Any, Final, cast

import uvloop

from benches.path.wire_server import accept_line, frame

CYCLE: Final = 200  # Price changes of a market until they begin anew; the book is as before then.
TOP_EVERY: Final = 20
TICK_S: Final = 0.001
FRAMES_A_WRITE_MAX: Final = 2_048
STAMP: Final = b'"timestamp":"'
STAMP_DIGITS: Final = 13
ZERO_STAMP: Final = "1776808414000"
CONDITION: Final = "0x" + "ab" * 32
NUMBER: Final = b'"id":"0x'
NUMBER_DIGITS: Final = 64
START_S_MAX: Final = 20


def spaced(message: object) -> bytes:
    """Write a message as the venue does: a blank after every comma."""
    return json.dumps(message, separators=(", ", ":")).encode()


def book(token: str) -> bytes:
    """A snapshot of 40 levels a side around 0.50."""
    message = {
        "market": CONDITION,
        "asset_id": token,
        "bids": [{"price": f"0.{p:02d}", "size": "100"} for p in range(10, 50)],
        "asks": [{"price": f"0.{p:02d}", "size": "100"} for p in range(90, 50, -1)],
        "hash": "0" * 40,
        "timestamp": ZERO_STAMP,
        "event_type": "book",
    }
    return json.dumps(message, separators=(",", ":")).encode()


def price_change(up: str, down: str, number: int) -> bytes:
    """A bid below the best has another size, or the best one goes or comes back."""
    has_top = number // TOP_EVERY % 2 == 0
    is_top = number % TOP_EVERY == 0
    price = 49 if is_top else 12 + number % 30
    size = ("100" if has_top else "0") if is_top else f"{100 + number % CYCLE}.25"
    best, other = ("0.49", "0.51") if has_top else ("0.48", "0.52")
    entries = [
        {
            "asset_id": up, "price": f"0.{price:02d}", "size": size, "side": "BUY",
            "hash": f"{number:040x}", "best_bid": best, "best_ask": "0.51",
        },
        {
            "asset_id": down, "price": f"0.{100 - price:02d}", "size": size, "side": "SELL",
            "hash": f"{number:040x}", "best_bid": "0.49", "best_ask": other,
        },
    ]  # fmt: skip
    return spaced(
        {
            "market": CONDITION,
            "price_changes": entries,
            "timestamp": ZERO_STAMP,
            "event_type": "price_change",
        }
    )


def order_event() -> bytes:
    """An order that rests, of a number to be filled in."""
    message = {
        "event_type": "order", "type": "PLACEMENT", "id": "0x" + "0" * NUMBER_DIGITS,
        "owner": "28c4d2eb-bbea-40e7-a9f0-b2fdb56b2c2e", "market": CONDITION, "asset_id": "7",
        "side": "BUY", "original_size": "10", "size_matched": "0", "price": "0.4",
        "outcome": "Up", "associate_trades": None, "status": "LIVE", "timestamp": ZERO_STAMP,
    }  # fmt: skip
    return json.dumps(message, separators=(",", ":")).encode()


class Built:
    """A frame whose time is filled in before it is sent; `token` tells of which market it is."""

    def __init__(self, payload: bytes, token: str = "") -> None:
        self.token = token
        self.bytes = bytearray(frame(payload))
        self.at = self.bytes.index(STAMP) + len(STAMP)
        self.number_at = self.bytes.find(NUMBER) + len(NUMBER)

    def stamped(self, stamp: bytes) -> bytearray:
        """Fill in a time."""
        self.bytes[self.at : self.at + STAMP_DIGITS] = stamp
        return self.bytes

    def numbered(self, number: int) -> bytes:
        """Fill in a number, and give what will not change any more."""
        self.bytes[self.number_at : self.number_at + NUMBER_DIGITS] = b"%064x" % number
        return bytes(self.bytes)


class Speaker(asyncio.Protocol):
    """One connection: silent until it is asked for something."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        self._data = b""
        self._is_upgraded = False
        self._frames: list[Built] = []
        self._user = Built(order_event())
        self._next: Callable[[int, bytes], bytes] | None = None
        self._can_write = True
        self._begun_s = self._rate = 0.0
        self._due = self._sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._sender.speakers.discard(self)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._is_upgraded:
            if b"\r\n\r\n" in self._data:
                self.transport.write(accept_line(self._data))
                self._data, self._is_upgraded = b"", True
            return
        for text in self._texts():
            self._take(text)

    def _texts(self) -> Iterator[bytes]:
        """Take whole frames of a client, which are masked."""
        while len(self._data) >= 2:
            size, at = self._data[1] & 0x7F, 2
            if size == 126:
                size, at = int.from_bytes(self._data[2:4], "big"), 4
            end = at + 4 + size
            if len(self._data) < end:
                return
            mask = int.from_bytes((self._data[at : at + 4] * (size // 4 + 1))[:size], "big")
            masked = int.from_bytes(self._data[at + 4 : end], "big")
            is_text = self._data[0] & 0x0F == 1
            self._data = self._data[end:]
            if is_text:
                yield (masked ^ mask).to_bytes(size, "big")

    def _take(self, text: bytes) -> None:
        if text == b"PING":
            self.transport.write(b"\x81\x04PONG")
            return
        asked = json.loads(text)
        if asked.get("type") == "user":
            self._next = self._user_frame
        elif asked.get("operation") == "unsubscribe":
            self._frames = [one for one in self._frames if one.token not in asked["assets_ids"]]
        else:
            self._subscribe(asked["assets_ids"])
            self._next = self._market_frame
        self._sender.speakers.add(self)

    def _subscribe(self, tokens: Sequence[str]) -> None:
        pairs = list(zip(tokens[::2], tokens[1::2], strict=True))
        stamp = b"%013d" % int(time() * 1000)
        for token in tokens:
            self.transport.write(bytes(Built(book(token)).stamped(stamp)))
        self._frames += [
            Built(price_change(up, down, number), up)
            for number in range(CYCLE)
            for up, down in pairs
        ]

    # What is sent

    def talk(self, now_s: float) -> None:
        """Send what is due by now, as far as there is room."""
        rate = self._sender.user_rate if self._next == self._user_frame else self._sender.rate
        if rate != self._rate:
            self._begun_s, self._rate, self._sent = now_s, rate, 0
        is_silent = self._next == self._market_frame and not self._frames
        if not rate or not self._can_write or self._next is None or is_silent:
            return
        due = int((now_s - self._begun_s) * rate) - self._sent
        count = min(due, FRAMES_A_WRITE_MAX)
        if count <= 0:
            return
        stamp = b"%013d" % int((self._begun_s + (self._sent + 1) / rate) * 1000)
        number = self._due
        self.transport.write(b"".join([self._next(number + i, stamp) for i in range(count)]))
        self._due += count
        self._sent += count
        if self._next == self._user_frame:
            self._sender.user_sent += count
        else:
            self._sender.market_sent += count

    def _market_frame(self, number: int, stamp: bytes) -> bytes:
        return bytes(self._frames[number % len(self._frames)].stamped(stamp))

    def _user_frame(self, number: int, stamp: bytes) -> bytes:
        self._user.stamped(stamp)
        return self._user.numbered(number)


class Sender:
    """All connections, and how fast each may talk: market frames and user events a second."""

    def __init__(self) -> None:
        self.speakers: set[Speaker] = set()
        self.rate = self.user_rate = 0.0
        self.market_sent = self.user_sent = 0

    def order(self, word: Any) -> Any:
        """Take an order of the parent: a pair of rates, or None to be told what was sent."""
        if word is not None:
            self.rate, self.user_rate = word
        return self.market_sent, self.user_sent

    async def run(self, orders: Connection) -> None:
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Speaker(self), "127.0.0.1", 0)
        loop.add_reader(orders.fileno(), lambda: orders.send(self.order(orders.recv())))
        orders.send(listener.sockets[0].getsockname()[1])
        while True:
            now_s = time()
            for speaker in list(self.speakers):
                speaker.talk(now_s)
            await asyncio.sleep(TICK_S)


def _serve(orders: Connection, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {core})
    uvloop.run(Sender().run(orders))


class SenderProcess:
    """The parent's end: orders go by a pipe."""

    def __init__(self, orders: Connection, port: int) -> None:
        self._orders = orders
        self.port = port

    def set_rates(self, market: float, user: float) -> None:
        """Let every market connection get so many messages a second, and every user one."""
        self._orders.send((market, user))
        self._orders.recv()

    def sent(self) -> tuple[int, int]:
        """Give how many market messages and user events were sent."""
        self._orders.send(None)
        sent: tuple[int, int] = self._orders.recv()
        return sent


@contextmanager
def load_sender(core: int | None = None) -> Iterator[SenderProcess]:
    """Run a sender, silent at first."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_serve, args=(theirs, core), daemon=True
    )
    process.start()
    try:
        if not ours.poll(START_S_MAX):
            raise TimeoutError("the sender did not start")
        yield SenderProcess(ours, ours.recv())
    finally:
        process.terminate()
        process.join()
