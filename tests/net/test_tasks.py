"""Background work: kept while it goes on, forgotten when it ends, ended with its owner."""

import asyncio

from polymm.net.tasks import Background


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
