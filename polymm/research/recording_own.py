"""Recordings of our own runs as tapes: one a market that the run took in.

A run hears each market on several sockets at once. A tape follows one of them, the one that told
most of the market; where that one was not there, those that were fill in. What they told twice is
the same text.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal

import orjson

from polymm.domain.market import Market
from polymm.domain.tape import Tape, TapeFrame
from polymm.errors import RecordingError
from polymm.research.recording_layouts import recorded_outcome
from polymm.research.recording_lines import (
    MS,
    TRADE_LAG_NS,
    UNEXPECTED,
    Line,
    RecordedFrames,
    check_market,
    stamp_ns,
    to_ns,
    venue_order,
)
from polymm.research.run_recording import Channel, Gap, RunRecording, open_run

# Sockets tell the same within this; farther from another's time a frame can be no copy.
APART_NS: Final = 2_000_000_000
_KEEP_ALIVES: Final = frozenset((b"PING", b"PONG", b"{}", b""))
_MARKET_KEY: Final = re.compile(rb'"market": ?"([^"]+)"')
_NEW_MARKET: Final = re.compile(rb'"event_type": ?"new_market"')


@dataclass(slots=True)
class _Heard:
    """What one market's frames looked like at first sight."""

    first_ns: int = 0
    last_ns: int = 0
    frames: Counter[int] = field(default_factory=Counter)  # by socket


def open_recorded(path: Path) -> list[Tape]:
    """Open the tapes of a recorded run: a folder of files, or one of them.

    A market of which nothing was heard stays: it is excluded when it is run, and counted.

    Raises:
        RecordingError: Not a recording, or one that cannot be read.
    """
    run = open_run(path)
    markets = run.markets()
    heard, defects = _listen(run, markets)
    winners, is_whole = _winners(run), run.is_whole
    tapes = []
    for condition_id, market in markets.items():
        check_market(path, market)
        told = heard[condition_id]
        if not is_whole and told.last_ns < market.end_ns:
            defects["cut_before_its_end"] += 1
        tape = _tape(run, market, told, defects, winners.get(condition_id))
        # What was wrong with the files stands on the first of their tapes, so that sums hold.
        defects = Counter()
        tapes.append(tape)
    return tapes


def _listen(
    run: RunRecording, markets: dict[str, Market]
) -> tuple[dict[str, _Heard], Counter[str]]:
    heard: dict[str, _Heard] = {name: _Heard() for name in markets}
    defects: Counter[str] = Counter()
    for recv_ns, _, socket, payload in run.frames(Channel.MARKET):
        named = {name.decode() for name in _MARKET_KEY.findall(payload)}
        if not named:
            name = "keep_alives" if payload in _KEEP_ALIVES else "frames_without_market"
            defects[name] += 1
        elif _NEW_MARKET.search(payload):
            defects["announcements"] += 1
        elif not named & markets.keys():
            defects["foreign_frames"] += 1
        else:
            for name in named & markets.keys():
                one = heard[name]
                one.first_ns = min(one.first_ns or recv_ns, recv_ns)
                one.last_ns = max(one.last_ns, recv_ns)
                one.frames[socket] += 1
    return heard, defects


def _winners(run: RunRecording) -> dict[str, Literal["up", "down"]]:
    """Winners by the run's own notes: it was told by the feed, or asked the catalogue."""
    found: dict[str, Literal["up", "down"]] = {}
    for note in run.notes():
        if note["note"] == "outcome" and note.get("winner") in ("up", "down"):
            found[str(note["market"])] = note["winner"]
    return found


def _tape(
    run: RunRecording,
    market: Market,
    heard: _Heard,
    defects: Counter[str],
    noted: Literal["up", "down"] | None,
) -> Tape:
    lines = _load(run, market, heard)
    told = recorded_outcome(lines, market)
    found = Counter(defects)
    frames, inversions = venue_order(_frames(lines, found))
    found["inversions"] += inversions
    found["outcomes_that_differ"] += told is not None and noted is not None and told != noted
    found["frames_missed_by_a_socket"] += _missed(run, market, heard)
    for gap in run.gaps:
        if _touches(gap, heard):
            found["gaps"] += 1
            found["frames_lost"] += max(gap.frames, 0)
    return Tape(
        market=market,
        frames=RecordedFrames(len(frames), partial(_load_frames, run, market, heard)),
        outcome=told or noted,
        has_trades=True,
        source=str(run.path),
        defects={name: n for name, n in found.items() if n},
        trade_lag_ns=TRADE_LAG_NS,
    )


def _touches(gap: Gap, heard: _Heard) -> bool:
    """Whether something of a market may be missing there; unknown is yes."""
    if not gap.last_ns or not heard.frames:
        return True
    return gap.first_ns <= heard.last_ns + APART_NS and gap.last_ns >= heard.first_ns - APART_NS


def _by_socket(run: RunRecording, market: Market, heard: _Heard) -> dict[int, list[Line]]:
    """All that was told of a market, by socket, those that told most first."""
    name = market.condition_id
    key = name.encode()
    found: defaultdict[int, list[Line]] = defaultdict(list)
    if heard.frames:
        for recv_ns, _, socket, payload in run.frames(
            Channel.MARKET, span=(heard.first_ns, heard.last_ns)
        ):
            if key in payload and not _NEW_MARKET.search(payload):
                found[socket].append(Line(name, _stamp(payload, name), recv_ns, payload))
    order = sorted(found, key=lambda socket: (-len(found[socket]), socket))
    return {socket: found[socket] for socket in order}


def _stamp(payload: bytes, market: str) -> int:
    """Venue time of a frame; the newest of an array's own messages of that market.

    Raises:
        RecordingError: There is none.
    """
    try:
        if payload.lstrip()[:1] != b"[":
            return stamp_ns(payload)
        return max(
            to_ns(message["timestamp"], MS)
            for message in orjson.loads(payload)
            if message["market"] == market
        )
    except UNEXPECTED as error:
        raise RecordingError(f"expected a frame with its time, found {payload[:60]!r}") from error


def _load(run: RunRecording, market: Market, heard: _Heard) -> list[Line]:
    """Frames of the socket that told most, then of others from when it was not there."""
    chosen: list[Line] = []
    covered: list[tuple[int, int]] = []
    for lines in _by_socket(run, market, heard).values():
        begin_ns, end_ns = lines[0].recv_ns, lines[-1].recv_ns
        if not covered:
            chosen += lines
        else:
            known = {line.frame for line in chosen}
            chosen += [
                line for line in lines if not _within(line, covered) and line.frame not in known
            ]
        covered.append((begin_ns, end_ns))
    if len(covered) > 1:
        chosen.sort(key=lambda line: line.recv_ns)
    return chosen


def _within(line: Line, covered: Iterable[tuple[int, int]]) -> bool:
    """Whether another socket was there, so that it told the same within moments."""
    return any(
        begin_ns + APART_NS <= line.recv_ns <= end_ns - APART_NS for begin_ns, end_ns in covered
    )


def _missed(run: RunRecording, market: Market, heard: _Heard) -> int:
    """Frames that another socket told and the first one did not, while both were there."""
    sockets = list(_by_socket(run, market, heard).values())
    if len(sockets) < 2:
        return 0
    first = sockets[0]
    known = {line.frame for line in first}
    whole = (first[0].recv_ns, first[-1].recv_ns)
    return len(
        {
            line.frame
            for lines in sockets[1:]
            for line in lines
            if line.frame not in known and _within(line, [whole])
        }
    )


def _frames(lines: Iterable[Line], defects: Counter[str]) -> list[TapeFrame]:
    """Frames with times; a receipt before the venue's own time is not usable."""
    found = []
    for _, exch_ns, recv_ns, frame in lines:
        usable = recv_ns >= exch_ns
        defects["receipts_before_venue_time"] += not usable
        found.append(TapeFrame(exch_ns, recv_ns if usable else 0, frame))
    return found


def _load_frames(run: RunRecording, market: Market, heard: _Heard) -> list[TapeFrame]:
    return venue_order(_frames(_load(run, market, heard), Counter()))[0]
