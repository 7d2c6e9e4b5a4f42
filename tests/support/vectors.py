"""Where the golden vectors are found: the protocol notes beside the recordings, or our selection.

The whole sets are read where the notes stand (``protocol/vectors`` beside the data folder). A
fresh clone tests the selection in ``tests/data/vectors``, which has one of every shape.
"""

import json
from decimal import Decimal
from functools import cache
from typing import Any

from tests.support.recordings import ROOT, _folder

SELECTION = ROOT / "tests" / "data" / "vectors"


@cache
def vectors(name: str) -> dict[str, Any]:
    """Read one set (``orders``, ``amounts``, ``auth``, ``books``, ``onchain``), decimals exact."""
    whole = _folder()[1].parent / "protocol" / "vectors" / f"{name}.json"
    path = whole if whole.is_file() else SELECTION / f"{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text(), parse_float=Decimal)
    return loaded


@cache
def selection(name: str) -> dict[str, Any]:
    """Read the selection that comes with the repository."""
    loaded: dict[str, Any] = json.loads(
        (SELECTION / f"{name}.json").read_text(), parse_float=Decimal
    )
    return loaded
