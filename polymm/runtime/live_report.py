"""The report of a run in real time: what must be said of it beside its figures.

Loaded when a run ends: a start after kill -9 has a second until everything is cancelled.
"""

import platform

from polymm import __version__
from polymm.research.records import Run
from polymm.research.tape_facts import market_facts
from polymm.runtime.config import Config
from polymm.runtime.run_store import RunStore
from polymm.runtime.session_parts import SessionEnd
from polymm.runtime.settings import quoter_fact
from polymm.runtime.stage_names import stage_times

EMBEDDED_FLATTERY = (
    "The market is synthetic: its traders do not learn, and none of them is faster for money.",
    "Loopback: no network lies between us and the venue, and nobody else's load.",
    "Play money: nothing withdraws, nothing is borrowed, capital is as large as was asked for.",
    "Edge and markout are against the book's own mid, which follows the trades it judges.",
)
OBSERVED_FLATTERY = (
    "Nothing was sent and nothing fills: this shows quotes, not money.",
    "Our orders stand in no book: nobody reacts to them.",
)
# What of the known optimism of paper trading stands otherwise where orders meet a real book.
EMBEDDED_OPTIMISM = {
    "own impact ignored": ("avoided", "our orders stand in the book and are taken from it"),
    "no reaction of others": ("remains", "synthetic traders look at the book, not at us"),
    "snapshots": ("avoided", "the exchange matches at the moment"),
    "no queue": ("avoided", "orders stand in the exchange's own queue"),
    "zero latency": ("modelled", "real sockets, though on one machine"),
    "instant merge": ("modelled", "a relayer with a life of its own, seconds long"),
    "infinite capital": ("avoided", "one wallet, held to its balance by the exchange"),
    "look-ahead by exchange timestamps": ("avoided", "frames act when they arrive"),
}
OBSERVED_OPTIMISM = {
    "no queue": ("avoided", "nothing fills"),
    "zero latency": ("avoided", "nothing fills"),
    "instant merge": ("avoided", "nothing is merged"),
    "look-ahead by exchange timestamps": ("avoided", "frames act when they arrive"),
}


def facts_of(config: Config, end: SessionEnd) -> dict[str, str]:
    """What a report says of a run beside its markets."""
    facts = {
        "fair": "filtered mid of the venue's book (no fair value yet)",
        **quoter_fact(config),
        "configuration": config.digest(),
        "versions": f"polymm {__version__}, python {platform.python_version()}",
        "loop": "spinning" if config.session.spin else "sleeping between messages",
    }
    prints = end.footprints
    if prints:
        last = prints[-1]
        held = f"{last.tasks} tasks, {last.sockets} sockets, {last.resident_bytes / 2**20:,.1f} MiB"
        if len(prints) > 3:
            growth = (last.resident_bytes - prints[2].resident_bytes) / 2**20
            held += f", {growth:+.1f} MiB since the third window"
        facts["held, last window"] = held
    if end.faults:
        facts["does not add up"] = "; ".join(end.faults)
    return facts


def assemble(store: RunStore, end: SessionEnd, facts: dict[str, str], *, is_observed: bool) -> Run:
    """Make one run of the session's markets, with what must be said of it."""
    markets = sorted(store.read(), key=lambda run: (run.market.start_ns, run.market.slug))
    return Run(
        queue="observed" if is_observed else "real queue",
        fill_form="none" if is_observed else "trades",
        markets=markets,
        facts=facts | market_facts(run.market for run in markets),
        flattery=list(OBSERVED_FLATTERY if is_observed else EMBEDDED_FLATTERY),
        stages=stage_times(end.stages),
        optimism=dict(OBSERVED_OPTIMISM if is_observed else EMBEDDED_OPTIMISM),
    )
