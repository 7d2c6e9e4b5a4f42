"""What tapes and recordings say of themselves, as plain values: for people and for programs."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from polymm._core.layout import (
    ROW_BOOK,
    ROW_CHANGE,
    ROW_EVENT_END,
    ROW_FRAME_END,
    ROW_TICK,
    ROW_TRADE,
    ROW_VENUE,
)
from polymm.domain.market import NS
from polymm.research.market_record import market_record
from polymm.research.run_recording import Channel, Gap, RunRecording
from polymm.research.tape_file import TapeFacts
from polymm.research.tape_hashes import HashCounts
from polymm.research.tape_pack import PackedTape

_EVENTS: Final = (("books", ROW_BOOK), ("trades", ROW_TRADE), ("ticks", ROW_TICK))


def tape_record(path: Path, facts: TapeFacts, packed: PackedTape) -> dict[str, Any]:
    """What a tape holds."""
    rows, market = packed.rows, facts.market
    once = rows[rows["flags"] & ROW_VENUE != 0]
    kinds, ends = once["kind"], once["flags"] & ROW_EVENT_END != 0
    found: dict[str, Any] = {
        "path": str(path),
        "market": market_record(market),
        "outcome": facts.outcome,
        "source": facts.source,
        "made_by": facts.made_by,
        "rows": facts.rows_n,
        "bytes": path.stat().st_size,
        "frames": int(np.count_nonzero(once["flags"] & ROW_FRAME_END)),
        "changes": int(np.count_nonzero((kinds == ROW_CHANGE) & ends)),
        "truth": facts.truth_n,
        "has_trades": facts.has_trades,
        "token_labelled": facts.token_labelled,
        "trade_lag_ms": facts.trade_lag_ns / 1e6,
        "defects": dict(facts.defects),
        "hashes": facts.hashes._asdict(),
    }
    found |= {name: int(np.count_nonzero(kinds == kind)) for name, kind in _EVENTS}
    if len(once):
        times = once["exch_ns"]
        found["first_s"] = (int(times.min()) - market.start_ns) / NS
        found["last_s"] = (int(times.max()) - market.start_ns) / NS
        found["received"] = float(np.count_nonzero(once["recv_ns"]) / len(once))
    return found


def tape_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    market = found["market"]
    length_s = (market["end_ns"] - market["start_ns"]) / NS
    rule, fees = market["settlement"], market["fees"]
    lines = [
        ("market", f"{market['slug']}  {market['condition_id']}"),
        ("window", f"{utc(market['start_ns'])}, {length_s:g} s"),
        ("outcome", found["outcome"] or "not recorded: excluded from totals"),
        (
            "rules",
            f"{rule['kind']} over {rule['lookback_ns'] / NS:g} s, tick"
            f" {market['tick_e4'] / 1e4:g}, at least {market['order_min_e6'] / 1e6:g} shares,"
            f" fee {fees['rate_e6'] / 1e6:g}, taker delay {market['taker_delay_ns'] / 1e6:g} ms",
        ),
        (
            "events",
            f"{found['frames']:,} frames: {found['books']:,} books, {found['changes']:,} changes,"
            f" {found['trades']:,} trades, {found['ticks']:,} ticks",
        ),
        ("rows", f"{found['rows']:,} in {found['bytes'] / 2**20:,.1f} MiB"),
    ]
    if "first_s" in found:
        lines.append(
            (
                "covers",
                f"{found['first_s']:.1f} s to {found['last_s']:.1f} s of the window;"
                f" {found['received']:.0%} of the rows have a receipt time",
            )
        )
    if not found["token_labelled"]:
        lines.append(("token", "recorded without its label"))
    lines += [
        ("hashes", hash_text(HashCounts(**found["hashes"]))),
        ("defects", counts_text(found["defects"])),
        ("source", f"{found['source']} ({found['made_by']})"),
    ]
    return lines


def hash_text(counts: HashCounts) -> str:
    """How many hashes were right."""
    books, changes = counts.books + counts.books_failed, counts.changes + counts.changes_failed
    return (
        f"{counts.books:,} of {books:,} books, {counts.changes:,} of {changes:,} changes verify;"
        f" {counts.unchecked:,} have none that can be checked"
    )


def counts_text(counts: dict[str, int]) -> str:
    """Names and counts in one line."""
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()) if n) or "none"


def run_record(run: RunRecording) -> dict[str, Any]:
    """What a recorded run holds; reads all of it."""
    frames: Counter[str] = Counter()
    n_bytes: Counter[str] = Counter()
    for frame in run.frames():
        name = Channel(frame.channel).name.lower()
        frames[name] += 1
        n_bytes[name] += len(frame.payload)
    facts = run.run()
    first_ns, last_ns = run.span
    return {
        "path": str(run.path),
        "run": {name: facts.get(name) for name in ("run", "version", "venue", "digest")},
        "files": len(run.files),
        "stored_bytes": sum(file.n_bytes for file in run.files),
        "is_closed": run.is_closed,
        "is_whole": run.is_whole,
        "first_ns": first_ns,
        "last_ns": last_ns,
        "frames": dict(frames),
        "bytes": dict(n_bytes),
        "markets": [market_record(market) for market in run.markets().values()],
        "gaps": [gap._asdict() for gap in run.gaps],
    }


def run_lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    run, raw = found["run"], sum(found["bytes"].values())
    ended = "closed in order" if found["is_closed"] else "not closed: killed, or still written"
    if found["is_closed"] and not found["is_whole"]:
        ended += ", without the run's end: later files are missing"
    lines = [
        ("run", f"{run['run']}, polymm {run['version']}, configuration {run['digest']}"),
        ("venue", f"{run['venue']}"),
        (
            "time",
            f"{utc(found['first_ns'])}, {(found['last_ns'] - found['first_ns']) / NS:,.1f} s",
        ),
        (
            "files",
            f"{found['files']:,}, {found['stored_bytes'] / 2**20:,.1f} MiB for"
            f" {raw / 2**20:,.1f}; {ended}",
        ),
        ("frames", counts_text(found["frames"])),
        ("markets", ", ".join(market["slug"] for market in found["markets"]) or "none"),
    ]
    return lines + [("missing", gap_text(Gap(**gap))) for gap in found["gaps"]]


def gap_text(gap: Gap) -> str:
    """One sentence of what is missing."""
    count = "an unknown number of frames" if gap.frames < 0 else f"{gap.frames:,} frames"
    when = ""
    if gap.last_ns and not gap.first_ns:
        when = f" before {utc(gap.last_ns)}"
    elif gap.last_ns:
        when = f" from {utc(gap.first_ns)} for {(gap.last_ns - gap.first_ns) / NS:.3f} s"
    return f"{count}{when}: {gap.why}"


def utc(ns: int) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(ns / NS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
