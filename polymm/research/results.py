"""Results of runs as files: saved beside the page, read again, compared.

A result is a summary (`polymm.research.summary`) and the charts of its page. What ``--json`` prints
is one without charts, and is read all the same.
"""

import math
import os
from pathlib import Path
from typing import Any, Final

import orjson

from polymm.errors import InputError
from polymm.research.comparison import compare, label
from polymm.research.report_rows import headline
from polymm.research.result_shape import shape_fault
from polymm.research.summary import SCHEMA

Json = dict[str, Any]

SUFFIX: Final = ".result.json"
CHARTLESS: Final = "The result was saved without its charts, as --json prints it."
# Dollars to the nano: what lies below is the noise of float sums, not a figure.
DIGITS: Final = 9


def rounded(value: Any) -> Any:
    """Copy of a summary with floats rounded to DIGITS and NaN or infinity as None."""
    if isinstance(value, float):
        # Adding 0.0 turns -0.0, which is no figure of its own, into 0.0.
        return round(value, DIGITS) + 0.0 if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def result_path(page: Path) -> Path:
    """Where the result of a page is saved: beside it."""
    return page.with_name(page.name.removesuffix(page.suffix) + SUFFIX)


def save_result(result: Json, path: Path) -> Path:
    """Save a result, all of it or nothing; answers its path.

    Raises:
        OSError: The file cannot be written.
    """
    return write_whole(path, orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE))


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file, all of it or nothing: of two that write it at once one is there afterwards.

    Raises:
        OSError: It cannot be written.
    """
    if path.exists() and not path.is_file():  # a pipe, a device
        path.write_bytes(data)
        return path
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return path


def read_result(path: Path) -> Json:
    """Read a saved result, or what ``--json`` printed.

    Raises:
        InputError: Missing, no result, or of another version.
    """
    try:
        result: Json = orjson.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path}: expected a saved result (JSON), found {error}") from None
    found = result.get("schema") if isinstance(result, dict) else None
    if found != SCHEMA or not isinstance(result.get("runs"), list):
        raise InputError(f"{path}: expected a result of schema {SCHEMA}, found {found}")
    if not result["runs"]:
        raise InputError(f"{path}: expected a result of at least one run, found none")
    fault = shape_fault({"page": {}} | result)
    if fault:
        raise InputError(f"{path}: {fault}")
    return result


def compare_results(a: Json, b: Json) -> list[Json]:
    """Compare the runs that two results have in common; without any, those that lead.

    The lead of a is first. Each is one of `polymm.research.comparison.compare`.
    """
    runs = a["runs"]
    lead = headline(runs)
    ordered = [runs[lead], *(run for i, run in enumerate(runs) if i != lead)]
    others = {label(run): run for run in b["runs"]}
    shared = [compare(run, others[label(run)]) for run in ordered if label(run) in others]
    return shared or [compare(ordered[0], b["runs"][headline(b["runs"])])]


def facts_apart(a: Json, b: Json) -> list[tuple[str, str, str]]:
    """Facts in which the leading runs of two results differ: name, a's, b's."""
    left, right = (result["runs"][headline(result["runs"])]["facts"] for result in (a, b))
    return [
        (name, left.get(name, ""), right.get(name, ""))
        for name in dict.fromkeys((*left, *right))
        if left.get(name) != right.get(name)
    ]
