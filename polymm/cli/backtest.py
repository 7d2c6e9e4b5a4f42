"""``polymm backtest`` and ``polymm report``: tapes to a report, and a report once more."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polymm.cli.config import load
from polymm.cli.options import ConfigOption, JsonOption, NoReportOption, QuietOption, ReportOption
from polymm.cli.run import Shows, carry_out
from polymm.cli.showing import console, name_of, page_path, report_path
from polymm.errors import InputError, ReportError

if TYPE_CHECKING:
    from polymm.research.results import Json

STRESS = 2.0
STRESS_MAX = 100.0


def backtest(
    tapes: Annotated[
        list[Path],
        typer.Argument(metavar="TAPE", help="Packed tapes, recordings, or folders of them."),
    ],
    *,
    config_path: ConfigOption = None,
    queue: Annotated[
        Literal["risk_averse", "prob", "both"] | None, typer.Option(help="Queue model.")
    ] = None,
    fills: Annotated[
        Literal["none", "through", "both"] | None,
        typer.Option(help="Fills on a tape without trades."),
    ] = None,
    token_as: Annotated[
        Literal["up", "down"] | None,
        typer.Option(help="What a token recorded without its label is taken as."),
    ] = None,
    stress: Annotated[
        float,
        typer.Option(
            help="Latencies of one run more, over the configured; 1 for none.",
            min=0.0,
            max=STRESS_MAX,
        ),
    ] = STRESS,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="RESULT", help="Saved result to compare with: this run minus that one."
        ),
    ] = None,
    as_json: JsonOption = False,
    report: ReportOption = None,
    no_report: NoReportOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run the code that trades over tapes, under each queue model and once with stretched latency.

    A market without a recorded outcome is in no total, and counted; of two tapes of one market the
    longer runs, and the other is named. The result is saved beside the page: `polymm report` shows
    it again and compares two of them. Ctrl-C ends in order: what ran is reported.
    """
    from polymm.runtime.built import engine_form
    from polymm.runtime.tape_runs import plan_recorded

    engine_form()
    if no_report and report is not None:
        raise typer.BadParameter("--report has no meaning with --no-report")
    flags: dict[str, tuple[str, object | None]] = {
        "venue.queue": ("--queue", queue),
        "venue.fills": ("--fills", fills),
        "run.token_as": ("--token-as", token_as),
    }
    config = load(config_path, flags).config
    other = None if compare is None else read(compare)
    plan = plan_recorded(config, tapes, stress=stress)
    page = None if no_report else report_path(config, name_of(tapes), report)
    carry_out(plan, config, page, Shows(as_json=as_json, quiet=quiet), other)


def report(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULT", help="A saved result, or two to compare.")
    ],
    *,
    html: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write the page there, too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the report of a saved result again; of two, b minus a, market by market.

    Results are what a run saves beside its page, and what --json prints, which has no charts. Two
    are compared over the markets that both settled, run by run of the same queue model and fills;
    errors are clustered by window start.
    """
    if len(results) > 2:
        raise typer.BadParameter(f"needs one RESULT or two, found {len(results)}")
    page = None if html is None else page_path(html)
    found = [read(path) for path in results]
    if len(found) == 1:
        show_again(found[0], page, as_json=as_json)
    else:
        show_comparison(found[0], found[1], page, as_json=as_json)


def show_again(result: "Json", page: Path | None, *, as_json: bool) -> None:
    """Print one result, and write its page.

    Raises:
        ReportError: The page cannot be written.
    """
    from polymm.research.report import json_of, print_result
    from polymm.research.report_html import page_of

    if page is not None:
        write(page, page_of(result))
    if as_json:
        typer.echo(json_of(result), nl=False)
    else:
        print_result(console(), result)
    if page is not None:
        typer.echo(f"report  {page}", err=as_json)


def show_comparison(a: "Json", b: "Json", page: Path | None, *, as_json: bool) -> None:
    """Print the difference of two results, and write its page.

    Raises:
        ReportError: The page cannot be written.
        InputError: No market is settled in both.
    """
    from polymm.research.report import json_of, print_comparison
    from polymm.research.report_comparison import comparison_page
    from polymm.research.results import compare_results, facts_apart

    comparisons, apart = compare_results(a, b), facts_apart(a, b)
    if not any(comparison["markets"] for comparison in comparisons):
        left_out = comparisons[0]["markets_left_out"]
        raise InputError(
            f"expected markets that settled in both results, found none: {left_out} apart"
        )
    if page is not None:
        write(page, comparison_page(comparisons, apart))
    if as_json:
        facts = {name: {"a": left, "b": right} for name, left, right in apart}
        typer.echo(json_of({"comparisons": comparisons, "facts_apart": facts}), nl=False)
    else:
        for comparison in comparisons:
            print_comparison(console(), comparison)
        for name, left, right in apart:
            typer.echo(f"{name}: {left or '-'} | {right or '-'}")
    if page is not None:
        typer.echo(f"report  {page}", err=as_json)


def write(page: Path, text: str) -> None:
    """Write a page whole.

    Raises:
        ReportError: It cannot be written.
    """
    from polymm.research.results import write_whole

    try:
        write_whole(page, text.encode())
    except OSError as error:
        raise ReportError(f"report {page}: cannot be written: {error.strerror}") from None


def read(path: Path) -> "Json":
    """A saved result; of a page, the one that was saved beside it.

    Raises:
        InputError: It cannot be read.
    """
    from polymm.research.results import read_result, result_path

    return read_result(result_path(path) if path.suffix == ".html" else path)
