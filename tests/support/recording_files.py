"""Small recordings of every layout, written as their recorders write them."""

import gzip
import json

import pytest

from tests.support.tapes import CONDITION, DOWN_TOKEN, START_S, UP_TOKEN, book

SLUG = f"btc-updown-5m-{START_S}"
BIDS = [(0.47, 200), (0.48, 100)]
ASKS = [(0.53, 120), (0.52, 80)]
MS = 1_000_000


def book_line(ms=1_000, token="up", slug=SLUG, recv_ts=1776323404.776):
    text = book(ms, BIDS, ASKS, token=token).frame.decode()
    return f'{{"recv_ts":{recv_ts},"slug":"{slug}","msg":{text}}}'


def raw_line(frame):
    return f'{{"capturedAt":1776323404,"payload":{frame.frame.decode()}}}'


def write(path, lines, *, packed=True):
    data = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def raw_capture(folder, *frames, **changes):
    record = {
        "slug": SLUG,
        "conditionId": CONDITION,
        "startTs": START_S,
        "endTs": START_S + 300,
        "tickSize": 0.01,
        "minOrderSize": 5,
        "upTokenId": UP_TOKEN,
        "downTokenId": DOWN_TOKEN,
    }
    (folder / f"{SLUG}.markets.json").write_text(json.dumps({"current": record | changes}))
    return write(folder / f"{SLUG}.part1.jsonl.gz", [raw_line(frame) for frame in frames])


def session(folder, *payloads, **changes):
    record = {
        "slug": "btc-updown-15m-1776323400",
        "condition_id": CONDITION,
        "outcomes": [
            {"token_id": DOWN_TOKEN, "outcome": "Down"},
            {"token_id": UP_TOKEN, "outcome": "Up"},
        ],
        "start_ts": START_S * 1000,
        "end_ts": (START_S + 900) * 1000,
        "tick_size": 0.01,
        "min_order_size": 5.0,
        "fee_parameters": {"raw_fee_config": {"exponent": 1, "rate": 0.072, "rebateRate": 0.2}},
    }
    (folder / "s.markets.jsonl").write_text(json.dumps(record | changes) + "\n")
    lines = [
        json.dumps({"source": source, "recv_wall_ts": START_S * 1000 + ms, "payload": payload})
        for source, ms, payload in payloads
    ]
    return write(folder / "s.raw_messages.jsonl.gz", lines)


def l2(folder, rows, *more_markets, **changes):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ("market_id", "ts", "side", "bid_px", "bid_sz", "ask_px", "ask_sz")
    books = [dict(zip(columns, row, strict=True)) for row in rows]
    markets = [
        {
            "market_id": CONDITION,
            "slug": "btc-updown-15m-1776323400",
            "start_ts": START_S * 1000,
            "end_ts": (START_S + 900) * 1000,
            "payout_up": 0.0,
            "payout_down": 1.0,
        }
        | changes,
        *more_markets,
    ]
    parquet.write_table(pyarrow.Table.from_pylist(books), folder / "books.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(markets), folder / "markets.parquet")
    return folder
