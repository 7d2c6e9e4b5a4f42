"""The three layouts of JSON lines: raw captures, book-only captures, session frames."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import orjson

from polymm.domain.market import NS, FeeSchedule, Market
from polymm.domain.tape import Tape
from polymm.errors import RecordingError
from polymm.research.recording_lines import (
    MS,
    TRADE_LAG_NS,
    UNEXPECTED,
    Line,
    Reading,
    cut_value,
    make_tape,
    read_lines,
    read_recording,
    settlement_rule,
    stamp_ns,
    taker_delay_ns,
    to_ns,
    tokens_of,
    window_of,
)

CLOB_SOURCE = "polymarket_clob"
KEEP_ALIVES = ("PING", "PONG")
# Stands for the token that a one-token recording does not name; no frame has it.
UNRECORDED_TOKEN = "00000000"

_MARKET_KEY = re.compile(rb'"market": ?"([^"]+)"')
_TICK_KEY = re.compile(rb'"tick_size": ?"?([0-9]*\.?[0-9]+)')
_TRADE_EVENT = re.compile(rb'"event_type": ?"last_trade_price"')
_RESOLVED_EVENT = re.compile(rb'"event_type": ?"market_resolved"')
_WINNER_KEY = re.compile(rb'"winning_asset_id": ?"(\d+)"')
_RAW_LINE = re.compile(rb'\{"capturedAt":([0-9.]+),"payload":([\[{].*[\]}])\}\Z')
_BOOK_LINE = re.compile(rb'\{"recv_ts":([0-9.eE+]+),"slug":"([^"]+)","msg":(\{.*\})\}\Z')


def recorded_outcome(lines: Iterable[Line], market: Market) -> Literal["up", "down"] | None:
    """The winner by the venue's own ``market_resolved``, the only message that settles."""
    tokens: dict[str, Literal["up", "down"]] = {market.up_token: "up", market.down_token: "down"}
    for line in lines:
        if line.market == market.condition_id and _RESOLVED_EVENT.search(line.frame):
            winner = _WINNER_KEY.search(line.frame)
            return tokens.get(winner[1].decode()) if winner else None
    return None


# Raw captures: {"capturedAt", "payload"} beside <slug>.markets.json


def _parse_raw(line: bytes, reading: Reading) -> None:
    match = _RAW_LINE.match(line)
    if match:
        written, frame = float(match[1]), match[2]
    else:
        written, frame = orjson.loads(line).get("capturedAt"), cut_value(line, "payload")
    reading.write_at(written)
    market = _MARKET_KEY.search(frame)
    if market is None:
        reading.defects["frames_without_market"] += 1
        return
    # capturedAt has a resolution of one second: not usable as a receipt time.
    reading.lines.append(Line(market[1].decode(), stamp_ns(frame), 0, frame))


def open_raw_capture(path: Path) -> list[Tape]:
    """Open a raw capture of the market channel: all event types, trades among them."""
    markets = _raw_markets(path)
    reading = read_recording(path, _parse_raw)
    counts = Counter(line.market for line in reading.lines)
    foreign = sum(n for market, n in counts.items() if market not in markets)
    if foreign:
        reading.defects["foreign_frames"] = foreign
    return [
        make_tape(
            path,
            market,
            lambda: read_recording(path, _parse_raw),
            reading,
            key=condition_id,
            has_trades=True,
            trade_lag_ns=TRADE_LAG_NS,
            outcome=recorded_outcome(reading.lines, market),
        )
        for condition_id, market in markets.items()
    ]


def _raw_markets(path: Path) -> dict[str, Market]:
    beside = path.with_name(f"{path.name.split('.')[0]}.markets.json")
    try:
        records = orjson.loads(beside.read_bytes())
        markets = [_raw_market(records[name]) for name in ("current", "next") if name in records]
    except FileNotFoundError as error:
        raise RecordingError(f"{path}: expected its markets beside it in {beside.name}") from error
    except UNEXPECTED as error:
        raise RecordingError(f"{beside}: expected market records, found: {error!r}") from error
    return {market.condition_id: market for market in markets}


def _raw_market(record: dict[str, Any]) -> Market:
    start_ns = to_ns(record["startTs"], NS)
    end_ns = to_ns(record["endTs"], NS)
    return Market(
        slug=record["slug"],
        condition_id=record["conditionId"],
        up_token=record["upTokenId"],
        down_token=record["downTokenId"],
        start_ns=start_ns,
        end_ns=end_ns,
        tick_e4=round(record["tickSize"] * 10_000),
        order_min_e6=round(record["minOrderSize"] * 1_000_000),
        settlement=settlement_rule(start_ns, end_ns),
        taker_delay_ns=taker_delay_ns(start_ns),
    )


# Book-only captures: {"recv_ts", "slug", "msg"}


def _parse_book_only(line: bytes, reading: Reading) -> None:
    match = _BOOK_LINE.match(line)
    if match:
        written, slug, frame = float(match[1]), match[2].decode(), match[3]
    else:
        record = orjson.loads(line)
        written, slug, frame = record.get("recv_ts"), record["slug"], cut_value(line, "msg")
    reading.write_at(written)
    # The recorder's clock runs behind the venue's: recv_ts is not usable.
    reading.lines.append(Line(slug, stamp_ns(frame), 0, frame))


def open_book_only(path: Path, token_as: Literal["up", "down"] | None = None) -> list[Tape]:
    """Open a capture of ``book`` messages; which token is Up was not recorded."""
    reading = read_recording(path, _parse_book_only)
    tapes = []
    for slug in dict.fromkeys(line.market for line in reading.lines):
        lines = [line for line in reading.lines if line.market == slug]
        window = window_of(slug)
        tokens = tokens_of(lines)
        if window is None or not 1 <= len(tokens) <= 2:
            raise RecordingError(
                f"{path}: expected one or two tokens of an Up/Down window,"
                f" found {len(tokens)} of {slug!r}"
            )
        pair = [*tokens, UNRECORDED_TOKEN][:2]
        if token_as == "down":
            pair.reverse()
        condition = _MARKET_KEY.search(lines[0].frame)
        tick = next((m for line in lines if (m := _TICK_KEY.search(line.frame))), None)
        market = Market(
            slug=slug,
            condition_id=condition[1].decode() if condition else "",
            up_token=pair[0],
            down_token="" if pair[1] == UNRECORDED_TOKEN else pair[1],
            start_ns=window[0],
            end_ns=window[1],
            tick_e4=round(float(tick[1]) * 10_000) if tick else 100,
            settlement=settlement_rule(*window),
            taker_delay_ns=taker_delay_ns(window[0]),
        )
        tapes.append(
            make_tape(
                path,
                market,
                lambda: read_recording(path, _parse_book_only),
                reading,
                key=slug,
                has_trades=False,
                token_labelled=False,
            )
        )
    return tapes


# Session frames: several sources and markets in one file, beside <session>.markets.jsonl


def _parse_session(line: bytes, reading: Reading) -> None:
    record = orjson.loads(line)
    reading.write_at(record.get("recv_wall_ts"))
    if record["source"] != CLOB_SOURCE:
        reading.defects["foreign_frames"] += 1
        return
    text = record["payload"]
    if text.strip() in KEEP_ALIVES:
        reading.defects["keep_alives"] += 1
        return
    recv_ns = to_ns(record["recv_wall_ts"], MS)
    messages = orjson.loads(text)
    stamps: dict[str, int] = {}
    for message in messages if isinstance(messages, list) else [messages]:
        if message.get("event_type") == "new_market":
            reading.defects["announcements"] += 1
            continue
        market = message["market"]
        stamps[market] = max(to_ns(message["timestamp"], MS), stamps.get(market, 0))
    frame = text.encode()
    for market, exch_ns in stamps.items():
        is_usable = recv_ns >= exch_ns
        reading.defects["receipts_before_venue_time"] += not is_usable
        reading.lines.append(Line(market, exch_ns, recv_ns if is_usable else 0, frame))


def open_session(path: Path) -> list[Tape]:
    """Open session frames: one tape a market of the session; an array frame is on each."""
    markets = _session_markets(path)
    reading = read_recording(path, _parse_session)
    counts = Counter(line.market for line in reading.lines)
    unlisted = sum(n for market, n in counts.items() if market not in markets)
    if unlisted:
        reading.defects["unlisted_market_frames"] = unlisted
    has_trades = any(_TRADE_EVENT.search(line.frame) for line in reading.lines)
    return [
        make_tape(
            path,
            market,
            lambda: read_recording(path, _parse_session),
            reading,
            key=condition_id,
            has_trades=has_trades,
            trade_lag_ns=TRADE_LAG_NS if has_trades else 0,
            outcome=recorded_outcome(reading.lines, market),
        )
        for condition_id, market in markets.items()
    ]


def _session_markets(path: Path) -> dict[str, Market]:
    beside = path.with_name(f"{path.name.split('.')[0]}.markets.jsonl")
    if not beside.is_file():
        raise RecordingError(f"{path}: expected its markets beside it in {beside.name}")
    markets = {}
    for number, line in enumerate(read_lines(beside), 1):
        try:
            market = _session_market(orjson.loads(line))
        except UNEXPECTED as error:
            raise RecordingError(
                f"{beside}: line {number}: expected a market record, found: {error!r}"
            ) from error
        markets[market.condition_id] = market
    return markets


def _session_market(record: dict[str, Any]) -> Market:
    tokens = {item["outcome"]: item["token_id"] for item in record["outcomes"]}
    fees = record["fee_parameters"]["raw_fee_config"]
    start_ns = to_ns(record["start_ts"], MS)
    end_ns = to_ns(record["end_ts"], MS)
    return Market(
        slug=record["slug"],
        condition_id=record["condition_id"],
        up_token=tokens["Up"],
        down_token=tokens["Down"],
        start_ns=start_ns,
        end_ns=end_ns,
        tick_e4=round(record["tick_size"] * 10_000),
        order_min_e6=round(record["min_order_size"] * 1_000_000),
        fees=FeeSchedule(
            rate_e6=round(fees["rate"] * 1_000_000),
            exponent=fees["exponent"],
            rebate_e6=round(fees["rebateRate"] * 1_000_000),
        ),
        settlement=settlement_rule(start_ns, end_ns),
        taker_delay_ns=taker_delay_ns(start_ns),
    )
