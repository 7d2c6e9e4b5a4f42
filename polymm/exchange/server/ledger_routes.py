"""What an account asks about itself: open orders, trades, balances, scoring (rest notes 3)."""

from typing import Any

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.faults import Fault
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.auth import authenticate, read_number
from polymm.exchange.server.eip712 import read_address
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.order_body import CANCELS_MAX, read_json
from polymm.exchange.server.queries import check_token, find_condition, page
from polymm.exchange.settlement import Trade
from polymm.exchange.user_channel import open_order, trade_record
from polymm.exchange.wallets import CASH, Wallet
from polymm.venues.polymarket import wire

PAGE_SIZE = 100
CASH_TYPE = "COLLATERAL"
TOKEN_TYPES = frozenset({"CONDITIONAL", "CONDITIONAL-V2"})
INVALID_TIME = Refusal("Invalid timestamp")


def ledger_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes that tell an account of its own."""
    ledger = _Ledger(hall)
    return [
        web.get("/data/order/{order_id}", ledger.order),
        web.get("/data/orders", ledger.orders),
        web.get("/data/pre-migration-orders", ledger.former_orders),
        web.get("/data/trades", ledger.trades),
        web.get("/balance-allowance", ledger.balance),
        web.get("/balance-allowance/update", ledger.update_balance),
        web.get("/order-scoring", ledger.order_scoring),
        web.post("/orders-scoring", ledger.orders_scoring),
        web.get("/notifications", ledger.notifications),
        web.delete("/notifications", ledger.drop_notifications),
        web.get("/v1/user/rate-limit-tier", ledger.tier),
    ]


class _Ledger:
    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    # Orders and trades

    async def order(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        found = self._open(account, request.match_info["order_id"])
        if found is None:
            raise Refused(refusals.ORDER_NOT_FOUND)
        return json_response(open_order(*found))

    async def orders(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        hall, query = self._hall, request.query
        listed_ns = hall.now_ns() - hall.faults.delay_ns(Fault.ORDERS_LATE)
        market = self._market(query.get("market"))
        found = hall.exchange.open_orders(account.key_id, token_id=query.get("asset_id", ""))
        rows = [
            open_order(order, listing)
            for order, listing in found
            if query.get("id", order.order_id) == order.order_id
            and market in ("", listing.condition_id)
            and order.created_ns <= listed_ns
        ]
        return json_response(page(request, rows, PAGE_SIZE))

    async def former_orders(self, request: web.Request) -> web.Response:
        await authenticate(request)
        return json_response(page(request, [], PAGE_SIZE))

    async def trades(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        query = request.query
        market, token = self._market(query.get("market")), query.get("asset_id")
        maker = query.get("maker_address")
        address = read_address(maker)
        before_s, after_s = (_seconds(query.get(name)) for name in ("before", "after"))
        trade_id = query.get("id")

        def is_asked(trade: Trade) -> bool:
            matched_s = trade.matched_ns // NS
            return (
                trade_id in (None, trade.trade_id)
                and market in ("", trade.listing.condition_id)
                and (token is None or token == token_of(trade))
                and (not maker or address in addresses(trade))
                and (before_s is None or matched_s < before_s)
                and (after_s is None or matched_s > after_s)
            )

        found = list(filter(is_asked, self._hall.exchange.clearing.trades(account.key_id)))
        answer = page(request, found, PAGE_SIZE)
        # An account may have thousands of trades, and a record takes its time.
        answer["data"] = [trade_record(trade, account.key_id) for trade in answer["data"]]
        return json_response(answer)

    def _open(self, account: Account, order_id: str) -> tuple[BookOrder, Listing] | None:
        found = self._hall.exchange.dealing.open.get(order_id)
        return found if found is not None and found[0].owner == account.key_id else None

    def _market(self, asked: str | None) -> str:
        """The condition asked for, in full; "" for any."""
        if not asked:
            return ""
        listing = find_condition(self._hall.exchange, asked)
        return asked if listing is None else listing.condition_id

    # Balances

    async def balance(self, request: web.Request) -> web.Response:
        wallet, asset = await self._asked_balance(request)
        chain_id = self._hall.settings.chain_id
        contracts = {contract for key, contract in wire.EXCHANGES.items() if key[0] == chain_id}
        return json_response(
            {
                "balance": str(wallet.balances.get(asset, 0) - wallet.unseen.get(asset, 0)),
                "allowances": {
                    contract: str(wallet.allowed(asset, contract)) for contract in sorted(contracts)
                },
            }
        )

    async def update_balance(self, request: web.Request) -> web.Response:
        wallet, asset = await self._asked_balance(request)
        wallet.see(asset)
        return await self.balance(request)

    async def _asked_balance(self, request: web.Request) -> tuple[Wallet, str]:
        """Read whose balance of what is asked for."""
        account, _ = await authenticate(request)
        query = request.query
        asset_type, asset = query.get("asset_type"), CASH
        if asset_type in TOKEN_TYPES:
            asset = check_token(query.get("token_id"))
        elif asset_type != CASH_TYPE:
            raise Refused(refusals.INVALID_ASSET_TYPE)
        addresses = account.holder.wallets.current
        kind = read_number(query.get("signature_type", "0"))
        if kind is None or kind >= len(addresses):
            raise Refused(refusals.INVALID_SIGNATURE_TYPE)
        return self._hall.exchange.ledger.open_wallet(addresses[kind]), asset

    # The rest

    async def order_scoring(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        return json_response({"scoring": self._scores(account, request.query.get("order_id", ""))})

    async def orders_scoring(self, request: web.Request) -> web.Response:
        account, raw = await authenticate(request, reads=True)
        order_ids = read_json(raw)
        if (
            not isinstance(order_ids, list)
            or len(order_ids) > CANCELS_MAX
            or not all(isinstance(order_id, str) for order_id in order_ids)
        ):
            raise Refused(refusals.INVALID_PAYLOAD)
        scores: dict[str, Any] = {each: self._scores(account, each) for each in order_ids}
        return json_response(scores)

    def _scores(self, account: Account, order_id: str) -> bool:
        """Whether an order rests; nothing here is paid for more than that."""
        found = self._open(account, order_id)
        return found is not None and order_id not in found[1].delayed

    async def notifications(self, request: web.Request) -> web.Response:
        await authenticate(request)
        return json_response([])

    async def drop_notifications(self, request: web.Request) -> web.Response:
        await authenticate(request)
        return json_response("OK")

    async def tier(self, request: web.Request) -> web.Response:
        await authenticate(request)
        return json_response({"tier": self._hall.settings.buckets.tier})


def token_of(trade: Trade) -> str:
    """The token a trade is listed under: the taker's, whoever asks."""
    return trade.listing.token_id(trade.taker.token)


def addresses(trade: Trade) -> set[str]:
    """Wallets of all parties."""
    return {trade.taker.wallet.address, *(fill.maker.wallet.address for fill in trade.fills)}


def _seconds(text: str | None) -> int | None:
    """Read a time of a query, None where none is given."""
    if not text:
        return None
    seconds = read_number(text)
    if seconds is None:
        raise Refused(INVALID_TIME)
    return seconds
