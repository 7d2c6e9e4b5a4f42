"""A small exchange with one market and a few funded wallets, told in shares and cents."""

from itertools import count
from typing import Any

import orjson

from polymm.domain.market import NS, Market
from polymm.domain.order import Side, Token
from polymm.exchange.dealing import Placed
from polymm.exchange.entry import OrderRequest
from polymm.exchange.exchange import SPENDER, Exchange
from polymm.exchange.faults import Faults
from polymm.exchange.listing import Listing
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.matching import OrderKind
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules
from polymm.exchange.user_channel import UserMessage
from polymm.exchange.wallets import Wallet

START_NS = 1_800_000_000 * NS
SHARE = DOLLAR = 1_000_000
MS = 1_000_000

MARKET = Market(
    slug="btc-updown-5m-1800000000",
    condition_id="0x" + "c0" * 32,
    up_token="1" * 77,
    down_token="2" * 77,
    start_ns=START_NS,
    end_ns=START_NS + 300 * NS,
    taker_delay_ns=0,
)

# What an order has beside its price and size.
DOWN = {"token": Token.DOWN}
FOK = {"kind": OrderKind.FOK}
FAK = {"kind": OrderKind.FAK}
POST_ONLY = {"post_only": True}


class Scene:
    """One market; ``ann``, ``bob`` and ``cat`` have 1,000 dollars and 1,000 pairs each.

    Their API key is their name with "-key" behind it.
    """

    def __init__(
        self,
        market: Market = MARKET,
        *,
        rules: Rules | None = None,
        faults: Faults | None = None,
        pairs: int = 1_000,
    ) -> None:
        self.now_ns = START_NS
        self.exchange = Exchange(rules=rules, faults=faults, seed=1)
        self.exchange.advance(START_NS)
        self.listing: Listing = self.exchange.list_market(market, number=7, coin="btc")
        self._numbers = count(1)
        self.ann, self.bob, self.cat = (self.wallet(name, pairs) for name in ("ann", "bob", "cat"))
        self.exchange.drain()

    def wallet(self, name: str, pairs: int = 0, dollars: int = 1_000) -> Wallet:
        ledger = self.exchange.ledger
        wallet = ledger.open_wallet(name)
        wallet.allow(SPENDER)
        ledger.deposit(wallet, (dollars + pairs) * DOLLAR)
        if pairs:
            ledger.split(wallet, self.listing.pool, pairs * SHARE)
        return wallet

    def order(
        self,
        wallet: Wallet,
        side: Side,
        cents: float,
        shares: float,
        token: Token = Token.UP,
        kind: OrderKind = OrderKind.GTC,
        **more: Any,
    ) -> Placed | Refusal:
        """Send an order with the amounts an exact client writes."""
        cash, size = round(cents * shares * 10_000), round(shares * SHARE)
        request = OrderRequest(
            order_id=more.pop("order_id", None) or f"0x{next(self._numbers):064x}",
            wallet=wallet,
            owner=f"{wallet.address}-key",
            token_id=self.listing.token_id(token),
            side=side,
            maker_amount_e6=cash if side is Side.BUY else size,
            taker_amount_e6=size if side is Side.BUY else cash,
            kind=kind,
            **more,
        )
        return self.exchange.place(self.now_ns, request)

    def buy(self, wallet: Wallet, cents: float, shares: float, **more: Any) -> Any:
        return self.order(wallet, Side.BUY, cents, shares, **more)

    def sell(self, wallet: Wallet, cents: float, shares: float, **more: Any) -> Any:
        return self.order(wallet, Side.SELL, cents, shares, **more)

    def cancel(self, wallet: Wallet, *placed: Placed) -> Any:
        ids = [order.order_id for order in placed]
        return self.exchange.cancel(self.now_ns, f"{wallet.address}-key", ids)

    def wait(self, ms: float) -> None:
        self.now_ns += round(ms * MS)
        self.exchange.advance(self.now_ns)

    def shares(self, wallet: Wallet, token: Token = Token.UP) -> float:
        """Settled shares."""
        return wallet.balances[self.listing.token_id(token)] / SHARE

    def cash(self, wallet: Wallet) -> float:
        return wallet.balances["cash"] / DOLLAR

    def told(self, wallet: Wallet | None = None, *, kind: str = "") -> list[dict[str, Any]]:
        """Fetch what one account was told, or the market channel; the rest is dropped."""
        messages = []
        for message in self.exchange.drain():
            if isinstance(message, UserMessage):
                wanted = wallet is not None and message.owner == f"{wallet.address}-key"
            else:
                wanted = wallet is None
            parsed = orjson.loads(message.payload)
            if wanted and kind in ("", parsed["event_type"]):
                messages.append(parsed)
        return messages

    def frames(self) -> list[MarketMessage]:
        return [m for m in self.exchange.drain() if isinstance(m, MarketMessage)]


def mined(scene: Scene) -> None:
    """Let the block come that settles what was matched."""
    scene.wait(20_000)


def refused(answer: object) -> str:
    """Why an order was refused."""
    assert isinstance(answer, Refusal)
    return answer.text
