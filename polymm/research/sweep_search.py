"""Who says which point is tried next: a grid, chance, or optuna.

A search is asked for points in batches and told their values in the order in which it was asked,
so that what it says next never depends on which worker was ready first.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any, Final, Literal

from polymm import __version__
from polymm.errors import ConfigError
from polymm.research.sweep_space import (
    DRAWS_MAX,
    Choice,
    Draws,
    IsSound,
    Point,
    Space,
    Value,
    grid,
    no_point,
)

# Below whatever a trial beyond all limits is told as.
WORTHLESS: Final = -1e12
MISSING: Final = "search optuna needs the extra `research`: pip install 'polymm[research]'"

SearchName = Literal["grid", "random", "optuna"]


class Search(ABC):
    """Points to try, one after the other."""

    # Whether what it says next depends on what it was told.
    learns: bool = False

    @abstractmethod
    def ask(self, n: int) -> list[Point]:
        """Say the next n points; fewer where there are no more."""

    def tell(self, values: Sequence[float]) -> None:  # noqa: B027
        """Take what became of the points of the last ask, in their order; higher is better."""


class GridSearch(Search):
    """Every point of a grid."""

    def __init__(self, space: Space, is_sound: IsSound) -> None:
        self._points = grid(space, is_sound)

    def ask(self, n: int) -> list[Point]:
        """Say the next n points."""
        return list(islice(self._points, n))


class RandomSearch(Search):
    """Points drawn by chance, none twice; fewer than asked for once all were drawn."""

    def __init__(self, space: Space, is_sound: IsSound, *, seed: int) -> None:
        self._draws = Draws(space, is_sound, seed=seed)

    def ask(self, n: int) -> list[Point]:
        """Say the next n points; fewer where there are no more."""
        points = (self._draws.next() for _ in range(n))
        return [point for point in points if point is not None]


class OptunaSearch(Search):
    """Optuna's tree-structured Parzen estimator, seeded.

    Raises:
        ConfigError: The extra `research` is not installed.
    """

    learns = True

    def __init__(self, space: Space, is_sound: IsSound, *, seed: int) -> None:
        try:
            import optuna
        except ModuleNotFoundError as error:
            raise ConfigError(MISSING) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._is_sound = space, is_sound
        self._study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        self._open: list[Any] = []

    def ask(self, n: int) -> list[Point]:
        """Say the next n points; one that contradicts itself is told as worthless, and replaced.

        A trial told as failed would be forgotten, and the same be said again.
        """
        points: list[Point] = []
        for _ in range(DRAWS_MAX):
            if len(points) == n:
                return points
            trial = self._study.ask()
            point = {one.key: self._suggest(trial, one) for one in self._space}
            if self._is_sound(point):
                self._open.append(trial)
                points.append(point)
            else:
                self._study.tell(trial, WORTHLESS)
        raise ConfigError(no_point(self._space))

    def tell(self, values: Sequence[float]) -> None:
        """Tell optuna, in the order of the trials."""
        for trial, value in zip(self._open, values, strict=True):
            self._study.tell(trial, value)
        self._open.clear()

    @staticmethod
    def _suggest(trial: Any, one: Any) -> Value:
        if isinstance(one, Choice):
            chosen: Value = trial.suggest_categorical(one.key, one.options)
            return chosen
        if one.grain == 1:
            whole = {"step": int(one.step) or 1, "log": one.log}
            return int(trial.suggest_int(one.key, int(one.low), int(one.high), **whole))
        found = trial.suggest_float(one.key, one.low, one.high, step=one.step or None, log=one.log)
        value: Value = one.rounded(found)
        return value


def versions_of(name: SearchName, *, has_quoter: bool = False) -> str:
    """Versions that decide which points a search says, and what a user's quoter computes.

    Raises:
        ConfigError: Optuna is not installed.
    """
    names = ["numpy", "optuna"] if name == "optuna" else []
    if has_quoter:
        names.append("numba")
    try:
        return ", ".join([f"polymm {__version__}", *(f"{one} {version(one)}" for one in names)])
    except PackageNotFoundError as error:
        raise ConfigError(MISSING) from error


def make_search(name: SearchName, space: Space, is_sound: IsSound, *, seed: int) -> Search:
    """Make a search by its name.

    Raises:
        ConfigError: A grid lacks a step, or optuna is not installed.
    """
    if name == "grid":
        return GridSearch(space, is_sound)
    if name == "random":
        return RandomSearch(space, is_sound, seed=seed)
    return OptunaSearch(space, is_sound, seed=seed)
