"""The local exchange without sockets: commands with a time in, answers and messages out.

It opens nothing and reads no clock: in real time a server hands it the clock's time, in virtual
time a test hands it the time of the next act. What it has to say collects in ``outbox``. One
call of ``audit`` proves at any moment that money and shares are conserved.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from polymm.domain.market import NS, Market
from polymm.domain.order import Token
from polymm.errors import LedgerError
from polymm.exchange import refusals
from polymm.exchange.clearing import Clearing
from polymm.exchange.dealing import CANCELED, MARKET_RESOLVED, MATCHED, Dealing, Placed
from polymm.exchange.entry import OrderRequest, read_order
from polymm.exchange.faults import Fault, Faults
from polymm.exchange.listing import Listing
from polymm.exchange.market_channel import ChannelWriter, MarketMessage
from polymm.exchange.matching import BookOrder, Ladder
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules
from polymm.exchange.timers import Timers
from polymm.exchange.trading import Trading
from polymm.exchange.user_channel import UserMessage
from polymm.exchange.wallets import CASH, Ledger, Wallet

SPENDER = "exchange"
# What a wallet has free where one of its orders may be filled beyond its size, 1e-6.
EXCEEDING_E6 = 1_000_000
"""Who needs the wallets' allowance where a market names no contract."""
ACTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """Which orders a cancel ended, and why it did not end the others."""

    canceled: list[str] = field(default_factory=list)
    not_canceled: dict[str, str] = field(default_factory=dict)


class ChainAct(NamedTuple):
    """What a wallet did with pairs.

    Args:
        at_ns: When.
        kind: ``SPLIT``, ``MERGE`` or ``REDEEM``.
        address: The wallet's.
        listing: Of which market.
        cash_e6: Dollars given for pairs, or got for pairs or shares.
    """

    at_ns: int
    kind: str
    address: str
    listing: Listing
    cash_e6: int


class Exchange:
    """Markets, wallets and orders, and everything that happens to them.

    Args:
        rules: Every number.
        faults: What goes wrong; all off by default.
        seed: Seeds what is drawn besides faults.

    Attributes:
        ledger: Everybody's money.
        clearing: Trades and the user channel.
        dealing: Open orders.
        trading: The mode in force.
        timers: What will happen later.
        listings: Markets by condition id.
        outbox: Messages not yet fetched; ``drain`` it.
        acts: Splits, merges and redemptions of markets not yet retired, oldest first.
        on_listed: Called for each new market.
    """

    def __init__(
        self, *, rules: Rules | None = None, faults: Faults | None = None, seed: int = 0
    ) -> None:
        self.rules = rules or Rules()
        self.faults = faults or Faults(seed)
        self.ledger = Ledger()
        self.timers = Timers()
        self.trading = Trading(self.rules)
        self.listings: dict[str, Listing] = {}
        self.outbox: list[MarketMessage | UserMessage] = []
        self.acts: deque[ChainAct] = deque(maxlen=ACTS_MAX)
        self.on_listed: list[Callable[[Listing], None]] = []
        self.clearing = Clearing(
            self.ledger, self.timers, self.rules, self.faults, self.outbox.append, seed
        )
        self.dealing = Dealing(self.ledger, self.clearing, self.timers, self.rules, self.faults)
        self._by_token: dict[str, Listing] = {}
        # What a transaction has taken from, in order; None outside of one.
        self._touched: dict[tuple[Wallet, str], None] | None = None

    # Time and messages

    @property
    def next_ns(self) -> int | None:
        """When ``advance`` has something to do next."""
        return self.timers.next_ns

    def advance(self, now_ns: int) -> None:
        """Let time pass. Every command does so by itself with the time it is given."""
        self.timers.advance(now_ns)

    def drain(self) -> list[MarketMessage | UserMessage]:
        """Hand out what was said since the last call, oldest first."""
        messages = self.outbox.copy()
        self.outbox.clear()
        return messages

    def audit(self) -> None:
        """Prove that no micro-dollar, no share and no order was lost or made.

        Raises:
            LedgerError: Something does not add up.
        """
        self.ledger.audit()
        resting = {id(order) for item in self.listings.values() for order in item.ladder.orders()}
        delayed = {id(o) for item in self.listings.values() for o in item.delayed.values()}
        known = {id(order) for order, _ in self.dealing.open.values()}
        held = {id(o) for wallet in self.ledger.wallets.values() for o in wallet.orders.values()}
        if not resting | delayed == known == held:
            raise LedgerError(
                f"{len(known)} open orders must rest or wait ({len(resting)}, {len(delayed)})"
                f" and belong to wallets ({len(held)})"
            )

    # Markets

    def list_market(
        self,
        market: Market,
        *,
        number: int = 0,
        coin: str = "",
        title: str = "",
        version: str = "v1",
        spender: str = SPENDER,
        outcomes: tuple[Token, Token] = (Token.UP, Token.DOWN),
        accepts_from_ns: int = 0,
    ) -> Listing:
        """Take a market in; it accepts orders from the time given."""
        ladder = Ladder(
            market.tick_e4,
            market.lot_e6,
            shorten=partial(self.faults.strikes, Fault.FILL_SHORT),
            exceed=self._exceeds,
        )
        pool = self.ledger.open_pool(market.condition_id, (market.up_token, market.down_token))
        version_text = version if version != "v1" else ""
        writer = ChannelWriter(market, ladder, self.outbox.append, version_text)
        listing = Listing(
            market,
            ladder,
            writer,
            pool,
            number,
            coin=coin,
            title=title,
            outcomes=outcomes,
            version=version,
            spender=spender,
            accepts_from_ns=accepts_from_ns,
            changed_ns=self.timers.now_ns,
        )
        self.listings[market.condition_id] = listing
        for token_id in pool.tokens:
            self._by_token[token_id] = listing
        writer.created(
            self.timers.now_ns, number=number, question=listing.question, tokens=outcomes
        )
        for hear in self.on_listed:
            hear(listing)
        return listing

    def _exceeds(self, maker: BookOrder) -> bool:
        """Whether an account's order is filled beyond its size, which its wallet must cover."""
        is_covered = maker.wallet.free(maker.held_asset) >= EXCEEDING_E6
        return bool(maker.owner) and is_covered and self.faults.strikes(Fault.FILL_EXCEEDED)

    def find(self, token_id: str) -> Listing | None:
        """Give the market of a token."""
        return self._by_token.get(token_id)

    def close(self, listing: Listing, now_ns: int) -> None:
        """Take no more orders and cancel those that rest."""
        listing.accepting = False
        for order in list(listing.ladder.orders()):
            self.dealing.end(now_ns, order, listing, MARKET_RESOLVED)

    def resolve(self, listing: Listing, winner: Token, now_ns: int) -> None:
        """Fix the winner of a closed market; its shares can be redeemed from now on."""
        listing.pool.winner = winner
        listing.closed_ns = now_ns
        listing.writer.resolved(
            now_ns,
            number=listing.number,
            question=listing.question,
            tokens=listing.outcomes,
            winner=winner,
        )
        self.clearing.share_rebates(listing)
        for wallet in self.ledger.wallets.values():
            if wallet.is_house:
                self.ledger.redeem(wallet, listing.pool)
        self.timers.at(now_ns + self.rules.retire_after_s * NS, partial(self._retire, listing))

    def _retire(self, listing: Listing, now_ns: int) -> None:
        """Pay what is still owed, as the venue's own redeemer does, and forget the market."""
        if listing.trades_open:
            self.timers.at(now_ns + NS, partial(self._retire, listing))
            return
        for wallet in self.ledger.wallets.values():
            self.ledger.redeem(wallet, listing.pool)
        self.ledger.drop_pool(listing.condition_id)
        self.clearing.forget(listing)
        kept = [act for act in self.acts if act.listing is not listing]
        self.acts = deque(kept, maxlen=ACTS_MAX)
        del self.listings[listing.condition_id]
        for token_id in listing.pool.tokens:
            del self._by_token[token_id]
        for order_id in listing.ended:
            self.dealing.ended.pop(order_id, None)

    # Orders

    def place(self, now_ns: int, request: OrderRequest) -> Placed | Refusal:
        """Take an order in, or say why not."""
        now_ns = self.timers.advance(now_ns)
        refusal = self.trading.order_refusal(now_ns, post_only=request.post_only)
        if refusal is not None:
            return refusal
        listing = self._by_token.get(request.token_id)
        if listing is None:
            return refusals.NO_ORDERBOOK
        if request.order_id in self.dealing.open or request.order_id in self.dealing.ended:
            return refusals.duplicated(request.order_id)
        order = read_order(request, listing, now_ns, self.rules)
        return order if isinstance(order, Refusal) else self.dealing.enter(now_ns, order, listing)

    def cancel(self, now_ns: int, owner: str, order_ids: Iterable[str]) -> CancelAnswer | Refusal:
        """Cancel orders of an account by id."""
        now_ns = self.timers.advance(now_ns)
        refusal = self.trading.cancel_refusal(now_ns)
        if refusal is not None:
            return refusal
        answer = CancelAnswer()
        for order_id in order_ids:
            reason = self._cancel_one(now_ns, owner, order_id)
            if reason:
                answer.not_canceled[order_id] = reason
            else:
                answer.canceled.append(order_id)
        return answer

    def cancel_where(
        self, now_ns: int, owner: str, *, condition_id: str = "", token_id: str = ""
    ) -> CancelAnswer | Refusal:
        """Cancel an account's orders, all or those of one market or token."""
        now_ns = self.timers.advance(now_ns)
        found = self.open_orders(owner, condition_id=condition_id, token_id=token_id)
        return self.cancel(now_ns, owner, [order.order_id for order, _ in found])

    def _cancel_one(self, now_ns: int, owner: str, order_id: str) -> str:
        """Cancel one order; "" if that is done, else why not."""
        found = self.dealing.open.get(order_id)
        if found is None or found[0].owner != owner:
            status = self.dealing.ended.get(order_id)
            if status is None:
                return refusals.CANCEL_NOT_FOUND
            return refusals.CANCEL_MATCHED if status == MATCHED else refusals.CANCEL_CANCELED
        order, listing = found
        if order_id in listing.delayed:
            return refusals.CANCEL_DELAYED
        if self.faults.strikes(Fault.CANCEL_ALREADY_MATCHED):
            self.dealing.fill_at_once(now_ns, order, listing)
            return refusals.CANCEL_MATCHED
        self.dealing.end(now_ns, order, listing, CANCELED)
        return ""

    def open_orders(
        self, owner: str, *, condition_id: str = "", token_id: str = ""
    ) -> list[tuple[BookOrder, Listing]]:
        """List an account's open orders with their markets, oldest first."""
        return [
            (order, listing)
            for order, listing in self.dealing.open.values()
            if order.owner == owner
            and condition_id in ("", listing.condition_id)
            and token_id in ("", listing.token_id(order.token))
        ]

    # The chain

    def split(self, now_ns: int, wallet: Wallet, listing: Listing, pairs_e6: int) -> bool:
        """Turn a wallet's dollars into pairs; False where it has not as many."""
        if not 0 < pairs_e6 <= wallet.balances[CASH]:
            return False
        self.ledger.split(wallet, listing.pool, pairs_e6, seen=not self.rules.reads_chain_late)
        self.acts.append(ChainAct(now_ns, "SPLIT", wallet.address, listing, pairs_e6))
        self._cover(now_ns, wallet, CASH)
        return True

    def merge(self, now_ns: int, wallet: Wallet, listing: Listing, pairs_e6: int) -> bool:
        """Turn a wallet's pairs into dollars; False where it has not as many."""
        tokens = listing.pool.tokens
        if not 0 < pairs_e6 <= min(wallet.balances[token] for token in tokens):
            return False
        self.ledger.merge(wallet, listing.pool, pairs_e6, seen=not self.rules.reads_chain_late)
        self.acts.append(ChainAct(now_ns, "MERGE", wallet.address, listing, pairs_e6))
        self._cover(now_ns, wallet, *tokens)
        return True

    def redeem(self, now_ns: int, wallet: Wallet, listing: Listing) -> int | None:
        """Pay a wallet's winning shares; None before the market is resolved."""
        if listing.winner is None:
            return None
        paid_e6 = self.ledger.redeem(wallet, listing.pool, seen=not self.rules.reads_chain_late)
        self.acts.append(ChainAct(now_ns, "REDEEM", wallet.address, listing, paid_e6))
        return paid_e6

    def redeem_shares(
        self, now_ns: int, wallet: Wallet, listing: Listing, token: Token, shares_e6: int
    ) -> int | None:
        """Pay some shares of one outcome; None before the resolution or without as many."""
        if listing.winner is None or not 0 < shares_e6 <= wallet.balances[listing.token_id(token)]:
            return None
        seen = not self.rules.reads_chain_late
        paid_e6 = self.ledger.redeem_shares(wallet, listing.pool, token, shares_e6, seen=seen)
        self.acts.append(ChainAct(now_ns, "REDEEM", wallet.address, listing, paid_e6))
        return paid_e6

    def transfer(
        self, now_ns: int, asset: str, amount_e6: int, *, giver: Wallet, taker: Wallet
    ) -> bool:
        """Move cash or tokens between wallets; False where the giver has not as many."""
        if not 0 < amount_e6 <= giver.balances[asset]:
            return False
        self.ledger.transfer(asset, amount_e6, giver=giver, taker=taker)
        self._cover(now_ns, giver, asset)
        return True

    def allow(self, now_ns: int, wallet: Wallet, spender: str, amount_e6: int) -> None:
        """Let a contract take a wallet's cash up to an amount."""
        wallet.allowances[spender] = amount_e6
        self._cover(now_ns, wallet, CASH)

    def approve(self, now_ns: int, wallet: Wallet, operator: str, *, is_granted: bool) -> None:
        """Let a contract move a wallet's tokens, or no longer."""
        (wallet.approvals.add if is_granted else wallet.approvals.discard)(operator)
        held = {order.held_asset for order in wallet.orders.values()}
        self._cover(now_ns, wallet, *sorted(held - {CASH}))

    @contextmanager
    def transaction(self, now_ns: int) -> Iterator[None]:
        """Let several of these be one: time stands still, and cover is looked at after the last."""
        assert self._touched is None, "a transaction holds no other"
        touched: dict[tuple[Wallet, str], None] = {}
        self._touched = touched
        try:
            yield
        finally:
            self._touched = None
        for wallet, asset in touched:
            self._cover(now_ns, wallet, asset)

    def _cover(self, now_ns: int, wallet: Wallet, *assets: str) -> None:
        for asset in assets:
            if self._touched is not None:
                self._touched[wallet, asset] = None
            else:
                self.dealing.cover(self.timers.advance(now_ns), wallet, asset)
