"""Print what was measured: tables with ratios, goals with distances; the same as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benches.goals import Goal
from benches.timing import Sample, Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of one table.

    Args:
        base: The row that is 1 in every column.
        columns: Heading to the samples of its rows.
        unit_ns: What the figures are printed in: 1 for ns, 1_000_000 for ms.
        note: One sentence on what is in a figure.
    """

    title: str
    base: str
    columns: Mapping[str, Mapping[str, Sample]]
    skipped: Sequence[Skipped] = ()
    unit_ns: int = 1
    note: str = ""

    def ratio(self, column: str, name: str) -> float:
        """A row's median over the base row's."""
        samples = self.columns[column]
        return samples[name].median_ns / samples[self.base].median_ns

    def names(self) -> list[str]:
        """Rows by the last column, fastest first."""
        last = list(self.columns.values())[-1]
        return sorted(last, key=lambda name: last[name].median_ns)


def table_text(table: Table) -> str:
    """Lay a table out for a terminal."""
    unit = {1: "ns", 1_000_000: "ms"}[table.unit_ns]
    heads = [f"{column} med / min {unit}" for column in table.columns]
    width = max(len(name) for name in [*table.names(), *(one.name for one in table.skipped)])
    lines = [table.title, f"{'contender':{width}}  " + "  ".join(f"{h:>28}       x" for h in heads)]
    for name in table.names():
        cells = [_cell(table, column, name) for column in table.columns]
        lines.append(f"{name:{width}}  " + "  ".join(cells))
    lines += [
        f"{one.name:{width}}  skipped: {one.package} is not installed (pip install '.[bench]')"
        for one in table.skipped
    ]
    return "\n".join(lines + ([table.note] if table.note else []))


def _cell(table: Table, column: str, name: str) -> str:
    sample = table.columns[column][name]
    digits = 0 if table.unit_ns == 1 else 1
    figures = (
        f"{sample.median_ns / table.unit_ns:,.{digits}f}"
        f" / {sample.min_ns / table.unit_ns:,.{digits}f}"
    )
    return f"{figures:>28}  {table.ratio(column, name):6.2f}"


def goals_text(goals: Sequence[Goal]) -> str:
    """Lay the goals out: measured, floor, aim, distances, verdict."""
    width = max(len(goal.text) for goal in goals)
    lines = [
        "goals, by medians of this run (distance: + is room, - is short)",
        f"{'':{width}}  {'measured':>9}  {'floor':>16}  {'aim':>16}",
    ]
    for goal in goals:
        value = "skipped" if goal.value is None else f"{goal.value:.2f} {goal.unit}"
        floor, aim = _limit(goal, goal.floor), _limit(goal, goal.aim)
        lines.append(f"{goal.text:{width}}  {value:>9}  {floor:>16}  {aim:>16}  {verdict(goal)}")
    return "\n".join(lines)


def _limit(goal: Goal, limit: float | None) -> str:
    distance = goal.distance(limit)
    if limit is None:
        return "-"
    bound = f"{'<=' if goal.at_most else '>='} {limit:g}"
    return bound if distance is None else f"{bound} ({distance:+.0%})"


def verdict(goal: Goal) -> str:
    """One word: where the value stands among gate, floor and aim."""
    if goal.value is None:
        return "not measured"
    if goal.reaches(goal.gate) is False:
        return "FAILS THE GATE"
    if goal.reaches(goal.floor) is False:
        return "below the floor"
    if goal.reaches(goal.aim) is False:
        return "short of the aim"
    return "ok" if goal.floor is not None or goal.aim is not None else "told only"


def as_json(
    machine: Mapping[str, Any], tables: Sequence[Table], goals: Sequence[Goal]
) -> dict[str, Any]:
    """Everything printed, as plain values; times in nanoseconds."""
    return {
        "machine": dict(machine),
        "tables": [
            {
                "title": table.title,
                "base": table.base,
                "columns": {
                    column: {
                        name: asdict(sample) | {"ratio": table.ratio(column, name)}
                        for name, sample in samples.items()
                    }
                    for column, samples in table.columns.items()
                },
                "skipped": {one.name: one.package for one in table.skipped},
            }
            for table in tables
        ],
        "goals": [
            asdict(goal) | {"gate": goal.gate, "passes": goal.reaches(goal.gate)} for goal in goals
        ],
    }
