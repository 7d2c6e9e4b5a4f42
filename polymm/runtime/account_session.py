"""One account in one process: locked, its journal read back, its engine started, ended and proven.

Starting and taking up what an earlier process left are the same path: the engine begins with what
the journal told, cancels everything, reads everything, and only then quotes.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polymm import __version__
from polymm._core.stages import Stages
from polymm.domain.market import NS, Market
from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm, Finished
from polymm.engine.engine import EngineSettings
from polymm.engine.phases import Phase
from polymm.engine.records import RunBegun
from polymm.errors import LedgerError
from polymm.runtime.access import MONEY_S_MAX, Access
from polymm.runtime.cancel_all import prove_empty
from polymm.runtime.clock import Clock
from polymm.runtime.desk import Desk
from polymm.runtime.journal_files import JournalSettings, boot_id, open_journal
from polymm.runtime.kill_switch import refuse_killed
from polymm.runtime.money_book import MoneyBook
from polymm.runtime.observed import ObservedVenue
from polymm.runtime.state_folder import StateFolder
from polymm.runtime.trading import Trading, TradingSettings
from polymm.runtime.window_run import STOPPED_S_MAX, WindowEnd
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.budget import Budget

OBSERVED: Final = "observed"
OBSERVED_CASH_E6: Final = 10**12
EMERGENCY_S_MAX: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """How an account is traded and what is kept of it.

    Args:
        engine: What the engine goes by.
        journal: How safe its journal is.
        source: What the report calls the place.
        digest: Of the configuration, for the journal.
    """

    engine: EngineSettings
    journal: JournalSettings
    source: str
    digest: str


class AccountSession:
    """One account's engine from its start to its last word.

    Args:
        settings: How it is traded.
        access: Its way into the venue; None observes and sends nothing.
        state: What outlives this process.
        clock: Of everything.
        stages: Latency counters.
        on_finish: Told when the engine is done.
        on_alarm: Told what people should know.
        tee: Gets the bytes that the journal writes.

    Attributes:
        trading: The engine at work, once it is open.
        over: Set when the engine has said its last word, or will say none.
        money: What there was and what windows moved.
        left: Markets that an earlier process did not settle.
        ready_s: From the start to the first moment at which everything was proven, 0 before.
    """

    def __init__(
        self,
        settings: AccountSettings,
        access: Access | None,
        state: StateFolder,
        clock: Clock,
        stages: Stages,
        *,
        on_finish: Callable[[Finished], None],
        on_alarm: Callable[[Alarm], None],
        tee: Callable[[bytes], None] | None = None,
    ) -> None:
        self.access = access
        self.over = asyncio.Event()
        self.money = MoneyBook()
        self.left: list[Market] = []
        self.observed = (
            None if access is not None else ObservedVenue(OBSERVED_CASH_E6, clock.now_ns)
        )
        self._settings = settings
        self._state = state
        self._clock = clock
        self._stages = stages
        self._on_finish = on_finish
        self._on_alarm = on_alarm
        self._tee = tee
        self._money_path: Path | None = None
        self._passing_e6 = 0
        self._is_settled = True
        self._phase = Phase.NEW
        self._started_ns = 0
        self.ready_s = 0.0
        self.trading: Trading

    async def open(self, stack: AsyncExitStack) -> None:
        """Lock the account, read its journal, connect; nothing is traded yet.

        Raises:
            HaltedError: The kill file is there.
            LockedError: Another engine runs this account.
            JournalError: The journal cannot be gone on with.
            VenueError: The venue does not let us in.
        """
        access, clock, settings = self.access, self._clock, self._settings
        refuse_killed(self._state.kill_file)
        account = OBSERVED if access is None else access.wallet.funder
        loop = asyncio.get_running_loop()
        journal = open_journal(
            self._state.journal, account, settings.journal, loop=loop, tee=self._tee
        )
        stack.callback(journal.close)
        began_ns = clock.now_ns()
        journal.begin(RunBegun(__version__, settings.digest, account, began_ns, boot_id()))
        if access is not None:
            self._money_path = self._state.path / f"{account}.money.json"
            self.money = MoneyBook.load(self._money_path)
            stack.push_async_callback(access.close)
            await access.open()
        budget = Budget(wire.TIERS["standard"], clock.now_ns())
        self.trading = Trading(
            TradingSettings(
                engine=settings.engine,
                source=settings.source,
                fill_form="none" if access is None else "trades",
                kill_file=self._state.kill_file,
            ),
            self.observed if access is None else access.venue,  # type: ignore[arg-type]
            budget if access is None else access.gateway.budget,
            journal,
            clock,
            self._stages,
            on_finish=self._finished,
            on_alarm=self._on_alarm,
        )
        state = journal.state
        if access is not None:
            access.venue.my_orders = self.trading.engine.orders.by_hash
            await access.begin_money(self.money)
            self._save_money()
        self.left = [
            known.market for market, known in state.markets.items() if market not in state.settled
        ]

    async def start(self, stack: AsyncExitStack) -> None:
        """Start the engine, and all that it hears and is watched by.

        Raises:
            VenueError: The venue refuses the credentials on the user channel.
        """
        trading = self.trading
        self._started_ns = self._clock.now_ns()
        trading.pump.open()
        stack.callback(trading.pump.close)
        trading.watch.open()
        stack.callback(trading.watch.close)
        stack.enter_context(trading.switch.listening())
        if self.access is None:
            trading.pump.take(ev.UserChannel(is_live=True, since_ns=self._clock.now_ns()))
        else:
            await self.access.hear()

    def look(self) -> None:
        """Say where the engine stands when that has changed; to be called now and then."""
        reconciler = self.trading.engine.reconciler
        if reconciler.phase is self._phase:
            return
        self._phase = reconciler.phase
        if self._phase is Phase.READY and not self.ready_s:
            self.ready_s = (reconciler.ready_ns - self._started_ns) / NS
        self._state.tell(
            {
                "pid": os.getpid(),
                "phase": self._phase.name,
                "started_ns": self._started_ns,
                "ready_s": round(self.ready_s, 3),
                "recoveries": reconciler.recoveries,
            }
        )

    # The end

    def stop(self, reason: str) -> None:
        """Have the engine pull everything, prove it and end."""
        if self.trading.finished is None:
            self.trading.pump.take(ev.Stop(reason))

    def break_off(self) -> None:
        """Step the engine no more: it is broken, or there is nobody to ask."""
        self.trading.pump.break_off()
        self.over.set()

    async def save_what_rests(self) -> None:
        """Cancel everything without the engine, after a defect of ours.

        Raises:
            LedgerError: Orders may be live.
        """
        if self.access is None:
            return
        until_s = time.monotonic() + EMERGENCY_S_MAX
        done = await prove_empty(self.access.gateway, until_s)
        if not done.is_proven:
            raise LedgerError("\n".join(["orders may be live:", *done.left]))

    def _finished(self, finished: Finished) -> None:
        self.over.set()
        self._on_finish(finished)

    # Money

    def settle(self, desk: Desk, end: WindowEnd) -> None:
        """Count what a window left, and forget it where nothing of it is left to be counted."""
        if end.is_final:
            market = desk.market.condition_id
            self.money.settle(market, end.cash_e6, end.owed_e6)
            self._save_money()
            self.trading.remove_market(desk, end.paid_e6)
        else:
            self._passing_e6 += end.cash_e6
            self._is_settled = self._is_settled and end.is_settled

    def _save_money(self) -> None:
        if self._money_path is not None:
            self.money.save(self._money_path)

    async def check_money(self, *, is_stopped: bool) -> tuple[dict[str, str], list[str]]:
        """Hold the venue's balance against the ledger; facts and faults.

        Args:
            is_stopped: The run was told to end, and has no time to wait.
        """
        if self.access is None:
            return {}, []
        if not self._is_settled:
            return {"balance at the venue": "not compared: trades were on their way"}, []
        wait_s = STOPPED_S_MAX if is_stopped else MONEY_S_MAX
        return await self.access.check_money(self.money, self._passing_e6, wait_s)
