"""Placements: orders signed ahead of their sending, written once, and what became of each."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from polymm.domain.amounts import DOLLAR_E4, Amounts, limit_amounts, market_amounts
from polymm.domain.market import Market
from polymm.domain.order import Side, Token
from polymm.net.http_outcome import Outcome, Reply
from polymm.venues.polymarket import replies, wire
from polymm.venues.polymarket.ahead import Ready, SignedAhead
from polymm.venues.polymarket.budget import Budget
from polymm.venues.polymarket.credentials import Secret, Unprintable
from polymm.venues.polymarket.replies import stamps
from polymm.venues.polymarket.results import NewOrder, PlaceResult, PlaceState
from polymm.venues.polymarket.service import Service, later
from polymm.venues.polymarket.signed_requests import SignedRequests
from polymm.venues.polymarket.signing import (
    Envelopes,
    OrderFamily,
    OrderStamps,
    Seal,
    Wallet,
)

_TAKING: Final = (wire.FAK, wire.FOK)
_UP: Final = Token.UP
_SELL: Final = Side.SELL

OnPlaced = Callable[[PlaceResult], None]
# A resting order that may be wanted next: token, side, 1e-4 dollars, 1e-6 shares.
_Wish = tuple[str, Side, int, int]
# An order that can be signed: its family, what it gives and gets, and what makes its body.
_Draft = tuple[NewOrder, OrderFamily, Amounts, Seal]


class Posting(Unprintable):
    """One signed request for one order or a batch: ready to be written, once.

    Args:
        order_ids: Known before a byte is sent; journal them before `Placements.submit`.
        request: Empty once it was submitted.
        decided_ns, signed_ns: As in `PlaceResult`.
    """

    __slots__ = ("decided_ns", "order_ids", "request", "signed_ns")

    def __init__(
        self, order_ids: tuple[str, ...], request: bytes, decided_ns: int, signed_ns: int
    ) -> None:
        self.order_ids = order_ids
        self.request = request
        self.decided_ns = decided_ns
        self.signed_ns = signed_ns


class Placements:
    """Places one wallet's orders.

    Args:
        service: Connections that serve nothing else.
        requests: Signs requests.
        wallet: Signs orders.
        owner: The API key.
        budget: Tokens that placements cost.
        rng: Salts.
        in_batches: Send orders that are placed together as batches of up to 15.
        builder: Builder code of every order.
        wait_ns: From writing, or waiting for a connection, to the whole answer.
        ahead_ticks: Sign orders so many ticks around the last ones ahead of their need, 0 for none.
        ahead_age_ns_max: One that was signed longer ago is not sent.
        clock_ns: Of stamps.

    Attributes:
        ahead: What is signed ahead.
    """

    def __init__(
        self,
        service: Service,
        requests: SignedRequests,
        wallet: Wallet,
        owner: Secret,
        budget: Budget,
        rng: random.Random,
        *,
        in_batches: bool,
        builder: str,
        wait_ns: int,
        ahead_ticks: int,
        ahead_age_ns_max: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self.ahead = SignedAhead[_Wish](self._sign_ahead, ahead_age_ns_max)
        self._ahead_ticks = ahead_ticks
        self._placed_last: Sequence[NewOrder] = ()
        self._ahead_handle: asyncio.Handle | None = None
        # Whose markets the tokens are, for what is signed ahead.
        self._markets: dict[str, Market] = {}
        self._service = service
        self._requests = requests
        self._wallet = wallet
        self._envelopes = Envelopes(owner)
        self._budget = budget
        self._rng = rng
        self._in_batches = in_batches
        self._builder = builder
        self._wait_ns = wait_ns
        self._clock_ns = clock_ns
        self._stamps = OrderStamps()
        # By token, and whether they sell it.
        self._families: dict[tuple[str, bool], OrderFamily] = {}

    def prepare(self, market: Market) -> None:
        """Prepare all that stays the same of a market's orders; else its first order does it."""
        for token in Token:
            for side in Side:
                self._family(market, token, side)

    def renew(self, owner: Secret) -> None:
        """Let orders belong to another API key from here on; none that was signed ahead is used."""
        self._envelopes = Envelopes(owner)
        self.ahead.forget(lambda _: True)

    def forget(self, market: Market) -> None:
        """Drop what was prepared, and what was signed ahead."""
        tokens = (market.up_token, market.down_token)
        self.ahead.forget(lambda wish: wish[0] in tokens)
        for token_id in tokens:
            self._markets.pop(token_id, None)
            for is_sell in (False, True):
                self._families.pop((token_id, is_sell), None)

    def _family(self, market: Market, token: Token, side: Side) -> OrderFamily:
        token_id = market.up_token if token is _UP else market.down_token
        key = token_id, side is _SELL
        found = self._families.get(key)
        if found is None:
            found = self._families[key] = OrderFamily(
                self._wallet,
                token_id=token_id,
                side=side,
                market_version=market.version,
                neg_risk=market.neg_risk,
                builder=self._builder,
            )
        return found

    def place(self, orders: Sequence[NewOrder], on_result: OnPlaced) -> list[str]:
        """Sign orders and write each as soon as it is signed.

        Args:
            on_result: Called once an order, never before this returns.

        Returns:
            The ids of the orders, in their order.

        Raises:
            InputError: One of them cannot be signed; then nothing was sent.
        """
        ids: list[str] = []
        for posting in self.postings(orders):
            ids += posting.order_ids
            self._write(posting, on_result)
        return ids

    def sign(self, orders: Sequence[NewOrder]) -> list[Posting]:
        """Sign orders and make their requests, without sending: ids may be journaled in between.

        Submit them at once: their time stamps age.

        Raises:
            InputError: One of them cannot be signed.
        """
        return list(self.postings(orders))

    def submit(self, postings: Sequence[Posting], on_result: OnPlaced) -> None:
        """Write signed requests, each once.

        Args:
            on_result: Called once an order, never before this returns.
        """
        for posting in postings:
            self._write(posting, on_result)

    def postings(self, orders: Sequence[NewOrder]) -> Iterator[Posting]:
        """Sign each as the caller asks for it, so that the first can be written before the second.

        Raises:
            InputError: One of them cannot be signed; before the first is given.
        """
        decided_ns = self._clock_ns()
        now_ns = self._requests.venue_ns()
        if self._ahead_ticks:
            drafts = [self._ready(order, decided_ns) or self._draft(order) for order in orders]
        else:
            drafts = [self._draft(order) for order in orders]
        if self._in_batches and len(drafts) > 1:
            for i in range(0, len(drafts), wire.BATCH_MAX):
                yield self._batch(drafts[i : i + wire.BATCH_MAX], now_ns, decided_ns)
        else:
            for draft in drafts:
                order_id, body = self._body(draft, now_ns)
                request = self._requests.make("POST", wire.ORDER_PATH, body, now_ns=now_ns)
                yield Posting((order_id,), request, decided_ns, self._clock_ns())
        if self._ahead_ticks:
            self._prepare_next(orders)

    def _write(self, posting: Posting, on_result: OnPlaced) -> None:
        request, posting.request = posting.request, b""
        assert request, "a posting is submitted once"
        wait_ns = self._budget.take_orders(len(posting.order_ids), self._clock_ns())
        if wait_ns:
            later(self._over_budget, posting, wait_ns, on_result)
            return
        on_outcome = partial(self._placed, posting, on_result)
        refused = self._service.send(request, wait_ns=self._wait_ns, on_outcome=on_outcome)
        if refused is not None:
            later(on_outcome, refused)

    def _draft(self, order: NewOrder) -> _Draft:
        family = self._family(order.market, order.token, order.side)
        seal = self._envelopes.seal(order.kind, order.expiration_s, post_only=order.post_only)
        return order, family, _amounts(order), seal

    def _batch(self, drafts: Sequence[_Draft | Ready], now_ns: int, decided_ns: int) -> Posting:
        ids, bodies = zip(*(self._body(draft, now_ns) for draft in drafts), strict=True)
        body = b"[" + b",".join(bodies) + b"]"
        request = self._requests.make("POST", wire.ORDERS_PATH, body, now_ns=now_ns)
        return Posting(ids, request, decided_ns, self._clock_ns())

    def _body(self, draft: _Draft | Ready, now_ns: int) -> tuple[str, bytes]:
        if isinstance(draft, Ready):
            return draft.order_id, draft.body
        order, family, amounts, seal = draft
        signed = family.sign(
            amounts,
            salt=self._rng.getrandbits(wire.SALT_BITS),
            timestamp_ms=self._stamps.next_ms(now_ns // 1_000_000),
            expiration_s=order.expiration_s,
        )
        return signed.order_id, seal(signed)

    # Ahead of need

    def _ready(self, order: NewOrder, now_ns: int) -> Ready | None:
        """Give what was signed ahead for an order; None where nothing was."""
        market, token, side, price_e4, size_e6, kind, is_post_only, _ = order
        if kind != wire.GTC or not is_post_only:
            return None
        token_id = market.up_token if token is _UP else market.down_token
        return self.ahead.take((token_id, side, price_e4, size_e6), now_ns)

    def _prepare_next(self, orders: Sequence[NewOrder]) -> None:
        """Sign what may follow these, once the loop has nothing better to do."""
        self._placed_last = orders
        if self._ahead_handle is None:
            loop = asyncio.get_running_loop()
            self._ahead_handle = loop.call_soon(self._look_ahead)

    def _look_ahead(self) -> None:
        wishes: list[_Wish] = []
        for distance in range(self._ahead_ticks + 1):
            for order in self._placed_last:
                market = order.market
                token_id = market.up_token if order.token is _UP else market.down_token
                self._markets[token_id] = market
                step_e4 = distance * market.tick_e4
                # Twice the same for a distance of 0, which the keys make one.
                for price_e4 in (order.price_e4 - step_e4, order.price_e4 + step_e4):
                    if market.tick_e4 <= price_e4 <= DOLLAR_E4 - market.tick_e4:
                        wishes.append((token_id, order.side, price_e4, order.size_e6))
        self.ahead.want(wishes, self._clock_ns())
        self._work_ahead()

    def _work_ahead(self) -> None:
        self._ahead_handle = None
        if self.ahead.work():
            loop = asyncio.get_running_loop()
            self._ahead_handle = loop.call_soon(self._work_ahead)

    def _sign_ahead(self, wish: _Wish) -> Ready:
        token_id, side, price_e4, size_e6 = wish
        market = self._markets[token_id]
        token = _UP if token_id == market.up_token else Token.DOWN
        order = NewOrder(market, token, side, price_e4, size_e6)
        now_ns = self._requests.venue_ns()
        order_id, body = self._body(self._draft(order), now_ns)
        return Ready(order_id, body, self._clock_ns())

    def _placed(self, posting: Posting, on_result: OnPlaced, outcome: Outcome) -> None:
        results = replies.read_place(
            outcome, posting.order_ids, stamps(outcome, posting.decided_ns, posting.signed_ns)
        )
        if isinstance(outcome, Reply):
            self._budget.orders_answered(outcome, outcome.answered_ns)
            if outcome.status == 429:
                self._budget.block_orders(results[0].retry_after_ns, outcome.answered_ns)
        for result in results:
            on_result(result)

    def _over_budget(self, posting: Posting, wait_ns: int, on_result: OnPlaced) -> None:
        for order_id in posting.order_ids:
            on_result(
                PlaceResult(
                    order_id=order_id,
                    state=PlaceState.NOT_SENT,
                    reason="order_budget",
                    retry_after_ns=wait_ns,
                    decided_ns=posting.decided_ns,
                    signed_ns=posting.signed_ns,
                )
            )


def _amounts(order: NewOrder) -> Amounts:
    compute = market_amounts if order.kind in _TAKING else limit_amounts
    return compute(order.side, order.price_e4, order.size_e6, order.market.tick_e4)
