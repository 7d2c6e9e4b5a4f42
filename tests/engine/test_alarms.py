"""Every alarm has a name, a meaning and a line in the document; none is raised that has not."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from polymm.engine.alarms import ALARMS
from polymm.engine.phases import UNPROVEN
from polymm.engine.proving import ReconcileSettings
from polymm.engine.settings import SECOND

ROOT = Path(__file__).resolve().parent.parent.parent
ENGINE = (ROOT / "docs/engine.md").read_text() + (ROOT / "docs/risk.md").read_text()
RAISING = ("Alarm", "alarm", "_alarm", "_alarm_once")


def rows(head: str) -> list[list[str]]:
    text = ENGINE.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]


def raised(path: Path) -> Iterator[str]:
    """Names of alarms that a file raises by a literal."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else name
        first = node.args[0]
        if name in RAISING and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def sources() -> list[Path]:
    folders = ("engine", "runtime")
    found = [path for folder in folders for path in (ROOT / "polymm" / folder).rglob("*.py")]
    return [path for path in found if path.name != "alarms.py"]


@pytest.mark.parametrize(("head", "names"), [("alarm", ALARMS), ("gate closed by", UNPROVEN)])
def test_the_document_explains_every_name(head: str, names: Mapping[str, str]) -> None:
    cells = rows(f"{head} | meaning")
    assert {name.strip("`"): meaning for name, meaning in cells} == names


def test_only_named_alarms_are_raised() -> None:
    found = {name: path.name for path in sources() for name in raised(path)}
    assert len(found) > 10
    assert set(found) - ALARMS.keys() == set()


def test_every_named_alarm_is_raised_somewhere() -> None:
    texts = [path.read_text() for path in sources()]
    assert [name for name in ALARMS if not any(f'"{name}"' in text for text in texts)] == []


def test_the_steps_of_escalation_are_named_alarms() -> None:
    cells = rows("a cancel is wanted and not proven for | what is done | alarm")
    assert {name.strip("`") for _, _, name in cells} <= ALARMS.keys()


def test_the_clocks_are_as_the_document_says() -> None:
    settings = ReconcileSettings()
    periods = {name: every for name, every, _ in rows("read | every | why")}
    assert periods == {
        "open orders": f"{settings.open_ns // SECOND} s",
        "trades": f"{settings.trades_ns // SECOND} s",
        "balances": f"{settings.balances_ns // SECOND} s",
        "preflight": f"{settings.preflight_ns // SECOND} s",
    }
