"""Bots in real time on an embedded exchange: each a session of its own, all on one loop."""

import random
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from polymm.research.records import MarketRun
from polymm.runtime.access import Access
from polymm.runtime.clock import Clock
from polymm.runtime.collector import tidy
from polymm.runtime.config import Config
from polymm.runtime.config_source import load_config
from polymm.runtime.embedded import EmbeddedExchange, embedded_exchange
from polymm.runtime.public_reads import PublicReads
from polymm.runtime.run_store import RunStore
from polymm.runtime.runner import session_settings
from polymm.runtime.session import Session
from polymm.runtime.session_parts import SessionEnd
from polymm.runtime.state_folder import StateFolder, state_folder
from polymm.venues.polymarket.credentials import Secret, SigningKey
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType

# A chain as fast as windows of a few seconds need it.
FAST_CHAIN = (
    *("--set", "rules.mined_ms=100,300"),
    *("--set", "rules.confirmed_ms=100,300"),
    *("--set", "relayed_ms=200,400"),
    *("--set", "submits_a_minute=1000"),
)


def configured(**session: object) -> Config:
    flags = {f"session.{name}": (f"--{name}", value) for name, value in session.items()}
    return load_config(flags=flags).config


@asynccontextmanager
async def exchange_of(config: Config, *arguments: str) -> AsyncIterator[EmbeddedExchange]:
    session = config.session
    usual = ("--window", str(session.window_s), "--coins", session.coins, "--seed", "1")
    async with embedded_exchange([*usual, *FAST_CHAIN, *arguments]) as child:
        yield child


@dataclass
class Kept:
    """What a bot leaves on the disk while it runs."""

    store: RunStore
    state: StateFolder


@dataclass
class Bot:
    """One session with what it leaves behind."""

    session: Session
    store: RunStore
    access: Access | None

    async def run(self) -> SessionEnd:
        return await self.session.run()

    @property
    def markets(self) -> list[MarketRun]:
        return sorted(self.store.read(), key=lambda run: (run.market.start_ns, run.market.slug))


async def access_of(
    hosts: Hosts,
    kind: SignatureType,
    reads: PublicReads,
    rng: random.Random,
    clock: Clock,
    ahead_ticks: int = 0,
) -> Access:
    key = SigningKey(Secret(secrets.token_hex(32)))
    wallet = Wallet(key=key, signature_type=kind)
    credentials = await create_or_derive_key(hosts, key, rng=rng)
    return Access(
        hosts,
        wallet,
        credentials,
        reads,
        rng=rng,
        clock_ns=clock.now_ns,
        ahead_ticks=ahead_ticks,
    )


@contextmanager
def stored(folder: Path | None = None) -> Iterator[Kept]:
    with RunStore() as store, state_folder(folder) as state:
        yield Kept(store, state)


async def make_bot(
    hosts: Hosts, config: Config, kept: Kept, *, kind: SignatureType | None, seed: int = 1
) -> Bot:
    """A bot with a wallet of that kind, or one that only observes."""
    clock, rng = Clock(), random.Random(seed)
    reads = PublicReads(hosts, rng, clock_ns=clock.now_ns)
    access = None
    if kind is not None:
        access = await access_of(hosts, kind, reads, rng, clock, config.session.sign_ahead)
    session = Session(
        hosts,
        session_settings(config, "test"),
        reads=reads,
        access=access,
        state=kept.state,
        store=kept.store,
        rng=rng,
        clock=clock,
        on_quiet=tidy,
    )
    return Bot(session, kept.store, access)


async def audit(control: str) -> object:
    """The exchange's own proof that no money and no share was made or lost."""
    async with aiohttp.ClientSession() as session, session.post(f"{control}/audit") as reply:
        return await reply.json()
