"""The other side of every contender: a process of its own that answers fixed bytes.

It does as little as it can, so that what is measured is the client. POST: a request of known length
is answered at its last byte. Frames: after one message it sends frames, as fast as they are taken
or one a millisecond; to a peer that did not ask for a websocket it sends the same bytes raw.
"""

import asyncio
import base64
import hashlib
import multiprocessing
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic_ns
from typing import ClassVar

import uvloop

from benches.path.socket_to_book import messages

REPLY_BODY = b'{"success":true,"errorMsg":"","orderID":"0x' + b"a" * 64 + b'","status":"live"}'
REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(REPLY_BODY)
    + REPLY_BODY
)
FRAME_BYTES = 500
BURST = 64  # Frames a write: what a busy feed leaves in one read.
_WS_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def frame(payload: bytes) -> bytes:
    """A text frame as a server sends it, 126 bytes or more."""
    return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload


def stamped(now_ns: int) -> bytes:
    """A payload that begins with when it was made."""
    return now_ns.to_bytes(8, "big").ljust(FRAME_BYTES, b"x")


def accept_line(request: bytes) -> bytes:
    """Accept a websocket's handshake."""
    at = request.lower().index(b"sec-websocket-key: ") + 19
    key = request[at : request.index(b"\r\n", at)]
    proof = base64.b64encode(hashlib.sha1(key + _WS_KEY).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )


class Answers(asyncio.Protocol):
    """Answers each request of a stream when its last byte is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.left = 0

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            head, found, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            assert found, "a head comes in one piece"
            self.left = length - len(body)
        else:
            self.left -= len(data)
        if self.left == 0:
            self.transport.write(REPLY)


class Frames(asyncio.Protocol):
    """Sends frames on request: ``b <count>`` in bursts, ``p <count>`` paced, ``c <count>`` bursts
    of price changes, which are all different."""

    price_changes: ClassVar[tuple[bytes, ...]] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.is_upgraded = False
        self.burst = frame(b"y" * FRAME_BYTES) * BURST
        self.is_paused = asyncio.Event()
        self.is_paused.set()

    def pause_writing(self) -> None:
        self.is_paused.clear()

    def resume_writing(self) -> None:
        self.is_paused.set()

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self.transport.write(accept_line(data))
            self.is_upgraded = True
            return
        if self.is_upgraded:
            if data[0] & 0x0F == 8:
                self.transport.close()
                return
            mask, masked = data[2:6], data[6:]
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
        kind, _, count = data.partition(b" ")
        send = {b"p": self.send_paced, b"b": self.send_bursts, b"c": self.send_changes}[kind]
        self.task = asyncio.get_running_loop().create_task(send(int(count)))

    async def send_bursts(self, count: int) -> None:
        for _ in range(count // BURST):
            await self.is_paused.wait()
            self.transport.write(self.burst)

    async def send_changes(self, count: int) -> None:
        frames = self.price_changes[:count]
        for i in range(0, count, BURST):
            await self.is_paused.wait()
            self.transport.write(b"".join(frames[i : i + BURST]))

    async def send_paced(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0.001)
            self.transport.write(frame(stamped(monotonic_ns())))


def _serve(ready: Connection, core: int | None, certificate: str | None) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        listeners = [
            await loop.create_server(Answers, "127.0.0.1", 0),
            await loop.create_server(Frames, "127.0.0.1", 0),
        ]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            listeners.append(await loop.create_server(Answers, "127.0.0.1", 0, ssl=context))
        ready.send([one.sockets[0].getsockname()[1] for one in listeners])
        await asyncio.Event().wait()

    if core is not None:
        os.sched_setaffinity(0, {core})
    Frames.price_changes = tuple(frame(message) for message in messages().price_changes)
    uvloop.run(run())


@contextmanager
def wire_server(client_core: int | None) -> Iterator[tuple[list[int], ssl.SSLContext | None]]:
    """Run the server on another core than the client's, where there is one.

    Yields:
        Ports for POST, frames and, with trustme installed, POST over TLS; the trust for the latter.
    """
    try:
        import trustme
    except ModuleNotFoundError:
        trust, pem = None, None
    else:
        authority = trustme.CA()
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        pem = authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes()
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    others = sorted(allowed - {client_core})
    with TemporaryDirectory() as folder:
        path = None
        if pem is not None:
            path = Path(folder, "throw-away.pem")
            path.touch(0o600)
            path.write_bytes(pem)
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=_serve,
            args=(theirs, others[0] if others else None, str(path) if path else None),
            daemon=True,
        )
        process.start()
        try:
            if not ours.poll(20):
                raise TimeoutError("the bench's server did not start")
            yield ours.recv(), trust
        finally:
            process.terminate()
            process.join()
