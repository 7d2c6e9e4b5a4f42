"""What a sweep searches: ranges and choices of configured values, and points drawn from them.

A point says for each key what it is set to. Which keys there are, and what they may hold, is the
business of whoever makes the space.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Final

from polymm.errors import ConfigError

Value = int | float | str | bool
Point = Mapping[str, Value]
Spelled = tuple[tuple[str, Value], ...]
# Whether the values of a point agree with each other.
IsSound = Callable[[Point], bool]

# Of drawn points so many in a row may contradict themselves before the space is called empty, or
# be old ones before all that are left are listed.
DRAWS_MAX: Final = 1000
# A space of more points than this is not listed.
LISTED_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Args:
        key: Dotted, as in the configuration.
        step: Distance of two values from ``low`` on; 0 for none.
        log: Draw the logarithm evenly; without a step and above 0 only.
        grain: Each value is a multiple of it; 1 for whole numbers.
    """

    key: str
    low: float
    high: float
    step: float = 0.0
    log: bool = False
    grain: float = 1e-6

    def rounded(self, value: float) -> Value:
        """The nearest value that may be set."""
        grains = round(value / self.grain)
        return grains if self.grain == 1 else round(grains * self.grain, 9)

    @property
    def steps_n(self) -> int:
        """How many steps fit; 0 without a step."""
        return int((self.high - self.low) / self.step + 1e-9) if self.step else 0

    def values(self) -> tuple[Value, ...]:
        """All values of a grid.

        Raises:
            ConfigError: There is no step.
        """
        if not self.step:
            raise ConfigError(f"{self.key}: a grid needs a step, found none")
        return tuple(self.rounded(self.low + k * self.step) for k in range(self.steps_n + 1))

    @property
    def values_n(self) -> int:
        """How many values can be drawn."""
        return (self.steps_n or round((self.high - self.low) / self.grain)) + 1

    def every(self) -> Iterator[Value]:
        """All values that can be drawn."""
        apart = self.step or self.grain
        return (self.rounded(self.low + k * apart) for k in range(self.values_n))

    def draw(self, random: Random) -> Value:
        """Draw a value evenly, or its logarithm."""
        if self.step:
            return self.rounded(self.low + random.randint(0, self.steps_n) * self.step)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return self.rounded(math.exp(low + (high - low) * random.random()))
        if self.grain == 1:
            return random.randint(int(self.low), int(self.high))
        return self.rounded(self.low + (self.high - self.low) * random.random())

    def place(self, value: Value) -> float:
        """Where a value stands between low and high, 0..1."""
        low, high, at = self.low, self.high, float(value)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low) if high > low else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several values."""

    key: str
    options: tuple[Value, ...]

    def values(self) -> tuple[Value, ...]:
        """All of them."""
        return self.options

    @property
    def values_n(self) -> int:
        """How many values can be drawn."""
        return len(self.options)

    def every(self) -> Iterator[Value]:
        """All values that can be drawn."""
        return iter(self.options)

    def draw(self, random: Random) -> Value:
        """Draw one evenly."""
        return self.options[random.randrange(len(self.options))]

    def place(self, value: Value) -> float:
        """Its number over the last number, 0..1."""
        return self.options.index(value) / max(len(self.options) - 1, 1)


Space = Sequence[Range | Choice]


def grid(space: Space, is_sound: IsSound) -> Iterator[Point]:
    """All points of a grid that agree with themselves, the last key fastest."""
    for values in product(*(one.values() for one in space)):
        point = dict(zip((one.key for one in space), values, strict=True))
        if is_sound(point):
            yield point


def drawn(space: Space, is_sound: IsSound, *, seed: int, number: int) -> Point:
    """Draw the point of a trial: a function of seed and number alone.

    Raises:
        ConfigError: Hardly any point agrees with itself.
    """
    return _draw(space, is_sound, _random(seed, number))


class Draws:
    """Points of trials, each of its own as long as there are such.

    The point of a trial is a function of seed, number and the points before it.
    """

    def __init__(self, space: Space, is_sound: IsSound, *, seed: int) -> None:
        self._space, self._is_sound, self._seed = space, is_sound, seed
        self._number = 0
        self._before: set[Spelled] = set()
        # Those that were not drawn yet, once drawing finds none of them any more.
        self._left: list[Point] | None = None

    def next(self) -> Point | None:
        """Draw the next one; None where there is none.

        Raises:
            ConfigError: Hardly any point agrees with itself.
        """
        random = _random(self._seed, self._number)
        self._number += 1
        if self._left is not None:
            return self._left.pop(random.randrange(len(self._left))) if self._left else None
        for _ in range(DRAWS_MAX):
            point = _draw(self._space, self._is_sound, random)
            if spelled(point) not in self._before:
                self._before.add(spelled(point))
                return point
        if math.prod(one.values_n for one in self._space) > LISTED_MAX:
            return point
        self._left = self._undrawn()
        self._number -= 1
        return self.next()

    def _undrawn(self) -> list[Point]:
        keys = [one.key for one in self._space]
        points: Iterator[Point] = (
            dict(zip(keys, values, strict=True))
            for values in product(*(one.every() for one in self._space))
        )
        return [
            point
            for point in points
            if spelled(point) not in self._before and self._is_sound(point)
        ]


def spelled(point: Point) -> Spelled:
    """What makes two points the same."""
    return tuple(point.items())


def distinct(points: Iterable[Point]) -> list[int]:
    """Numbers of the points that none before is the same as."""
    found: dict[Spelled, int] = {}
    for number, point in enumerate(points):
        found.setdefault(spelled(point), number)
    return list(found.values())


def _random(seed: int, number: int) -> Random:
    return Random(f"polymm sweep {seed} {number}")


def _draw(space: Space, is_sound: IsSound, random: Random) -> Point:
    for _ in range(DRAWS_MAX):
        point = {one.key: one.draw(random) for one in space}
        if is_sound(point):
            return point
    raise ConfigError(no_point(space))


def no_point(space: Space) -> str:
    """Say that a space is all but empty."""
    keys = ", ".join(one.key for one in space)
    return f"{keys}: expected values that agree with each other, found none in {DRAWS_MAX:,} draws"
