"""What a terminal shows while tapes run: a bar with rate and time left, and a table that lives."""

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.table import Table

from polymm.cli.live_display import LiveDisplay, bar
from polymm.research.report_rows import shortened

if TYPE_CHECKING:
    from polymm.runtime.tape_runs import Moment, Plan, Variant

# The terminal echoes ^C at the cursor; a full last line would move the display's own lines.
ECHO_WIDTH = 3
# Below this many columns a slug keeps its kind and its start.
NARROW = 120
SLUG_NARROW = 13
COLUMNS = ("variant", "market", "window", "bid", "ask", "up", "down", "fills", "merges", "cash")


class LiveRun(LiveDisplay):
    """Shows a run on a terminal while it lasts; leaves nothing behind but the report."""

    def __init__(self, console: Console, plan: "Plan") -> None:
        self._plan = plan
        self._rows: dict[Variant, tuple[str, ...]] = {}
        self._progress = bar(console, "{:,.0f}x real time")
        self._task = self._progress.add_task(self._description(1), total=plan.seconds)
        super().__init__(console)

    def watch(self, moment: "Moment") -> None:
        """Take note of a moment; the terminal is drawn on its own beat."""
        now = moment.now
        self._rows[moment.variant] = (
            variant_text(moment),
            self._slug(moment.slug) + (f" +{now.others_n}" if now.others_n else ""),
            f"{100 * now.elapsed:.0f} %",
            quote_text(*now.bid),
            quote_text(*now.ask),
            f"{now.up_e6 / 1e6:,.2f}",
            f"{now.down_e6 / 1e6:,.2f}",
            f"{now.fills_n:,}",
            f"{now.merges_n:,}",
            f"{now.cash_e6 / 1e6:,.2f}",
        )
        self._progress.update(
            self._task,
            completed=moment.seconds_done,
            description=self._description(moment.tape_n),
        )

    def _description(self, tape_n: int) -> str:
        return f"market {tape_n} of {self._plan.tapes_n}"

    def _slug(self, slug: str) -> str:
        return shortened(slug, SLUG_NARROW) if self._console.width < NARROW else slug

    def _render(self) -> Constrain:
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
        for name in COLUMNS:
            table.add_column(name, no_wrap=name == "market")
        for row in list(self._rows.values()):
            table.add_row(*row)
        return Constrain(Group(table, self._progress), self._console.width - ECHO_WIDTH)


def variant_text(moment: "Moment") -> str:
    """Queue model and fill form, and latencies where they are stretched."""
    stress = moment.variant.stress
    text = f"{moment.variant.queue}, {moment.fill_form}"
    return text if stress == 1.0 else f"{text}, x{stress:g}"


def quote_text(price_e4: int, size_e6: int) -> str:
    """Size at price, or a dash where there is none."""
    return f"{size_e6 / 1e6:g}@{price_e4 / 1e4:g}" if size_e6 else "-"
