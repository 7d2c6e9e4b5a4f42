"""The rows that the terminal's tables and the page's share: figures of a summary as text.

One place decides how a figure is named, with which unit and digits, and what stands where it is
not known.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from polymm.research.comparison import label

Json = dict[str, Any]

NO_TRADES = "n/a, no trades recorded"
NOT_KNOWN = "n/a"
# Reasons come in combinations; more rows than this say nothing more. JSON has them all.
REASONS_MAX = 8
THROUGH_NOTE = (
    "inferred: no trade was recorded; a later book lay beyond our price. "
    "The form through holds adverse fills only."
)

# Known optimism of naive paper trading (docs/strategy.md section 4) and what is left of it here.
# The states are "remains", "modelled" and "avoided".
KNOWN_OPTIMISM: tuple[tuple[str, str, str], ...] = (
    ("own impact ignored", "remains", "nobody trades less, cancels or outbids because of us"),
    ("no reaction of others", "remains", "the tape plays the same whatever we do"),
    ("mid marking", "remains", "edge, markouts and unsettled markets are marked at f, not traded"),
    ("snapshots", "remains", "on tapes of snapshots: what happened between two is not seen"),
    ("no queue", "modelled", "a new order joins the back; the models are a band, not a fact"),
    ("zero latency", "modelled", "constants; real latency has tails, and grows when it matters"),
    ("instant merge", "modelled", "a constant delay; on chain a merge may fail"),
    ("wrong-date fees", "modelled", "the market's own schedule where recorded, else the default"),
    ("infinite capital", "avoided", "both buys reserve cash; the starting cash is ours to choose"),
    ("touch equals fill", "avoided", "a touch, a lock or a size drop never fills"),
    ("double-counted mirrored books", "avoided", "one book; trades on Down are counted once"),
    ("ignored rejects", "avoided", "rejected orders are refused and counted"),
    ("look-ahead by exchange timestamps", "avoided", "frames act at receipt or a feed delay later"),
)


def optimism(run: Json) -> tuple[tuple[str, str, str], ...]:
    """Known optimism with its state and why, as it stands for the kind of this run."""
    return tuple(
        (name, *run["optimism"].get(name, (state, why))) for name, state, why in KNOWN_OPTIMISM
    )


def known(value: float | None) -> bool:
    """Whether a figure is a number."""
    return value is not None and math.isfinite(value)


def number(value: float | None, digits: int = 0, unit: str = "", *, signed: bool = False) -> str:
    """A figure with thousands separators, or n/a."""
    if value is None or not math.isfinite(value):
        return NOT_KNOWN
    text = f"{value:+,.{digits}f}" if signed else f"{value:,.{digits}f}"
    if signed and not text.strip("+-0.,"):
        text = text[1:]
    return f"{text} {unit}".rstrip()


def dollars(value: float | None) -> str:
    """Signed dollars to the cent."""
    return number(value, 2, "$", signed=True)


def dollars_e6(value: int | None) -> str:
    """Signed dollars of an integer of 1e-6 dollars."""
    return dollars(None if value is None else value / 1e6)


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent."""
    return number(value if value is None else 100 * value, digits, "%")


def shares_e6(value: int | None) -> str:
    """Shares of an integer of 1e-6 shares."""
    return number(None if value is None else value / 1e6)


def with_error(estimate: Json, digits: int = 2) -> str:
    """Cents per share with the standard error beside."""
    value = number(estimate["cents_per_share"], digits, signed=True)
    if not known(estimate["se"]):
        return f"{value} c" if value != NOT_KNOWN else value
    return f"{value} ± {estimate['se']:.{digits}f} c"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure over several runs; ``section`` starts a new group where it changes."""

    section: str
    name: str
    cells: tuple[str, ...]


Read = Callable[[Json], str]


def fills_text(money: Json) -> str:
    """How many fills, and how many of them were inferred."""
    inferred = money["fills_inferred"]
    text = f"{money['fills']:,}"
    return f"{text} ({inferred:,} inferred)" if inferred else text


def after_rebates(money: Json) -> int:
    """PnL with the rebates that would be paid, 1e-6 dollars."""
    return int(money["pnl_e6"]) + int(money["rebate_paid_e6"])


MONEY: tuple[tuple[str, Read], ...] = (
    ("fills", fills_text),
    ("shares filled", lambda m: shares_e6(m["shares_e6"])),
    ("of trades on the tape", lambda m: percent(m["trade_share"], 2)),
    ("edge per share", lambda m: with_error(m["edge"])),
    ("markout 0.25 s", lambda m: with_error(m["markouts"][0])),
    ("markout 1 s", lambda m: with_error(m["markouts"][1])),
    ("markout 5 s", lambda m: with_error(m["markouts"][2])),
    ("markout 30 s", lambda m: with_error(m["markouts"][3])),
    ("markout settlement", lambda m: with_error(m["markouts"][4])),
    ("spread (edge)", lambda m: dollars(m["sources"]["spread"])),
    ("adverse selection 5 s", lambda m: dollars(m["sources"]["adverse_selection"])),
    ("inventory after 5 s", lambda m: dollars(m["sources"]["inventory"])),
    ("settlement jump", lambda m: dollars(m["sources"]["settlement"])),
    ("fees", lambda m: dollars(m["sources"]["fees"])),
    ("PnL before rebates", lambda m: dollars_e6(m["pnl_e6"])),
    ("rebates paid", lambda m: dollars_e6(m["rebate_paid_e6"])),
    ("rebates accrued", lambda m: dollars_e6(m["rebate_accrued_e6"])),
    ("PnL after rebates", lambda m: dollars_e6(after_rebates(m))),
    ("turnover", lambda m: number(m["turnover_e6"] / 1e6, 2, "$")),
)
SPREAD: tuple[tuple[str, Read], ...] = (
    ("PnL a market, mean", lambda m: dollars(m["per_market"]["mean"])),
    ("  standard error", lambda m: number(m["per_market"]["se"], 2, "$")),
    ("  spread (sd)", lambda m: number(m["per_market"]["sd"], 2, "$")),
    ("Sharpe a market", lambda m: number(m["per_market"]["sharpe"], 3)),
    ("  PSR: true one above 0", lambda m: percent(m["per_market"].get("psr"))),
    ("Sharpe a day", lambda m: number(m["per_day"]["sharpe"], 3)),
)
BRIEF: tuple[tuple[str, Read], ...] = (
    ("fills", fills_text),
    ("edge per share", lambda m: with_error(m["edge"])),
    ("markout 5 s", lambda m: with_error(m["markouts"][2])),
    ("PnL before rebates", lambda m: dollars_e6(m["pnl_e6"])),
)
QUOTED: tuple[tuple[str, Read], ...] = (
    ("orders placed", lambda q: number(q["orders"]["placed_n"])),
    ("rejected", lambda q: reasons_text(q["orders"]["rejects"]) or "0"),
    ("uptime, both sides", lambda q: percent(q["uptime"])),
    ("quoting when book allows", lambda q: percent(q["quoting_share"])),
    ("quoting both sides", lambda q: percent(q["quoting_share_two_sided"])),
)
HELD: tuple[tuple[str, Read], ...] = (
    ("fill ratio", lambda q: percent(q["fill_ratio"])),
    ("lost cancel races", lambda q: percent(q["cancel_race_loss"])),
    ("mean |Up - Down|", lambda q: number(q["inventory"]["net_abs_mean"], 1, "shares")),
    ("max |Up - Down|", lambda q: number(q["inventory"]["net_abs_max"], 1, "shares")),
    ("time at |skew| > 0.7", lambda q: percent(q["inventory"]["skewed_share"])),
    ("pairs merged", lambda q: shares_e6(q["pairs_merged_e6"])),
)
BOOKS: tuple[tuple[str, Read], ...] = (
    ("PnL by the ledger", lambda m: number(m["ledger_e6"] / 1e6, 6, "$", signed=True)),
    ("PnL by the fill list", lambda m: number(m["fill_list_e6"] / 1e6, 6, "$", signed=True)),
)
CALIBRATION: tuple[tuple[str, Read], ...] = (
    ("observations", lambda c: number(c["observations"])),
    ("Brier", lambda c: number(c["brier"], 4)),
    ("log loss", lambda c: number(c["log_loss"], 4)),
    ("skill against the mid", lambda c: "n/a, f is the mid"),
)


def roll_gap(run: Json) -> str:
    """Longest time without any order of ours from one window to the next."""
    return number(run["quoting"]["roll_gap_s_max"], 2, "s")


def stage_text(name: str) -> Read:
    """Make a reader of a stage's times: quantiles in microseconds, and how often it was passed."""

    def read(run: Json) -> str:
        stage = run["stages"].get(name)
        if stage is None or not stage["n"]:
            return NOT_KNOWN
        times = (number(stage[key] / 1e3, 1) for key in ("p50_ns", "p99_ns", "p999_ns"))
        return f"{' / '.join(times)} us, {stage['n']:,}x"

    return read


def reasons_text(counts: Json) -> str:
    """Counts by reason, most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered)


def run_rows(runs: Sequence[Json]) -> list[Row]:
    """All figures of several runs, one column each."""

    def row(section: str, name: str, read: Read) -> Row:
        return Row(section, name, tuple(read(run) for run in runs))

    def part(section: str, key: str, figures: Sequence[tuple[str, Read]], flag: str) -> list[Row]:
        return [
            Row(section, name, tuple(_cell(run[key], flag, read) for run in runs))
            for name, read in figures
        ]

    def count(key: str) -> Read:
        return lambda run: number(run["counts"][key])

    flag = "markets_with_fills_known"
    rows = [row("Settled", "markets", count("settled"))]
    settled = any(run["counts"]["settled"] for run in runs)
    if settled:
        rows += part("Settled", "settled", MONEY + SPREAD, flag)
    if any(run["counts"]["settled_with_gaps"] for run in runs):
        section = "Settled, gaps left out"
        rows += [row(section, "markets with gaps", count("settled_with_gaps"))]
        rows += part(section, "settled_without_gaps", BRIEF, flag)
    if any(run["counts"]["unsettled"] for run in runs):
        section = "Unsettled, at the last f"
        rows += [row(section, "markets, in no total", count("unsettled"))]
        rows += part(section, "unsettled", BRIEF if settled else MONEY, flag)
    section = "Quoting, all that ran"
    rows += part(section, "quoting", QUOTED, "")
    rows += part(section, "quoting", HELD, "fills_known")
    if any(known(run["quoting"]["roll_gap_s_max"]) for run in runs):
        rows.append(row("Quoting, all that ran", "longest gap over a roll", roll_gap))
    for name, read in no_quote_figures(runs):
        rows.append(row("Time without both sides", name, read))
    for name in dict.fromkeys(name for run in runs for name in run["stages"]):
        rows.append(row("Latency, p50 / p99 / p99.9", name, stage_text(name)))
    if any(run["calibration"]["observations"] for run in runs):
        rows += part("Calibration of f", "calibration", CALIBRATION, "")
    rows.append(row("Books", "closed", lambda run: books_text(run["checks"])))
    if settled:
        rows += part("Books", "settled", BOOKS, flag)
    return rows


def _cell(part: Json, flag: str, read: Read) -> str:
    if flag and not part[flag]:
        return NO_TRADES if part.get("markets", 1) else NOT_KNOWN
    return read(part)


def no_quote_figures(runs: Sequence[Json]) -> list[tuple[str, Read]]:
    """Seconds by reason, longest first; what is beyond the first few in one sum."""
    reasons = no_quote_reasons(runs)

    def seconds(names: Sequence[str]) -> Read:
        return lambda run: number(
            math.fsum(run["quoting"]["no_quote_seconds"].get(name, 0.0) for name in names), 1, "s"
        )

    rows = [(name, seconds([name])) for name in reasons[:REASONS_MAX]]
    others = reasons[REASONS_MAX:]
    return [*rows, (f"{len(others)} more", seconds(others))] if others else rows


def no_quote_reasons(runs: Sequence[Json]) -> list[str]:
    """Reasons for having no quote, longest first."""
    total: dict[str, float] = {}
    for run in runs:
        for reason, seconds in run["quoting"]["no_quote_seconds"].items():
            total[reason] = total.get(reason, 0.0) + seconds
    return sorted(total, key=lambda reason: (-total[reason], reason))


def books_text(checks: Json) -> str:
    """Whether ledger, fills and orders add up, or which of them do not."""
    wrong = [
        name
        for name, value in sorted(checks.items())
        if abs(value) > (1e-9 if name == "identity_gap_max" else 0)
    ]
    return "yes" if not wrong else "NO: " + ", ".join(f"{n} {checks[n]:g}" for n in wrong)


def counts_text(run: Json) -> str:
    """How many markets took part, and why others did not."""
    counts = run["counts"]
    text = (
        f"{plural(counts['markets'], 'market')}: {counts['settled']} settled, "
        f"{counts['unsettled']} unsettled, {counts['excluded']} not run"
    )
    return f"{text}; excluded: {reasons_text(counts['reasons'])}" if counts["reasons"] else text


def plural(n: int, noun: str) -> str:
    """A count and its noun."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def shortened(slug: str, length_max: int) -> str:
    """A slug cut in its middle: the kind in front and the start at the end tell markets apart."""
    if len(slug) <= length_max:
        return slug
    tail = min(10, length_max - 3)
    return f"{slug[: length_max - tail - 2]}..{slug[-tail:]}"


def headline(runs: Sequence[Json]) -> int:
    """Index of the run that leads: one whose fills are known, risk_averse before others."""

    def rank(run: Json) -> tuple[bool, bool]:
        return bool(run["quoting"]["fills_known"]), run["queue"] == "risk_averse"

    return max(range(len(runs)), key=lambda i: (*rank(runs[i]), -i))


def flattery(runs: Sequence[Json]) -> list[str]:
    """What flatters these results: the runs' own sentences, each once."""
    return list(dict.fromkeys(sentence for run in runs for sentence in run["flattery"]))


COMPARISON_HEAD = ("a market", "a", "b", "sd a", "sd b", "b - a", "se", "t")


def comparison_text(result: Json) -> str:
    """How much two runs share."""
    return (
        f"{plural(result['markets'], 'market')} in {plural(result['clusters'], 'window')}, "
        f"{result['markets_left_out']} left out; per market, b minus a"
    )


def comparison_rows(result: Json) -> list[tuple[str, ...]]:
    """Each compared figure under COMPARISON_HEAD; errors clustered by window start."""
    keys = ("a", "b", "a_sd", "b_sd", "difference", "se")
    return [
        (
            name.replace("_", " ") + ("" if name == row["unit"] else f", {row['unit']}"),
            *(number(row[key], 3) for key in keys),
            number(row["t"], 1),
        )
        for name, row in result["per_market"].items()
    ]


def labels(runs: Sequence[Json]) -> list[str]:
    """Column names of the runs."""
    return [label(run) for run in runs]
