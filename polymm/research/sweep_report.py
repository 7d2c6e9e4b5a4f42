"""The result of a sweep for programs and for a terminal."""

import json
import math
from collections import Counter
from typing import Any, Final

from polymm.research.estimates import Estimate
from polymm.research.sweep import SweepPlan, SweepResult
from polymm.research.sweep_neighbours import neighbours
from polymm.research.sweep_space import Point, distinct
from polymm.research.sweep_verdict import DSR_MIN, PBO_MAX, T_MIN, t_of
from polymm.research.tape_facts import delay_text

DELAYS: Final = ("feed", "order", "cancel", "reply")

Json = dict[str, Any]


def sweep_record(plan: SweepPlan, result: SweepResult) -> Json:
    """All of a result; the same sweep gives the same record, whoever ran it and how often."""
    found, split = result.found, result.split
    best = found.best
    excluded = Counter(tape.excluded for tape in plan.tapes.tapes if tape.excluded)
    return {
        "verdict": sentence(result),
        "is_better": result.verdict is not None and not result.verdict.doubts,
        "best": {"trial": best, "point": dict(result.points[best])},
        "search": {
            "name": plan.search,
            "seed": plan.seed,
            "trials": len(result.trials) - 1,
            "trials_asked": plan.trials_n,
            "distinct": len(distinct(result.points)) - 1,
            "beyond_limits": sum(not one.is_allowed for one in result.trials),
            "sharpe_over_default": found.sharpe,
            "sharpe_of_luck": found.sharpe_luck,
            "deflated_sharpe": found.dsr,
            "overfitting": found.pbo,
            "limits": {"t_min": T_MIN, "dsr_min": DSR_MIN, "pbo_max": PBO_MAX},
        },
        "walk_forward": _estimate(found.walk)
        | {"folds": len(split.folds), "scale": split.scale, "chosen": list(found.walk_chosen)},
        "holdout": {
            "touched_before_by": result.touched_before,
            "touches": 0 if result.verdict is None else result.verdict.touches,
            "trials": {str(n): one.record() for n, one in result.holdout.items()},
            "over_default": None if result.verdict is None else _estimate(result.verdict.over),
            "own": None if result.verdict is None else _estimate(result.verdict.own),
        },
        "windows": {
            "research": len(split.research),
            "holdout": len(split.holdout),
            "embargo": len(split.embargoed),
            "excluded": dict(sorted(excluded.items())),
            "defects": _defects(plan),
            "unused": [[one.path.rpartition("/")[2], one.why] for one in plan.tapes.unused],
        },
        "neighbours": neighbours(plan.space, result.points, result.trials, best),
        "model": {
            "queue": plan.venue.queue,
            "measure": plan.venue.measure,
            "fair": plan.venue.fair,
            "inferred_fills": plan.venue.inferred,
            "latency": {name: delay_text(plan.venue.latency, name) for name in DELAYS},
            "risk_aversion": plan.objective.risk_aversion,
        },
        "identity": dict(plan.identity),
        "trials": [
            {"trial": number, "point": dict(point)} | one.record()
            for number, (point, one) in enumerate(zip(result.points, result.trials, strict=True))
        ],
    }


def sentence(result: SweepResult) -> str:
    """The verdict."""
    if result.verdict is None:
        return (
            f"no verdict: the untouched windows were looked at with trial {result.touched_before}"
            f" already, now trial {result.found.best} is chosen; --touch-again looks once more,"
            " and says so"
        )
    return result.verdict.sentence


def sweep_json(record: Json) -> str:
    """One JSON object; what is unknown is null."""
    return json.dumps(_known(record), indent=2, allow_nan=False)


def sweep_lines(record: Json) -> list[tuple[str, str]]:
    """What a terminal is told: name and text a line."""
    search, windows, walk = record["search"], record["windows"], record["walk_forward"]
    best = record["best"]
    trials = record["trials"]
    lines = [
        ("search", _search(search)),
        ("windows", _windows(windows)),
        *_defects_lines(windows),
        ("model", _model(record["model"])),
        ("best", f"trial {best['trial']}: {point_text(best['point'])}"),
        ("score", f"{_dollars(trials[best['trial']]['score'])} a window searched on,"
                  f" default {_dollars(trials[0]['score'])}"),
        ("", f"mean {_dollars(trials[best['trial']]['mean'])},"
             f" default {_dollars(trials[0]['mean'])}"),
        ("walk", _walk(walk)),
        ("luck", f"deflated Sharpe ratio {_figure(search['deflated_sharpe'])},"
                 f" overfitting {_figure(search['overfitting'])}"),
        ("stable", _stable(record["neighbours"])),
    ]  # fmt: skip
    failed = [one["quoter_failed"] for one in trials if one["quoter_failed"]]
    if failed:
        lines.append(
            ("quoter", f"failed in {sum(failed):,} cycles, in {len(failed):,} of the trials")
        )
    if search["beyond_limits"]:
        lines.append(("limits", f"{search['beyond_limits']:,} trials break them"))
    own = record["holdout"]["own"]
    if own is not None:
        lines.append(
            (
                "untouched",
                f"{_dollars(own['value'])} a window by itself, t = {_figure(own['t'])},"
                f" {own['clusters']:,} window starts",
            )
        )
        if record["holdout"]["touches"] > 1:
            lines.append(
                ("", f"LOOKED AT {record['holdout']['touches']} TIMES: no longer untouched")
            )
    return [*lines, ("verdict", record["verdict"])]


def point_text(point: Point) -> str:
    """A point in one line."""
    if not point:
        return "the default"
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in point.items())


def _defects(plan: SweepPlan) -> Json:
    """What is wrong with the windows that are run: of how many, and how often in all of them."""
    told = [tape.defects for tape in plan.tapes.tapes if not tape.excluded]
    names = sorted({name for one in told for name in one})
    return {
        name: {
            "windows": sum(name in one for one in told),
            "total": sum(one.get(name, 0) for one in told),
        }
        for name in names
    }


def _search(search: Json) -> str:
    text = f"{search['name']}, {search['trials']:,} trials"
    if search["trials"] < search["trials_asked"]:
        text += f" of {search['trials_asked']:,}: there are no other points"
    if search["distinct"] < search["trials"]:
        text += f" of {search['distinct']:,} points"
    return f"{text}, seed {search['seed']}"


def _windows(windows: Json) -> str:
    text = (
        f"{windows['research']:,} searched on, {windows['holdout']:,} untouched,"
        f" {windows['embargo']:,} between"
    )
    for why, n in windows["excluded"].items():
        text += f", {n:,} excluded ({why})"
    return text + (f", {len(windows['unused']):,} not used" if windows["unused"] else "")


def _defects_lines(windows: Json) -> list[tuple[str, str]]:
    if not windows["defects"]:
        return []
    n = windows["research"] + windows["holdout"] + windows["embargo"]
    told = (
        f"{name} in {one['windows']:,} ({one['total']:,})"
        for name, one in windows["defects"].items()
    )
    return [("defects", f"of {n:,} windows: {', '.join(told)}")]


def _model(model: Json) -> str:
    delays = ", ".join(f"{name} {text}" for name, text in model["latency"].items())
    return f"{model['queue']}, {delays}, {model['measure']} against {model['fair']}"


def _walk(walk: Json) -> str:
    if not walk["folds"]:
        return "too few windows for a walk-forward"
    return (
        f"{walk['folds']} folds ({walk['scale']:.3g} of the lengths),"
        f" {_dollars(walk['value'])} a window over the default, t = {_figure(walk['t'])}"
    )


def _stable(found: Json) -> str:
    if not found["n"]:
        return "nothing near it was tried"
    return (
        f"its {found['n']} neighbours score {_dollars(found['mean'])} on average,"
        f" {_dollars(found['worst'])} at worst"
    )


def _dollars(value: float) -> str:
    return f"{value:+.4f} $" if math.isfinite(value) else "n/a"


def _figure(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "n/a"


def _estimate(estimate: Estimate) -> Json:
    return {
        "value": estimate.value,
        "se": estimate.se,
        "t": t_of(estimate),
        "clusters": estimate.clusters,
    }


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
