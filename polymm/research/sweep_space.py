"""What a sweep searches: ranges and choices of configured values, and points drawn from them.

A point says for each key what it is set to. Which keys there are, and what they may hold, is the
business of whoever makes the space.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Final

from polymm.errors import ConfigError

Value = int | float | str | bool
Point = Mapping[str, Value]
# Whether the values of a point agree with each other.
IsSound = Callable[[Point], bool]

# Of drawn points so many in a row may contradict themselves before the space is called empty.
DRAWS_MAX: Final = 1000


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
    random = Random(f"polymm sweep {seed} {number}")
    for _ in range(DRAWS_MAX):
        point = {one.key: one.draw(random) for one in space}
        if is_sound(point):
            return point
    raise ConfigError(no_point(space))


def no_point(space: Space) -> str:
    """Say that a space is all but empty."""
    keys = ", ".join(one.key for one in space)
    return f"{keys}: expected values that agree with each other, found none in {DRAWS_MAX:,} draws"
