"""Socket to book: price changes at full speed, from the socket's bytes to best bid and ask.

Every contender gets the same frames in bursts and starts each run with a fresh book. A run is over
when the book has the last message's time; nothing is counted a message.
"""

import asyncio
import json
from collections.abc import Callable
from time import monotonic_ns
from typing import Protocol

import orjson
from websockets.asyncio.client import connect

from benches.path.latency import Run
from benches.peers.books import BookContender, Loaded
from benches.peers.sorted_books import SortedDictBook
from benches.workload import Workload, synthetic
from polymm._core.decode import Decoder
from polymm.net.websocket import ENGINES, Receiver, open_websocket

MESSAGES = 8192
ORJSON = "websockets + orjson + SortedDict"
JSON = "websockets + json + SortedDict (poly-maker style)"
PICOWS_BOOK = "picows' own listener + polymm's decoder"


def messages() -> Workload:
    """The frames all contenders get; server and client make the same."""
    return synthetic(seed=1, price_changes=MESSAGES, books=0)


def ours(engine: str) -> str:
    """Name the row of an engine of ours."""
    return f"polymm, {engine}"


class Timed(Protocol):
    """The part of a book that says how far it is."""

    @property
    def timestamp_ms(self) -> int: ...


def fresh_decoder(workload: Workload) -> tuple[Decoder, Timed]:
    """Make a decoder whose book is open."""
    decoder = Decoder()
    slot = decoder.add_market(workload.up_token, workload.down_token, tick_e4=workload.tick_e4)
    for frame in workload.start:
        decoder.feed(frame)
    return decoder, decoder.book(slot)


def last_ms(workload: Workload, count: int) -> int:
    """Time of the last of the first ``count`` messages."""
    return int(orjson.loads(workload.price_changes[count - 1])["timestamp"])


async def run_peer(
    url: str, workload: Workload, loads: Callable[[bytes], object], count: int
) -> int:
    """Receive by the client of websockets, keep books as its users do."""
    books: BookContender = Loaded(workload, SortedDictBook, loads)
    for frame in workload.start:
        books.feed(frame)
    async with connect(url, ping_interval=None, compression=None, close_timeout=1) as client:
        began_ns = monotonic_ns()
        await client.send(f"c {count}")
        feed, recv = books.feed, client.recv
        for _ in range(count):
            feed(await recv(decode=False))
        return (monotonic_ns() - began_ns) // count


async def run_ours(url: str, workload: Workload, engine: str, count: int) -> int:
    """Receive by an engine of ours, the decoder's ``feed`` as its callback."""
    decoder, book = fresh_decoder(workload)
    done = asyncio.get_running_loop().create_future()
    end_ms = last_ms(workload, count)

    def look() -> None:
        if book.timestamp_ms == end_ms and not done.done():
            done.set_result(None)

    receiver = Receiver(on_message=decoder.feed, on_close=lambda _: None, on_chunk_end=look)
    socket = await open_websocket(url, receiver, engine=engine)
    began_ns = monotonic_ns()
    socket.send_text(b"c %d" % count)
    await done
    elapsed_ns = monotonic_ns() - began_ns
    socket.abort()
    await socket.wait_closed()
    return elapsed_ns // count


async def run_picows(url: str, workload: Workload, count: int) -> int:
    """Receive by picows alone into our decoder: the limit of the engine of that name."""
    import picows

    decoder, book = fresh_decoder(workload)
    done = asyncio.get_running_loop().create_future()
    end_ms = last_ms(workload, count)
    feed = decoder.feed

    class Listener(picows.WSListener):
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            feed(frame.get_payload_as_memoryview(), 0)
            if frame.last_in_buffer and book.timestamp_ms == end_ms and not done.done():
                done.set_result(None)

    transport, _ = await picows.ws_connect(Listener, url)
    began_ns = monotonic_ns()
    transport.send(picows.WSMsgType.TEXT, b"c %d" % count)
    await done
    elapsed_ns = monotonic_ns() - began_ns
    transport.disconnect()
    await transport.wait_disconnected()
    return elapsed_ns // count


def book_contenders(port: int) -> dict[str, Run]:
    """Make all contenders; picows where it is installed. A run opens a connection of its own."""
    url = f"ws://127.0.0.1:{port}/"
    workload = messages()

    def once(run: Callable[[int], "asyncio.Future[int]"]) -> Run:
        async def sample(count: int) -> list[int]:
            return [await run(min(count, MESSAGES))]

        return sample

    def peer(loads: Callable[[bytes], object]) -> Run:
        return once(lambda count: asyncio.ensure_future(run_peer(url, workload, loads, count)))

    def engine_run(engine: str) -> Run:
        return once(lambda count: asyncio.ensure_future(run_ours(url, workload, engine, count)))

    runs = {
        ORJSON: peer(orjson.loads),
        JSON: peer(json.loads),
        ours(ENGINES[0]): engine_run(ENGINES[0]),
    }
    try:
        import picows
    except ModuleNotFoundError:
        return runs
    assert picows
    runs |= {ours(engine): engine_run(engine) for engine in ENGINES[1:]}
    runs[PICOWS_BOOK] = once(lambda count: asyncio.ensure_future(run_picows(url, workload, count)))
    return runs
