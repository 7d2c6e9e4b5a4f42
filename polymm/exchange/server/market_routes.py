"""Markets and their parameters on the CLOB, for anybody (rest notes 1).

The fault ``market_not_found`` hides a market from the two calls that describe one: for a while
they answer 404 as they do for fresh markets; the market itself trades on.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange.faults import Fault
from polymm.exchange.flow_wire import PRICE_TEXTS, SIDE_TEXTS, decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.clob_records import (
    BASE_FEE_BPS,
    compact_market,
    long_market,
    simplified_market,
    tick,
)
from polymm.exchange.server.glances import Glance, Glances
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.queries import MARKET_NOT_FOUND, check_token, find_condition, page
from polymm.exchange.settlement import Trade
from polymm.exchange.user_channel import transaction_hash

PAGE_SIZE = 1_000
LIVE_TRADES_MAX = 100
MINUTE_S = 60
INVALID_FILTERS = Refusal("invalid filters")
INTERVALS_S = {
    "1h": 3_600,
    "6h": 21_600,
    "1d": 86_400,
    "1w": 604_800,
    "1m": 2_592_000,
    "max": None,
    "all": None,
}


def market_routes(hall: Hall, glances: Glances) -> list[web.RouteDef]:
    """Routes of markets and their parameters."""
    markets = _Markets(hall, glances)
    listed = {
        "/markets": (long_market, False),
        "/simplified-markets": (simplified_market, False),
        "/sampling-markets": (long_market, True),
        "/sampling-simplified-markets": (simplified_market, True),
    }
    return [
        web.get("/clob-markets/{condition}", markets.compact),
        web.get("/markets/live-activity/{condition}", markets.live_activity),
        web.get("/markets/{condition}", markets.long),
        web.get("/markets-by-token/{token}", markets.by_token),
        *(web.get(path, markets.listing(*form)) for path, form in listed.items()),
        web.get("/tick-size", markets.tick_size),
        web.get("/tick-size/{token}", markets.tick_size),
        web.get("/neg-risk", markets.neg_risk),
        web.get("/fee-rate", markets.fee_rate),
        web.get("/fee-rate/{token}", markets.fee_rate),
        web.get("/prices-history", markets.prices_history),
    ]


class _Markets:
    def __init__(self, hall: Hall, glances: Glances) -> None:
        self._hall = hall
        self._exchange = hall.exchange
        self._glances = glances
        # Until when a market's description is not found, by condition id.
        self._hidden_ns: dict[str, int] = {}

    async def compact(self, request: web.Request) -> web.Response:
        return json_response(compact_market(self._described(request)))

    async def long(self, request: web.Request) -> web.Response:
        return json_response(long_market(self._described(request)))

    def listing(
        self, describe: Callable[[Glance], dict[str, Any]], accepting_only: bool
    ) -> Callable[[web.Request], Any]:
        """Make the handler of one of the four lists; the sampling ones show open markets only."""

        async def answer(request: web.Request) -> web.Response:
            now_ns = self._hall.now_ns()
            glances = [Glance.of(item, now_ns) for item in self._exchange.listings.values()]
            shown = [g for g in glances if g.accepting or not accepting_only]
            return json_response(page(request, list(map(describe, shown)), PAGE_SIZE))

        return answer

    async def by_token(self, request: web.Request) -> web.Response:
        listing = self._of_token(request)
        first, second = listing.outcomes
        return json_response(
            {
                "condition_id": listing.condition_id,
                "primary_token_id": listing.token_id(first),
                "secondary_token_id": listing.token_id(second),
            }
        )

    async def tick_size(self, request: web.Request) -> web.Response:
        listing = self._of_token(request)
        return json_response({"minimum_tick_size": tick(Glance.of(listing, self._hall.now_ns()))})

    async def neg_risk(self, request: web.Request) -> web.Response:
        return json_response({"neg_risk": self._of_token(request).market.neg_risk})

    async def fee_rate(self, request: web.Request) -> web.Response:
        self._of_token(request)
        return json_response({"base_fee": BASE_FEE_BPS})

    async def live_activity(self, request: web.Request) -> web.Response:
        """Tell of accounts' trades; those among the exchange's own traders are not kept."""
        listing = find_condition(self._exchange, request.match_info["condition"])
        if listing is None:
            raise Refused(MARKET_NOT_FOUND)
        trades = [t for t in self._exchange.clearing.all_trades() if t.listing is listing]
        return json_response([_live_trade(trade) for trade in trades[:LIVE_TRADES_MAX]])

    async def prices_history(self, request: web.Request) -> web.Response:
        """Answer with the last price of each ``fidelity`` minutes that had one."""
        query = request.query
        token_id = check_token(query.get("market"))
        listing = self._exchange.find(token_id)
        if listing is None:
            return json_response({"history": []})
        try:
            first_s = int(query.get("startTs", 0))
            last_s = int(query.get("endTs", self._hall.now_ns() // NS))
            every_s = int(query.get("fidelity", 1)) * MINUTE_S
        except ValueError:
            raise Refused(INVALID_FILTERS) from None
        interval = query.get("interval")
        if every_s < 1 or (interval is not None and interval not in INTERVALS_S):
            raise Refused(INVALID_FILTERS)
        length_s = None if interval is None else INTERVALS_S[interval]
        if length_s is not None:
            first_s = max(first_s, last_s - length_s)
        is_down = listing.token(token_id)
        buckets: dict[int, dict[str, float]] = {}
        for second, up_e5 in self._glances.prices(listing):
            if first_s <= second <= last_s:
                price_e5 = 100_000 - up_e5 if is_down else up_e5
                buckets[second // every_s] = {"t": second, "p": price_e5 / 100_000}
        return json_response({"history": list(buckets.values())})

    def _of_token(self, request: web.Request) -> Listing:
        """The market of the token in the path or the query, resolved or not."""
        token_id = check_token(request.match_info.get("token", request.query.get("token_id")))
        listing = self._exchange.find(token_id)
        if listing is None:
            raise Refused(MARKET_NOT_FOUND)
        return listing

    def _described(self, request: web.Request) -> Glance:
        """The market whose condition is in the path, unless the fault hides it."""
        listing = find_condition(self._exchange, request.match_info["condition"])
        if listing is None:
            raise Refused(MARKET_NOT_FOUND)
        now_ns = self._hall.now_ns()
        if now_ns >= self._hidden_ns.get(listing.condition_id, 0):
            self._hidden_ns.pop(listing.condition_id, None)
            hidden_ns = self._hall.faults.delay_ns(Fault.MARKET_NOT_FOUND)
            if not hidden_ns:
                return Glance.of(listing, now_ns)
            self._hidden_ns[listing.condition_id] = now_ns + hidden_ns
        raise Refused(MARKET_NOT_FOUND)


def _live_trade(trade: Trade) -> dict[str, Any]:
    taker, listing = trade.taker, trade.listing
    return {
        "event_type": "trade",
        "market": {
            "condition_id": listing.condition_id,
            "asset_id": listing.token_id(taker.token),
            "question": listing.question,
            "icon": "",
            "slug": listing.market.slug,
        },
        "user": {"address": taker.wallet.address, "username": "", "pseudonym": ""},
        "side": SIDE_TEXTS[taker.side],
        "size": decimal_text(trade.size_e6, 6),
        "fee_rate_bps": "0",
        "price": PRICE_TEXTS[trade.price_e4],
        "outcome": listing.outcome_name(taker.token),
        "outcome_index": listing.outcomes.index(taker.token),
        "transaction_hash": transaction_hash(trade, trade.transaction),
        "timestamp": str(trade.matched_ns // NS),
    }
