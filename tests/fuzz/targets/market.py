"""Frames of the market channel: sessions through both passes and the oracle, see `session`."""

from collections import Counter
from pathlib import Path
from random import Random

from tests.fuzz.frames import FrameMaker
from tests.fuzz.seeds import Frames, shrink, write_seed
from tests.fuzz.session import run

FRAMES_A_SESSION = 64
ORACLE_EVERY = 4


def session_frames(seed: int, number: int) -> Frames:
    """Make the frames of one session."""
    maker = FrameMaker(Random(f"{seed}/{number}"))
    return [maker.frame() for _ in range(FRAMES_A_SESSION)]


def failure(frames: Frames, *, with_oracle: bool = True) -> str:
    """Run a session and say what failed, "" for nothing."""
    try:
        run(frames, with_oracle=with_oracle)
    except Exception as error:  # noqa: BLE001  whatever leaves the decoder is a finding
        return f"{type(error).__name__}: {error}"
    return ""


class MarketSessions:
    """Runs numbered sessions."""

    inputs_a_session = FRAMES_A_SESSION

    def run(self, seed: int, number: int) -> Counter[str]:
        """Run one session; how many frames came to what.

        Raises:
            Exception: Whatever leaves the decoder, and any disagreement.
        """
        with_oracle = number % ORACLE_EVERY == 0
        outcomes = run(session_frames(seed, number), with_oracle=with_oracle)
        return Counter({name: outcomes[name] for name in ("fast", "tolerant", "refused")})

    def keep(self, seed: int, number: int, said: str) -> Path:
        """Shrink a failing session to the same failure and write it down."""
        signature = said[:40]
        case = shrink(session_frames(seed, number), lambda c: failure(c)[:40] == signature)
        return write_seed(case, f"{said[:300]}\nFound by seed {seed}, session {number}.")
