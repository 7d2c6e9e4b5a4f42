"""What the figures must reach: a floor, a release's aim, and how far each is (docs/measuring.md).

A goal is a ratio within one run. The gate of ``--check`` has slack, because machines are noisy:
0.8 of the floor for "at least", the floor over 0.8 for "at most".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benches import startup
from benches.peers import order_roster, quote_roster, roster
from benches.timing import Sample

SLACK = 0.8

Samples = Mapping[str, Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure against what it must reach.

    Args:
        value: Measured, None where a row it needs was skipped.
        floor: What must hold; None where there is only an aim.
        aim: What a release is to reach; None where there is only a floor.
        at_most: Whether smaller is better.
    """

    text: str
    value: float | None
    floor: float | None
    aim: float | None
    at_most: bool = False
    unit: str = "x"

    @property
    def gate(self) -> float | None:
        """The floor with slack."""
        if self.floor is None:
            return None
        return self.floor / SLACK if self.at_most else self.floor * SLACK

    def reaches(self, limit: float | None) -> bool | None:
        """Say whether the value is on the right side of a limit; None where either is unknown."""
        if self.value is None or limit is None:
            return None
        return self.value <= limit if self.at_most else self.value >= limit

    def distance(self, limit: float | None) -> float | None:
        """Room over the limit as a fraction of it: 0.1 is 10 % better, -0.1 is 10 % short."""
        if self.value is None or limit is None:
            return None
        room = self.value / limit - 1
        return -room if self.at_most else room


def over(samples: Samples, other: str, ours: str) -> float | None:
    """How many times longer `other` takes than `ours`, by medians."""
    if other not in samples or ours not in samples:
        return None
    return samples[other].median_ns / samples[ours].median_ns


def best_of(samples: Samples, names: Iterable[str]) -> str | None:
    """The fastest of these rows."""
    present = [name for name in names if name in samples]
    return min(present, key=lambda name: samples[name].median_ns, default=None)


def _against_best(
    samples: Samples, names: Iterable[str], what: str, floor: float | None, aim: float | None
) -> Goal:
    best = best_of(samples, names)
    return Goal(
        text=f"{what} ({best or 'none installed'})",
        value=over(samples, best, roster.POLYMM) if best else None,
        floor=floor,
        aim=aim,
    )


def book_goals(changes: Samples, books: Samples) -> list[Goal]:
    """Goals of table A."""
    ours, simd = roster.POLYMM, roster.SIMD_PARSE
    careful = {**roster.BOOK_PEERS, **roster.KEPT_PEERS}
    return [
        _against_best(changes, roster.BOOK_PEERS, "A price_change over best plain peer", 17, 20),
        Goal(
            text=f"A price_change over {roster.SORTED_JSON}",
            value=over(changes, roster.SORTED_JSON, ours),
            floor=30,
            aim=35,
        ),
        _against_best(changes, careful, "A price_change over best peer of all rows", None, None),
        Goal(
            text="A price_change over pysimdjson's parse alone",
            value=over(changes, simd, ours),
            floor=None,
            aim=1,
        ),
        _against_best(books, careful, "A book over best peer of all rows", 13, 15),
        Goal(
            text=f"A book over {roster.SORTED_JSON}",
            value=over(books, roster.SORTED_JSON, ours),
            floor=24,
            aim=27,
        ),
        Goal(
            text="A book, share of pysimdjson's parse alone",
            value=over(books, ours, simd),
            floor=None,
            aim=1.15,
            at_most=True,
        ),
    ]


def quote_goals(quotes: Samples) -> list[Goal]:
    """Goals of table B."""
    wanted = (
        (quote_roster.SORTED_DICT, 28, 40),
        (quote_roster.NUMBA, 3.2, 4.5),
        (quote_roster.NUMBA_PACKED, None, None),
        (quote_roster.NUMPY, None, 55),
    )
    return [
        Goal(
            text=f"B analysis + quote over {name}",
            value=over(quotes, name, quote_roster.POLYMM),
            floor=floor,
            aim=aim,
        )
        for name, floor, aim in wanted
    ]


def fused_goals(fused: Samples, changes: Samples, quotes: Samples) -> list[Goal]:
    """Goals of the one call from bytes to "must we requote?"."""
    one_call = fused.get(roster.POLYMM_LANE)
    goals = [
        Goal(
            text="A + B in one call, of parse + apply alone",
            value=over(fused, roster.POLYMM_LANE, roster.POLYMM),
            floor=2.2,
            aim=None,
            at_most=True,
        )
    ]
    book = best_of(changes, roster.BOOK_PEERS)
    for peers, aim in ((quote_roster.PYTHON_PEERS, 30), (quote_roster.COMPILED_PEERS, None)):
        quote = best_of(quotes, peers)
        value = None
        if book and quote and one_call:
            value = (changes[book].median_ns + quotes[quote].median_ns) / one_call.median_ns
        goals.append(Goal(text=f"A + B over {book} + {quote}", value=value, floor=None, aim=aim))
    return goals


def order_goals(figures: Mapping[str, Samples]) -> list[Goal]:
    """Goals of table C: signed, bytes ready, header."""
    signed, ready, header = figures["signed"], figures["bytes ready"], figures["header"]
    ours, bare = order_roster.POLYMM, order_roster.BARE_SIGN
    return [
        Goal(
            text=f"C build + sign over {order_roster.CLOB}",
            value=over(signed, order_roster.CLOB, ours),
            floor=12,
            aim=12,
        ),
        Goal(
            text=f"C build + sign over {order_roster.CLOB_ALONE}",
            value=over(signed, order_roster.CLOB_ALONE, ours),
            floor=100,
            aim=120,
        ),
        Goal(
            text="C build + sign, of coincurve's bare sign",
            value=over(signed, ours, bare),
            floor=1.2,
            aim=1.15,
            at_most=True,
        ),
        Goal(
            text="C decided -> bytes ready, of coincurve's bare sign",
            value=over(ready, ours, bare),
            floor=1.5,
            aim=None,
            at_most=True,
        ),
        Goal(
            text=f"C decided -> bytes ready over {order_roster.CLOB}",
            value=over(ready, order_roster.CLOB, ours),
            floor=None,
            aim=13.8,
        ),
        Goal(
            text=f"C header over {order_roster.HEADER_CLOB}",
            value=over(header, order_roster.HEADER_CLOB, order_roster.HEADER_POLYMM),
            floor=None,
            aim=3.5,
        ),
    ]


def startup_goals(programs: Samples) -> list[Goal]:
    """Goals of the start-up table; figures over bare Python, by medians."""
    bare_ns = programs[startup.BARE].median_ns
    above = {name: sample.median_ns - bare_ns for name, sample in programs.items()}
    return [
        Goal(
            text="F import polymm and a Book, of import numpy alone",
            value=above[startup.POLYMM] / above[startup.NUMPY],
            floor=1.3,
            aim=None,
            at_most=True,
        ),
        Goal(
            text="F import polymm and a Book, over bare Python",
            value=above[startup.POLYMM] / 1e6,
            floor=45,
            aim=80,
            at_most=True,
            unit="ms",
        ),
        Goal(
            text="F polymm --help, of a bare typer program",
            value=programs[startup.POLYMM_HELP].median_ns / programs[startup.TYPER_HELP].median_ns,
            floor=1.3,
            aim=None,
            at_most=True,
        ),
        Goal(
            text="F polymm --help, over bare Python",
            value=above[startup.POLYMM_HELP] / 1e6,
            floor=None,
            aim=40,
            at_most=True,
            unit="ms",
        ),
    ]
