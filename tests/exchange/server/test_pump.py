"""Real time for the exchange: what is due happens, whatever else fails."""

import asyncio

from polymm.errors import LedgerError
from polymm.exchange.exchange import Exchange
from polymm.exchange.server.pump import TURN_S, Pump


def test_one_act_that_fails_does_not_stop_the_clock() -> None:
    done: list[int] = []
    failures: list[object] = []

    def fail(now_ns: int) -> None:
        raise LedgerError(f"cash must be 1, was 2 at {now_ns}")

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
        exchange = Exchange()
        pump = Pump(exchange, lambda _: None)
        now_ns = pump.now_ns()
        exchange.timers.at(now_ns + 1_000_000, fail)
        exchange.timers.at(now_ns + 3_000_000, done.append)
        pump.start()
        async with asyncio.timeout(5):
            while not done:
                await asyncio.sleep(TURN_S)
        pump.stop()

    asyncio.run(scene())
    assert [type(failure) for failure in failures] == [LedgerError]
