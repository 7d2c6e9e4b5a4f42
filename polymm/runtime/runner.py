"""``polymm run`` in real time: one process, one loop, from the embedded exchange to the report.

The garbage collector is frozen once everything stands and runs only between windows; ``spin``
keeps the loop awake, which costs a core and saves the wake-up of each message.
"""

import asyncio
import random
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from operator import index
from pathlib import Path

from polymm.research.records import Run
from polymm.runtime.access import Access
from polymm.runtime.account_lock import account_locked
from polymm.runtime.accounts import WALLETS, local_hosts
from polymm.runtime.clock import Clock
from polymm.runtime.collector import frozen, tidy
from polymm.runtime.config import Config
from polymm.runtime.embedded import EmbeddedExchange, embedded_exchange
from polymm.runtime.journal_files import JournalSettings
from polymm.runtime.kill_switch import refuse_killed
from polymm.runtime.moments import Watch
from polymm.runtime.public_reads import PublicReads
from polymm.runtime.recorder import Channel
from polymm.runtime.recording_run import prices_recorded, recording
from polymm.runtime.run_store import RunStore
from polymm.runtime.session import Session
from polymm.runtime.session_parts import SessionSettings
from polymm.runtime.settings import (
    base_parameters,
    close_margin_ns,
    maker_settings,
    reconcile_settings,
    risk_limits,
    to_ns,
)
from polymm.runtime.state_folder import state_folder
from polymm.runtime.user_quoter import user_quoter
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.signing import Wallet

# From the last window's end to the end of its money, roughly.
SETTLE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTimePlan:
    """What is run in real time.

    Args:
        config: Everything else.
        is_observed: Observe a venue and send nothing, instead of the embedded exchange.
        hosts: Of the venue that is observed; None for Polymarket.
        exchange_url: Of a local exchange that runs by itself; "" for one of our own.
        state: Folder of what outlives the run; None for one that passes with it.
        is_endless: Until a signal comes.
        exchange: Further flags of the embedded exchange.
        recording: Folder for this run's recording; None records nothing.
    """

    config: Config
    is_observed: bool = False
    hosts: Hosts | None = None
    exchange_url: str = ""
    state: Path | None = None
    is_endless: bool = False
    exchange: tuple[str, ...] = ()
    recording: Path | None = None

    @property
    def seconds_max(self) -> float | None:
        """How long it takes at most, s; None without an end."""
        if self.is_endless:
            return None
        session = self.config.session
        return float((session.windows + 1) * session.window_s) + SETTLE_S


@dataclass(frozen=True, slots=True)
class RealTimeEnd:
    """What a run in real time ended in.

    Args:
        run: For the report.
        faults: What does not add up, one sentence each; () for nothing.
        number: Of the signal that ended it, 0 where none did.
        halted: Why the engine stopped for good, "" where it did not.
    """

    run: Run
    faults: tuple[str, ...]
    number: int
    halted: str = ""


def run_real_time(
    plan: RealTimePlan, note: Callable[[str], None], watch: Watch | None = None
) -> RealTimeEnd:
    """Run to the last window's settlement, or until SIGINT or SIGTERM, and in order in any case.

    Args:
        note: Gets a line for people now and then.
        watch: Called a few times a second with where the desks stand.

    Raises:
        ConfigError: The embedded exchange does not start.
        VenueError: The venue or the credentials refused.
        HaltedError: The kill file is there.
        JournalError: Another engine runs this account, or its journal is not to be gone on with.
        KeyboardInterrupt: A second signal came.
    """
    with loop_runner() as runner:
        try:
            return runner.run(_run(plan, note, watch))
        except asyncio.CancelledError:
            # The second signal ended what the first one had begun to end in order.
            raise KeyboardInterrupt from None


def loop_runner() -> asyncio.Runner:
    """A runner on the fastest loop there is."""
    try:
        import uvloop
    except ModuleNotFoundError:  # not to be had on every system
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _run(plan: RealTimePlan, note: Callable[[str], None], watch: Watch | None) -> RealTimeEnd:
    config = plan.config
    clock, rng = Clock(), random.Random(secrets.randbits(64))
    async with AsyncExitStack() as stack:
        store = stack.enter_context(RunStore())
        hosts, facts = plan.hosts or Hosts(), dict[str, str]()
        kill_file = Path(config.safety.kill_file) if config.safety.kill_file else None
        state = stack.enter_context(state_folder(plan.state, kill_file))
        child = None
        if plan.exchange_url:
            hosts = local_hosts(plan.exchange_url)
            facts["venue"] = f"local exchange at {plan.exchange_url}"
            facts["seed"] = "the exchange's own"
        elif not plan.is_observed:
            child = await stack.enter_async_context(embedded_exchange(exchange_arguments(plan)))
            hosts = child.hosts
            facts["venue"] = "embedded exchange on loopback, synthetic traders"
            facts["seed"] = str(config.run.seed)
        else:
            facts["venue"] = f"{hosts.clob}, observed: nothing was sent"
            facts["seed"] = "none drawn"
        reads = PublicReads(hosts, rng, clock_ns=clock.now_ns)
        recorder = stack.enter_context(
            recording(plan.recording, config, facts["venue"], clock.now_ns)
        )
        access = credentials = None
        if not plan.is_observed:
            wallet = Wallet(key=state.signing_key(), signature_type=WALLETS[config.session.wallet])
            refuse_killed(state.kill_file)
            stack.enter_context(account_locked(wallet.funder, state.kill_file))
            credentials = await create_or_derive_key(hosts, wallet.key, rng=rng)
            access = Access(
                hosts,
                wallet,
                credentials,
                reads,
                rng=rng,
                clock_ns=clock.now_ns,
                ahead_ticks=config.session.sign_ahead,
                user_age_ns_max=to_ns(config.risk.user_age_max_ms),
                tap=None if recorder is None else recorder.tap(Channel.USER),
            )
            if config.safety.expiry:
                access.venue.expiry_margin_ns = close_margin_ns(config)
            kept = "a throw-away key" if plan.state is None else f"key kept in {plan.state}"
            facts["wallet"] = f"{config.session.wallet}, {kept}"
        session = Session(
            hosts,
            session_settings(config, facts["venue"], is_endless=plan.is_endless),
            reads=reads,
            access=access,
            state=state,
            store=store,
            rng=rng,
            clock=clock,
            on_quiet=tidy,
            watch=watch,
            note=note,
            recorder=recorder,
            beside=None
            if recorder is None
            else prices_recorded(
                recorder, hosts, credentials, config.session.coins.split(","), rng, clock.now_ns
            ),
        )
        if child is not None:
            await stack.enter_async_context(_minding(child, session))
        with _signals(session, note) as signalled, frozen(), _awake(spin=config.session.spin):
            end = await session.run()
        # What only the end needs is loaded then.
        from polymm.runtime.live_report import assemble, facts_of

        facts |= end.facts | facts_of(config, end)
        if recorder is not None:
            if told := recorder.close():
                note(f"alarm {told}")
            facts |= recorder.facts()
        run = assemble(store, end, facts, is_observed=plan.is_observed)
        return RealTimeEnd(run, tuple(end.faults), signalled[0], end.halted)


@asynccontextmanager
async def _minding(child: EmbeddedExchange, session: Session) -> AsyncIterator[None]:
    """Have a session end when the exchange that it trades on does."""

    async def mind() -> None:
        session.lose(await child.wait_end())

    task = asyncio.create_task(mind())
    try:
        yield
    finally:
        task.cancel()


def exchange_arguments(plan: RealTimePlan) -> list[str]:
    """Flags of the embedded exchange."""
    session = plan.config.session
    return [
        *("--window", str(session.window_s)),
        *("--coins", session.coins),
        *("--seed", str(plan.config.run.seed)),
        *("--fund", str(session.fund)),
        *plan.exchange,
    ]


def session_settings(config: Config, source: str, *, is_endless: bool = False) -> SessionSettings:
    """What is traded, in the units of the engine; a quoter of the user's is compiled.

    Raises:
        QuoterError: It cannot be.
    """
    session = config.session
    return SessionSettings(
        coins=tuple(session.coins.split(",")),
        window_s=session.window_s,
        windows=0 if is_endless else session.windows,
        close_margin_ns=close_margin_ns(config),
        parameters=base_parameters(config),
        maker=maker_settings(config),
        limits=risk_limits(config),
        reconcile=reconcile_settings(config),
        journal=JournalSettings(sync=config.safety.journal_sync),
        digest=config.digest(),
        quoter_address=index(user_quoter(config.strategy.quoter)),
        source=source,
    )


# The loop


@contextmanager
def _signals(session: Session, note: Callable[[str], None]) -> Iterator[list[int]]:
    """End in order at the first signal, at once at the second."""
    loop, taken = asyncio.get_running_loop(), [0]

    def take(number: int) -> None:
        if taken[0]:
            session.fail(KeyboardInterrupt())
            for task in asyncio.all_tasks():
                task.cancel()
            return
        taken[0] = number
        note("ending in order; once more ends at once")
        session.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, take, number)
    loop.set_exception_handler(lambda _, context: session.fail(_error_of(context)))
    try:
        yield taken
    finally:
        loop.set_exception_handler(None)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _error_of(context: dict[str, object]) -> BaseException:
    error = context.get("exception")
    return error if isinstance(error, BaseException) else RuntimeError(str(context["message"]))


@contextmanager
def _awake(*, spin: bool) -> Iterator[None]:
    """Have the loop look for messages without ever sleeping."""
    if not spin:
        yield
        return
    loop = asyncio.get_running_loop()
    handle = [loop.call_soon(lambda: None)]

    def again() -> None:
        handle[0] = loop.call_soon(again)

    again()
    try:
        yield
    finally:
        handle[0].cancel()
