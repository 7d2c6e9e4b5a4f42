"""Merges that an earlier process asked for and of which nobody tells any more.

Their pairs are kept aside: they may be on the chain or not. Balances show which, as soon as two
equal reads lack them, cash included. What did not land within a good while will not: whoever asks
the relayer gives up long before. Time alone proves nothing: pairs that two equal reads do not show
stay aside.
"""

from collections.abc import Mapping
from typing import Final

from polymm.domain.order import Token
from polymm.engine.actions import Action, MergeFound
from polymm.engine.evidence import BalancesRead
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.proving import ReconcileSettings
from polymm.engine.records import MergeAsked
from polymm.engine.risk import RiskGate

CASH: Final = ("", None)
Key = tuple[str, Token | None]


class LeftMerges:
    """Finds out what became of them.

    Args:
        fills: The ledger.
        gate: Keeps their pairs aside.
        settings: How long one may take, what may differ.
        actions: Takes what was found, for the journal.
    """

    def __init__(
        self,
        fills: FillLedger,
        gate: RiskGate,
        settings: ReconcileSettings,
        actions: list[Action],
    ) -> None:
        self._fills = fills
        self._gate = gate
        self._settings = settings
        self._actions = actions

    @property
    def are_left(self) -> bool:
        """Whether one is not found out about."""
        return bool(self._gate.left_merges)

    def settle(
        self,
        read: BalancesRead,
        shares: Mapping[Key, int],
        last: Mapping[Key, int],
        *,
        is_cash_known: bool,
    ) -> None:
        """Take a read of balances.

        Args:
            shares: What it says, cash included.
            last: What the one before said.
            is_cash_known: Whether the ledger's cash is that of the venue but for such merges.
        """
        for asked in list(self._gate.left_merges.values()):
            keys: list[Key] = [CASH, *((asked.market, token) for token in Token)]
            if any(key not in shares or last.get(key) != shares[key] for key in keys):
                continue
            is_late = read.began_ns >= asked.at_ns + self._settings.merge_late_ns
            if self._has_landed(asked, shares, is_cash_known=is_cash_known):
                self._end(asked, is_done=True)
            elif is_late and self._lacks(asked.market, 0, shares):
                self._end(asked, is_done=False)

    def _has_landed(
        self, asked: MergeAsked, shares: Mapping[Key, int], *, is_cash_known: bool
    ) -> bool:
        """Whether a settled ledger holds as many pairs more than the venue, and less cash.

        More cash than the pairs brought may have come from outside, as a rebate.
        """
        if not self._lacks(asked.market, asked.pairs_e6, shares):
            return False
        total = self._fills.total
        came_e6 = shares[CASH] - total.confirmed_e10 // 10_000
        return not is_cash_known or (
            not total.spending_e10
            and not total.earning_e10
            and came_e6 >= asked.pairs_e6 - self._settings.tolerance_e6
        )

    def _lacks(self, market: str, pairs_e6: int, shares: Mapping[Key, int]) -> bool:
        """Whether a settled ledger holds so many pairs more than the venue, neither more nor less.

        What is not settled hides how many they are.
        """
        for token in Token:
            held = self._fills.position(market, token)
            gone_e6 = held.confirmed_e6 - shares[market, token]
            is_near = abs(gone_e6 - pairs_e6) <= self._settings.tolerance_e6
            if held.buying_e6 or held.selling_e6 or not is_near:
                return False
        return True

    def _end(self, asked: MergeAsked, *, is_done: bool) -> None:
        if is_done:
            self._fills.merge(asked.market, asked.pairs_e6)
        self._gate.merge_found(asked.market)
        self._actions.append(MergeFound(asked.market, asked.pairs_e6, is_done))
