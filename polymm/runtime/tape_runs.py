"""What ``polymm run`` runs without a venue: tapes, each under every queue model and fill form.

A tape goes through all variants before the next one is opened, so that a synthetic market is
generated once and a long recording is read once.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Final

from polymm import __version__
from polymm.domain.market import NS
from polymm.domain.tape import Tape
from polymm.exchange.flow import FlowSettings, book_statistics, iter_windows
from polymm.exchange.flow_statistics import beside_recorded
from polymm.research.backtest import (
    Glance,
    InferredForm,
    accounts_of,
    backtest_account,
    open_together,
    sound_rows,
)
from polymm.research.records import MarketRun, Run
from polymm.research.tape_pack import PackedTape, pack
from polymm.research.tape_run import assemble
from polymm.research.tape_sources import TapeSource, gather
from polymm.runtime.config import Config
from polymm.runtime.settings import quoter_fact
from polymm.runtime.tape_settings import latency, queues, run_settings

FORMS: Final[dict[str, tuple[InferredForm, ...]]] = {
    "none": ("none",),
    "through": ("through",),
    "both": ("none", "through"),
}
# The averages that settle a five-minute window run over its last minute.
LOOKBACK_SHARE: Final = 5
LOOKBACK_S_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the same tapes.

    Args:
        stress: Latencies over those that are configured.
    """

    queue: str
    form: InferredForm
    stress: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run.

    Args:
        batches: Tapes that may share an account, each read or generated when it is its turn.
        tapes_n: How many tapes there are.
        seconds: Length of all windows together.
        variants: The headline first.
        facts: What the report must say besides what the loop knows.
        is_synthetic: Whether the report must say how the markets compare with recorded ones.
    """

    batches: Iterator[Iterable[Tape | PackedTape]]
    tapes_n: int
    seconds: float
    variants: tuple[Variant, ...]
    facts: dict[str, str]
    is_synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands.

    Args:
        tape_n: Number of the tape, from 1.
        fill_form: What fills on it.
        seconds_done: Of the plan's seconds.
    """

    tape_n: int
    variant: Variant
    slug: str
    fill_form: str
    seconds_done: float
    now: Glance


def plan_recorded(config: Config, paths: Sequence[Path], *, stress: float = 1.0) -> Plan:
    """Plan to run packed tapes and recordings, files or folders of them.

    A tape with trades fills by them under each queue model; one without has no queue, and is run
    in each fill form instead.

    Args:
        stress: The headline is run once more with latencies so many times as long; 1 for not.

    Raises:
        RecordingError: Missing, empty, damaged, of unknown layout, or without any book.
    """
    sources, unused = gather(paths, config.run.token_as)
    has_trades = any(source.has_trades for source in sources)
    lacks_trades = not all(source.has_trades for source in sources)
    models = queues(config) if has_trades else queues(config)[:1]
    forms = FORMS[config.venue.fills] if lacks_trades else FORMS["none"]
    variants = [Variant(*pair) for pair in product(models, forms)]
    if stress != 1.0:
        # Without trades it is the form that fills whose latency matters.
        variants.append(replace(variants[0], form=forms[-1], stress=stress))
    facts = _facts(config) | {"tape": ", ".join(path.resolve().name for path in paths)}
    if unused:
        facts["tapes left out"] = "; ".join(f"{Path(one.path).name}: {one.why}" for one in unused)
    return Plan(
        batches=_batches(sources),
        tapes_n=len(sources),
        seconds=sum(map(_length_s, sources)),
        variants=tuple(variants),
        facts=facts,
    )


def plan_synthetic(config: Config) -> Plan:
    """Plan to run seeded synthetic windows, generated one after the other."""
    run = config.run
    return Plan(
        # They follow each other, so that each has the account for itself.
        batches=((tape,) for tape in synthetic_tapes(run.seed, run.windows, run.window_s)),
        tapes_n=run.windows,
        seconds=float(run.windows * run.window_s),
        variants=tuple(Variant(queue, "none") for queue in queues(config)),
        facts=_facts(config) | {"tape": "synthetic", "seed": str(run.seed)},
        is_synthetic=True,
    )


def synthetic_tapes(seed: int, n: int, window_s: int) -> Iterator[Tape]:
    """Generate windows of a length, each when it is asked for."""
    lookback_s = min(LOOKBACK_S_MAX, window_s // LOOKBACK_SHARE)
    return iter_windows(seed, n, FlowSettings(window_s=window_s, lookback_s=lookback_s))


def run_plan(
    plan: Plan,
    config: Config,
    *,
    watch: Callable[[Moment], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[Run]:
    """Run the plan; one run a variant, the headline first.

    Args:
        watch: Called now and then.
        stop: Asked now and then; once true, the market it stops ends in order and no other
            begins.

    Raises:
        RecordingError: A tape is damaged.
        LedgerError: Account, fill list or order totals do not add up.
    """
    settings, delays = run_settings(config), latency(config)
    scaled = {variant.stress: delays.scaled(variant.stress) for variant in plan.variants}
    markets: dict[Variant, list[MarketRun]] = {variant: [] for variant in plan.variants}
    facts, shapes, done_s, tapes_n = dict(plan.facts), [], 0.0, 0
    contents: list[str] = []
    for batch in plan.batches:
        if stop is not None and stop():
            break
        packed = []
        for tape in batch:
            if plan.is_synthetic and isinstance(tape, Tape):
                tape = replace(tape, frames=list(tape.frames))
                shapes.append(book_statistics(tape))
            packed.append(
                tape if isinstance(tape, PackedTape) else pack(tape, feed_ns=delays.feed_ns)
            )
        contents += [tape.content() for tape in packed]
        rows = {
            stress: [sound_rows(tape, feed_ns=times.feed_ns) for tape in packed]
            for stress, times in scaled.items()
        }
        for variant in plan.variants:
            times = scaled[variant.stress]
            for numbers in accounts_of(packed, times):
                if stop is not None and stop():
                    break
                together = {tapes_n + number + 1: packed[number] for number in numbers}
                length_s = sum(map(_length_s, together.values())) / len(plan.variants)
                markets[variant] += backtest_account(
                    list(together.values()),
                    settings,
                    queue=variant.queue,
                    latency=times,
                    fill_form=variant.form,
                    rows=[rows[variant.stress][number] for number in numbers],
                    progress=_reporter(watch, together, variant, done_s, length_s),
                    stop=stop,
                )
                done_s += length_s
        tapes_n += len(packed)
    facts["content of tapes"] = sha256(" ".join(contents).encode()).hexdigest()[:12]
    if shapes:
        facts["book, mean of the markets (recorded)"] = beside_recorded(shapes)
    return [
        assemble(
            runs,
            settings,
            queue=variant.queue,
            latency=scaled[variant.stress],
            fill_form=variant.form,
            stress=variant.stress,
            facts=facts,
        )
        for variant, runs in markets.items()
        if runs
    ]


def _batches(sources: Sequence[TapeSource]) -> Iterator[Iterable[Tape | PackedTape]]:
    """Tapes of windows that overlap, each opened when it is asked for."""
    spans = [(source.market.start_ns, source.market.end_ns) for source in sources]
    for numbers in open_together(spans):
        yield (sources[number].open() for number in numbers)


def _reporter(
    watch: Callable[[Moment], None] | None,
    tapes: Mapping[int, PackedTape],
    variant: Variant,
    done_s: float,
    length_s: float,
) -> Callable[[Glance], None] | None:
    if watch is None:
        return None
    numbers = list(tapes)

    def report(now: Glance) -> None:
        tape_n = numbers[now.number]
        tape = tapes[tape_n]
        form = "trades" if tape.has_trades else variant.form
        seconds = done_s + now.done * length_s
        watch(Moment(tape_n, variant, tape.market.slug, form, seconds, now))

    return report


def _length_s(tape: Tape | PackedTape | TapeSource) -> float:
    return (tape.market.end_ns - tape.market.start_ns) / NS


def _facts(config: Config) -> dict[str, str]:
    return {
        **quoter_fact(config),
        "seed": str(config.run.seed) if config.venue.delays else "none drawn",
        "configuration": config.digest(),
        "versions": f"polymm {__version__}, python {platform.python_version()}",
    }
