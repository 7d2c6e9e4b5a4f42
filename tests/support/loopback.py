"""Servers on loopback that do exactly what a scene says, and the loops a scene runs on.

Scripts are plain stream handlers; nothing in them knows the client's code. A scene fails when a
loop reports an error it did not expect or a task outlives it.
"""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from random import SystemRandom
from typing import Any

import trustme
import uvloop

MS = 1_000_000
SECOND = 1_000_000_000
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
SCENE_S_MAX = 5.0

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_WS_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass
class Stage:
    """Runs scenes on one kind of loop; a scene takes the errors it expects out of ``errors``."""

    loop: str
    errors: list[BaseException | str] = field(default_factory=list)

    def __call__(self, scene: Coroutine[Any, Any, None]) -> None:
        async def bounded() -> None:
            def note(_: object, context: dict[str, Any]) -> None:
                self.errors.append(context.get("exception") or context["message"])

            asyncio.get_running_loop().set_exception_handler(note)
            async with asyncio.timeout(SCENE_S_MAX):
                await scene
            await settled()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert [task.get_name() for task in left] == []

        with asyncio.Runner(loop_factory=LOOPS[self.loop]) as runner:
            runner.run(bounded())
        assert self.errors == []


async def settled(rounds: int = 5) -> None:
    """Let what is ready run."""
    for _ in range(rounds):
        await asyncio.sleep(0)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition; the scene's own time limit bounds it."""
    while not is_so():
        await asyncio.sleep(0.0005)


@dataclass
class Server:
    """A script behind a port of 127.0.0.1."""

    port: int
    connections: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)


@asynccontextmanager
async def serving(
    script: Script, *, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Server]:
    """Serve a script; all connections are cut at the end."""
    server = Server(0)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that hangs up in the middle is part of the scene.
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                await script(reader, writer)
            except AssertionError as error:
                server.faults.append(error)
            except RuntimeError:
                # What uvloop says of a write to a client that has hung up.
                assert writer.transport.is_closing()
        writer.close()

    def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.writers.append(writer)
        task = asyncio.get_running_loop().create_task(play(reader, writer))
        server.tasks.add(task)
        task.add_done_callback(server.tasks.discard)

    listener = await asyncio.start_server(on_connection, "127.0.0.1", port, ssl=tls, limit=1 << 22)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in list(server.tasks):
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)
        for writer in server.writers:
            writer.transport.abort()
        await settled()
    assert server.faults == []


async def unused_port() -> int:
    """A port nobody listens on, below those that a system gives to whoever asks for any."""
    for port in SystemRandom().sample(range(20_000, 32_768), 100):
        try:
            listener = await asyncio.start_server(lambda _, __: None, "127.0.0.1", port)
        except OSError:
            continue
        listener.close()
        await listener.wait_closed()
        return port
    raise OSError("no port is unused")


@dataclass(frozen=True)
class Trust:
    """Two throw-away authorities: the one a client trusts, and another."""

    client: ssl.SSLContext
    server: ssl.SSLContext
    other_name: ssl.SSLContext
    stranger: ssl.SSLContext


@cache
def trust() -> Trust:
    """Make certificates, once a process."""
    known, unknown = trustme.CA(), trustme.CA()
    client = ssl.create_default_context()
    known.configure_trust(client)

    def server(authority: trustme.CA, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return context

    return Trust(
        client,
        server(known, "localhost"),
        server(known, "elsewhere.example"),
        server(unknown, "localhost"),
    )


# HTTP


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One request, head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)


def reply(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """One answer with its length stated."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answering(*answers: bytes) -> Script:
    """Answer the requests of each connection in turn, the last answer for ever."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        i = 0
        while True:
            await read_request(reader)
            writer.write(answers[min(i, len(answers) - 1)])
            await writer.drain()
            i += 1

    return script


# Websockets


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Answer the opening handshake; the request."""
    request = await reader.readuntil(b"\r\n\r\n")
    writer.write(accept(request))
    await writer.drain()
    return request


def accept(request: bytes) -> bytes:
    """The answer to an opening handshake."""
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"sec-websocket-key":
            proof = base64.b64encode(hashlib.sha1(value.strip() + _WS_KEY).digest())
            return (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n"
            )
    raise AssertionError("no key in the handshake")


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0) -> bytes:
    """One frame as a server sends it."""
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([size])
    elif size < 1 << 16:
        head += b"\x7e" + size.to_bytes(2, "big")
    else:
        head += b"\x7f" + size.to_bytes(8, "big")
    return head + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame as a server sends it."""
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Opcode and payload of a client's next frame, which must be masked."""
    first, second = await reader.readexactly(2)
    assert second & 0x80, "a client masks its frames"
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
