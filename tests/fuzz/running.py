"""Sessions of inputs through one parser, with a bound on the time of each and on what is kept."""

import faulthandler
import time
from ast import literal_eval
from collections import Counter
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path
from random import Random
from typing import Final, Protocol

from tests.fuzz.inputs import Input, InputMaker
from tests.fuzz.seeds import FOLDER, fewer
from tests.fuzz.targets.target import Target

INPUTS_A_SESSION: Final = 500
INPUT_S_MAX: Final = 0.1
# A session that lasts longer hangs inside one input; the process ends with its stack told.
SESSION_S_MAX: Final = 120
READINGS: Final = 3
SHRINK_S_MAX: Final = 10


class Slow(AssertionError):
    """An input took too long, again and again."""


class Grown(AssertionError):
    """A parser keeps more than it says."""


class Found(AssertionError):
    """An input whose end is in no document.

    Attributes:
        label: Of the reader.
        text: The input.
    """

    def __init__(self, label: str, text: bytes, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}"[:400])
        self.label = label
        self.text = text


class Sessions(Protocol):
    """Numbered sessions of one parser."""

    inputs_a_session: int

    def run(self, seed: int, number: int) -> Counter[str]:
        """Run one session; how many inputs came to what. Whatever it raises is a finding."""
        ...

    def keep(self, seed: int, number: int, said: str) -> Path:
        """Write down what a failing session found."""
        ...


class TargetSessions:
    """Sessions of a parser that reads one input at a time.

    Attributes:
        expected: What each sample comes to.
    """

    inputs_a_session = INPUTS_A_SESSION

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self.target = target
        self.expected = [target.read(one.label, one.text) for one in target.samples]

    def run(self, seed: int, number: int) -> Counter[str]:
        """Run one session.

        Raises:
            Found: An input came to something that no document names.
        """
        rng = Random(f"{self.name}/{seed}/{number}")
        maker = InputMaker(rng, self.target.samples, self.target.spoil)
        outcomes: Counter[str] = Counter()
        for _ in range(INPUTS_A_SESSION):
            one = maker.next()
            try:
                outcomes[self._read(one)] += 1
            except Exception as error:
                raise Found(one.label, one.text, error) from error
        kept = self.target.growing()
        if kept > self.target.growing_max:
            raise Grown(f"{self.name} keeps {kept}, at most {self.target.growing_max}")
        return outcomes

    def _read(self, one: Input) -> str:
        start = time.thread_time()
        outcome = self.target.read(one.label, one.text)
        if time.thread_time() - start > INPUT_S_MAX:
            self._read_again(one)
        if one.sample >= 0 and outcome != self.expected[one.sample]:
            raise AssertionError(
                f"as good as sample {one.sample}, which comes to "
                f"{self.expected[one.sample]}, came to {outcome}"
            )
        return outcome

    def _read_again(self, one: Input) -> None:
        """Tell a slow input from caches that were cold."""
        took_s = []
        for _ in range(READINGS):
            start = time.thread_time()
            self.target.read(one.label, one.text)
            took_s.append(time.thread_time() - start)
        if min(took_s) > INPUT_S_MAX:
            raise Slow(f"{len(one.text)} bytes took {min(took_s):.3f} s, at most {INPUT_S_MAX}")

    def keep(self, seed: int, number: int, said: str) -> Path:
        """Shrink the input that failed and write it down; "" for a session that just grew.

        Neither for one that did not fail again.
        """
        label, text = "", b""
        try:
            self.run(seed, number)
            said = f"{said[:200]} (not when run again)"
        except Found as found:
            label, text = found.label, found.text
        except Grown:
            pass
        signature = said[:40]
        until_s = time.monotonic() + SHRINK_S_MAX

        def still_fails(part: list[int]) -> bool:
            if time.monotonic() > until_s:
                return False
            return self.failure(label, bytes(part))[:40] == signature

        small = bytes(fewer(list(text), still_fails)) if label else text
        lesson = f"{said[:300]}\nFound by seed {seed}, session {number}."
        return write_case(self.name, label, small, lesson)

    def failure(self, label: str, text: bytes) -> str:
        """Read one input and say what failed, "" for nothing."""
        try:
            self._read(Input(label, text))
        except Exception as error:  # noqa: BLE001  whatever leaves a parser is a finding
            return f"{type(error).__name__}: {error}"
        return ""


def guarded(run: Callable[[], Counter[str]]) -> Counter[str]:
    """Run a session; a hang ends the process, whatever it hangs in."""
    faulthandler.dump_traceback_later(SESSION_S_MAX, exit=True)
    try:
        return run()
    finally:
        faulthandler.cancel_dump_traceback_later()


def write_case(name: str, label: str, text: bytes, lesson: str, folder: Path = FOLDER) -> Path:
    """Write an input under a name made from its content."""
    path = folder / f"{name}_{sha1(text).hexdigest()[:10]}.input"
    notes = "".join(f"# {line}\n" for line in ascii(lesson)[1:-1].split("\\n"))
    path.write_text(f"{notes}{(label, text)!r}\n", encoding="ascii")
    return path


def read_case(path: Path) -> tuple[str, str, bytes]:
    """Read a kept input: parser, label, text."""
    lines = path.read_text(encoding="ascii").splitlines()
    label, text = literal_eval(next(line for line in lines if not line.startswith("#")))
    return path.stem.partition("_")[0], label, text
