"""Work that goes on by itself, and ends at the latest with whoever began it.

A task that dies of a defect is told to the loop's exception handler at once: asyncio alone says
nothing while somebody holds the task, and a feed that is kept by nobody would go unnoticed.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any


def minded(task: asyncio.Task[None]) -> asyncio.Task[None]:
    """Have the loop's exception handler told if a task dies."""
    task.add_done_callback(_tell_death)
    return task


def _tell_death(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        told = {"message": f"{task.get_name()} died", "exception": error, "task": task}
        task.get_loop().call_exception_handler(told)


class Background:
    """Tasks that nobody waits for; the loop alone would keep no strong reference to them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many go on."""
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None], name: str | None = None) -> None:
        """Begin something."""
        task = minded(asyncio.get_running_loop().create_task(work, name=name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def wait(self) -> None:
        """Wait until what goes on now has ended, well or not."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """End everything."""
        for task in list(self._tasks):
            task.cancel()
        await self.wait()
