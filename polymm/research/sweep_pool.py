"""Who runs the units of a sweep: processes of this machine, or workers of a dask scheduler.

Units are handed over a few at a time and come back in any order; which worker ran one changes
nothing. A worker that dies costs the units it held, and those are run again.
"""

import asyncio
import logging
import math
import multiprocessing
import os
import re
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, Final

from polymm.errors import ConfigError, UsageError, WorkerError
from polymm.research.sweep_unit import Unit, WindowScore, run_unit

Done = tuple[Unit, tuple[WindowScore, ...]]

# Units handed over a worker: one it runs and some that wait, so that it never waits itself.
UNITS_A_WORKER: Final = 3
# The same over a network, where each hand-over costs milliseconds.
UNITS_A_THREAD: Final = 8
# So often in a row may workers die without one unit done: then the unit kills them.
DEATHS_MAX: Final = 3
LOOK_S: Final = 0.5
# So long a scheduler may take for one answer.
DIAL_S: Final = 10.0
# One that answered nothing for so long is gone; a busy one is only late.
SILENT_S: Final = 30.0
# So long blocks wait for a scheduler's first worker, or for another after the last one left.
WORKERS_S: Final = 60.0

# As dask writes a scheduler's address; without a scheme it is tcp.
_ADDRESS: Final = re.compile(r"(?:(?:tcp|tls|ws|wss)://)?[^/\s]+:(\d{1,5})")
_PORT_MAX: Final = 65_535
_RESUMES: Final = "what was done is stored, the same command goes on from there"

_LOG = logging.getLogger(__name__)


class Pool(ABC):
    """Runs units."""

    @abstractmethod
    def run(self, units: Iterable[Unit], stop: Callable[[], bool]) -> Iterator[Done]:
        """Run units and answer each when it is done; once ``stop`` is true no other is begun.

        Raises:
            WorkerError: Workers die again and again, or none can be reached.
            PolymmError: A unit's own error.
        """

    @abstractmethod
    def close(self) -> None:
        """End what was begun here."""


class LocalPool(Pool):
    """Processes of this machine. They map the same tapes, so that memory holds them once."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._deaths = 0
        self._executor: ProcessPoolExecutor | None = None

    def run(self, units: Iterable[Unit], stop: Callable[[], bool]) -> Iterator[Done]:
        """Run units; those that a dead worker held are run again."""
        left = iter(units)
        again: list[Unit] = []
        while True:
            held: dict[Future[Any], Unit] = {}
            try:
                for done in _drain(_chained(again, left), self._submit, self._room, stop, held):
                    self._deaths = 0
                    yield done
                return
            except BrokenProcessPool:
                self._deaths += 1
                again = list(held.values())
                self._end(is_broken=True)
                if self._deaths == DEATHS_MAX:
                    unit = again[0]
                    raise WorkerError(
                        f"workers died {DEATHS_MAX} times in a row, last with trial {unit.trial},"
                        f" block {unit.block}; {_RESUMES}"
                    ) from None

    def close(self) -> None:
        """End the processes; what they still run is lost."""
        self._end(is_broken=False)

    def _room(self) -> int:
        return self._workers * UNITS_A_WORKER

    def _submit(self, unit: Unit) -> Future[Any]:
        if self._executor is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([run_unit.__module__])
            self._executor = ProcessPoolExecutor(
                self._workers, mp_context=context, initializer=_begin_worker
            )
        try:
            return self._executor.submit(run_unit, unit)
        except (BrokenProcessPool, ConnectionError, EOFError) as error:
            # A worker died since it was last asked, or the server that makes them did: the unit
            # is held, so that it is run again.
            lost: Future[Any] = Future()
            lost.set_exception(BrokenProcessPool(str(error)))
            return lost

    def _end(self, *, is_broken: bool) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=not is_broken, cancel_futures=True)
            self._executor = None


class DaskPool(Pool):
    """Workers of a dask scheduler, on this machine or on many.

    They find tapes under the same paths, and refuse those that are not the same.

    Raises:
        ConfigError: The extra `cluster` is not installed.
        UsageError: It is no address.
        WorkerError: Nobody answers there.
    """

    def __init__(self, address: str) -> None:
        check_address(address)
        try:
            import distributed
        except ModuleNotFoundError as error:
            raise ConfigError(
                "executor dask needs the extra `cluster`: pip install 'polymm[cluster]'"
            ) from error
        self._address = address
        # What it would say of a scheduler that goes away is said here, in one line.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        self._killed: Any = distributed.KilledWorker
        self._closed: Any = distributed.comm.core.CommClosedError
        # Its annotations are incomplete.
        client: Any = distributed.Client
        self._client: Any = client.__new__(client)
        try:
            self._client.__init__(address, timeout=DIAL_S, set_as_default=False)
        except (OSError, TimeoutError, TypeError, ValueError) as error:
            # Else it waits for its own end when it is collected, and says so on stderr.
            self._client.status = "closed"
            raise WorkerError(f"scheduler {address}: cannot be reached: {error}") from error
        self._threads = 0
        self._asked_s = -math.inf
        self._heard_s = self._staffed_s = -math.inf
        self._is_told = False

    @property
    def workers(self) -> int:
        """Threads of all workers that the scheduler has now; it has DIAL_S to answer."""
        threads: dict[str, int] = self._client.nthreads(callback_timeout=DIAL_S)
        return sum(threads.values())

    def run(self, units: Iterable[Unit], stop: Callable[[], bool]) -> Iterator[Done]:
        """Run units; the scheduler gives those of a dead worker to another one.

        Raises:
            WorkerError: The scheduler is gone, it had no worker for WORKERS_S, or all that held a
                unit died.
        """
        held: dict[Future[Any], Unit] = {}
        self._heard_s = self._staffed_s = time.monotonic()

        def is_over() -> bool:
            if stop():
                return True
            self._look(held)
            return False

        try:
            yield from _drain(iter(units), self._submit, self._room, is_over, held)
        except (CancelledError, self._closed):
            raise self._gone() from None
        except self._killed as error:
            raise WorkerError(
                f"scheduler {self._address}: expected scores of {_held_name(held, error)}, found"
                f" {error.allowed_failures + 1} workers that died while they held it, last"
                f" {error.last_worker.address}; {_RESUMES}"
            ) from None

    def close(self) -> None:
        """Leave the scheduler; its workers stay."""
        with suppress(OSError, TimeoutError):
            self._client.close(timeout=DIAL_S)

    def _look(self, held: dict[Future[Any], Unit]) -> None:
        """Ask now and then who is there: a round trip, since workers come and go.

        Raises:
            WorkerError: The scheduler is gone, or had no worker for too long.
        """
        if self._client.status != "running":
            raise self._gone()
        now_s = time.monotonic()
        if now_s - self._asked_s < LOOK_S:
            return
        self._asked_s = now_s
        try:
            self._threads = self.workers
        except (OSError, TimeoutError):
            if now_s - self._heard_s > SILENT_S:
                raise self._gone() from None
            return
        self._heard_s = time.monotonic()
        if self._threads or not held:
            self._staffed_s = now_s
            self._is_told = False
        elif not self._is_told:
            self._is_told = True
            _LOG.warning(
                "scheduler %s: has no worker; waiting for one, %g s at most",
                self._address,
                WORKERS_S,
            )
        elif now_s - self._staffed_s > WORKERS_S:
            raise WorkerError(
                f"scheduler {self._address}: expected a worker, found none for {WORKERS_S:g} s;"
                f" {_RESUMES}"
            )

    def _gone(self) -> WorkerError:
        return WorkerError(f"scheduler {self._address}: went away; {_RESUMES}")

    def _room(self) -> int:
        return max(self._threads, 1) * UNITS_A_THREAD

    def _submit(self, unit: Unit) -> Future[Any]:
        # Not by the client's executor: it loses futures when the scheduler goes away.
        return asyncio.run_coroutine_threadsafe(
            _scores(self._client.submit(run_unit, unit, pure=False)),
            self._client.loop.asyncio_loop,
        )


def check_address(address: str) -> None:
    """Refuse what is no address of a scheduler.

    Raises:
        UsageError: It is none.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[1]) <= _PORT_MAX:
        raise UsageError(f"--scheduler must be an address like tcp://host:8786, was {address!r}")


async def _scores(told: Any) -> Any:
    return await told


def _held_name(held: dict[Future[Any], Unit], error: BaseException) -> str:
    """Which unit ended in this error."""
    unit = next(
        unit
        for future, unit in held.items()
        if future.done() and not future.cancelled() and future.exception() is error
    )
    return f"trial {unit.trial}, block {unit.block}"


def _chained(first: list[Unit], rest: Iterator[Unit]) -> Iterator[Unit]:
    yield from first
    yield from rest


def _drain(
    units: Iterator[Unit],
    submit: Callable[[Unit], Future[Any]],
    room: Callable[[], int],
    stop: Callable[[], bool],
    held: dict[Future[Any], Unit],
) -> Iterator[Done]:
    """Hand units over as there is room, answer what is done; ``held`` says what is on its way."""
    is_open = True
    while True:
        is_stopped = stop()
        most = 0 if is_stopped or not is_open else room()
        while len(held) < most:
            unit = next(units, None)
            if unit is None:
                is_open = False
                break
            held[submit(unit)] = unit
        if not held or is_stopped:
            return
        done, _ = wait(held, timeout=LOOK_S, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda one: (held[one].trial, held[one].block)):
            scores = future.result()
            yield held.pop(future), scores


def _begin_worker() -> None:
    """Leave Ctrl-C and warnings to the parent, and do not outlive it."""
    logging.getLogger("polymm").setLevel(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def make_pool(workers: int, scheduler: str | None) -> Pool:
    """Processes of this machine, or with an address the workers of that scheduler."""
    return LocalPool(workers) if scheduler is None else DaskPool(scheduler)
