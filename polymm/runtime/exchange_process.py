"""A local exchange as a process: serves until a signal comes or its parent is gone."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import uvloop

from polymm.domain.tape import Tape
from polymm.errors import ConfigError, InputError, UsageError
from polymm.exchange.faults import Faults
from polymm.exchange.server.app import HOST, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.runtime.throwaway_ca import throwaway_certificate

# Objects after which the garbage collector looks at them, and how many such looks until it looks at
# older ones as well. Orders live long and make no cycles: to look at them all took 20 ms, often.
YOUNG_OBJECTS = 20_000
YOUNG_LOOKS = 1_000

OnServing = Callable[[Mapping[str, str]], None]


def serve_exchange(
    settings: ServerSettings,
    on_serving: OnServing,
    *,
    tapes: Sequence[Tape] = (),
    faults: Mapping[str, float] | None = None,
    tls: bool = False,
    with_parent: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: Of the exchange.
        on_serving: Gets the addresses of all services once they answer; with ``tls`` also the
            path of the CA's file, as ``ca``.
        tapes: Recordings to play instead of synthetic traders.
        faults: Switches that are on from the start, name to rate.
        tls: Serve with a certificate made for this process.
        with_parent: End when standard input ends, which it does when the parent is gone.

    Raises:
        ConfigError: The port is taken, a fault's name or rate is wrong, or what ``tls`` needs is
            missing.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        served = _serve(settings, on_serving, tapes, faults or {}, tls=tls, with_parent=with_parent)
        runner.run(served)


def calm_collector() -> None:
    """Keep the garbage collector to what is new, in steps of a millisecond or two."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_LOOKS, YOUNG_LOOKS)


async def _serve(
    settings: ServerSettings,
    on_serving: OnServing,
    tapes: Sequence[Tape],
    faults: Mapping[str, float],
    *,
    tls: bool,
    with_parent: bool,
) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if with_parent:
        await loop.connect_read_pipe(lambda: _UntilEof(ended), sys.stdin)
    with ExitStack() as stack:
        context, extra = None, {}
        if tls:
            context, ca_path = stack.enter_context(throwaway_certificate(HOST))
            extra = {"ca": str(ca_path)}
        try:
            async with serving(settings, tapes=tapes, tls=context) as served:
                _switch_on(served.hall.faults, faults)
                calm_collector()
                on_serving(served.urls | extra)
                await ended.wait()
        except OSError as error:
            raise ConfigError(f"--port {settings.port}: {error.strerror or error}") from None


def _switch_on(switches: Faults, rates: Mapping[str, float]) -> None:
    try:
        for name, rate in rates.items():
            switches.set(name, rate)
    except InputError as error:
        raise UsageError(f"--fault: {error}") from None


class _UntilEof(asyncio.Protocol):
    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def eof_received(self) -> None:
        self._ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
