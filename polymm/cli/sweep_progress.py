"""What a terminal shows while a sweep runs: a bar with rate and time left."""

from typing import TYPE_CHECKING

from rich.console import Console, RenderableType

from polymm.cli.live_display import LiveDisplay, bar

if TYPE_CHECKING:
    from polymm.research.sweep import Moment


class LiveSweep(LiveDisplay):
    """Shows a sweep while it lasts; leaves nothing behind."""

    def __init__(self, console: Console) -> None:
        self._begun = False
        self._progress = bar(console, "{:,.1f} blocks/s")
        self._task = self._progress.add_task("trials", total=None, start=False)
        super().__init__(console)

    def watch(self, moment: "Moment") -> None:
        """Take where it stands; what was stored before does not count into the rate."""
        task = self._task
        if not self._begun:
            self._begun = True
            self._progress.reset(
                task, total=moment.units_n, completed=moment.units_done, start=True
            )
        self._progress.update(
            task,
            total=moment.units_n,
            completed=moment.units_done,
            description=f"trial {moment.trials_done:,} of {moment.trials_n:,}",
        )

    def _render(self) -> RenderableType:
        return self._progress
