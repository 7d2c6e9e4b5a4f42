"""How a run ends for who called it: page, saved result, tables or JSON, all of one summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from polymm.errors import ReportError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from polymm.research.records import Run
    from polymm.research.results import Json
    from polymm.runtime.config import Config

# Figures are laid out for this width where no terminal says otherwise.
PLAIN_WIDTH = 100


def report_path(config: "Config", name: str, given: Path | None) -> Path | None:
    """Where the report goes, its folder made; None for none.

    The same configuration and tape have the same name, so that running twice leaves one file.

    Args:
        name: Of what is run.

    Raises:
        UsageError, ReportError: As of `page_path`.
    """
    if given is None and not config.report.html:
        return None
    return page_path(given or Path(config.report.directory) / f"{name}-{config.digest()}.html")


def name_of(sources: Sequence[Path]) -> str:
    """What a run over files or folders is called: the first's name, and a digest of where all are.

    Another folder of the same name is another run.
    """
    import hashlib

    where = "\0".join(str(source.resolve()) for source in sources)
    name = sources[0].resolve().name.partition(".")[0]
    return f"{name}-{hashlib.sha256(where.encode()).hexdigest()[:6]}"


def page_path(path: Path) -> Path:
    """A path that a page can be written to, its folder made.

    Raises:
        UsageError: It is a folder.
        ReportError: Its own folder cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"report {path}: its folder cannot be made: {error.strerror}") from None
    if path.is_dir():
        raise UsageError(f"report {path}: must be a file, is a folder")
    return path


def console() -> "Console":
    """Where tables are printed: as wide as the terminal, PLAIN_WIDTH elsewhere."""
    from rich.console import Console

    plain = Console(width=PLAIN_WIDTH)
    return Console() if plain.is_terminal else plain


def show(
    runs: "Sequence[Run]",
    page: Path | None,
    *,
    as_json: bool,
    quiet: bool,
    other: "Json | None" = None,
) -> None:
    """Write page and result, print the summary and their paths.

    The page comes first, so that a pipe that closes early does not cost it, and a page that cannot
    be written does not cost the summary.

    Args:
        other: A result to compare with.

    Raises:
        ReportError: The page or the result cannot be written.
    """
    from polymm.research.report import json_of, make_result, print_comparison, print_result
    from polymm.research.results import compare_results

    result = make_result(runs, with_charts=page is not None)
    fault, saved = written(result, page) if page is not None and runs else (None, None)
    comparisons = compare_results(other, result) if other and runs else []
    if as_json:
        typer.echo(json_of(result | ({"comparisons": comparisons} if other else {})), nl=False)
    elif not quiet:
        print_result(console(), result)
        for comparison in comparisons:
            print_comparison(console(), comparison)
    if fault is not None:
        raise fault
    if saved is not None and not quiet:
        typer.echo(f"result  {saved}", err=as_json)
    if page is not None and runs:
        typer.echo(str(page) if quiet else f"report  {page}", err=as_json)


def written(result: "Json", page: Path) -> tuple[ReportError | None, Path | None]:
    """Write the page, and the result beside it unless the page is a pipe or a device.

    Returns:
        What could not be written, and the result's path.
    """
    from polymm.research.report import write_page
    from polymm.research.results import result_path, save_result

    try:
        write_page(result, page)
        saved = save_result(result, result_path(page)) if page.is_file() else None
    except OSError as error:
        return ReportError(f"report {page}: cannot be written: {error.strerror}"), None
    return None, saved
