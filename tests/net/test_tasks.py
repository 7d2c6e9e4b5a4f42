"""Background work: kept while it goes on, forgotten when it ends, ended with its owner."""

import asyncio
from typing import Any

from polymm.net.tasks import Background, minded


def test_work_is_kept_while_it_goes_on_and_forgotten_when_it_ends() -> None:
    async def scene() -> None:
        tasks, go, done = Background(), asyncio.Event(), []

        async def work() -> None:
            await go.wait()
            done.append(asyncio.current_task())

        tasks.start(work(), "a name")
        await asyncio.sleep(0)
        assert len(tasks) == 1
        go.set()
        await tasks.wait()
        await asyncio.sleep(0)
        assert len(tasks) == 0
        assert [task.get_name() for task in done] == ["a name"]

    asyncio.run(scene())


def test_closing_ends_what_would_go_on_for_ever_and_what_fails() -> None:
    async def scene() -> None:
        tasks, ended = Background(), []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        async def fail() -> None:
            raise KeyError

        tasks.start(work())
        tasks.start(fail())
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            await tasks.close()
        assert ended == [True]

    asyncio.run(scene())


def test_the_death_of_a_task_that_somebody_holds_is_told_at_once() -> None:
    async def scene() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

        async def die() -> None:
            raise KeyError("a defect")

        async def live() -> None:
            await asyncio.Event().wait()

        held = [minded(asyncio.create_task(work())) for work in (die, live)]
        held[0].set_name("a feed")
        await asyncio.sleep(0)
        held[1].cancel()
        await asyncio.wait(held)
        await asyncio.sleep(0)
        assert len(told) == 1
        return told

    (told,) = asyncio.run(scene())
    assert told["message"] == "a feed died"
    assert repr(told["exception"]) == "KeyError('a defect')"
