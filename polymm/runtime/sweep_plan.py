"""Sweep files: which configured values are searched, how, and what a trial is judged by.

    [sweep]
    search = "random"
    trials = 200

    [space]
    strategy.k_inv = { low = 0.0, high = 0.05 }
    cycle.cycle = ["timer", "event"]

    [limits]
    uptime_min = 0.5

Every range is held against the configuration's own fields before anything runs.
"""

import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from operator import index
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import AfterValidator, ValidationError
from pydantic.fields import FieldInfo

from polymm.errors import ConfigError, QuoterError, UsageError
from polymm.research.run_settings import RunSettings, raised
from polymm.research.sweep import SweepPlan
from polymm.research.sweep_figures import Objective
from polymm.research.sweep_search import versions_of
from polymm.research.sweep_space import Choice, IsSound, Point, Range, Space, Value, grid
from polymm.research.sweep_split import SplitSettings
from polymm.research.sweep_tapes import check_tapes
from polymm.research.sweep_unit import VenueModel
from polymm.research.tape_facts import delays_digest
from polymm.runtime.config import Config, allowed, facts, fields, order_faults
from polymm.runtime.config_fields import Grid, Section, choice, number
from polymm.runtime.config_source import QUOTER, nearest_key
from polymm.runtime.tape_settings import latency, run_settings
from polymm.runtime.user_quoter import pinned, user_quoter

# Sections whose values change what is run on a tape.
SEARCHED: Final = ("strategy", "cycle")
SECTIONS: Final = ("sweep", "space", "limits")
RANGE_KEYS: Final = ("low", "high", "step", "log")
DAY_S: Final = 86_400


class SweepSection(Section):
    """How it is searched, and what trials are ranked by."""

    search: Literal["grid", "random", "optuna"] = choice(
        "random", "Every point, points drawn at random, or optuna's (extra `research`)."
    )
    trials: int = number(200, "trials", 1, 100_000, "Most trials, beside the default.")
    seed: int = number(1, "number", 0, 2**32 - 1, "Seed of the search.")
    batch: int = number(8, "trials", 1, 1000, "Trials optuna is asked for at once.")
    block: int = number(12, "windows", 1, 1000, "Windows a worker is given at once.")
    measure: Literal["edge", "markout", "pnl"] = choice(
        "edge", "Of a fill: f less price, the same with f of 5 s later, or what settled."
    )
    fair: Literal["mid", "truth"] = choice(
        "mid", "f is the filtered mid, or the true probability that synthetic tapes carry."
    )
    gaps: Literal["count", "exclude"] = choice(
        "count", "Windows with silences above 10 s are run and counted, or excluded."
    )
    latency_factor: float = number(
        2.0, "factor", 0.0, 100.0, "Stretches every latency of [venue], its own factor included."
    )
    risk_aversion: float = number(
        0.1, "ratio", 0.0, 100.0, "Trials rank by mean - risk_aversion * standard deviation."
    )
    train_days: float = number(7.0, "days", 0.001, 1000.0, "Walk-forward: chosen by so much.")
    embargo_hours: float = number(1.0, "hours", 0.0, 1000.0, "Left out before what judges.")
    test_days: float = number(1.0, "days", 0.001, 1000.0, "Walk-forward: judged by so much.")
    holdout: float = number(0.2, "share", 0.01, 0.9, "Last windows, that no choice looks at.")


@dataclass(frozen=True, slots=True)
class SweepFile:
    """What a sweep file says."""

    sweep: SweepSection
    objective: Objective
    space: Space


DEFAULT_FILE: Final = """\
# What `polymm sweep` searches when no file is given.
[sweep]
search = "random"
trials = 200

[space]
strategy.k_inv = { low = 0.0, high = 0.05 }
strategy.k_imb = { low = 0.0, high = 0.02 }
strategy.min_spread = { low = 0.002, high = 0.06, step = 0.002 }
strategy.max_spread = { low = 0.01, high = 0.08, step = 0.01 }
strategy.skip_skew = { low = 0.3, high = 1.0 }
cycle.cycle = ["timer", "event"]

# Limits that a trial must keep: net_p95_max (shares), worst_day_min (dollars), uptime_min (share).
[limits]
"""


def read_sweep(path: Path | None, flags: Mapping[str, object | None]) -> SweepFile:
    """Read a sweep file, the built-in one for None; flags that are not None win.

    Raises:
        ConfigError: One line for each fault; a UsageError where flags alone are wrong.
    """
    name = "the built-in sweep" if path is None else str(path)
    try:
        text = DEFAULT_FILE if path is None else path.read_bytes().decode()
        tree: dict[str, Any] = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    sections: dict[str, Any] = {key: {} for key in SECTIONS} | tree
    faults = []
    for key, section in sections.items():
        if key not in SECTIONS:
            faults.append(f"{name}: unknown section {key}; there are {', '.join(SECTIONS)}")
        elif not isinstance(section, dict):
            faults.append(f"{name}: {key} must be a section [{key}], was {section!r}")
    if faults:
        raise ConfigError("\n".join(faults))
    given = {key: value for key, value in flags.items() if value is not None}
    names = {key: f"--{key}" for key in given}
    sweep = _section(sections["sweep"] | given, f"{name}: sweep", names, faults)
    space = _space(sections["space"], name, faults)
    objective = _objective(sections["limits"], sweep, name, faults)
    if not space and not faults:
        faults.append(f"{name}: space must name at least one value to search")
    if faults or sweep is None or objective is None:
        is_usage = all(fault.startswith("--") for fault in faults)
        raise (UsageError if is_usage else ConfigError)("\n".join(faults))
    return SweepFile(sweep, objective, space)


def _section(
    values: Mapping[str, object], name: str, names: Mapping[str, str], faults: list[str]
) -> SweepSection | None:
    """Take the section's values; ``names`` says which are not of the section of this name."""
    try:
        return SweepSection.model_validate(values)
    except ValidationError as error:
        for fault in error.errors():
            key = str(fault["loc"][0])
            field = SweepSection.model_fields.get(key)
            if field is None:
                known = ", ".join(SweepSection.model_fields)
                faults.append(f"{name}.{key}: unknown; there are {known}")
            else:
                where = names.get(key, f"{name}.{key}")
                faults.append(f"{where} must be {allowed(field)}, was {values.get(key)!r}")
        return None


def _objective(
    limits: Mapping[str, Any], sweep: SweepSection | None, name: str, faults: list[str]
) -> Objective | None:
    names = ("net_p95_max", "worst_day_min", "uptime_min")
    for key, value in limits.items():
        if key not in names:
            faults.append(f"{name}: limits.{key}: unknown; there are {', '.join(names)}")
        elif not _is_number(value):
            faults.append(f"{name}: limits.{key} must be a number, was {value!r}")
    if sweep is None or faults:
        return None
    return Objective(risk_aversion=sweep.risk_aversion, **{k: float(v) for k, v in limits.items()})


def _space(tree: Mapping[str, Any], name: str, faults: list[str]) -> Space:
    found: list[Range | Choice] = []
    for section, table in tree.items():
        if not isinstance(table, dict):
            faults.append(f"{name}: space.{section} must be a table of values, was {table!r}")
            continue
        for key, spec in table.items():
            dotted = f"{section}.{key}"
            field = fields().get(dotted)
            if field is None or section not in SEARCHED:
                near = nearest_key(dotted) if field is None else ""
                hint = f"; the nearest is {near}" if near else ""
                what = (
                    "unknown key" if field is None else f"only {', '.join(SEARCHED)} are searched"
                )
                faults.append(f"{name}: space.{dotted}: {what}{hint}")
                continue
            one = _dimension(dotted, field, spec)
            if isinstance(one, str):
                faults.append(f"{name}: space.{dotted} {one}")
            else:
                found.append(one)
    return found


def _dimension(key: str, field: FieldInfo, spec: object) -> Range | Choice | str:
    """A range or a choice, or what is wrong with it."""
    bounds = facts(field)
    if isinstance(spec, list):
        wrong = [value for value in spec if not _holds(key, value)]
        if not spec or wrong:
            return f"must be a list of values, each {allowed(field)}, was {spec!r}"
        if len(set(spec)) < len(spec):
            return f"must name each value once, was {spec!r}"
        try:
            return Choice(key=key, options=tuple(map(pinned, spec) if key == QUOTER else spec))
        except QuoterError as error:
            return f"must be a list of quoters: {error}"
    if not bounds:
        return f"must be a list of values, each {allowed(field)}, was {spec!r}"
    form = "a table of low and high, with step or log if need be"
    if not isinstance(spec, dict) or not {"low", "high"} <= spec.keys() <= set(RANGE_KEYS):
        return f"must be {form}, or a list, was {spec!r}"
    low, high, step = spec["low"], spec["high"], spec.get("step", 0)
    log = spec.get("log", False)
    if not (_holds(key, low) and _holds(key, high) and low < high):
        return f"must lie between two numbers, each {allowed(field)}, was {low!r} to {high!r}"
    grain = _grain(field)
    if _off(low, grain) or _off(high, grain):
        return f"must lie between two multiples of {grain:g}, was {low!r} to {high!r}"
    if not _is_number(step) or step < 0 or _off(step, grain) or step > high - low:
        return f"must have a step that is a multiple of {grain:g} and fits, was {step!r}"
    if not isinstance(log, bool) or (log and (low <= 0 or step)):
        return f"can be log only above 0 and without a step, was {spec!r}"
    return Range(key=key, low=float(low), high=float(high), step=float(step), log=log, grain=grain)


def _is_number(value: Any) -> bool:
    is_plain = isinstance(value, int | float) and not isinstance(value, bool)
    return is_plain and math.isfinite(value)


def _grain(field: FieldInfo) -> float:
    if field.annotation is int:
        return 1
    grids = [e.func for e in field.metadata if isinstance(e, AfterValidator)]
    return next((float(one.step) for one in grids if isinstance(one, Grid)), 1e-6)


def _off(value: float, grain: float) -> bool:
    return abs(value / grain - round(value / grain)) > 0.01


def _holds(key: str, value: object) -> bool:
    """Whether the configuration takes this value."""
    section, name = key.split(".")
    try:
        Config.model_validate({section: {name: value}})
    except ValidationError:
        return False
    return True


def configured(config: Config, point: Point) -> Config:
    """The configuration with the values of a point."""
    tree = config.model_dump()
    for key, value in point.items():
        section, name = key.split(".")
        tree[section][name] = value
    return Config.model_validate(tree)


def plan_sweep(
    config: Config,
    file: SweepFile,
    source: Path,
    *,
    step: Callable[[], None] | None = None,
) -> SweepPlan:
    """Plan a sweep over tapes; all of them are checked here.

    Args:
        step: Called after each tape.

    Raises:
        ConfigError: The grid is larger than the trials allow, or contradicts itself.
        RecordingError: A tape is damaged, or there is none.
        QuoterError: The user's own does not compile.
    """
    sweep = file.sweep

    def is_sound(point: Point) -> bool:
        return not any(order_faults(configured(config, point)))

    def settings_of(point: Point) -> RunSettings:
        return run_settings(configured(config, point))

    venue = VenueModel(
        latency=latency(config).scaled(sweep.latency_factor),
        inferred="through" if config.venue.fills == "through" else "none",
        measure=sweep.measure,
        fair=sweep.fair,
    )
    trials_n = _trials_n(sweep, file.space, is_sound)
    # A quoter of the user's that does not compile is told here, once.
    for name in _quoters(config, file.space):
        index(user_quoter(name))
    tapes = check_tapes(
        source,
        latency=venue.latency,
        inferred=venue.inferred,
        fair=venue.fair,
        gaps=sweep.gaps,
        step=step,
    )
    # Warns here, once, of an order size below a market's smallest; workers say nothing.
    for order_min_e6 in sorted({tape.order_min_e6 for tape in tapes.tapes}):
        raised(settings_of({}).parameters, order_min_e6)
    return SweepPlan(
        search=sweep.search,
        trials_n=trials_n,
        seed=sweep.seed,
        batch=sweep.batch,
        block=sweep.block,
        space=file.space,
        is_sound=is_sound,
        settings_of=settings_of,
        venue=venue,
        objective=file.objective,
        split=SplitSettings(
            train_ns=_days_ns(sweep.train_days),
            embargo_ns=_days_ns(sweep.embargo_hours / 24),
            test_ns=_days_ns(sweep.test_days),
            holdout=sweep.holdout,
        ),
        tapes=tapes,
        identity=_identity(config, file, venue),
    )


def _quoters(config: Config, space: Space) -> list[str]:
    """Names of all quoters of the user's that a sweep may run."""
    named = [config.strategy.quoter]
    for one in space:
        if isinstance(one, Choice) and one.key == QUOTER:
            named += map(str, one.options)
    return [name for name in named if name]


def _days_ns(days: float) -> int:
    return round(days * DAY_S) * 1_000_000_000


def _trials_n(sweep: SweepSection, space: Space, is_sound: IsSound) -> int:
    if sweep.search != "grid":
        return sweep.trials
    # A grid may have more points than could be counted in a day.
    points = sum(1 for _ in islice(grid(space, is_sound), sweep.trials + 1))
    if not 0 < points <= sweep.trials:
        raise ConfigError(
            f"expected a grid of 1..{sweep.trials:,} points (sweep.trials), found"
            f" {'more' if points else 'none'}"
        )
    return points


def _identity(config: Config, file: SweepFile, venue: VenueModel) -> dict[str, str]:
    """All that the results depend on, beside the tapes; the number of trials may grow."""
    sweep = file.sweep.model_dump(exclude={"trials", "block"})
    if file.sweep.search != "optuna":
        sweep.pop("batch")
    return {
        "configuration": config.digest(),
        "space": json.dumps([_told(one) for one in file.space]),
        **{f"sweep.{key}": json.dumps(value) for key, value in sweep.items()},
        "limits": repr(file.objective),
        "venue": _venue_text(venue),
        "versions": versions_of(file.sweep.search, has_quoter=bool(_quoters(config, file.space))),
    }


def _venue_text(venue: VenueModel) -> str:
    delays = venue.latency
    constants = (delays.feed_ns, delays.order_ns, delays.cancel_ns, delays.reply_ns)
    text = f"{venue.queue}, {venue.inferred}, {'/'.join(map(str, constants))} ns"
    return f"{text}, measured {delays_digest(delays)}" if delays.measured else text


def _told(one: Range | Choice) -> dict[str, Value | tuple[Value, ...]]:
    if isinstance(one, Choice):
        return {"key": one.key, "options": one.options}
    return {name: getattr(one, name) for name in ("key", *RANGE_KEYS, "grain")}
