"""A transaction tried out before it happens: on a chain it happens whole or not at all.

Each call is checked against what the calls before it would leave, and only when all of them pass
does money move, in one go. Orders that lost their cover are cancelled after that, by what the whole
transaction left: between its calls nobody looks.
"""

from collections.abc import Callable
from functools import partial

from polymm.domain.order import Token
from polymm.exchange.exchange import Exchange
from polymm.exchange.listing import Listing
from polymm.exchange.server.calldata import (
    Action,
    Approve,
    ApproveShares,
    Merge,
    Pay,
    Redeem,
    Reverted,
    SendShares,
    Split,
)
from polymm.exchange.wallets import CASH, UNLIMITED, Wallet
from polymm.venues.polymarket import wire

Step = Callable[[int], object]


class Draft:
    """Calls of one wallet, checked one after the other.

    Args:
        exchange: What they would change.
        sender: Address of the wallet that makes them.
    """

    __slots__ = ("_allowances", "_approvals", "_exchange", "_moved", "_sender", "_steps")

    def __init__(self, exchange: Exchange, sender: str) -> None:
        self._exchange = exchange
        self._sender = sender
        self._moved: dict[tuple[str, str], int] = {}
        self._allowances: dict[str, int] = {}
        self._approvals: dict[str, bool] = {}
        self._steps: list[Step] = []

    def add(self, action: Action) -> None:
        """Take one more call in.

        Raises:
            Reverted: It cannot be done; the whole transaction must be given up.
        """
        match action:
            case Approve(spender, amount_e6):
                self._allowances[spender] = amount_e6
                self._steps.append(partial(self._allow, spender, amount_e6))
            case ApproveShares(operator, is_granted):
                self._approvals[operator] = is_granted
                self._steps.append(partial(self._approve, operator, is_granted=is_granted))
            case Pay(to, amount_e6):
                self._send(CASH, amount_e6, self._sender, to)
            case SendShares(giver, to, token_id, amount_e6):
                self._send_shares(giver, to, token_id, amount_e6)
            case Split():
                self._split(action)
            case Merge():
                self._merge(action)
            case Redeem():
                self._redeem(action)

    def carry_out(self, now_ns: int) -> None:
        """Do what was checked, at once and in order."""
        with self._exchange.transaction(now_ns):
            for step in self._steps:
                done = step(now_ns)
                assert done is not False, "what was checked can be done"
        self._steps.clear()

    # Pairs

    def _split(self, split: Split) -> None:
        listing = self._listing(split.condition_id, split.through)
        self._spend_allowance(split.through, split.pairs_e6)
        self._take(self._sender, CASH, split.pairs_e6)
        for token_id in listing.pool.tokens:
            self._give(self._sender, token_id, split.pairs_e6)
        self._steps.append(
            lambda now_ns: self._command(self._exchange.split, now_ns, listing, split)
        )

    def _merge(self, merge: Merge) -> None:
        listing = self._listing(merge.condition_id, merge.through)
        self._need_approval(merge.through)
        for token_id in listing.pool.tokens:
            self._take(self._sender, token_id, merge.pairs_e6)
        self._give(self._sender, CASH, merge.pairs_e6)
        self._steps.append(
            lambda now_ns: self._command(self._exchange.merge, now_ns, listing, merge)
        )

    def _command(
        self,
        command: Callable[[int, Wallet, Listing, int], bool],
        now_ns: int,
        listing: Listing,
        pairs: Split | Merge,
    ) -> bool:
        return command(now_ns, self._wallet(self._sender), listing, pairs.pairs_e6)

    def _redeem(self, redeem: Redeem) -> None:
        listing = self._listing(redeem.condition_id, redeem.through)
        winner = listing.winner
        if winner is None:
            raise Reverted("result for condition not received yet")
        self._need_approval(redeem.through)
        amounts_e6 = _redeemed(redeem, listing, partial(self._balance, self._sender))
        for token, amount_e6 in amounts_e6.items():
            if not amount_e6:
                continue
            self._take(self._sender, listing.pool.tokens[token], amount_e6)
            self._give(self._sender, CASH, amount_e6 if token is winner else 0)
            self._steps.append(partial(self._redeem_shares, listing, token, amount_e6))

    def _redeem_shares(self, listing: Listing, token: Token, amount_e6: int, now_ns: int) -> bool:
        wallet = self._wallet(self._sender)
        paid_e6 = self._exchange.redeem_shares(now_ns, wallet, listing, token, amount_e6)
        return paid_e6 is not None

    def _listing(self, condition_id: str, through: str) -> Listing:
        listing = self._exchange.listings.get(condition_id)
        if listing is None:
            raise Reverted("condition not prepared yet")
        if through != pair_contract(listing):
            raise Reverted(f"condition must go through {pair_contract(listing)}")
        return listing

    # Transfers

    def _send_shares(self, giver: str, to: str, token_id: str, amount_e6: int) -> None:
        found = self._exchange.ledger.wallets.get(giver)
        if giver != self._sender and (found is None or self._sender not in found.approvals):
            raise Reverted("ERC1155: caller is not owner nor approved")
        self._send(token_id, amount_e6, giver, to)

    def _send(self, asset: str, amount_e6: int, giver: str, to: str) -> None:
        if to == wire.ZERO_ADDRESS:
            raise Reverted("transfer to the zero address")
        self._take(giver, asset, amount_e6)
        self._give(to, asset, amount_e6)
        self._steps.append(partial(self._transfer, asset, amount_e6, giver, to))

    def _transfer(self, asset: str, amount_e6: int, giver: str, to: str, now_ns: int) -> bool:
        return self._exchange.transfer(
            now_ns, asset, amount_e6, giver=self._wallet(giver), taker=self._wallet(to)
        )

    # Leave to move things

    def _spend_allowance(self, spender: str, amount_e6: int) -> None:
        """Count an allowance down, unless it is the largest there is: that one stays."""
        allowed_e6 = self._allowances.get(spender)
        if allowed_e6 is None:
            found = self._exchange.ledger.wallets.get(self._sender)
            allowed_e6 = found.allowances.get(spender, 0) if found else 0
        if allowed_e6 < amount_e6:
            raise Reverted("ERC20: transfer amount exceeds allowance")
        if allowed_e6 != UNLIMITED:
            self._allowances[spender] = allowed_e6 - amount_e6
            self._steps.append(partial(self._allow, spender, allowed_e6 - amount_e6))

    def _need_approval(self, operator: str) -> None:
        is_granted = self._approvals.get(operator)
        if is_granted is None:
            found = self._exchange.ledger.wallets.get(self._sender)
            is_granted = found is not None and operator in found.approvals
        if not is_granted:
            raise Reverted("ERC1155: need operator approval for 3rd party transfers")

    def _allow(self, spender: str, amount_e6: int, now_ns: int) -> None:
        self._exchange.allow(now_ns, self._wallet(self._sender), spender, amount_e6)

    def _approve(self, operator: str, now_ns: int, *, is_granted: bool) -> None:
        wallet = self._wallet(self._sender)
        self._exchange.approve(now_ns, wallet, operator, is_granted=is_granted)

    # Balances as the calls before would leave them

    def _balance(self, address: str, asset: str) -> int:
        wallet = self._exchange.ledger.wallets.get(address)
        owned_e6 = wallet.balances.get(asset, 0) if wallet else 0
        return owned_e6 + self._moved.get((address, asset), 0)

    def _take(self, address: str, asset: str, amount_e6: int) -> None:
        if not amount_e6:
            raise Reverted("the amount must be above 0")
        if self._balance(address, asset) < amount_e6:
            raise Reverted("transfer amount exceeds balance")
        self._give(address, asset, -amount_e6)

    def _give(self, address: str, asset: str, amount_e6: int) -> None:
        key = address, asset
        self._moved[key] = self._moved.get(key, 0) + amount_e6

    def _wallet(self, address: str) -> Wallet:
        return self._exchange.ledger.open_wallet(address)


def pair_contract(listing: Listing) -> str:
    """Name the contract through which a market's pairs are made, merged and redeemed."""
    if listing.version == wire.MARKET_V2:
        return wire.ROUTER
    is_neg_risk = listing.market.neg_risk
    return wire.NEG_RISK_COLLATERAL_ADAPTER if is_neg_risk else wire.COLLATERAL_ADAPTER


def _redeemed(redeem: Redeem, listing: Listing, balance: Callable[[str], int]) -> dict[Token, int]:
    """How many shares of which outcome are redeemed: the v1 adapters take all of both."""
    if redeem.outcome is None:
        return {token: balance(listing.pool.tokens[token]) for token in Token}
    # In protocol v2 the last byte of a position's id is its outcome.
    token = next(item for item in Token if int(listing.token_id(item)) & 0xFF == redeem.outcome)
    return {token: redeem.amount_e6}
