"""Answers of the venue's REST services: each reader, and the connection that takes their bytes."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson

from polymm.errors import InputError, MarketError, VenueError
from polymm.net.http import HttpConnection, HttpLimits
from polymm.net.http_outcome import UNKNOWN_REASONS, Outcome, Reply, Unknown
from polymm.venues.polymarket import queries, replies
from polymm.venues.polymarket.heartbeat import HeartbeatChain, Resend
from polymm.venues.polymarket.reasons import REASONS
from polymm.venues.polymarket.rebates import read_rebates_e6
from polymm.venues.polymarket.records import read_clob, read_gamma
from polymm.venues.polymarket.relayer_replies import (
    read_deployed,
    read_nonce,
    read_submit_reply,
    read_transaction,
)
from polymm.venues.polymarket.results import CancelResult, PlaceResult, SweepResult
from polymm.venues.polymarket.service import success
from polymm.venues.polymarket.user_reading import read_trade
from tests.fuzz.inputs import Sample
from tests.fuzz.targets.contract_samples import NAMES, answers, text_of
from tests.fuzz.targets.target import must
from tests.support.market_records import clob_record, gamma_record

AT: Final = replies.Stamps(1, 2, 3, 4)
LIMITS: Final = HttpLimits(body_bytes_max=1 << 20)
ONE, TWO = [NAMES["A"]], [NAMES["A"], NAMES["B"]]
UINT256: Final = 2**256
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

# A reader gives the name of what the answer came to.
Reader = Callable[[Reply], str]


def _placed(ids: list[str]) -> Reader:
    return lambda reply: _judged(replies.read_place(reply, ids, AT), ids)


def _cancelled(reply: Reply) -> str:
    return _judged(replies.read_cancel(reply, TWO, AT), TWO)


def _swept(reply: Reply) -> str:
    result = replies.read_sweep(reply, AT)
    _check(result)
    return result.state.value


def _judged(results: list[Any], ids: list[str]) -> str:
    must([one.order_id for one in results] == ids, f"a result an order, were {results}")
    for one in results:
        _check(one)
    return str(results[0].state.value)


def _check(result: PlaceResult | CancelResult | SweepResult) -> None:
    must(result.reason in REASONS or not result.reason, f"a known reason, was {result.reason!r}")
    must(len(result.text) <= replies.TEXT_CHARS_MAX, "a text that is cut")
    must(result.text.isprintable(), f"a printable text, was {result.text!r}")
    must(result.retry_after_ns <= replies.RETRY_AFTER_S_MAX * 10**9, "a wait with a bound")


def _beaten(reply: Reply) -> str:
    chain = HeartbeatChain()
    chain.body()
    told = chain.answered(reply)
    if isinstance(told, Resend):
        return "resend"
    must(told.reason in REASONS or not told.reason, f"a known reason, was {told.reason!r}")
    return told.state.value


def _rows(read: Callable[[dict[str, Any]], Any]) -> Reader:
    def read_rows(reply: Reply) -> str:
        for row in queries.read_page(reply, "a list").rows:
            told = read(row)
            must(0 <= told.size_e6 <= 10**14, f"a size within its bounds, was {told.size_e6}")
        return "value"

    return read_rows


def _balance(reply: Reply) -> str:
    told = queries.read_balance(reply)
    for value in (told.balance_e6, *told.allowances_e6.values()):
        must(0 <= value < 10**78, f"base units, were {value}")
    return "value"


def _found(reply: Reply) -> str:
    return "nothing" if queries.read_found_order(reply) is None else "value"


def _value(read: Callable[[bytes], Any]) -> Reader:
    def read_value(reply: Reply) -> str:
        read(reply.body)
        return "value"

    return read_value


READERS: Final[dict[str, Reader]] = {
    "place": _placed(ONE),
    "place_many": _placed(TWO),
    "cancel": _cancelled,
    "cancel_all": _swept,
    "beat": _beaten,
    "open_orders": _rows(queries.read_order),
    "trades": _rows(queries.read_trade),
    "trade_events": _rows(read_trade),
    "order": _found,
    "balance": _balance,
    "server_time": lambda reply: f"{bool(queries.read_time(reply))}",
    "closed_only": lambda reply: f"{queries.read_flag(reply, 'closed_only')}",
    "version": lambda reply: f"{bool(queries.read_version(reply))}",
    "tier": lambda reply: "value" if queries.read_tier(reply) else "",
    "geoblock": lambda reply: f"{queries.read_geoblock(reply).is_blocked}",
    "gamma": _value(read_gamma),
    "clob": _value(read_clob),
    "submit": lambda reply: type(read_submit_reply(reply.status, reply.body)).__name__,
    "transaction": _value(read_transaction),
    "nonce": _value(read_nonce),
    "deployed": _value(read_deployed),
    "rebates": _value(read_rebates_e6),
}
# What a reader's own document says that it raises; those left out raise nothing.
RAISES: Final[dict[str, tuple[type[Exception], ...]]] = {
    **dict.fromkeys(("open_orders", "trades", "order", "balance"), (VenueError,)),
    **dict.fromkeys(("server_time", "version", "closed_only", "tier", "geoblock"), (VenueError,)),
    **dict.fromkeys(("gamma", "clob"), (MarketError,)),
    **dict.fromkeys(("transaction", "nonce", "deployed", "rebates"), (InputError,)),
    # The page is a VenueError, the row of an event a DecodeError.
    "trade_events": (VenueError, InputError),
}

WON: Final = '["1", "0"]'
MADE: Final[tuple[tuple[str, Any], ...]] = (
    ("200 gamma", gamma_record()),
    ("200 gamma", [gamma_record(closed=True, umaResolutionStatus="resolved", outcomePrices=WON)]),
    ("200 gamma", {"markets": [gamma_record(cryptoMarketConfig=None)]}),
    ("200 clob", clob_record()),
    ("404 clob", {"error": "market not found"}),
    ("200 geoblock", {"blocked": False, "country": "DE", "region": "BE"}),
    ("200 submit", {"transactionID": "0190b317", "state": "STATE_NEW"}),
    ("400 submit", {"error": "batch nonce 4 does not match on-chain nonce 5"}),
    ("400 submit", {"error": "wallet busy: 1 active action"}),
    ("200 transaction", [{"state": "STATE_MINED", "transactionHash": "0x" + "ee" * 32}]),
    ("200 transaction", {"state": "STATE_FAILED", "error_msg": "reverted"}),
    ("200 nonce", {"address": NAMES["WALLET"], "nonce": "31"}),
    ("200 deployed", {"deployed": True}),
    ("200 rebates", [{"rebated_fees_usdc": "1.25"}, {"rebated_fees_usdc": "0.5"}]),
    ("429 place", {"error": "slow down", "code": "rate_limited", "retry_after_seconds": 1.5}),
)


class RestTarget:
    """A label is a status and a reader, or ``0 bytes`` for a connection's bytes."""

    spoil = None
    growing_max = 200

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._left = 0
        self.samples = [
            Sample(f"{status} {act}", text_of(value), is_json=not isinstance(value, str))
            for act, told in answers().items()
            if act in READERS
            for status, value in told
        ]
        self.samples += [
            Sample(sample.label.replace("trades", "trade_events"), sample.text)
            for sample in self.samples
            if sample.label.endswith("trades")
        ]
        self.samples += [Sample(label, orjson.dumps(value)) for label, value in MADE]
        self.samples += [
            Sample("0 bytes", head + b"\r\n\r\n" + body, is_json=False)
            for head, body in (
                (b"HTTP/1.1 200 OK\r\nContent-Length: 15", b'{"canceled":[]}'),
                (b"HTTP/1.1 429 Slow\r\nRetry-After: 2\r\nContent-Length: 2", b"{}"),
                (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n"),
                (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content", b""),
                (b"HTTP/1.0 200 OK\r\nConnection: close", b"until the end"),
            )
        ]

    def read(self, label: str, text: bytes) -> str:
        status, _, name = label.partition(" ")
        if name == "bytes":
            return self._loop.run_until_complete(self._through_connection(text))
        reply = Reply(int(status), ((b"retry-after", text[:8]),), text, 3, 4)
        try:
            if VenueError in RAISES.get(name, ()):
                success(reply, name)
            return READERS[name](reply)
        except RAISES.get(name, ()) as error:
            must(len(str(error)) < 600, f"an error is told briefly, had {len(str(error))} letters")
            return "refused"

    async def _through_connection(self, text: bytes) -> str:
        """Let a connection take the bytes in two pieces, then their end."""
        told: list[Outcome] = []
        wire = _NoWire()
        connection = HttpConnection(limits=LIMITS, clock_ns=lambda: 1, on_free=None)
        connection.connection_made(wire)
        refused = connection.send(REQUEST, deadline_ns=10**12, on_outcome=told.append)
        assert refused is None, refused
        half = len(text) // 2
        for piece in (text[:half], text[half:]):
            if piece and not wire.is_over:
                connection.data_received(piece)
        if not wire.is_over:
            connection.eof_received()
            connection.connection_lost(None)
        await asyncio.sleep(0)
        must(len(told) == 1, f"a request has one outcome, had {told}")
        outcome = told[0]
        if isinstance(outcome, Unknown):
            must(outcome.reason in UNKNOWN_REASONS, f"a known reason, was {outcome.reason}")
            return "refused"
        must(isinstance(outcome, Reply), f"an outcome after a write, was {outcome!r}")
        _swept(outcome)
        return "value"

    def growing(self) -> int:
        return len(asyncio.all_tasks(self._loop))


class _NoWire(asyncio.Transport):
    """A transport that leads nowhere."""

    is_over = False

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        self.is_over = True

    abort = close
