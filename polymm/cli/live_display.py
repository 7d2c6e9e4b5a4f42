"""What stands on a terminal while a verb works, and is gone when it ends."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

REFRESH_HZ = 4


class RateColumn(ProgressColumn):
    """Work over wall time, in words that a format gives; nothing while it is not known."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else self._form.format(task.speed))


def bar(console: Console, rate: str) -> Progress:
    """A bar between what is worked on and how long it still takes."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        RateColumn(rate),
        TimeRemainingColumn(),
        console=console,
    )


class LiveDisplay(ABC):
    """Draws itself on its own beat while it is entered.

    A subclass says what, and calls this ``__init__`` last: it is drawn from then on.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console,
            refresh_per_second=REFRESH_HZ,
            transient=True,
            get_renderable=self._render,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    @abstractmethod
    def _render(self) -> RenderableType:
        """What to draw now."""
