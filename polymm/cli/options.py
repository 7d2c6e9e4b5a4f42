"""Options that more than one verb has, worded once."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_NAME = Path("polymm.toml")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="PATH",
        help=f"TOML file. Default: {DEFAULT_NAME} of this folder, if there.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="PATH", help="Where to write the HTML report.")
]
NoReportOption = Annotated[bool, typer.Option("--no-report", help="Write no HTML report.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, no table: the report's path only.")
]
