"""A websocket that notes all it tells, and the scenes it is put in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from polymm.net.websocket import (
    Closed,
    Receiver,
    WebSocket,
    WebSocketLimits,
    open_websocket,
)
from tests.support.loopback import (
    CLOSE,
    MS,
    Script,
    read_frame,
    serving,
    upgrade,
)

LIMITS = WebSocketLimits(message_bytes_max=1 << 16, open_ns_max=200 * MS, close_ns_max=5 * MS)


@dataclass
class Heard:
    """All that a websocket told."""

    messages: list[bytes] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    ends: list[Closed] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)

    def receiver(self) -> Receiver:
        def on_message(payload: bytes, recv_ns: int) -> None:
            assert type(payload) is bytes
            assert not self.ends
            self.messages.append(payload)
            self.stamps.append(recv_ns)

        return Receiver(
            on_message=on_message,
            on_close=self.ends.append,
            on_pong=lambda payload, _: self.pongs.append(payload),
            on_chunk_end=lambda: self.chunks.append(len(self.messages)),
        )


@asynccontextmanager
async def opened(port: int, engine: str, heard: Heard, **options: Any) -> AsyncIterator[WebSocket]:
    options = {"limits": LIMITS, **options}
    socket = await open_websocket(
        f"ws://127.0.0.1:{port}/ws/market", heard.receiver(), engine=engine, **options
    )
    try:
        yield socket
    finally:
        socket.abort()
        await socket.wait_closed()
        assert not socket.is_open
        assert len(heard.ends) == 1


def sending(*pieces: bytes) -> Script:
    """Write pieces one by one after the handshake, then take what comes until the client ends."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.0005)
        await reader.read()

    return script


def noting(frames: list[tuple[int, bytes]], *pieces: bytes) -> Script:
    """Write pieces after the handshake, then note the client's frames; end after its close."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(b"".join(pieces))
        while not frames or frames[-1][0] != CLOSE:
            frames.append(await read_frame(reader))

    return script


def scene_of(
    engine: str, script: Script, then: Callable[[WebSocket, Heard], Any], **options: Any
) -> Any:
    """Open a socket to a script and run what follows."""

    async def scene() -> None:
        heard = Heard()
        async with serving(script) as server, opened(server.port, engine, heard, **options) as ws:
            await then(ws, heard)

    return scene()
