"""``polymm replay``: a recorded run's decisions and fills, made once more and compared."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polymm.cli.config import load
from polymm.cli.exits import FAILED, INTEGRITY
from polymm.cli.options import ConfigOption, JsonOption
from polymm.errors import InputError

if TYPE_CHECKING:
    from polymm.research.estimates import Estimate
    from polymm.research.own_fills import Distance, FillComparison
    from polymm.runtime.decision_replay import DecisionReport
    from polymm.runtime.fill_replay import FillReport

RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A recorded run: its folder, or one of its files.")
]


def replay(
    run: RunArgument,
    *,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also hold simulated fills against the run's own.")
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.toml", help="Write a [venue] section fitted to the run; implies --compare."
        ),
    ] = None,
    config_path: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the decisions of a recorded run once more, from its bytes alone, and compare them.

    Every step of the engine is given what it was given and must answer what it answered; and the
    books, lanes and quotes rebuilt from the recorded frames must be those that it saw. Whatever
    differs is printed, and the code is 5; it is 1 where there is nothing to compare.

    With --compare the run's own orders meet the simulated venue of [venue] over the tape of the
    run. How far its fills are from the real ones is said in cents a share and in share of fills,
    with the part that latency, place in the queue, and nothing known explain; before and after the
    model was fitted to other windows of the run.
    """
    from polymm.research.calibration import write_calibration
    from polymm.research.run_recording import open_run
    from polymm.runtime.built import engine_form
    from polymm.runtime.decision_replay import replay_decisions
    from polymm.runtime.fill_replay import replay_fills
    from polymm.runtime.own_orders import own_orders

    engine_form()
    config = load(config_path, needs_quoter=False).config
    recorded = open_run(run)
    decisions = replay_decisions(recorded)
    if not as_json:
        show_decisions(decisions)
    fills, told = None, decision_facts(decisions)
    if compare or calibrate is not None:
        orders = own_orders(recorded)
        if orders or calibrate is not None:
            fills = replay_fills(recorded, config, orders)
        told |= {"fills": None} if fills is None else fill_facts(fills)
        if not as_json:
            show_fills(fills)
    if calibrate is not None and fills is not None:
        if fills.calibration is None:
            raise InputError(fills.why)
        beside = write_calibration(calibrate, fills.calibration, recorded.path.name)
        told["calibration"] = str(calibrate)
        if not as_json:
            typer.echo(f"written      {calibrate}, {beside}")
    if as_json:
        import json

        typer.echo(json.dumps(told))
    if decisions.has_differences:
        raise typer.Exit(INTEGRITY)
    if not decisions.is_same:
        raise typer.Exit(FAILED)


# Decisions


def decision_facts(report: "DecisionReport") -> dict[str, Any]:
    """What was compared and what differs, for other programs."""
    exact = report.exact
    return {
        "decisions": {
            "runs": exact.runs,
            "steps": exact.steps,
            "skipped": exact.skipped,
            "frames": report.frames,
            "looks": report.looks,
            "quotes": report.quotes,
            "differing": report.differing + (exact.divergence is not None),
            "gaps": report.gaps,
            "whole": report.is_whole,
        }
    }


def show_decisions(report: "DecisionReport") -> None:
    """Print what was compared and every difference that was kept."""
    exact = report.exact
    typer.echo(
        f"decisions    {exact.steps:,} steps of {exact.runs:,} runs repeated,"
        f" {report.looks:,} looks and {report.quotes:,} quotes rebuilt from"
        f" {report.frames:,} frames"
    )
    if exact.skipped:
        typer.echo(f"not repeated {exact.skipped:,} steps whose run or answer is not recorded")
    if report.gaps:
        typer.echo(f"gaps         {report.gaps:,} in the recording")
    if not report.is_whole:
        typer.echo("not whole    without the run's end: it was killed, or later files are missing")
    divergence = exact.divergence
    if divergence is not None:
        given = divergence.given
        typer.echo(
            f"differs      step {divergence.step:,} at {given.now_ns} ns, given {given.event!r}\n"
            f"  expected   {divergence.expected}\n  found      {divergence.found}"
        )
        typer.echo("             steps after it were not repeated")
    for one in report.differences:
        typer.echo(
            f"differs      {one.name} of {one.market} at {one.at_ns} ns: expected"
            f" {one.expected}, found {one.found}"
        )
    n = report.differing + (divergence is not None)
    if not n and not report.is_same:
        typer.echo("nothing could be compared: no step of a run from its beginning is recorded")
    else:
        typer.echo("no difference" if report.is_same else f"{n:,} differences")


# Fills


def figure(estimate: "Estimate", scale: float = 1.0) -> dict[str, float | None]:
    """A value with its error; null where there is none."""
    values = {"value": estimate.value * scale, "se": estimate.se * scale}
    return {name: value if value == value else None for name, value in values.items()}


def distance_facts(found: "Distance") -> dict[str, Any]:
    """How far fills are off, for other programs: cents a share, and shares."""
    return {
        "cents_a_share": figure(found.cents),
        "share_of_fills": figure(found.share),
        "volume": figure(found.volume),
    }


def comparison_facts(found: "FillComparison | None") -> dict[str, Any] | None:
    """One comparison, for other programs."""
    if found is None:
        return None
    return {
        "orders": found.orders,
        "fills": found.fills,
        "shares": found.shares_e6 / 1e6,
        "clusters": found.clusters,
        "queue": found.queue,
        **distance_facts(found.total),
        "parts": {name: distance_facts(part) for name, part in found.parts.items()},
        "band": {name: distance_facts(model) for name, model in found.band.items()},
    }


def fill_facts(report: "FillReport") -> dict[str, Any]:
    """All comparisons and what was fitted, for other programs."""
    from polymm.research.tape_facts import quantiles_ms

    fitted = report.calibration
    return {
        "fills": comparison_facts(report.whole),
        "before": comparison_facts(report.before),
        "after": comparison_facts(report.after),
        "fitted": fitted
        and {
            "queue": fitted.model.queue,
            "match_window_ms": fitted.model.match_ns / 1e6,
            "windows": fitted.windows,
            "too_few": dict(fitted.too_few),
            "delays_ms": {
                name: dict(zip(("p50", "p95", "p99"), quantiles_ms(values), strict=True))
                for name, values in fitted.delays.items()
            },
        },
        "orders_not_told_to_rest": report.unknown_rests,
        "displayed_below_own": report.short,
        "windows_left_out": report.left_out,
    }


def show_fills(report: "FillReport | None") -> None:
    """Print the one number, what it comes from, and what a calibration makes of it.

    Args:
        report: None for a run that sent no orders.
    """
    if report is None:
        typer.echo("fills        nothing to compare: the run sent no orders")
        return
    from polymm.research.calibration import SAMPLES_MIN
    from polymm.research.tape_facts import quantiles_ms

    show_comparison("all windows, as configured", report.whole)
    if report.left_out:
        typer.echo(f"  left out: {report.left_out:,} windows of which frames are missing")
    if report.unknown_rests:
        typer.echo(f"  {report.unknown_rests:,} orders: the venue never said whether they rested")
    if report.calibration is None or report.before is None or report.after is None:
        typer.echo(f"not calibrated: {report.why}")
        return
    fitted = report.calibration
    typer.echo(f"\nfitted on {fitted.windows} windows: queue {fitted.model.name}")
    typer.echo(f"  {'delays, ms':<10}{'p50':>9}{'p95':>9}{'p99':>9}{'n':>8}")
    for name, values in fitted.delays.items():
        found = "".join(f"{ms:>9g}" for ms in quantiles_ms(values))
        typer.echo(f"  {name:<10}{found}{len(values):>8,}")
    for name, n in fitted.too_few.items():
        typer.echo(f"  {name:<10} as configured: {n:,} measured, {SAMPLES_MIN} are needed")
    show_comparison("other windows, as configured", report.before)
    show_comparison("other windows, calibrated", report.after)


def show_comparison(name: str, found: "FillComparison") -> None:
    """Print one comparison."""
    typer.echo(
        f"\n{name}: {found.fills:,} fills, {found.shares_e6 / 1e6:,.2f} shares of"
        f" {found.orders:,} orders; queue {found.queue}, errors by {found.clusters}"
    )
    typer.echo(f"  {'':<24}{'share of fills':>18}{'cents a share':>20}{'volume':>10}")
    rows = {"difference": found.total, **{f"  {k}": part for k, part in found.parts.items()}}
    rows |= {f"  {k}": model for k, model in found.band.items()} if len(found.band) > 1 else {}
    for label, one in rows.items():
        share = with_error(one.share.value, one.share.se, ".2f", "%", 100.0)
        cents = with_error(one.cents.value, one.cents.se, "+.3f", "c")
        volume = with_error(one.volume.value, math.nan, "+.1f", "%", 100.0)
        typer.echo(f"  {label:<24}{share:>18}{cents:>20}{volume:>10}")


def with_error(value: float, se: float, form: str, unit: str, scale: float = 1.0) -> str:
    """A value and its error, alone where it has none, n/a where nothing was measured."""
    if not math.isfinite(value):
        return "n/a"
    text = f"{value * scale:{form}}"
    if not math.isfinite(se):
        return f"{text} {unit}"
    return f"{text} ± {se * scale:{form.lstrip('+')}} {unit}"
