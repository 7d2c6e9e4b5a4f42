"""Both passes and the oracle read the same frames alike, whatever was done to them."""

from pathlib import Path

import pytest

from tests.fuzz.frames import Kind
from tests.fuzz.seeds import FOLDER, read_seed, shrink, write_seed
from tests.fuzz.session import Disagreement, Session, run
from tests.fuzz.targets.market import session_frames

SESSIONS = 800
SHARES = 4
SEEDS = sorted(FOLDER.glob("*.frames"))


@pytest.mark.parametrize("share", range(SHARES))
def test_random_frames_are_read_alike_by_both_passes_and_the_oracle(share: int) -> None:
    seed = 2
    for number in range(share * SESSIONS // SHARES, (share + 1) * SESSIONS // SHARES):
        print(f"python -m tests.fuzz --parser market --seed 2 --first {number} --inputs 1")
        run(session_frames(seed, number), with_oracle=number % 2 == 0)


def test_random_frames_come_to_every_outcome() -> None:
    session = Session()
    for number in range(8):
        for kind, frame in session_frames(3, number):
            session.feed(frame, kind)
    outcomes = session.close()
    assert all(outcomes[name] > 40 for name in ("fast", "tolerant", "refused"))
    unmoved = [name for name, n in session.plain.decoder.counters().items() if not n]
    assert not unmoved, "a counter that the fuzzer never moves is not fuzzed"


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_what_taught_something_stays_learnt(path: Path) -> None:
    run(read_seed(path))


def test_refused_valid_frame_and_differing_books_are_noticed() -> None:
    """The fuzzer itself must be able to fail."""
    with pytest.raises(Disagreement, match="a valid frame was refused"):
        run([(Kind.USUAL, b"PONG")])
    session = Session()
    session.plain.decoder.book(1).set_level(0, 4000, 1)
    with pytest.raises(Disagreement, match="book 1 by both passes"):
        session.close()


def test_failing_case_shrinks_and_survives_its_file(tmp_path: Path) -> None:
    frames = [(Kind.BROKEN, b"x" * 50), (Kind.BROKEN, b"ab\xff\n'\"cd" * 9), (Kind.USUAL, b"{}")]
    small = shrink(frames, lambda case: any(b"\xff" in frame for _, frame in case))
    assert small == [(Kind.BROKEN, b"\xff")]
    path = write_seed(frames, "first line\nsecond é", tmp_path)
    assert read_seed(path) == frames
    assert path.read_text(encoding="ascii").startswith("# first line\n# second \\xe9\n")
