"""Whether the loop turns and the day's clock goes evenly, by a clock of the scene's."""

import asyncio
from collections.abc import Callable

import pytest

from polymm.domain.market import NS
from polymm.runtime import loop_watch
from polymm.runtime.clock import Clock
from polymm.runtime.loop_watch import JUMP_NS, STALL_NS, LoopWatch

MS = 1_000_000


class Scene:
    """A watch whose clock moves when the scene says so; each turn is one look."""

    def __init__(self) -> None:
        self.monotonic_ns = 7 * NS
        self.ahead_ns = 1_000 * NS
        self.stalls: list[int] = []
        self.jumps: list[int] = []
        self.looks = 0
        self.clock = Clock(lambda: self.monotonic_ns + self.ahead_ns, lambda: self.monotonic_ns)
        self.watch = LoopWatch(self.clock, self.stalls.append, self.jumps.append, self.look)

    def look(self) -> None:
        self.looks += 1

    async def pass_ns(self, ns: int) -> None:
        self.monotonic_ns += ns
        seen = self.looks
        while self.looks == seen:
            await asyncio.sleep(0)


def played(monkeypatch: pytest.MonkeyPatch, act: Callable[[Scene], object]) -> Scene:
    monkeypatch.setattr(loop_watch, "LOOK_S", 0.0)
    scene = Scene()

    async def play() -> None:
        scene.watch.open()
        await act(scene)  # type: ignore[misc]
        scene.watch.close()

    asyncio.run(play())
    return scene


def test_a_loop_that_turns_is_not_told_and_one_that_stood_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        for _ in range(5):
            await scene.pass_ns(STALL_NS - 1)
        assert scene.stalls == []
        await scene.pass_ns(300 * MS)
        await scene.pass_ns(5 * MS)

    scene = played(monkeypatch, act)
    assert scene.stalls == [300 * MS]
    assert scene.watch.longest_ns == 300 * MS


def test_a_stall_is_told_before_what_came_meanwhile_and_not_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        scene.watch.check(scene.clock.now_ns())
        scene.monotonic_ns += 300 * MS
        scene.watch.check(scene.clock.now_ns())
        assert scene.stalls == [300 * MS]
        await scene.pass_ns(MS)

    assert played(monkeypatch, act).stalls == [300 * MS]


def test_a_day_that_jumps_forward_is_followed_and_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        scene.ahead_ns += JUMP_NS  # as much as a drift may be
        await scene.pass_ns(0)
        assert scene.jumps == []
        scene.ahead_ns += 90 * NS
        before_ns = scene.clock.now_ns()
        await scene.pass_ns(0)
        assert scene.clock.now_ns() - before_ns == JUMP_NS + 90 * NS
        await scene.pass_ns(0)

    scene = played(monkeypatch, act)
    assert scene.jumps == [JUMP_NS + 90 * NS]
    assert scene.stalls == []  # a jump is no stall


def test_a_day_that_is_set_back_is_told_once_and_not_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        before_ns = scene.clock.now_ns()
        scene.ahead_ns -= 3_600 * NS
        await scene.pass_ns(0)
        await scene.pass_ns(0)
        assert scene.clock.now_ns() == before_ns

    assert played(monkeypatch, act).jumps == [-3_600 * NS]
