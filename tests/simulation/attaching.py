"""Puts the checker over a world."""

from collections.abc import Sequence

from polymm.engine.actions import Action, Alarm, Finished, MergeFound
from polymm.engine.evidence import Event
from tests.simulation.bounds import check_walk
from tests.simulation.checker import Checker
from tests.simulation.life import Life
from tests.simulation.process import EngineProcess, limits_of
from tests.simulation.scenario import Scenario
from tests.simulation.wire import OWNER
from tests.simulation.world import World
from tests.support.stepping import Stepping


class CheckedWorld:
    """A scenario at work under the checker.

    Args:
        scenario: What was drawn.

    Attributes:
        world, checker: As they stand.
    """

    def __init__(self, scenario: Scenario) -> None:
        world = self.world = World(scenario, EngineProcess)
        wallet = world.wire.wallet
        checker = self.checker = Checker(
            world.exchange, OWNER, wallet, limits_of(scenario), world.senses
        )
        if scenario.maker["cycle"] == "timer":
            checker.sends.losing.price_age_ns += scenario.maker["cycle_ns"]
        world.on_step = checker.after_step
        world.wire.on_send = checker.at_send
        world.wire.on_gone = checker.gone
        world.on_started = self._started
        world.on_ended = self._ended
        world.on_healed = checker.healed

    def run(self, until_step: int | None = None) -> None:
        """Let time pass, to the end or up to a step.

        Raises:
            Violated: An invariant does not hold.
        """
        self.world.run(until_step)
        if until_step is None:
            self.checker.finish(self.world.now_ns)

    def _started(self, life: Life) -> None:
        process = life.process
        assert isinstance(process, EngineProcess)
        check_walk(process.engine)
        now_ns, checker = self.world.now_ns, self.checker
        checker.started(now_ns, process.engine, self.world.disk, process.journal.state)
        alarm, finish, step = life.alarm, life.finish, process.engine.step

        def stepped(now_ns: int, event: Event) -> Sequence[Action]:
            checker.before_step(now_ns, event)
            actions = step(now_ns, event)
            for action in actions:
                if type(action) is MergeFound and action.is_done:
                    checker.found(action)
            return actions

        def alarmed(item: Alarm) -> None:
            checker.alarmed(item)
            alarm(item)

        def finished(item: Finished) -> None:
            checker.finished(self.world.now_ns, item)
            finish(item)

        process.driver.engine = Stepping(process.engine, stepped)
        life.alarm, life.finish = alarmed, finished  # type: ignore[method-assign]

    def _ended(self, life: Life, lost_tail: bool) -> None:
        senses = self.world.senses
        # What was on its way to it is lost with its sockets.
        senses.user_dropped = senses.user_sent - senses.user_taken
        self.checker.crashed(self.world.now_ns, lost_tail=lost_tail)
