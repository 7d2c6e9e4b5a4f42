"""The Data API: what wallets own and did, in both versions (markets-5m notes 9).

It does not lag behind the exchange's chain, unlike the venue's, which does by seconds: but a trade
is told only once it is mined. Trades among the exchange's own traders are not kept, and markets
that are retired are gone from here.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web

from polymm.domain.order import Token
from polymm.exchange.flow_wire import SIDE_TEXTS, decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.accounts import spenders
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.data_records import (
    Leg,
    Position,
    Record,
    act_activity,
    legs,
    old_position_record,
    old_trade_row,
    position_record,
    positions,
    rebate_activity,
    resolution_record,
    shown_address,
    trade_activity,
    trade_row,
)
from polymm.exchange.server.gamma_records import event_number
from polymm.exchange.server.glances import Glances
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.queries import check_token, find_condition
from polymm.exchange.wallets import CASH, UNLIMITED, Wallet
from polymm.venues.polymarket import wire

Found = TypeVar("Found")

PREFIX = "/data-api"
PAGE_SIZE = 100
PAGE_SIZE_MAX = 1_000
NO_USER = Refusal("required query param 'user' not provided")
INVALID_CURSOR = Refusal("invalid cursor")
INVALID_LIMIT = Refusal("invalid limit")

# What a status asked for shows; "" are all positions that are still held.
STATUSES: dict[str, Callable[[Position], bool]] = {
    "": lambda position: bool(position.size_e6),
    "OPEN": lambda position: position.status == "OPEN",
    "CLOSED": lambda position: position.status == "CLOSED",
    "REDEEMABLE": lambda position: position.status == "REDEEMABLE",
    "REDEEMABLE_LOST": lambda position: position.status == "REDEEMABLE" and not position.price_e6,
    "MERGEABLE": lambda position: position.is_mergeable,
}


def data_routes(hall: Hall, glances: Glances) -> list[web.RouteDef]:
    """Routes under ``/data-api``."""
    data = _Data(hall, glances)
    routes: dict[str, Callable[[web.Request], Any]] = {
        "/v2/positions": data.positions,
        "/v2/trades": data.trades,
        "/v2/activity": data.activity,
        "/v2/resolutions": data.resolutions,
        "/v2/value": data.value,
        "/v2/tokens": data.tokens,
        "/v2/oi": data.open_interest,
        "/v2/approvals": data.approvals,
        "/v2/prices-history": data.prices_history,
        "/positions": data.old_positions,
        "/trades": data.old_trades,
        "/value": data.old_value,
    }
    return [web.get(f"{PREFIX}{path}", handler) for path, handler in routes.items()]


class _Data:
    def __init__(self, hall: Hall, glances: Glances) -> None:
        self._hall = hall
        self._exchange = hall.exchange
        self._glances = glances

    # Positions

    async def positions(self, request: web.Request) -> web.Response:
        return _page(request, self._positions(request), position_record)

    async def old_positions(self, request: web.Request) -> web.Response:
        return json_response(_cut(request, self._positions(request), old_position_record))

    def _positions(self, request: web.Request) -> list[Position]:
        """A wallet's positions, or everybody's in one market, chosen by status and market."""
        wanted = STATUSES.get(request.query.get("status", ""))
        if wanted is None:
            raise Refused(Refusal(f"status must be one of {', '.join(filter(None, STATUSES))}"))
        asked = self._asked(request)
        if "user" in request.query:
            wallet = self._wallet(request)
            wallets = [] if wallet is None else [wallet]
        elif asked is not None:
            wallets = [w for w in self._exchange.ledger.wallets.values() if not w.is_house]
        else:
            raise Refused(NO_USER)
        now_ns = self._hall.now_ns()
        return [
            position
            for wallet in wallets
            for position in positions(self._exchange, wallet, now_ns)
            if wanted(position) and (asked is None or position.glance.listing in asked)
        ]

    async def value(self, request: web.Request) -> web.Response:
        wallet, value_e6 = self._value(request)
        address = request.query["user"] if wallet is None else shown_address(wallet)
        data = {"proxy_wallet": address, "value": decimal_text(value_e6, 6)}
        return json_response({"data": data})

    async def old_value(self, request: web.Request) -> web.Response:
        _, value_e6 = self._value(request)
        return json_response([{"user": request.query["user"], "value": value_e6 / 1e6}])

    def _value(self, request: web.Request) -> tuple[Wallet | None, int]:
        wallet = self._wallet(request)
        held = self._positions(request) if wallet else []
        return wallet, sum(position.value_e6 for position in held)

    # Trades and the rest of what wallets did

    async def trades(self, request: web.Request) -> web.Response:
        return _page(request, self._legs(request, "taker_only"), trade_row)

    async def old_trades(self, request: web.Request) -> web.Response:
        found = self._legs(request, "takerOnly")
        return json_response(_cut(request, found, old_trade_row))

    def _legs(self, request: web.Request, taker_only: str) -> list[Leg]:
        """Sides of trades; the takers' only, unless it is asked for both."""
        has_both = request.query.get(taker_only, "true").lower() == "false"
        user = self._wallet(request) if "user" in request.query else None
        if "user" in request.query and user is None:
            return []
        asked = self._asked(request)
        side = request.query.get("side")
        return [
            leg
            for leg in legs(self._exchange, user)
            if (has_both or leg.is_taker)
            and (asked is None or leg.trade.listing in asked)
            and side in (None, SIDE_TEXTS[leg.side])
        ]

    async def activity(self, request: web.Request) -> web.Response:
        wallet = self._wallet(request)
        if wallet is None:
            return _page(request, [], dict)
        asked = self._asked(request)
        kinds = {kind for kind in request.query.get("type", "").split(",") if kind}
        rows = [trade_activity(leg) for leg in legs(self._exchange, wallet)]
        acts, rebates = self._exchange.acts, self._exchange.clearing.rebates
        rows += [act_activity(act) for act in acts if act.address == wallet.address]
        rows += [rebate_activity(it) for it in rebates if it.address == wallet.address]
        if kinds:
            rows = [row for row in rows if row["type"] in kinds]
        if asked is not None:
            ids = {listing.condition_id for listing in asked}
            rows = [row for row in rows if row["condition_id"] in ids]
        newest_first = request.query.get("sort_direction", "DESC") == "DESC"
        rows.sort(key=lambda row: row["timestamp"], reverse=newest_first)
        return _page(request, rows, dict)

    # Markets

    async def resolutions(self, request: web.Request) -> web.Response:
        events = set(request.query.get("event_id", "").split(","))
        listings = [
            *(self._asked(request) or ()),
            *(item for item in self._exchange.listings.values() if event_number(item) in events),
        ]
        found = [resolution_record(item) for item in listings if item.winner is not None]
        return json_response({"data": found})

    async def tokens(self, request: web.Request) -> web.Response:
        ids = request.query.get("token_id", "").split(",")
        asked = self._asked(request, "condition") or ()
        found = [
            _token_record(listing, token)
            for listing in self._exchange.listings.values()
            for token in listing.outcomes
            if listing in asked or listing.token_id(token) in ids
        ]
        return json_response({"data": found})

    async def open_interest(self, request: web.Request) -> web.Response:
        asked = self._asked(request)
        shown = self._exchange.listings.values() if asked is None else asked
        found = [
            {"condition_id": it.condition_id, "value": decimal_text(it.pool.collateral_e6, 6)}
            for it in shown
        ]
        return json_response({"data": found})

    async def prices_history(self, request: web.Request) -> web.Response:
        token_id = check_token(request.query.get("token_id"))
        listing = self._exchange.find(token_id)
        if listing is None:
            return _page(request, [], dict)
        is_down = listing.token(token_id)
        rows = [
            {
                "timestamp": second,
                "price": decimal_text(abs(100_000 * is_down - up_e5), 5),
                "resolution_seconds": 0,
            }
            for second, up_e5 in self._glances.prices(listing)
        ]
        return _page(request, rows, dict)

    # Wallets

    async def approvals(self, request: web.Request) -> web.Response:
        """Tell which contracts a wallet lets move its money and tokens."""
        wallet = self._wallet(request)
        chain_id = self._hall.settings.chain_id
        contracts = [
            _approval(wallet, asset, token, spender)
            for asset, token in (
                (CASH, wire.PUSD),
                ("", wire.CONDITIONAL_TOKENS),
                ("", wire.POSITION_MANAGER),
            )
            for spender in spenders(chain_id)
        ]
        address = request.query["user"]
        return json_response(
            {"data": {"address": address, "chain_id": chain_id, "contracts": contracts}}
        )

    def _wallet(self, request: web.Request) -> Wallet | None:
        """The wallet of the address asked for, None where the exchange has none."""
        user = request.query.get("user", "").lower()
        if not user:
            raise Refused(NO_USER)
        wallets = self._exchange.ledger.wallets
        return next((w for address, w in wallets.items() if address.lower() == user), None)

    def _asked(self, request: web.Request, key: str = "condition_id") -> list[Listing] | None:
        """The markets asked for, in either version's words; None where all are."""
        texts = [
            text
            for text in request.query.get(key, request.query.get("market", "")).split(",")
            if text
        ]
        found = [find_condition(self._exchange, text) for text in texts]
        return [listing for listing in found if listing is not None] if texts else None


def _token_record(listing: Listing, token: Token) -> Record:
    is_resolved = listing.winner is not None
    return {
        "token_id": listing.token_id(token),
        "condition_id": listing.condition_id,
        "structural_condition_id": (
            listing.condition_id if listing.version == wire.MARKET_V2 else None
        ),
        "module": "binary" if listing.version == wire.MARKET_V2 else "v1_ctf",
        "outcome_index": listing.outcomes.index(token),
        "clob_index": listing.outcomes.index(token),
        "outcome": listing.outcome_name(token),
        "opposite_token_id": listing.token_id(Token(1 - token)),
        "resolved": is_resolved,
        "final_price": str(int(listing.winner is token)) if is_resolved else None,
        "title": listing.question,
        "market_slug": listing.market.slug,
        "closed": is_resolved,
        "neg_risk": listing.market.neg_risk,
        "neg_risk_market_id": None,
        "question_index": None,
        "event_id": int(event_number(listing)),
        "event_slug": listing.market.slug,
    }


def _approval(wallet: Wallet | None, asset: str, token: str, spender: str) -> Record:
    amount = 0 if wallet is None else wallet.allowed(asset, spender)
    return {
        "token": token,
        "spender": spender,
        "standard": "ERC20" if asset == CASH else "ERC1155",
        "approved": amount > 0,
        "amount": "max" if amount == UNLIMITED else str(amount),
    }


def _page(
    request: web.Request, found: Sequence[Found], write: Callable[[Found], Record]
) -> web.Response:
    """Give one page of a list of the second version; only what is on it is written."""
    cursor = request.query.get("cursor", "0")
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise Refused(INVALID_CURSOR)
    first = int(cursor)
    after = first + _limit(request)
    has_more = after < len(found)
    pagination = {"has_more": has_more, "next_cursor": str(after) if has_more else None}
    rows = [write(one) for one in found[first:after]]
    return json_response({"data": rows, "pagination": pagination})


def _cut(
    request: web.Request, found: Sequence[Found], write: Callable[[Found], Record]
) -> list[Record]:
    """Give one page of a list of the first version."""
    offset = request.query.get("offset", "0")
    if not (offset.isascii() and offset.isdecimal() and len(offset) < 10):
        raise Refused(Refusal("invalid offset"))
    return [write(one) for one in found[int(offset) :][: _limit(request)]]


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(PAGE_SIZE))
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise Refused(INVALID_LIMIT)
    return min(int(text), PAGE_SIZE_MAX)
