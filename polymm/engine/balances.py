"""The ledger's confirmed shares and cash against the venue's balances.

Balances come late and may be missing for a while (FAILURES 24, 46). So a difference counts only
where two reads agree on it, some time apart, and the ledger did not move between them; what is not
settled yet may or may not be in a balance.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from polymm.domain.order import Side, Token
from polymm.engine.actions import Action, Alarm
from polymm.engine.evidence import BalancesRead, Correction
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.left_merges import CASH, Key, LeftMerges
from polymm.engine.order_life import Order
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reads import ReadClock
from polymm.engine.risk import RiskGate

BALANCE_DIFFERS: Final = "balance_differs"


class Held(NamedTuple):
    """What the ledger holds: at least, confirmed, and at most over all settlements."""

    low_e6: int
    confirmed_e6: int
    high_e6: int


class Difference(NamedTuple):
    """A balance and what the ledger held then; the first of the reads that agree began so."""

    balance_e6: int
    before_e6: int
    since_ns: int


class Comparison:
    """Compares reads of balances with the ledger, and corrects the ledger.

    Args:
        fills: The ledger.
        gate: Lets only out what reduces, once something differed that nobody can explain.
        settings: What may differ, and for how long.
        clock: Of these reads.
        actions: Takes entries and alarms.

    Attributes:
        agreed_ns: By market, "" for cash: when the last of two equal reads began that agree with
            the ledger, or were made to; cash beyond the ledger's is no reason to wait.
    """

    def __init__(
        self,
        fills: FillLedger,
        gate: RiskGate,
        settings: ReconcileSettings,
        clock: ReadClock,
        actions: list[Action],
    ) -> None:
        self.agreed_ns: dict[str, int] = {}
        self._fills = fills
        self._gate = gate
        self._settings = settings
        self._clock = clock
        self._actions = actions
        self._left = LeftMerges(fills, gate, settings, actions)
        self._is_opened = False
        self._owing: Sequence[Order] = ()
        self._last: dict[Key, int] = {}
        self._differences: dict[Key, Difference] = {}

    def begin(self) -> None:
        """Forget what was read before: everything is to be compared anew."""
        self.agreed_ns.clear()
        self._last.clear()
        self._differences.clear()

    def forget(self, market: str) -> None:
        """Drop a market that is over."""
        self.agreed_ns.pop(market, None)
        for token in Token:
            self._last.pop((market, token), None)
            self._differences.pop((market, token), None)

    def is_agreed(self, markets: Iterable[str], floor_ns: int) -> bool:
        """Whether cash and these markets agree by reads begun since then; asks until they do."""
        agreed_ns = min(self.agreed_ns.get(market, -1) for market in ("", *markets))
        if agreed_ns >= floor_ns:
            return True
        # What was read before counts as the first of two equal reads.
        self._clock.want(max(floor_ns, self._clock.good_ns + self._settings.retry_ns_min))
        return False

    def apply(
        self,
        now_ns: int,
        read: BalancesRead,
        markets: Sequence[str],
        *,
        is_told: bool,
        owing: Sequence[Order] = (),
        is_start: bool = False,
    ) -> None:
        """Compare one read, and let the ledger take over what stood for long enough.

        The cash of the first two equal reads is taken over at once where nothing known explains
        it: no journal knows what came and went while nobody traded.

        Args:
            markets: Those to be compared; one that was not read is left alone.
            is_told: Whether all fills are told, as far as is known; a fill that is still to be
                told explains what nothing else does.
            owing: Orders of which trades may still be told: a balance may have them already, and
                nothing is corrected meanwhile.
            is_start: Whether nothing was traded for a while, so that balances do not come late,
                and an earlier process may have asked for merges of which nobody tells.
        """
        self._owing = owing
        settings, may_correct = self._settings, is_told and not owing
        patience_ns = settings.patience_ns if is_start else settings.patience_later_ns
        shares: dict[Key, int] = {(market, token): size for market, token, size in read.shares}
        shares[CASH] = read.cash_e6
        # While pairs may have become cash or not, the cash is known no closer than they are.
        is_cash_known = self._is_opened and not (is_start and self._left.are_left)
        self._left.settle(read, shares, self._last, is_cash_known=is_cash_known)
        for market in ("", *markets):
            keys: list[Key] = [(market, token) for token in Token] if market else [CASH]
            if any(key not in shares for key in keys):
                continue
            is_agreed = not (is_start and self._may_hide_merge(market))
            for key in keys:
                is_equal = self._last.get(key) == shares[key]
                self._last[key] = shares[key]
                if key == CASH and not is_cash_known:
                    is_known = is_told and (not owing or self._explains(key, shares[key]))
                    is_agreed = is_agreed and is_known
                    self._open(read, is_equal=is_equal and is_known)
                elif self._differs(key, read, shares[key], patience_ns) and may_correct:
                    self._take_over(now_ns, key, read, shares[key])
                is_agreed = is_agreed and is_equal and not self._is_missing(key)
            if is_agreed:
                self.agreed_ns[market] = read.began_ns
        if any(market not in self.agreed_ns for market in markets):
            self._clock.want(read.began_ns + settings.apart_ns)
        elif self._left.are_left:
            self._clock.want(read.began_ns + settings.open_ns)

    def _is_missing(self, key: Key) -> bool:
        """Whether a balance differs in a way that forbids to trade: not so more cash than ours."""
        known = self._differences.get(key)
        return known is not None and (key != CASH or known.balance_e6 < known.before_e6)

    def _open(self, read: BalancesRead, *, is_equal: bool) -> None:
        """Take the cash over unless what is not settled yet explains it.

        Proceeds that are not settled may be in the balance already: they are counted once they are.
        """
        if is_equal:
            self._is_opened = True
            held = self._held(CASH)
            if not held.low_e6 <= read.cash_e6 <= held.high_e6:
                earning_e6 = -(-self._fills.total.earning_e10 // 10_000)
                self._correct(CASH, held.confirmed_e6, read.cash_e6 - earning_e6, read)

    def _may_hide_merge(self, market: str) -> bool:
        """Whether shares that a merge took look like those that are not settled yet."""
        positions = (self._fills.position(market, token) for token in Token)
        return any(
            position.confirmed_e6 and (position.buying_e6 or position.selling_e6)
            for position in positions
        )

    def _held(self, key: Key) -> Held:
        """What the ledger holds; pairs on their way into a merge may have become cash or not.

        Nor is it known of what may still be told of orders that rest no longer.
        """
        market, token = key
        merging = self._gate.merging_e6
        paid_e6, got_e6 = self._owed(key)
        if token is None:
            cash = self._fills.total
            low_e10 = cash.confirmed_e10 - cash.spending_e10 - 10_000 * paid_e6
            high_e6 = -(-(cash.confirmed_e10 + cash.earning_e10) // 10_000) + sum(merging.values())
            return Held(low_e10 // 10_000, cash.confirmed_e10 // 10_000, high_e6 + got_e6)
        position = self._fills.position(market, token)
        low_e6 = position.low_e6 - merging.get(market, 0) - paid_e6
        return Held(low_e6, position.confirmed_e6, position.high_e6 + got_e6)

    def _owed(self, key: Key) -> tuple[int, int]:
        """What orders that rest no longer may have paid, and got, of which nobody told yet."""
        paid_e6 = got_e6 = 0
        for order in self._owing:
            place, shares_e6 = order.place, order.reserve_e6
            cash_e6 = -(-shares_e6 * place.price_e4 // 10_000)
            token: Key = (order.market, place.token)
            is_buy = place.side is Side.BUY
            if key == (CASH if is_buy else token):
                paid_e6 += cash_e6 if is_buy else shares_e6
            elif key == (token if is_buy else CASH):
                got_e6 += shares_e6 if is_buy else cash_e6
        return paid_e6, got_e6

    def _explains(self, key: Key, balance_e6: int) -> bool:
        """Whether the ledger allows for a balance."""
        held, tolerance_e6 = self._held(key), self._settings.tolerance_e6
        return held.low_e6 - tolerance_e6 <= balance_e6 <= held.high_e6 + tolerance_e6

    def _differs(self, key: Key, read: BalancesRead, balance_e6: int, patience_ns: int) -> bool:
        """Whether a balance differs for long enough, while the ledger did not move."""
        if self._explains(key, balance_e6):
            self._differences.pop(key, None)
            return False
        held = self._held(key)
        known = self._differences.get(key)
        if known is None or known[:2] != (balance_e6, held.confirmed_e6):
            self._differences[key] = Difference(balance_e6, held.confirmed_e6, read.began_ns)
            return False
        # Cash is counted finer than the venue tells it.
        is_settled = held.high_e6 - held.low_e6 <= 1
        return is_settled and read.began_ns - known.since_ns >= patience_ns

    def _take_over(self, now_ns: int, key: Key, read: BalancesRead, balance_e6: int) -> None:
        """Believe the venue, and tell people unless it only has more cash."""
        before_e6 = self._differences.pop(key).before_e6
        self._correct(key, before_e6, balance_e6, read)
        market, token = key
        if token is None and balance_e6 > before_e6:
            return  # cash that came from outside, such as a payout or a rebate, harms nobody
        text = f"{before_e6} by the ledger, {balance_e6} by the venue"
        self._actions.append(Alarm(BALANCE_DIFFERS, market, text))
        self._gate.restrict(now_ns, BALANCE_DIFFERS, market)

    def _correct(self, key: Key, before_e6: int, after_e6: int, read: BalancesRead) -> None:
        market, token = key
        what = "cash" if token is None else f"{market}:{token.name}"
        name = f"{what}:{read.began_ns}:{before_e6}:{after_e6}"
        entry = Correction(name, market, token, before_e6, after_e6, read.recv_ns)
        self._fills.correct(entry)
        self._actions.append(entry)
