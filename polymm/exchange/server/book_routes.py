"""Books and prices of the CLOB, for anybody (rest notes 1).

A token that is unknown, or whose market is resolved, has no book: 404; in the calls that ask for
several tokens it is left out. A side without orders counts as 0 or 1 dollar, as on the sockets.
"""

from aiohttp import web

from polymm.domain.order import Side, Token
from polymm.exchange.flow_wire import PRICE_TEXTS, SIDE_TEXTS, decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.queries import asked_book, find_book, read_entries

INVALID_SIDE = Refusal("Invalid side")
UNTRADED = {"price": "0.5", "side": ""}


def book_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes of books and prices."""
    books = _Books(hall)
    return [
        web.get("/book", books.book),
        web.post("/books", books.books),
        web.get("/midpoint", books.midpoint),
        web.post("/midpoints", books.midpoints),
        web.get("/price", books.price),
        web.post("/prices", books.prices),
        web.get("/spread", books.spread),
        web.post("/spreads", books.spreads),
        web.get("/last-trade-price", books.last_trade),
        web.post("/last-trades-prices", books.last_trades),
    ]


class _Books:
    def __init__(self, hall: Hall) -> None:
        self._exchange = hall.exchange

    async def book(self, request: web.Request) -> web.Response:
        listing, token_id = asked_book(request, self._exchange)
        return _json_text(listing.rest_book(listing.token(token_id)))

    async def books(self, request: web.Request) -> web.Response:
        found = await self._asked(request)
        texts = [listing.rest_book(token) for listing, token, _ in found]
        return _json_text(f"[{','.join(texts)}]")

    async def midpoint(self, request: web.Request) -> web.Response:
        listing, token_id = asked_book(request, self._exchange)
        # The documents call it mid_price, both official clients' readers mid.
        return json_response({"mid": _midpoint(listing, listing.token(token_id))})

    async def midpoints(self, request: web.Request) -> web.Response:
        found = await self._asked(request)
        return json_response({token_id: _midpoint(item, token) for item, token, token_id in found})

    async def price(self, request: web.Request) -> web.Response:
        listing, token_id = asked_book(request, self._exchange)
        side = _side(request.query.get("side"))
        return json_response({"price": _price(listing, listing.token(token_id), side)})

    async def prices(self, request: web.Request) -> web.Response:
        entries = await read_entries(request)
        answer: dict[str, dict[str, str]] = {}
        for entry in entries:
            # Who names no side is told both.
            named = entry.get("side")
            sides = [_side(named)] if named not in (None, "") else list(Side)
            listing = find_book(self._exchange, entry["token_id"])
            if listing is not None:
                token = listing.token(entry["token_id"])
                prices = {SIDE_TEXTS[side]: _price(listing, token, side) for side in sides}
                answer.setdefault(entry["token_id"], {}).update(prices)
        return json_response(answer)

    async def spread(self, request: web.Request) -> web.Response:
        listing, _ = asked_book(request, self._exchange)
        return json_response({"spread": _spread(listing)})

    async def spreads(self, request: web.Request) -> web.Response:
        found = await self._asked(request)
        return json_response({token_id: _spread(listing) for listing, _, token_id in found})

    async def last_trade(self, request: web.Request) -> web.Response:
        listing, token_id = asked_book(request, self._exchange)
        return json_response(_last_trade(listing, listing.token(token_id)) or UNTRADED)

    async def last_trades(self, request: web.Request) -> web.Response:
        answer = []
        for listing, token, token_id in await self._asked(request):
            last = _last_trade(listing, token)
            if last is not None:
                answer.append({"token_id": token_id, **last})
        return json_response(answer)

    async def _asked(self, request: web.Request) -> list[tuple[Listing, Token, str]]:
        """Market, outcome and id of each token asked for that has a book."""
        found = []
        for entry in await read_entries(request):
            listing = find_book(self._exchange, entry["token_id"])
            if listing is not None:
                found.append((listing, listing.token(entry["token_id"]), entry["token_id"]))
        return found


def _json_text(text: str) -> web.Response:
    return web.Response(body=text.encode(), content_type="application/json")


def _side(text: object) -> Side:
    if text not in SIDE_TEXTS:
        raise Refused(INVALID_SIDE)
    return Side(SIDE_TEXTS.index(str(text)))


def _midpoint(listing: Listing, token: Token) -> str:
    return decimal_text(sum(listing.touch(token)) * 5, 5)


def _price(listing: Listing, token: Token, side: Side) -> str:
    """The price at which one can do it: a buyer's is the lowest ask."""
    bid_e4, ask_e4 = listing.touch(token)
    return PRICE_TEXTS[ask_e4 if side is Side.BUY else bid_e4]


def _spread(listing: Listing) -> str:
    bid_e4, ask_e4 = listing.touch(Token.UP)
    return PRICE_TEXTS[ask_e4 - bid_e4]


def _last_trade(listing: Listing, token: Token) -> dict[str, str] | None:
    last = listing.last_trade_of(token)
    return None if last is None else {"price": PRICE_TEXTS[last[1]], "side": SIDE_TEXTS[last[0]]}
