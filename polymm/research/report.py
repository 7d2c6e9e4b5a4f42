"""The report that every run, replay and backtest ends in: terminal table, JSON, one HTML file.

All three are made of the same summary. Rich is imported when something is printed and plotly when
a page is written; JSON needs neither.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from polymm.research import report_rows
from polymm.research.comparison import compare
from polymm.research.records import Run
from polymm.research.report_rows import Json, Row
from polymm.research.results import rounded, write_whole
from polymm.research.summary import summarise

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "compare",
    "json_of",
    "make_result",
    "print_comparison",
    "print_result",
    "print_summary",
    "summarise",
    "to_json",
    "write_html",
    "write_page",
]

# Three columns of "n/a, no trades recorded" beside the names fit 100 characters.
COLUMNS_MAX = 3
MARKETS_MAX = 15
# Below this many columns tables go without rules and long slugs lose their middle.
NARROW = 100
SLUG_NARROW = 23


def make_result(runs: Sequence[Run], *, with_charts: bool = True) -> Json:
    """Derive every figure of the report once, and the charts of the page if asked for."""
    if not with_charts or not runs:
        summary: Json = rounded(summarise(runs))
        return summary
    from polymm.research.report_html import drawn

    return drawn(runs)


def to_json(runs: Sequence[Run]) -> bytes:
    """Summary as UTF-8 JSON: keys sorted, null for what is not known, same input same bytes."""
    return json_of(summarise(runs))


def json_of(result: Json) -> bytes:
    """A result as `to_json` gives it, without charts."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    shown = {key: value for key, value in result.items() if key != "page"}
    return orjson.dumps(rounded(shown), option=options)


def write_html(runs: Sequence[Run], path: Path | str) -> Path:
    """Write one page that needs no network; answers its path.

    All of it or nothing: of two runs that write the same page at once one is there afterwards.

    Raises:
        OSError: The file cannot be written.
    """
    from polymm.research.report_html import page

    return write_whole(Path(path), page(runs).encode())


def write_page(result: Json, path: Path) -> Path:
    """Write the page of a result; see `write_html`.

    Raises:
        OSError: The file cannot be written.
    """
    from polymm.research.report_html import page_of

    return write_whole(path, page_of(result).encode())


def print_summary(console: "Console", runs: Sequence[Run]) -> None:
    """Print the tables, within 100 columns; plain text where the console is no terminal."""
    print_result(console, summarise(runs))


def print_result(console: "Console", summary: Json) -> None:
    """Print the tables of a result: see `print_summary`."""
    summaries = summary["runs"]
    if not summaries:
        console.print("no run to report")
        return
    lead = summaries[report_rows.headline(summaries)]
    _line(console, "polymm report", report_rows.counts_text(lead))
    for i in range(0, len(summaries), COLUMNS_MAX):
        _print_rows(console, summaries[i : i + COLUMNS_MAX])
    _print_band(console, summary["band"])
    _print_markets(console, lead)
    if any(run["settled"].get("fills_inferred", 0) for run in summaries):
        _line(console, "note", report_rows.THROUGH_NOTE)
    for name, text in (lead["facts"] | {"fair": lead["fair"]}).items():
        _line(console, name, text)
    if lead["quoting"]["defects"]:
        _line(console, "defects", report_rows.reasons_text(lead["quoting"]["defects"]))
    for sentence in report_rows.flattery(summaries):
        _line(console, "flatters", sentence)
    for state in ("remains", "modelled", "avoided"):
        names = ", ".join(name for name, s, _ in report_rows.optimism(lead) if s == state)
        _line(console, f"known optimism, {state}", names)


def print_comparison(console: "Console", result: Json) -> None:
    """Print the difference of two runs, market by market, b minus a.

    Args:
        result: Of `compare`.
    """
    _line(console, "comparison", report_rows.comparison_text(result))
    _line(console, "a", result["a"])
    _line(console, "b", result["b"])
    table = _table(console, *report_rows.COMPARISON_HEAD)
    for cells in report_rows.comparison_rows(result):
        table.add_row(*cells)
    console.print(table)


def _table(console: "Console", *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    is_narrow = console.width < NARROW
    table = Table(
        box=box.SIMPLE_HEAD if console.is_terminal and not is_narrow else None,
        padding=(0, 1, 0, 0) if is_narrow else (0, 1),
        pad_edge=False,
        show_edge=False,
        header_style="bold",
    )
    for i, column in enumerate(columns):
        table.add_column(
            column, justify="right" if i else "left", no_wrap=not i, overflow="ellipsis"
        )
    return table


def _line(console: "Console", name: str, text: str) -> None:
    from rich.text import Text

    line = Text.assemble((name, "bold"), "  ", _encodable(console, text))
    console.print(line, soft_wrap=not console.is_terminal)


def _encodable(console: "Console", text: str) -> str:
    # A pipe of a plain C locale cannot take the one character beyond ASCII that figures use.
    return text if console.encoding.startswith("utf") else text.replace("±", "+/-")


def _cell_style(row: Row, text: str) -> str:
    if text.startswith("n/a"):
        return "dim"
    if row.section == "Books" and text != "yes":
        return "bold red"
    money = row.name.startswith("PnL") and text.endswith("$")
    return ("red" if text.startswith("-") else "green") if money else ""


def _print_rows(console: "Console", summaries: Sequence[Json]) -> None:
    from rich.text import Text

    table = _table(console, "", *report_rows.labels(summaries))
    section = ""
    for row in report_rows.run_rows(summaries):
        if row.section != section:
            if section:
                table.add_row()
            table.add_row(Text(row.section, "bold cyan"))
            section = row.section
        cells = (Text(_encodable(console, c), _cell_style(row, c)) for c in row.cells)
        table.add_row(Text(f"  {row.name}"), *cells)
    console.print(table)


def _print_band(console: "Console", band: Json) -> None:
    rows = {
        name: row
        for name, row in band.items()
        if sum(report_rows.known(value) for value in row["runs"].values()) > 1
    }
    if not rows:
        return
    table = _table(console, "band over the models", "lowest", "highest")
    for name, row in rows.items():
        scale, digits = (1e6, 2) if name.endswith("_e6") else (1, 3)
        words = name.removesuffix("_e6").replace("_", " ") + (", $" if scale > 1 else "")
        ends = (report_rows.number(row[key] / scale, digits) for key in ("low", "high"))
        table.add_row(words, *ends)
    console.print(table)


def _print_markets(console: "Console", run: Json) -> None:
    table = _table(
        console, "market", "standing", "orders", "uptime", "fills", "edge $", "PnL $", "max net"
    )
    for market in run["markets"][:MARKETS_MAX]:
        standing = market["exclusion"] or market["status"]
        slug = market["slug"]
        if console.width < NARROW:
            slug = report_rows.shortened(slug, SLUG_NARROW)
        if market["status"] == "excluded":
            table.add_row(slug, standing)
            continue
        cells = [f"{market['orders']:,}", report_rows.percent(market["uptime"])]
        if "fills" in market:
            cells += [f"{market['fills']:,}"]
            cells += [report_rows.number(market[k], 2, signed=True) for k in ("edge", "pnl")]
            cells += [report_rows.number(market["net_abs_max"])]
        else:
            cells += [report_rows.NOT_KNOWN]
        table.add_row(slug, standing, *cells)
    console.print(table)
    more = len(run["markets"]) - MARKETS_MAX
    if more > 0:
        _line(console, f"and {more} markets more", "all of them stand in --json and the page")
