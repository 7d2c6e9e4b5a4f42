"""What stands on a terminal while a verb works, and is gone when it ends."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

REFRESH_HZ = 4


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
