"""What the numbers of the backtest loop are called, against the numbers themselves."""

import re
from pathlib import Path

from polymm._core import backtest_names as names
from polymm.domain.order import REJECT_REASONS
from polymm.engine.outcomes import COUNT_PREFIXES, COUNTS, OUTCOMES

CORE = Path(names.__file__).parent


def numbers(prefix: str, file: str) -> dict[str, int]:
    text = (CORE / file).read_text()
    found = re.findall(rf"^    ({prefix}_\w+) = (\d+)", text, re.MULTILINE)
    return {name: int(value) for name, value in found}


def test_there_are_as_many_names_as_numbers() -> None:
    assert len(names.WHYS) == numbers("WHY", "sim_names.pxd")["WHY_N"]
    assert len(names.COUNTS) == numbers("COUNT", "sim_names.pxd")["COUNT_N"]
    assert len(names.REJECTIONS) == numbers("REJECT", "sim_names.pxd")["REJECT_N"]
    assert names.REJECTIONS == REJECT_REASONS


def test_forms_and_what_is_kept_have_the_numbers_of_the_loop() -> None:
    forms = {f"FORM_{name.upper()}": n for name, n in names.FORMS.items()}
    assert forms == numbers("FORM", "sim_state.pxd")
    kept = numbers("KEEP", "sim_state.pxd")
    assert {"fills": 0, "course": kept["KEEP_COURSE"], "actions": sum(kept.values())} == names.KEEP
    faults = numbers("FAULT", "sim_state.pxd")
    assert set(names.FAULTS) == set(faults.values()) - {0}


def test_the_maker_knows_every_name_that_the_loop_counts_by() -> None:
    outcomes = set(names.WHYS[-3:]) | {"closing", "superseded", "cancel_unproven"}
    assert outcomes <= set(OUTCOMES)
    for name in names.COUNTS:
        assert name in COUNTS or name.startswith(tuple(COUNT_PREFIXES)), name
