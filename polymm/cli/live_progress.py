"""What a terminal shows while windows are traded in real time: a table that lives, and the time."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from polymm.cli.live_display import LiveDisplay
from polymm.cli.progress import ECHO_WIDTH, quote_text

if TYPE_CHECKING:
    from polymm.runtime.moments import DeskMoment

COLUMNS = ("market", "state", "window", "bid", "ask", "up", "down", "fills", "merges")


class LiveDesks(LiveDisplay):
    """Shows the desks at work; leaves nothing behind but the report.

    Args:
        seconds: How long the run will take at most; None where it has no end.
    """

    def __init__(self, console: Console, seconds: float | None) -> None:
        self._began_s = time.monotonic()
        self._moments: Sequence[DeskMoment] = ()
        self._progress = Progress(
            TextColumn("real time"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("gone, at most"),
            TimeRemainingColumn(),
            TextColumn("to go"),
            console=console,
        )
        self._task = self._progress.add_task("", total=seconds)
        super().__init__(console)

    def watch(self, moments: "Sequence[DeskMoment]") -> None:
        """Take note of where the desks stand; the terminal is drawn on its own beat."""
        self._moments = moments
        self._progress.update(self._task, completed=time.monotonic() - self._began_s)

    def _render(self) -> Constrain:
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
        for name in COLUMNS:
            table.add_column(name, no_wrap=name == "market")
        for moment in self._moments:
            up_e6, down_e6 = moment.shares_e6
            table.add_row(
                moment.slug,
                moment.state,
                f"{100 * min(max(moment.elapsed, 0.0), 1.0):.0f} %",
                quote_text(*moment.bid),
                quote_text(*moment.ask),
                f"{up_e6 / 1e6:,.2f}",
                f"{down_e6 / 1e6:,.2f}",
                f"{moment.fills:,}",
                f"{moment.merges:,}",
            )
        return Constrain(Group(table, self._progress), self._console.width - ECHO_WIDTH)
