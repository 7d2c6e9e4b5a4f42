"""``/ws/rtds``: reference prices for everybody, with their traps (markets-5m notes 8).

A PING gets no answer, empty frames come, the back-fill of the oracle's prices carries the name of
another topic, exact values are scaled on the oracle's topics and plain on the other.
"""

import base64
import secrets
from typing import Any, Final, NamedTuple

import orjson
from aiohttp import web

from polymm.exchange.faults import Fault
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.hub import PING, Hub, Peer, Troubles, text_frame
from polymm.exchange.server.price_clock import AVERAGE_MS, Point, PriceClock

PATH: Final = "/ws/rtds"
BINANCE: Final = "crypto_prices"
ORACLE: Final = "crypto_prices_chainlink"
# Topics and the seconds over which they are averaged.
TOPICS: Final = {
    BINANCE: 0,
    ORACLE: 0,
    "crypto_prices_twap_thirty": 30,
    "crypto_prices_twap_sixty": 60,
}
NO_SYMBOL: Final = "-"
EMPTY_FRAME: Final = text_frame(b"")


class Wish(NamedTuple):
    """One subscription: a topic and a symbol of it, "" for all."""

    topic: str
    symbol: str


def rtds_socket_routes(hall: Hall) -> list[web.RouteDef]:
    """The public socket for reference prices."""
    return [web.get(PATH, RtdsChannel(hall).serve)]


class RtdsChannel:
    """Everybody who listens to public prices.

    Args:
        hall: The exchange.

    Attributes:
        hub: The open sockets.
    """

    def __init__(self, hall: Hall) -> None:
        troubles = Troubles(Fault.PRICES_CLOSED, Fault.PRICES_SILENT)
        self.hub = Hub(hall, troubles)
        self._clock = PriceClock(hall, self._publish)
        self._coins = tuple(hall.markets.prices)
        self._listeners: set[_Listener] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket to its end."""
        async with self.hub.accepted(request) as (peer, socket):
            listener = _Listener(self, peer)
            self._listeners.add(listener)
            self._clock.start()
            try:
                async for text in peer.messages():
                    listener.hear(text)
            finally:
                self._listeners.discard(listener)
                if not self._listeners:
                    self._clock.stop()
        return socket

    def back_fill(self, peer: Peer, wish: Wish) -> None:
        """Send the last two minutes of what was asked for."""
        for coin in self._coins:
            symbol = symbol_of(wish.topic, coin)
            if wish.symbol not in ("", symbol):
                continue
            points = (self._point(wish.topic, coin, ms) for ms in self._clock.moments(AVERAGE_MS))
            payload = {
                "symbol": symbol,
                "data": [{"timestamp": ms, "value": price_e8 / 1e8} for ms, price_e8 in points],
            }
            topic = BINANCE if wish.topic == ORACLE else wish.topic
            message = {
                "topic": topic,
                "type": "subscribe",
                "timestamp": self._clock.now_ms,
                "payload": payload,
            }
            self.hub.deliver(peer, [text_frame(orjson.dumps(message))])

    def _publish(self, at_ms: int) -> None:
        if at_ms % AVERAGE_MS:
            return
        updates = [
            (topic, symbol_of(topic, coin), self._update(topic, coin, at_ms))
            for topic in TOPICS
            for coin in self._coins
        ]
        for listener in tuple(self._listeners):
            frames = [
                text_frame(update % listener.name)
                for topic, symbol, update in updates
                if not listener.wishes.isdisjoint((Wish(topic, ""), Wish(topic, symbol)))
            ]
            if frames:
                self.hub.deliver(listener.peer, frames)

    def _update(self, topic: str, coin: str, at_ms: int) -> bytes:
        """Write a message but for the connection's name, which stands there as %b."""
        point = self._point(topic, coin, at_ms)
        payload: dict[str, object] = {
            "symbol": symbol_of(topic, coin),
            "timestamp": at_ms,
            "value": point.price_e8 / 1e8,
            "full_accuracy_value": exact_text(topic, point),
        }
        if TOPICS[topic]:
            payload["window_s"] = TOPICS[topic]
        message = {
            "topic": topic,
            "type": "update",
            "timestamp": self._clock.now_ms,
            "connection_id": "%b",
            "payload": payload,
        }
        return orjson.dumps(message)

    def _point(self, topic: str, coin: str, at_ms: int) -> Point:
        seconds = TOPICS[topic]
        if seconds:
            return self._clock.average(coin, at_ms, seconds)
        return self._clock.spot(coin, at_ms)


class _Listener:
    """What one peer has asked for.

    Attributes:
        name: Of its connection.
        wishes: Its subscriptions.
    """

    def __init__(self, channel: RtdsChannel, peer: Peer) -> None:
        self.peer = peer
        self.name = base64.urlsafe_b64encode(secrets.token_bytes(11))
        self.wishes: set[Wish] = set()
        self._channel = channel

    def hear(self, text: str | bytes) -> None:
        """Take in a frame of the peer."""
        if text == PING:
            return
        asked = read_frame(text)
        if asked is None:
            self._refuse(400, "Invalid request body")
            return
        wishes = [read_wish(one) for one in asked["subscriptions"]]
        # One unknown topic fails them all.
        if None in wishes:
            self._refuse(401, "Unauthorized")
            return
        known = [wish for wish in wishes if wish is not None]
        if asked["action"] == "unsubscribe":
            self.wishes.difference_update(known)
            return
        self.wishes.update(known)
        self.peer.write(EMPTY_FRAME)
        for wish in known:
            self._channel.back_fill(self.peer, wish)

    def _refuse(self, status: int, text: str) -> None:
        message = {"statusCode": status, "body": {"message": text}}
        self.peer.send(orjson.dumps(message))


def symbol_of(topic: str, coin: str) -> str:
    """Name a coin as a topic does."""
    return f"{coin}usdt" if topic == BINANCE else f"{coin}/usd"


def exact_text(topic: str, point: Point) -> str:
    """Write an exact value: a plain decimal on one topic, an integer of 1e-18 on the others."""
    return point.text[:-10] if topic == BINANCE else str(point.price_e8 * 10**10)


def read_frame(text: str | bytes) -> dict[str, Any] | None:
    """Read a frame; None where it is none that subscribes or unsubscribes."""
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(asked, dict) or asked.get("action") not in ("subscribe", "unsubscribe"):
        return None
    entries = asked.get("subscriptions")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        return None
    return asked


def read_wish(entry: dict[str, Any]) -> Wish | None:
    """Read one subscription; None for an unknown topic.

    A filter that is not compact JSON, or is for something else, matches nothing.
    """
    topic = entry.get("topic")
    if not isinstance(topic, str) or topic not in TOPICS:
        return None
    nothing = Wish(topic, NO_SYMBOL)
    if entry.get("type", "*") not in ("*", "update"):
        return nothing
    text = entry.get("filters") or ""
    if not text:
        return Wish(topic, "")
    try:
        wanted = orjson.loads(text)
    except orjson.JSONDecodeError:
        return nothing
    if not isinstance(wanted, dict) or orjson.dumps(wanted).decode() != text:
        return nothing
    symbol = wanted.get("symbol")
    return Wish(topic, symbol) if isinstance(symbol, str) else nothing
