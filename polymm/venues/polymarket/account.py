"""What the venue says of an account: orders, trades, balances, its clock, what it allows.

Off the path and on connections of its own. A list is whole or it is an error: of pages that cannot
be read, repeat, or do not end, nothing is given.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from polymm.errors import InputError, VenueError
from polymm.net.http_outcome import Reply
from polymm.venues.polymarket import queries, wire
from polymm.venues.polymarket.budget import Budget
from polymm.venues.polymarket.results import Balance, OpenOrder, TradeRecord
from polymm.venues.polymarket.service import Service, success, unreadable
from polymm.venues.polymarket.signed_requests import SignedRequests
from polymm.venues.polymarket.signing import Wallet

Row = TypeVar("Row")
SKEW_SAMPLES: Final = 3


class Account:
    """Queries of one wallet.

    Args:
        service: Connections that serve nothing else.
        requests: Signs them.
        wallet: Whose balances are asked for.
        budget: Learns the tier.
        wait_ns: From sending each request to its answer.
        pages_max: A longer list is an error.
        clock_ns: Of stamps.
        wall_ns: Time of day.

    Attributes:
        versions: Version of the market of each known token, as its balance is asked for by it.
    """

    def __init__(
        self,
        service: Service,
        requests: SignedRequests,
        wallet: Wallet,
        budget: Budget,
        *,
        wait_ns: int,
        pages_max: int,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.versions: dict[str, str] = {}
        self._service = service
        self._requests = requests
        self._wallet = wallet
        self._budget = budget
        self._wait_ns = wait_ns
        self._pages_max = pages_max
        self._clock_ns = clock_ns
        self._wall_ns = wall_ns

    async def open_orders(self, condition_id: str = "", token_id: str = "") -> list[OpenOrder]:
        """List orders that rest, of one market or token, or of all.

        Orders that come and go between two pages can be listed twice (then once here) or not at
        all: one list proves no order gone.

        Raises:
            VenueError: The list is not whole.
        """
        query = _given(market=condition_id, asset_id=token_id)
        found = await self._pages(wire.OPEN_ORDERS_PATH, query, queries.read_order)
        return list({order.order_id: order for order in found}.values())

    async def order(self, order_id: str) -> OpenOrder | None:
        """Ask for one order; None where the venue knows no such order any more or not yet.

        Raises:
            VenueError: No answer to that question.
        """
        path = wire.OPEN_ORDER_PATH.format(order_id=quote(order_id, safe=""))
        try:
            reply = await self._get(path)
        except VenueError as error:
            if error.status == 404:
                return None
            raise
        return queries.read_found_order(reply)

    async def trades(
        self, condition_id: str = "", after_s: int = 0, trade_id: str = ""
    ) -> list[TradeRecord]:
        """List trades in which this account was taker or maker, of one market or of all.

        Args:
            after_s: Only those matched later, unix seconds.
            trade_id: Only this one.

        Raises:
            VenueError: The list is not whole.
        """
        query = _given(market=condition_id, after=str(after_s or ""), id=trade_id)
        found = await self._pages(wire.TRADES_PATH, query, queries.read_trade)
        return list({trade.trade_id: trade for trade in found}.values())

    async def balance(self, token_id: str = "", version: str = "") -> Balance:
        """Ask what the venue believes the wallet holds: dollars, or shares of a token.

        Args:
            version: Of the token's market; "" where the market was prepared.

        Raises:
            VenueError: No answer to that question.
            InputError: Nobody knows the version of the token's market.
        """
        reply = await self._get(wire.BALANCE_PATH, self._asset(token_id, version))
        return queries.read_balance(reply)

    async def refresh_balance(self, token_id: str = "", version: str = "") -> None:
        """Have the venue read the chain anew: after every split, merge, redeem and approval.

        Raises:
            VenueError: Nobody said that it did.
            InputError: Nobody knows the version of the token's market.
        """
        await self._get(wire.BALANCE_UPDATE_PATH, self._asset(token_id, version))

    async def closed_only(self) -> bool:
        """Whether this account may only close what it has.

        Raises:
            VenueError: No answer to that question.
        """
        return queries.read_flag(await self._get(wire.CLOSED_ONLY_PATH), "closed_only")

    async def tier(self) -> str:
        """Ask for the tier, lower case; token buckets go over to it where its rates are known.

        Raises:
            VenueError: No answer to that question.
        """
        name = queries.read_tier(await self._get(wire.TIER_PATH))
        self._budget.set_tier(name, self._clock_ns())
        return name

    async def server_time(self) -> int:
        """Ask for the venue's time, unix seconds; what it says narrows the skew.

        Raises:
            VenueError: No answer to that question.
        """
        wall_ns, clock_ns = self._wall_ns(), self._clock_ns()
        reply = await self._service.ask("GET", wire.TIME_PATH, wait_ns=self._wait_ns)
        server_s = queries.read_time(reply)
        self._requests.skew.sampled(
            server_s,
            asked_ns=wall_ns + reply.written_ns - clock_ns,
            answered_ns=wall_ns + reply.answered_ns - clock_ns,
        )
        return server_s

    async def version(self) -> int:
        """Ask which generation of the exchange the venue runs; see `wire.EXCHANGE_GENERATION`.

        Raises:
            VenueError: No answer to that question.
        """
        reply = await self._service.ask("GET", wire.VERSION_PATH, wait_ns=self._wait_ns)
        return queries.read_version(reply)

    async def measure_skew(self, samples: int = SKEW_SAMPLES) -> int:
        """Hold the venue's clock against ours; what to add to ours, ns.

        Raises:
            VenueError: The venue does not say what time it is.
        """
        for _ in range(samples):
            await self.server_time()
        return self._requests.skew.offset_ns

    # Our own.

    def _asset(self, token_id: str, version: str) -> dict[str, str]:
        query = {"signature_type": str(int(self._wallet.signature_type))}
        if not token_id:
            return {"asset_type": wire.COLLATERAL} | query
        kind = wire.CONDITIONAL.get(version or self.versions.get(token_id, ""))
        if kind is None:
            raise InputError(
                f"a token's balance wants its market's version, v1 or v2; was {version!r}, "
                "and its market was not prepared"
            )
        return {"asset_type": kind, "token_id": token_id} | query

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Reply:
        now_ns = self._requests.venue_ns()
        # The request is full of secrets: it must not be a name in a frame that an error keeps.
        outcome = await self._service.request(
            self._requests.make("GET", path, now_ns=now_ns, query=urlencode(query or {})),
            wait_ns=self._wait_ns,
        )
        return success(outcome, f"GET {path}")

    async def _pages(
        self, path: str, query: Mapping[str, str], read: Callable[[queries.Row], Row]
    ) -> list[Row]:
        """Read pages to the end."""
        found: list[Row] = []
        cursor, seen = wire.CURSOR_FIRST, set[str]()
        while cursor:
            if cursor in seen or len(seen) == self._pages_max:
                raise unreadable(
                    path, f"a list that ends within {self._pages_max} pages", f"cursor {cursor!r}"
                )
            seen.add(cursor)
            reply = await self._get(path, {**query, "next_cursor": cursor})
            page = queries.read_page(reply, path)
            found += [read(row) for row in page.rows]
            cursor = page.next_cursor
        return found


def _given(**query: str) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}
