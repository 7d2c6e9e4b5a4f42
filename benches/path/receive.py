"""Frames in: bursts at full speed, and single ones a millisecond apart.

Bursts show what a frame costs, single ones what waking the loop costs. A burst over 2.5 µs a frame
without the extra ``fast`` would mean that our protocol adds to the library's parser.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic_ns

from websockets.asyncio.client import ClientConnection, connect

from benches.path.latency import Run
from benches.path.wire_server import FRAME_BYTES
from polymm.net.dialling import Endpoint, dial
from polymm.net.websocket import ENGINES, Receiver, WebSocket, open_websocket

RAW = "raw"
WEBSOCKETS = "websockets, its own client"
PICOWS = "picows, its own listener"


def polymm(engine: str) -> str:
    """Name the row of an engine of ours."""
    return f"polymm, {engine}"


class Tally:
    """Counts messages of one run and settles it at the last."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        self.left = 0
        self.done: asyncio.Future[None] | None = None

    def start(self, count: int) -> asyncio.Future[None]:
        self.samples, self.left = [], count
        self.done = asyncio.get_running_loop().create_future()
        return self.done

    def count(self, payload: bytes, _: int) -> None:
        self.left -= 1
        if self.left == 0 and self.done is not None:
            self.done.set_result(None)

    def note(self, payload: bytes, recv_ns: int) -> None:
        self.samples.append(recv_ns - int.from_bytes(payload[:8], "big"))
        self.count(payload, recv_ns)


async def run_tally(
    tally: Tally, ask: Callable[[bytes], object], kind: bytes, count: int
) -> list[int]:
    """Ask for frames and wait for the last: the delay of each if paced, else the mean of all."""
    began_ns = monotonic_ns()
    done = tally.start(count)
    ask(kind + b" %d" % count)
    await done
    return tally.samples or [(monotonic_ns() - began_ns) // count]


class RawClient(asyncio.Protocol):
    """Takes the bytes of the same frames and counts them."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now_ns = monotonic_ns()
        size = FRAME_BYTES + 4
        before, self.bytes = self.bytes // size, self.bytes + len(data)
        if self.is_paced:
            # Two come in one read where this process was kept waiting.
            for start in range(0, len(data), size):
                self.tally.note(data[start + 4 :], now_ns)
            return
        for _ in range(self.bytes // size - before):
            self.tally.count(data, now_ns)

    async def run(self, kind: bytes, count: int) -> list[int]:
        self.is_paced = kind == b"p"
        return await run_tally(self.tally, self.transport.write, kind, count)


async def run_websockets(client: ClientConnection, kind: bytes, count: int) -> list[int]:
    """Receive as its users do."""
    samples = []
    began_ns = monotonic_ns()
    await client.send((kind + b" %d" % count).decode())
    for _ in range(count):
        payload = await client.recv(decode=False)
        if kind == b"p":
            samples.append(monotonic_ns() - int.from_bytes(payload[:8], "big"))
    return samples or [(monotonic_ns() - began_ns) // count]


async def open_ours(url: str, engine: str, kind: bytes) -> tuple[WebSocket, Run]:
    """Open a websocket of polymm and make its run."""
    tally = Tally()
    on_message = tally.note if kind == b"p" else tally.count
    socket = await open_websocket(
        url, Receiver(on_message=on_message, on_close=lambda _: None), engine=engine
    )
    return socket, lambda count: run_tally(tally, socket.send_text, kind, count)


async def open_picows(url: str, kind: bytes) -> tuple[Callable[[], object], Run]:
    """Open a websocket by picows alone."""
    import picows

    tally = Tally()
    take = tally.note if kind == b"p" else tally.count

    class Listener(picows.WSListener):
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            take(frame.get_payload_as_bytes(), monotonic_ns())

    transport, _ = await picows.ws_connect(Listener, url)

    def ask(payload: bytes) -> None:
        transport.send(picows.WSMsgType.TEXT, payload)

    return transport.disconnect, lambda count: run_tally(tally, ask, kind, count)


@asynccontextmanager
async def receive_contenders(port: int, kind: bytes) -> AsyncIterator[dict[str, Run]]:
    """Connect all contenders; picows where it is installed."""
    url = f"ws://127.0.0.1:{port}/"
    runs: dict[str, Run] = {}
    async with AsyncExitStack() as stack:
        raw = await dial(RawClient, Endpoint("127.0.0.1", port), timeout_ns=5_000_000_000)
        stack.callback(lambda: raw.transport.abort())
        runs[RAW] = lambda count: raw.run(kind, count)
        client = await stack.enter_async_context(
            connect(url, ping_interval=None, compression=None, close_timeout=1)
        )
        runs[WEBSOCKETS] = lambda count: run_websockets(client, kind, count)
        try:
            for engine in ENGINES:
                socket, run = await open_ours(url, engine, kind)
                stack.callback(socket.abort)
                runs[polymm(engine)] = run
            disconnect, runs[PICOWS] = await open_picows(url, kind)
            stack.callback(disconnect)
        except ModuleNotFoundError:
            pass
        yield runs
