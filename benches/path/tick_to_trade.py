"""Tick to trade: from a price change on the socket to the whole order at the venue.

polymm runs its own parts as the runner puts them together: frame cutter, decoder, lane, maker and
gateway. It wants both sides and sends an order each; the sample ends with the first. "Transport
only" answers each frame with bytes made ahead, through the same sockets: the limit.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic_ns

import orjson

from benches.path.latency import Run
from benches.path.tick_server import CONDITION, DOWN_TOKEN, START_MS, UP_TOKEN
from benches.peers.order_roster import API_KEY, API_PASSPHRASE, API_SECRET, KEY
from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm._core.layout import REQUOTE
from polymm.domain.market import NS, Market
from polymm.domain.order import Place, Rejected
from polymm.engine.events import BookChanged
from polymm.engine.maker import Maker
from polymm.engine.settings import MakerSettings
from polymm.net.dialling import endpoint_of
from polymm.net.http_outcome import compose_request
from polymm.net.http_pool import HttpPool
from polymm.net.websocket import Receiver, open_websocket
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.results import NewOrder, PlaceResult
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType

POLYMM = "polymm"
POLY_MAKER = "websockets + json + SortedDict + py-clob-client-v2 (httpx)"
POLYMM_TYPE_3 = "polymm, deposit wallet (type 3)"
TRANSPORT = "transport only"
PATIENCE_NS = 2 * NS
OPEN_NS = START_MS * 1_000_000

Ask = Callable[[int], object]


def market() -> Market:
    """The bench's one market, open for an hour."""
    return Market(
        slug="btc-updown-60m-1776808414",
        condition_id=CONDITION,
        up_token=UP_TOKEN,
        down_token=DOWN_TOKEN,
        start_ns=OPEN_NS,
        end_ns=OPEN_NS + 3_600 * NS,
    )


class Asker:
    """Asks the venue for ticks on a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def ticks(self, count: int, orders: int = 1) -> list[int]:
        """Wait until so many ticks were answered by so many orders each; samples, ns."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(b"GET /ticks?%d&%d HTTP/1.1\r\nhost: bench\r\n\r\n" % (count, orders))
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            samples = orjson.loads(await reader.readexactly(size))
        finally:
            writer.close()
        assert isinstance(samples, list)
        return samples


class Trader:
    """The path of one market as the runner has it, from a frame to requests on the wire.

    Args:
        gateway: An open one.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.market = market()
        self.decoder = Decoder()
        slot = self.decoder.add_market(UP_TOKEN, DOWN_TOKEN, tick_e4=self.market.tick_e4)
        book = self.decoder.book(slot)
        parameters = BaseParameters(
            order_size_e6=20_000_000,
            max_position_e6=200_000_000,
            cycle="event",
            requote_interval_min_ns=0,
        )
        self.lane = Lane(
            book,
            parameters,
            start_ns=self.market.start_ns,
            end_ns=self.market.end_ns,
            lot_e6=self.market.lot_e6,
            order_min_e6=self.market.order_min_e6,
        )
        self.decoder.attach(slot, self.lane)
        settings = MakerSettings(
            cycle="event", requote_interval_min_ns=0, rejects_max=1_000_000, book_age_ns_max=0
        )
        self.maker = Maker(self.market, book, self.lane, settings)
        self.gateway = gateway
        gateway.prepare(self.market)
        self.numbers: dict[str, int] = {}
        self.late = False
        self.opening = 2  # snapshots
        self.began_ns = monotonic_ns()

    def on_message(self, frame: bytes, recv_ns: int) -> None:
        """Decode; where the quote changed, decide, sign and write."""
        now_ns = OPEN_NS + recv_ns - self.began_ns
        flags = self.decoder.feed(frame, now_ns)
        if self.opening:
            self.opening -= 1
            return
        if not flags & REQUOTE:
            return
        if self.numbers:
            self.late = True  # this process was not scheduled: the answers come after the tick
            return
        self.decide(now_ns, flags)

    def decide(self, now_ns: int, flags: int) -> None:
        """Step the maker; sign and write what it wants."""
        places: list[Place] = []
        orders: list[NewOrder] = []
        for action in self.maker.step(now_ns, BookChanged(flags)):
            assert isinstance(action, Place), "every order is refused: there is nothing to cancel"
            places.append(action)
            orders.append(
                NewOrder(self.market, action.token, action.side, action.price_e4, action.size_e6)
            )
        ids = self.gateway.place(orders, self.on_placed)
        for order_id, place in zip(ids, places, strict=True):
            self.numbers[order_id] = place.order_id

    def on_placed(self, result: PlaceResult) -> None:
        """Tell the maker that the venue refused."""
        number = self.numbers.pop(result.order_id)
        assert result.reason == "post_only_crosses", result
        now_ns = OPEN_NS + result.answered_ns - self.began_ns
        self.maker.step(now_ns, Rejected(number, "post_only_crosses"))
        if self.late and not self.numbers:
            self.late = False
            self.decide(now_ns, REQUOTE)


def hosts(port: int) -> Hosts:
    """All services at the bench's venue."""
    http, feed = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/feed"
    return Hosts(
        clob=http, gamma=http, data=http, relayer=http, rpc=http,
        ws_market=feed, ws_user=feed, prices=feed, rtds=feed,
    )  # fmt: skip


async def run_ours(port: int, signature_type: int, count: int) -> list[int]:
    """One run of polymm: connect, then quote until the venue has its samples."""
    wallet = Wallet(key=SigningKey(Secret(KEY)), signature_type=SignatureType(signature_type))
    credentials = ApiCredentials(Secret(API_KEY), Secret(API_SECRET), Secret(API_PASSPHRASE))
    settings = GatewaySettings(tier="elite")
    gateway = Gateway(hosts(port), wallet, credentials, settings=settings, rng=random.Random(1))
    await gateway.open()
    try:
        trader = Trader(gateway)
        receiver = Receiver(on_message=trader.on_message, on_close=lambda _: None)
        socket = await open_websocket(hosts(port).ws_market, receiver)
        samples = await Asker(port).ticks(count, orders=2)
        socket.abort()
        await socket.wait_closed()
    finally:
        await gateway.close()
    return samples


async def run_transport(port: int, count: int) -> list[int]:
    """Answer each frame with a request made ahead, as long as one of ours."""
    endpoint = endpoint_of(f"http://127.0.0.1:{port}")
    body = b"x" * 747
    lines = [(f"poly_{i}", "x" * 44) for i in range(5)]
    request = compose_request(
        "POST", "/order", authority=endpoint.authority, headers=lines, body=body
    )
    pool = HttpPool(endpoint, random.Random(1))
    await pool.open()
    opened = 2  # snapshots come first

    def on_message(_: bytes, recv_ns: int) -> None:
        nonlocal opened
        if opened:
            opened -= 1
            return
        pool.send(request, deadline_ns=recv_ns + PATIENCE_NS, on_outcome=lambda _: None)

    receiver = Receiver(on_message=on_message, on_close=lambda _: None)
    socket = await open_websocket(f"ws://127.0.0.1:{port}/feed", receiver)
    samples = await Asker(port).ticks(count)
    socket.abort()
    await socket.wait_closed()
    await pool.close()
    return samples


@asynccontextmanager
async def tick_contenders(port: int) -> AsyncIterator[dict[str, Run]]:
    """Make all contenders; the peers where they are installed."""

    async def ours(count: int) -> list[int]:
        return await run_ours(port, SignatureType.EOA, count)

    async def ours_type_3(count: int) -> list[int]:
        return await run_ours(port, SignatureType.POLY_1271, count)

    async def transport(count: int) -> list[int]:
        return await run_transport(port, count)

    runs: dict[str, Run] = {TRANSPORT: transport, POLYMM: ours, POLYMM_TYPE_3: ours_type_3}
    try:
        from benches.path import tick_peers as peers
    except ModuleNotFoundError:
        yield runs
        return
    import aiohttp

    ask = Asker(port).ticks
    async with aiohttp.ClientSession() as session:
        post = peers.post_by_aiohttp(port, session)
        client_post = peers.post_by_client(port)

        async def by_aiohttp(count: int) -> list[int]:
            return await peers.run_peer(port, orjson.loads, post, ask, count)

        async def by_client(count: int) -> list[int]:
            return await peers.run_peer(port, json.loads, client_post, ask, count)

        yield runs | {peers.AIOHTTP: by_aiohttp, POLY_MAKER: by_client}
