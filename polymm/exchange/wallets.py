"""Everybody's cash and tokens on the local exchange, and the proof that none is lost.

A match moves what is given at once and what is got when it is mined, as on the venue: bought
tokens and proceeds are ``pending`` until then, and a trade that fails is undone to the last
micro-dollar. Integers only: matches are whole lots, so no amount is ever rounded but the fee.
``accounts`` keeps one trader in one market for replays; this keeps many wallets in many markets.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from polymm.domain.order import Token
from polymm.errors import LedgerError

if TYPE_CHECKING:
    from polymm.exchange.matching import BookOrder

CASH = "cash"
"""The asset that is no token; all others go by their token id."""

UNLIMITED = 2**256 - 1


@dataclass(slots=True, eq=False)
class Wallet:
    """What one address owns, expects and holds back. All amounts in 1e-6.

    Args:
        address: As the chain writes it; any text for the exchange's own traders.
        is_house: One of those traders: trades among them are settled at once.

    Attributes:
        balances: Owned on the chain, by asset.
        pending: Got in matches that are not mined yet.
        reserved: Held back by open orders.
        unseen: Credits of the chain that the exchange has not read yet, part of ``balances``.
        orders: Open orders by id, oldest first.
        allowances: Cash that a contract may take, by its address.
        approvals: Contracts that may move tokens.
    """

    address: str
    is_house: bool = False
    balances: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    pending: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    reserved: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    unseen: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    orders: "dict[str, BookOrder]" = field(default_factory=dict)
    allowances: dict[str, int] = field(default_factory=dict)
    approvals: set[str] = field(default_factory=set)

    def free(self, asset: str) -> int:
        """What a new order may hold back, below 0 where open orders are not covered."""
        return self.balances[asset] - self.unseen[asset] - self.reserved[asset]

    def allowed(self, asset: str, spender: str) -> int:
        """What a contract may take of an asset."""
        if asset == CASH:
            return self.allowances.get(spender, 0)
        return UNLIMITED if spender in self.approvals else 0

    def allow(self, spender: str, amount_e6: int = UNLIMITED) -> None:
        """Let a contract take cash up to an amount, and tokens unless it is 0."""
        self.allowances[spender] = amount_e6
        (self.approvals.add if amount_e6 else self.approvals.discard)(spender)

    def see(self, asset: str) -> None:
        """Let the exchange read the chain's balance of one asset."""
        self.unseen.pop(asset, None)


@dataclass(slots=True, eq=False)
class Pool:
    """The collateral behind one market's pairs.

    Attributes:
        tokens: Ids of Up and Down.
        collateral_e6: Dollars held: one a pair, after the end one a winning share.
        supply_e6: [Up, Down] in all wallets, owned or pending.
        winner: Known once the market is resolved.
        fees_e6: Taker fees this market brought, rebates not deducted.
        maker_weights: What makers' fills weigh in its rebates, by wallet address.
    """

    tokens: tuple[str, str]
    collateral_e6: int = 0
    supply_e6: list[int] = field(default_factory=lambda: [0, 0])
    winner: Token | None = None
    fees_e6: int = 0
    maker_weights: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))


class Posting(NamedTuple):
    """One party's side of a match: what it gives at once and gets when mined."""

    wallet: Wallet
    given: str
    given_e6: int
    got: str
    got_e6: int


@dataclass(frozen=True, slots=True, eq=False)
class Booking:
    """All postings of one trade.

    Args:
        pool: The market's collateral.
        postings: Every party's, the taker's first.
        pairs_e6: Pairs made, below 0 burned.
        fee_e6: The taker's fee, within the first posting.
        weights: What each maker fill weighs in the rebates.
    """

    pool: Pool
    postings: tuple[Posting, ...]
    pairs_e6: int
    fee_e6: int
    weights: tuple[tuple[str, int], ...] = ()


class Ledger:
    """All wallets and pools, and every flow between them.

    Attributes:
        wallets: By address.
        pools: By condition id.
        fees_e6: Fees kept, rebates deducted.
    """

    def __init__(self) -> None:
        self.wallets: dict[str, Wallet] = {}
        self.pools: dict[str, Pool] = {}
        self.fees_e6 = 0
        self._deposited_e6 = 0
        self._rebates_owed_e6: defaultdict[str, int] = defaultdict(int)

    def open_wallet(self, address: str, *, is_house: bool = False) -> Wallet:
        """Give the wallet of an address, made and empty at its first mention."""
        wallet = self.wallets.get(address)
        if wallet is None:
            wallet = self.wallets[address] = Wallet(address, is_house)
        return wallet

    def open_pool(self, condition_id: str, tokens: tuple[str, str]) -> Pool:
        """Make the pool of a new market."""
        if condition_id in self.pools:
            raise LedgerError(f"condition {condition_id} has a pool already")
        pool = self.pools[condition_id] = Pool(tokens)
        return pool

    def deposit(self, wallet: Wallet, amount_e6: int) -> None:
        """Bring play money in; below 0 takes it out."""
        self._deposited_e6 += amount_e6
        self._credit(wallet, CASH, amount_e6)

    def transfer(self, asset: str, amount_e6: int, *, giver: Wallet, taker: Wallet) -> None:
        """Move what is owned from one wallet to another."""
        self._credit(giver, asset, -amount_e6)
        self._credit(taker, asset, amount_e6)

    def book(self, booking: Booking) -> None:
        """Take what each party of a match gives; what they get becomes pending."""
        self._apply(booking, 1)

    def settle(self, booking: Booking) -> None:
        """Make what a booked trade brings owned: it is mined."""
        for wallet, _, _, got, got_e6 in booking.postings:
            wallet.pending[got] -= got_e6
            wallet.balances[got] += got_e6

    def revert(self, booking: Booking) -> None:
        """Undo a booked trade that was never mined."""
        self._apply(booking, -1)

    def _apply(self, booking: Booking, sign: int) -> None:
        pool = booking.pool
        for wallet, given, given_e6, got, got_e6 in booking.postings:
            self._credit(wallet, given, -sign * given_e6)
            wallet.pending[got] += sign * got_e6
        for side in range(2):
            pool.supply_e6[side] += sign * booking.pairs_e6
        pool.collateral_e6 += sign * booking.pairs_e6
        pool.fees_e6 += sign * booking.fee_e6
        self.fees_e6 += sign * booking.fee_e6
        for address, weight in booking.weights:
            pool.maker_weights[address] += sign * weight

    def split(self, wallet: Wallet, pool: Pool, pairs_e6: int, *, seen: bool = True) -> None:
        """Turn dollars into pairs.

        Raises:
            LedgerError: Not that much is owned; nothing changes. So do ``merge`` and ``redeem``.
        """
        self._credit(wallet, CASH, -pairs_e6)
        self._move_pairs(wallet, pool, pairs_e6, seen=seen)

    def merge(self, wallet: Wallet, pool: Pool, pairs_e6: int, *, seen: bool = True) -> None:
        """Turn pairs into dollars."""
        if min(wallet.balances[token] for token in pool.tokens) < pairs_e6:
            raise LedgerError(f"{wallet.address} owns fewer pairs than {pairs_e6}")
        self._move_pairs(wallet, pool, -pairs_e6, seen=seen)
        self._credit(wallet, CASH, pairs_e6, seen=seen)

    def _move_pairs(self, wallet: Wallet, pool: Pool, pairs_e6: int, *, seen: bool) -> None:
        for side, token in enumerate(pool.tokens):
            self._credit(wallet, token, pairs_e6, seen=seen)
            pool.supply_e6[side] += pairs_e6
        pool.collateral_e6 += pairs_e6

    def redeem(self, wallet: Wallet, pool: Pool, *, seen: bool = True) -> int:
        """Pay a dollar for each winning share owned and burn all others; give what was paid."""
        return sum(
            self.redeem_shares(wallet, pool, token, wallet.balances[pool.tokens[token]], seen=seen)
            for token in Token
        )

    def redeem_shares(
        self, wallet: Wallet, pool: Pool, token: Token, shares_e6: int, *, seen: bool = True
    ) -> int:
        """Do so with some shares of one outcome."""
        if pool.winner is None:
            raise LedgerError("a market pays nothing before it is resolved")
        paid_e6 = shares_e6 if token is pool.winner else 0
        self._credit(wallet, pool.tokens[token], -shares_e6)
        pool.supply_e6[token] -= shares_e6
        pool.collateral_e6 -= paid_e6
        self._credit(wallet, CASH, paid_e6, seen=seen)
        return paid_e6

    def pay_rebates(self, pool: Pool, *, rate_e6: int, minimum_e6: int) -> dict[str, int]:
        """Share out a market's rebates; what stays below the minimum is owed until it is not.

        Returns:
            What was paid, 1e-6 dollars, by wallet address.
        """
        paid: dict[str, int] = {}
        whole = sum(pool.maker_weights.values())
        for address, weight in pool.maker_weights.items():
            owed_e6 = pool.fees_e6 * rate_e6 * weight // (whole * 1_000_000) if whole else 0
            self._rebates_owed_e6[address] += owed_e6
            if self._rebates_owed_e6[address] >= minimum_e6:
                paid_e6 = paid[address] = self._rebates_owed_e6.pop(address)
                self.fees_e6 -= paid_e6
                self._credit(self.wallets[address], CASH, paid_e6)
        pool.maker_weights.clear()
        return paid

    def drop_pool(self, condition_id: str) -> None:
        """Forget a market whose tokens are all redeemed."""
        pool = self.pools[condition_id]
        if any(pool.supply_e6) or pool.collateral_e6:
            raise LedgerError(f"condition {condition_id} still has supply {pool.supply_e6}")
        del self.pools[condition_id]
        for wallet in self.wallets.values():
            for column in (wallet.balances, wallet.pending, wallet.reserved, wallet.unseen):
                for token in pool.tokens:
                    column.pop(token, None)

    def _credit(self, wallet: Wallet, asset: str, amount_e6: int, *, seen: bool = True) -> None:
        balance_e6 = wallet.balances[asset] + amount_e6
        if balance_e6 < 0:
            raise LedgerError(
                f"{wallet.address} owns {wallet.balances[asset]} of {asset}, not {-amount_e6}"
            )
        wallet.balances[asset] = balance_e6
        if amount_e6 > 0 and not seen:
            wallet.unseen[asset] += amount_e6
        elif wallet.unseen.get(asset, 0) > balance_e6:
            wallet.unseen[asset] = balance_e6

    def audit(self) -> None:
        """Prove that no micro-dollar and no share was made or lost, at any moment.

        Raises:
            LedgerError: Something does not add up; the message says what and by how much.
        """
        for text, found, wanted in self._checks():
            if found != wanted:
                raise LedgerError(f"{text} must be {wanted}, was {found}")

    def _checks(self) -> Iterator[tuple[str, object, object]]:
        totals: defaultdict[str, int] = defaultdict(int)
        for wallet in self.wallets.values():
            held: defaultdict[str, int] = defaultdict(int)
            for column in (wallet.balances, wallet.pending):
                for asset, amount_e6 in column.items():
                    totals[asset] += amount_e6
                    yield f"negative {asset} of {wallet.address}", min(amount_e6, 0), 0
            for order in wallet.orders.values():
                held[order.held_asset] += order.held_e6
            for asset in {*held, *wallet.reserved}:
                name = f"{asset} reserved by {wallet.address}"
                yield name, wallet.reserved[asset], held[asset]
        backing = 0
        known = {CASH}
        for condition_id, pool in self.pools.items():
            backing += pool.collateral_e6
            known.update(pool.tokens)
            supply = [totals[token] for token in pool.tokens]
            yield f"supply of {condition_id}", pool.supply_e6, supply
            backed = pool.supply_e6 if pool.winner is None else [pool.supply_e6[pool.winner]]
            for amount_e6 in backed:
                yield f"collateral of {condition_id}", pool.collateral_e6, amount_e6
        yield "cash and collateral", totals[CASH] + backing + self.fees_e6, self._deposited_e6
        strange = sum(amount for asset, amount in totals.items() if asset not in known)
        yield "tokens of unknown markets", strange, 0


def hold(order: "BookOrder", amount_e6: int, spender: str) -> bool:
    """Hold back an amount for a new order; False, with nothing changed, where it is not there."""
    wallet, asset = order.wallet, order.held_asset
    if amount_e6 > wallet.free(asset):
        return False
    if wallet.allowed(asset, spender) < wallet.reserved[asset] + amount_e6:
        return False
    rehold(order, amount_e6)
    return True


def rehold(order: "BookOrder", amount_e6: int) -> None:
    """Set what an order holds back, which after its entry only becomes less."""
    order.wallet.reserved[order.held_asset] += amount_e6 - order.held_e6
    order.held_e6 = amount_e6


def uncovered(wallet: Wallet, asset: str) -> "list[BookOrder]":
    """Choose the orders, newest first, without which the rest is covered again."""
    short_e6 = -wallet.free(asset)
    chosen = []
    for order in reversed(wallet.orders.values()):
        if short_e6 <= 0:
            break
        if order.held_asset == asset and order.held_e6:
            short_e6 -= order.held_e6
            chosen.append(order)
    return chosen
