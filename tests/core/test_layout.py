"""layout.py and layout.pxd are twins: constants, flags and every field of every record."""

import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from polymm._core import layout
from polymm._core.lane import read_record
from polymm.errors import InputError

PXD = Path(layout.__file__).with_name("layout.pxd").read_text()
RECORDS = ("STATE", "PARAMS", "QUOTE")


def pxd_constants() -> dict[str, int]:
    found = re.findall(r"^    ([A-Z][A-Z0-9_]*) = ([0-9][0-9 <]*)", PXD, re.MULTILINE)
    return {name: eval(value) for name, value in found}


def test_every_constant_of_the_pxd_has_the_same_value_in_python() -> None:
    constants = pxd_constants()

    assert len(constants) == len(re.findall(r"^    [A-Z]\w* =", PXD, re.MULTILINE))
    assert constants == {name: getattr(layout, name) for name in constants}


@pytest.mark.parametrize("name", RECORDS)
def test_c_and_numpy_read_the_same_fields_from_the_same_bytes(name: str) -> None:
    seed = 20_260
    rng = random.Random(seed)
    print(f"seed {seed}")
    dtype = getattr(layout, name)
    record = np.zeros(1, dtype=dtype)
    for field in dtype.names:
        is_float = dtype[field].kind == "f"
        record[field] = rng.random() if is_float else rng.randrange(-(2**63), 2**63)

    assert read_record(name, record.tobytes()) == dict(
        zip(dtype.names, record[0].item(), strict=True)
    )


def test_a_record_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="STATE of 7 bytes"):
        read_record("STATE", b"1234567")
    with pytest.raises(InputError, match="NOTHING"):
        read_record("NOTHING", bytes(8))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_packed_in_words_of_eight_bytes(name: str) -> None:
    dtype = getattr(layout, name)

    assert dtype.itemsize == 8 * len(dtype.names)


def test_importing_the_layout_and_a_lane_does_not_import_numpy() -> None:
    code = (
        "import sys, polymm._core.layout, polymm._core.lane\n"
        "assert not {'numpy', 'numba'} & set(sys.modules), sorted(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NOTHING"):
        _ = layout.NOTHING


def test_flags_and_reasons_are_named_lowest_bit_first() -> None:
    assert layout.flag_names(layout.REQUOTE | layout.CHANGED) == ("changed", "requote")
    assert layout.reason_names(layout.NO_SIZE | layout.BOOK_CROSSED) == ("crossed", "no_size")
    assert layout.reason_names(0) == ()


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [("CHANGED", "REQUOTE", layout.flag_names), ("NO_BOOK", "QUOTER_FAILED", layout.reason_names)],
)
def test_every_bit_has_a_name(first: str, last: str, names: object) -> None:
    bits = getattr(layout, last) * 2 - 1

    assert getattr(layout, first) == 1
    assert len(names(bits)) == bits.bit_length()  # type: ignore[operator]
