"""The books of a recorded run, rebuilt from its bytes by the code that kept them live.

Frames go through the live decoder, sockets and markets, at the times at which they were received.
What a run did not hear from a frame is read from its notes: sockets that opened and ended, books
that were asked for again, markets taken in and given up.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import orjson

from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.research.market_record import market_of
from polymm.research.recording_format import Channel, Recorded
from polymm.research.run_recording import RunRecording
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.freshness import MarketFeedSettings
from polymm.venues.polymarket.link import Dialling
from polymm.venues.polymarket.market_line import MarketLine

_HEARD: Final = (Channel.MARKET, Channel.NOTE)


class HeardBooks:
    """Books and lanes of all markets of a run, as of any time of it.

    Args:
        run: What was recorded.
        params: Gives the parameters of a market's lanes.
        quoter_address: Of those lanes.

    Attributes:
        markets: By condition id, also those that are over.
        frames: Of the market channel, so far.
    """

    def __init__(
        self,
        run: RunRecording,
        params: Callable[[Market], Mapping[str, int | float] | Any],
        quoter_address: int = 0,
    ) -> None:
        self.markets: dict[str, FeedMarket] = {}
        self.frames = 0
        self._params = params
        self._quoter_address = quoter_address
        self._settings = MarketFeedSettings()
        self._now_ns = 0
        self._lines: dict[int, MarketLine] = {}
        self._counts: Counter[str] = Counter()
        self._chunks = _chunks(run)
        self._next = next(self._chunks, None)
        self._dialling = Dialling(
            url="",
            clock_ns=lambda: self._now_ns,
            ping=wire.PING,
            ping_ns=self._settings.ping_ns,
            answer_ns_max=None,
        )

    def advance(self, to_ns: int) -> None:
        """Hear all that was heard up to and with a time."""
        while self._next is not None and self._next[0].recv_ns <= to_ns:
            chunk = self._next
            self._now_ns = chunk[0].recv_ns
            if chunk[0].channel == Channel.NOTE:
                self._take_note(orjson.loads(chunk[0].payload))
            elif (line := self._lines.get(chunk[0].socket)) is not None:
                self.frames += len(chunk)
                for frame in chunk:
                    line.on_message(frame.payload, frame.recv_ns)
                line.on_chunk_end()
            self._next = next(self._chunks, None)

    def _take_note(self, note: dict[str, Any]) -> None:
        match note:
            case {"note": "socket", "channel": "market", "socket": int(socket)}:
                # Told again at the beginning of each file.
                if socket not in self._lines:
                    self._lines[socket] = self._open_line()
            case {"note": "socket_end", "socket": int(socket)}:
                if (line := self._lines.pop(socket, None)) is not None:
                    line.drop_views(self._now_ns)
            case {"note": "book_dropped", "socket": int(socket), "market": str(name)}:
                line, market = self._lines.get(socket), self.markets.get(name)
                if line is not None and market is not None and market in line.views:
                    line.redrive(line.views[market], self._now_ns)
            case {"note": "market"}:
                self._add(market_of(note["market"], "recording"))
            case {"note": "outcome", "market": str(name)} if name in self.markets:
                self._remove(self.markets[name])

    def _open_line(self) -> MarketLine:
        standing = [market for market in self.markets.values() if not market.is_removed]
        return MarketLine(
            self._dialling, standing, self._counts, on_end=_nothing, on_resolved=_resolve
        )

    def _add(self, facts: Market) -> None:
        if facts.condition_id in self.markets:
            return
        market = self.markets[facts.condition_id] = FeedMarket(
            facts,
            self._params(facts),
            _nothing,
            quoter_address=self._quoter_address,
            proof_ns_max=self._settings.proof_ns_max,
            mismatch_ns_max=self._settings.mismatch_ns_max,
            now_ns=self._now_ns,
        )
        for line in self._lines.values():
            line.add(market)

    def _remove(self, market: FeedMarket) -> None:
        if not market.is_removed:
            market.is_removed = True
            for line in self._lines.values():
                line.remove(market)


def _nothing(*_: object) -> None:
    """Tell nobody: who steps is the journal's matter."""


def _resolve(market: FeedMarket, winner: Token) -> None:
    market.winner = market.winner or winner


def _chunks(run: RunRecording) -> Iterator[list[Recorded]]:
    """Frames that came at once on one socket, in the order in which they were taken."""
    heard = run.frames(*_HEARD)
    for _, frames in groupby(heard, lambda frame: (frame.recv_ns, frame.channel, frame.socket)):
        found = list(frames)
        if found[0].channel == Channel.NOTE:
            yield from ([note] for note in found)
        else:
            yield found
