"""The one path by which an engine comes to know that it knows everything.

At a start, after the user channel was away, after a restart of the venue, a jump of the clock or a
long stall: the gate is closed, everything is cancelled, and only what is read after that counts.
"""

from collections.abc import Sequence
from enum import IntEnum

from polymm.engine import evidence as ev
from polymm.engine.actions import Action
from polymm.engine.events import NEVER_NS
from polymm.engine.order_life import Life
from polymm.engine.order_manager import OrderManager
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reads import Reads
from polymm.engine.sweeping import Sweeping


class Step(IntEnum):
    """What a recovery waits for next."""

    IDLE = 0  # for nothing: it is over
    PREFLIGHT = 1  # version, contracts, clock and key are as they must be
    USER = 2  # the user channel lives, so that nothing is missed from here on
    SWEEP = 3  # a cancel of all that no placement could outrun was answered
    EMPTY = 4  # two complete lists, apart, both begun after that, show no open order
    TRADES = 5  # all trades are told
    LEFTOVERS = 6  # every order is final, quarantined, or rests no longer and has its reserve kept
    HOLD = 7  # what may land late has had its time
    BALANCES = 8  # two equal reads agree with the ledger, or the ledger was corrected


class Recovery:
    """Goes the path; whoever owns it hands over evidence and calls `advance`.

    Args:
        orders: The belief about every order.
        settings: Waits.
        reads: Of the whole account.
        actions: Takes cancels of all.

    Attributes:
        why: What it was begun for.
        began_ns: When.
        next_timer_ns: When to advance at the latest.
    """

    def __init__(
        self,
        orders: OrderManager,
        settings: ReconcileSettings,
        reads: Reads,
        actions: list[Action],
    ) -> None:
        self.why = ""
        self.began_ns = 0
        self.next_timer_ns = NEVER_NS
        # Orders that nobody knows and that a list showed after a cancel of all.
        self._strangers: set[str] = set()
        self._orders = orders
        self._settings = settings
        self._sweeping = Sweeping(
            "", orders, settings, actions, longest_ns=settings.sweep_retry_ns_max
        )
        self._lists = reads.lists
        self._trades = reads.trades
        self._preflight = reads.preflight
        self._reads = reads
        self._is_on = False
        self._is_checked = True
        self._check_ns = 0  # a preflight that began before this proves nothing
        self._hold_ns = 0
        self._user_ns = -1  # since when the channel lives, -1 while it does not
        self._empty_ns = -1  # when the first empty list began
        self._lists_done_ns = -1
        self._trades_done_ns = -1

    @property
    def is_on(self) -> bool:
        """Whether something is still to be proven."""
        return self._is_on

    @property
    def is_swept(self) -> bool:
        """Whether a cancel of all was answered that nothing could outrun."""
        return self._sweeping.proven_ns >= 0

    def begin(self, now_ns: int, why: str, *, check: bool, hold_ns: int = 0) -> None:
        """Cancel everything and prove everything from here on, also where it was under way.

        Args:
            check: Whether the preflight is looked at again, too.
            hold_ns: It ends no sooner than so long from now.
        """
        self._is_checked = not check and (self._is_checked or not self._is_on)
        if not self._is_on:
            self.began_ns = now_ns
            self.why = why
        self._is_on = True
        self._hold_ns = max(self._hold_ns, now_ns + hold_ns)
        self._forget_lists()
        self._strangers.clear()
        if not self._sweeping.is_on or self._sweeping.proven_ns >= 0:
            self._sweeping.begin(now_ns)
        if check:
            self._check_ns = now_ns
        if not self._is_checked:
            self._preflight.want(now_ns)

    def end(self) -> None:
        """It is over, or given up."""
        self._is_on = False
        self._sweeping.end()
        self.next_timer_ns = NEVER_NS

    def _forget_lists(self) -> None:
        self._empty_ns = self._lists_done_ns = self._trades_done_ns = -1

    # Evidence

    def hear(self, now_ns: int, *, is_live: bool) -> None:
        """The user channel lives, or does not; what was read before it did proves nothing."""
        if is_live and self._user_ns < 0:
            self._user_ns = now_ns
            self._forget_lists()
        elif not is_live:
            self._user_ns = -1

    def check(self, began_ns: int) -> None:
        """A preflight that began then was good."""
        if began_ns >= self._check_ns:
            self._is_checked = True

    def swept(self, now_ns: int, event: ev.Swept) -> None:
        """Take what became of a cancel of all."""
        self._sweeping.apply(now_ns, event)

    def take_list(
        self, now_ns: int, event: ev.OpenListed, strangers: Sequence[str]
    ) -> Sequence[str]:
        """Take a complete list of all markets.

        Args:
            strangers: Orders of it that nobody knows.

        Returns:
            Those of them that outlived two cancels of all.
        """
        if not self._is_on or event.began_ns < self.floor_ns:
            return ()
        survivors = [order for order in strangers if order in self._strangers]
        self._strangers = set(strangers)
        if event.orders:
            self._forget_lists()
            self._sweeping.again(now_ns)
            self._cancel_by_id(now_ns)
        elif self._empty_ns < 0:
            self._empty_ns = event.began_ns
        elif event.began_ns >= self._empty_ns + self._settings.apart_ns:
            self._lists_done_ns = event.recv_ns
        return survivors

    def trade(self, event: ev.TradesRead) -> None:
        """Take a complete list of the trades of all markets; `Reads` has taken it before."""
        is_whole = event.after_ns <= self._reads.trades_from_ns and not event.market
        if self._is_on and is_whole and event.began_ns >= self.floor_ns:
            self._trades_done_ns = event.began_ns

    @property
    def floor_ns(self) -> int:
        """What began before this proves nothing; `NEVER_NS` while nothing can be proven yet."""
        if not self._is_on:
            return 0
        if self._sweeping.proven_ns < 0 or self._user_ns < 0:
            return NEVER_NS
        return max(self._sweeping.proven_ns, self._user_ns)

    @property
    def told_ns(self) -> int:
        """From when on everything that was ever filled is told, as far as proven."""
        return max(self._trades_done_ns, self.floor_ns)

    # Steps

    def advance(self, now_ns: int) -> Step:
        """Ask for what is needed next, and say what is waited for; BALANCES is the owner's."""
        self.next_timer_ns = NEVER_NS
        if not self._is_on:
            return Step.IDLE
        self._sweeping.tick(now_ns)
        if self._sweeping.has_answer:
            self._cancel_by_id(now_ns)
        step = self._step(now_ns)
        self.next_timer_ns = min(self.next_timer_ns, self._sweeping.next_timer_ns)
        return step

    def _step(self, now_ns: int) -> Step:
        if self.floor_ns < NEVER_NS:
            self._read()
        if not self._is_checked:
            return Step.PREFLIGHT
        if self._user_ns < 0:
            return Step.USER
        if self._sweeping.proven_ns < 0:
            return Step.SWEEP
        if self._lists_done_ns < 0:
            return Step.EMPTY
        if self._trades_done_ns < 0:
            return Step.TRADES
        if self._is_left_over():
            self._trades.want(now_ns + self._settings.apart_ns)
            return Step.LEFTOVERS
        if now_ns < self._hold_ns:
            self.next_timer_ns = self._hold_ns
            return Step.HOLD
        return Step.BALANCES

    def _read(self) -> None:
        if self._lists_done_ns < 0:
            is_first = self._empty_ns < 0
            self._lists.want(
                self.floor_ns if is_first else self._empty_ns + self._settings.apart_ns
            )
        if self._trades_done_ns < 0:
            again_ns = self._trades.good_ns + self._settings.retry_ns_min
            self._trades.want(max(self.floor_ns, again_ns))

    def _is_left_over(self) -> bool:
        return any(
            order.life is not Life.QUARANTINED and not order.is_owing
            for order in self._orders.potentially_live()
        )

    def _cancel_by_id(self, now_ns: int) -> None:
        """Want each order gone that is left; how often its cancel is sent others decide."""
        for order in list(self._orders.potentially_live()):
            self._orders.want_cancel(now_ns, order.place.order_id)
