"""``/ws/market``: books and their changes for whoever asks (market-ws notes, simulator notes 3)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
from aiohttp import web

from polymm.exchange.faults import Fault
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.hub import (
    PING,
    POLICY,
    PONG_TEXT,
    Hub,
    Peer,
    Troubles,
    text_frame,
)
from polymm.exchange.server.pump import Message

PATH: Final = "/ws/market"
# What the venue answers to a later frame that it cannot use, such as a second first frame.
NO_OPERATION: Final = b"INVALID OPERATION"

# Who is subscribed to the same gets the same bytes.
Interest = tuple[frozenset[str], bool]


def market_socket_routes(hall: Hall) -> list[web.RouteDef]:
    """The market socket."""
    return [web.get(PATH, MarketChannel(hall).serve)]


class MarketChannel:
    """Everybody who listens to the market channel.

    Args:
        hall: The exchange.

    Attributes:
        hub: The open sockets.
    """

    def __init__(self, hall: Hall) -> None:
        troubles = Troubles(Fault.MARKET_CLOSED, silent=Fault.MARKET_SILENT)
        self.hub = Hub(hall, troubles)
        self._hall = hall
        self._interests: dict[Interest, list[Peer]] = {}
        hall.listeners.append(self._deliver)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket to its end."""
        async with self.hub.accepted(request) as (peer, socket):
            listener = _Listener(self, peer)
            try:
                async for text in peer.messages():
                    listener.hear(text)
            finally:
                self.move(peer, listener.interest, None)
        return socket

    def move(self, peer: Peer, old: Interest | None, new: Interest | None) -> None:
        """Let a peer listen to something else from now on.

        What was said so far still goes to the old listeners: who comes gets a dump of the state
        that everything after it continues.
        """
        self._hall.pump.flush()
        if old is not None:
            peers = self._interests[old]
            peers.remove(peer)
            if not peers:
                del self._interests[old]
        if new is not None:
            self._interests.setdefault(new, []).append(peer)

    def dump(self, token_ids: Iterable[str]) -> bytes:
        """Write the books of tokens as one array; ids that no market has are left out."""
        exchange, faults = self._hall.exchange, self._hall.faults
        books = []
        for token_id in token_ids:
            listing = exchange.find(token_id)
            if listing is None or faults.strikes(Fault.MARKET_BOOK_MISSING):
                continue
            changed_ms = listing.changed_ns // 1_000_000
            books.append(listing.writer.dump(listing.token(token_id), changed_ms))
        return f"[{','.join(books)}]\n".encode() if books else b"[]"

    def _deliver(self, messages: Sequence[Message]) -> None:
        """Write what was said to all who asked for it: each frame is built once."""
        if not self._interests:
            return
        said = [
            (message, text_frame(message.payload))
            for message in messages
            if type(message) is MarketMessage
        ]
        for (token_ids, is_custom), peers in self._interests.items():
            frames = [
                frame
                for message, frame in said
                if (is_custom or not message.is_custom)
                and not (message.tokens and token_ids.isdisjoint(message.tokens))
            ]
            if frames:
                joined = b"".join(frames)
                for peer in peers:
                    self.hub.deliver(peer, frames, joined)


class _Listener:
    """What one peer has asked for.

    Attributes:
        interest: None before its first frame.
    """

    def __init__(self, channel: MarketChannel, peer: Peer) -> None:
        self.interest: Interest | None = None
        self._channel = channel
        self._peer = peer

    def hear(self, text: str | bytes) -> None:
        """Take in a frame of the peer."""
        if self.interest is None:
            asked = read_frame(text)
            if asked is None or str(asked.get("type")).lower() != "market":
                self._peer.close(POLICY, "invalid subscription payload")
                return
            self._want(frozenset(), asked, is_custom=False)
        elif text == PING:
            self._peer.write(PONG_TEXT)
        else:
            token_ids, is_custom = self.interest
            asked = read_frame(text)
            operation = None if asked is None else asked.get("operation")
            if asked is not None and operation == "subscribe":
                self._want(token_ids, asked, is_custom=is_custom)
            elif asked is not None and operation == "unsubscribe":
                self._change((token_ids.difference(asked["assets_ids"]), is_custom))
            else:
                self._peer.send(NO_OPERATION)

    def _want(self, had: frozenset[str], asked: dict[str, Any], *, is_custom: bool) -> None:
        """Subscribe to more; tokens it has already get no second dump."""
        token_ids = [one for one in dict.fromkeys(asked["assets_ids"]) if one not in had]
        is_custom = asked.get("custom_feature_enabled", is_custom)
        self._change((had.union(token_ids), is_custom))
        is_first = not had
        if asked.get("initial_dump", True) and (token_ids or is_first):
            self._channel.hub.deliver(self._peer, [text_frame(self._channel.dump(token_ids))])

    def _change(self, interest: Interest) -> None:
        self._channel.move(self._peer, self.interest, interest)
        self.interest = interest


def read_frame(text: str | bytes) -> dict[str, Any] | None:
    """Read a frame that names tokens; None where it is not in the form for that."""
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(asked, dict):
        return None
    token_ids = asked.get("assets_ids")
    if not isinstance(token_ids, list) or not all(isinstance(one, str) for one in token_ids):
        return None
    flags = (asked.get(key, True) for key in ("custom_feature_enabled", "initial_dump"))
    return asked if all(isinstance(flag, bool) for flag in flags) else None
