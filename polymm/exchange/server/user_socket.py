"""``/ws/user``: an account's own orders and trades (user-ws notes, simulator notes 4)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import orjson
from aiohttp import web

from polymm.exchange.faults import Fault
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.hub import PING, POLICY, PONG_TEXT, Hub, Peer, Troubles, text_frame
from polymm.exchange.server.market_socket import NO_OPERATION
from polymm.exchange.server.pump import Message
from polymm.exchange.user_channel import UserMessage

PATH: Final = "/ws/user"


def user_socket_routes(hall: Hall) -> list[web.RouteDef]:
    """The user socket."""
    return [web.get(PATH, UserChannel(hall).serve)]


class UserChannel:
    """Everybody who listens to an account.

    Args:
        hall: The exchange.

    Attributes:
        hub: The open sockets.
        listeners: By the id of the key they came with.
    """

    def __init__(self, hall: Hall) -> None:
        self.hub = Hub(hall, Troubles(Fault.USER_CLOSED))
        self.listeners: dict[str, list[_Listener]] = {}
        self._hall = hall
        hall.listeners.append(self._deliver)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket to its end."""
        async with self.hub.accepted(request) as (peer, socket):
            listener = _Listener(self, peer)
            try:
                async for text in peer.messages():
                    listener.hear(text)
            finally:
                self.leave(listener)
        return socket

    def admit(self, listener: "_Listener", asked: dict[str, Any] | None) -> Account | None:
        """Find whose credentials a first frame holds; from now on its events go there."""
        if asked is None or str(asked.get("type")).lower() != "user":
            return None
        auth = asked.get("auth")
        if not isinstance(auth, dict):
            return None
        names = ("apiKey", "secret", "passphrase")
        account = self._hall.accounts.match(*(auth.get(name) for name in names))
        if account is not None:
            # Nothing from before its time is told.
            self._hall.pump.flush()
            self.listeners.setdefault(account.key_id, []).append(listener)
        return account

    def leave(self, listener: "_Listener") -> None:
        """Tell a listener nothing any more."""
        account = listener.account
        if account is not None:
            left = self.listeners[account.key_id]
            left.remove(listener)
            if not left:
                del self.listeners[account.key_id]

    def _deliver(self, messages: Sequence[Message]) -> None:
        """Write what was said to those it is for; each frame is built once."""
        if not self.listeners:
            return
        due: defaultdict[_Listener, list[bytes]] = defaultdict(list)
        for message in messages:
            if type(message) is UserMessage and message.owner in self.listeners:
                frame = text_frame(message.payload)
                for listener in self.listeners[message.owner]:
                    if listener.wants(message.condition_id):
                        due[listener].append(frame)
        for listener, frames in due.items():
            self.hub.deliver(listener.peer, frames)


class _Listener:
    """What one peer has asked for.

    Attributes:
        account: None before its first frame.
    """

    def __init__(self, channel: UserChannel, peer: Peer) -> None:
        self.account: Account | None = None
        self.peer = peer
        self._channel = channel
        # Condition ids in lower case; none: all markets, also those to come.
        self._markets: set[str] = set()

    def wants(self, condition_id: str) -> bool:
        """Whether it asked for a market."""
        return not self._markets or condition_id.lower() in self._markets

    def hear(self, text: str | bytes) -> None:
        """Take in a frame of the peer."""
        if self.account is not None and text == PING:
            self.peer.write(PONG_TEXT)
            return
        asked = read_frame(text)
        if self.account is None:
            self.account = self._channel.admit(self, asked)
            if self.account is None or asked is None:
                self.peer.close(POLICY, "invalid credentials")
                return
            self._markets.update(asked["markets"])
        elif asked is not None and asked.get("operation") == "subscribe":
            self._markets.update(asked["markets"])
        elif asked is not None and asked.get("operation") == "unsubscribe":
            self._markets.difference_update(asked["markets"])
        else:
            self.peer.send(NO_OPERATION)


def read_frame(text: str | bytes) -> dict[str, Any] | None:
    """Read a frame; ``markets`` becomes lower case, and empty where it is left out."""
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(asked, dict):
        return None
    markets = asked.get("markets") or []
    if not isinstance(markets, list) or not all(isinstance(one, str) for one in markets):
        return None
    return asked | {"markets": [one.lower() for one in markets]}
