"""A venue of which a scene decides every word: sockets that note what they hear, routes by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.support.loopback import CLOSE, TEXT, close_frame, frame, read_frame, serving, upgrade

PING, PONG = b"PING", b"PONG"


@dataclass(eq=False)
class Talk:
    """One socket as the venue sees it."""

    writer: asyncio.StreamWriter
    heard: list[bytes] = field(default_factory=list)
    is_over: bool = False

    def say(self, *messages: Any) -> None:
        """Send texts in one write: objects as JSON, bytes as they are."""
        texts = (one if isinstance(one, bytes) else orjson.dumps(one) for one in messages)
        self.writer.write(b"".join(frame(TEXT, text) for text in texts))

    def close(self, code: int) -> None:
        self.writer.write(close_frame(code))

    def abort(self) -> None:
        self.writer.transport.abort()

    @property
    def asked(self) -> list[Any]:
        """What was heard beside pings."""
        return [orjson.loads(text) for text in self.heard if text != PING]


@dataclass
class FeedVenue:
    """Sockets and routes of one scene.

    Args:
        on_text: Called with each text but pings, which are answered if ``answers_pings``.
        answers: Status and body by path; anything else is not known.
    """

    url: str = ""
    talks: list[Talk] = field(default_factory=list)
    on_text: Callable[[Talk, Any], None] = lambda talk, asked: None
    answers_pings: bool = True
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    @property
    def live(self) -> list[Talk]:
        return [talk for talk in self.talks if not talk.is_over]

    async def read(self, path: str) -> tuple[int, bytes]:
        self.reads.append(path)
        await asyncio.sleep(0)
        return self.answers.get(path, (503, b"{}"))

    async def script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        talk = Talk(writer)
        self.talks.append(talk)
        try:
            while True:
                opcode, text = await read_frame(reader)
                if opcode == CLOSE:
                    writer.write(close_frame(1000))
                    return
                talk.heard.append(text)
                if text != PING:
                    self.on_text(talk, orjson.loads(text))
                elif self.answers_pings:
                    talk.say(PONG)
        finally:
            talk.is_over = True


@asynccontextmanager
async def feed_venue(**options: Any) -> AsyncIterator[FeedVenue]:
    """Serve such a venue."""
    venue = FeedVenue(**options)
    async with serving(venue.script) as server:
        venue.url = f"ws://127.0.0.1:{server.port}/"
        yield venue
