"""Ways to spoil a frame: odd values in its JSON, and damage to its bytes."""

import json
from copy import deepcopy
from random import Random
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, -0.0, 1.5, 0.12345, 1e-7, 1e22, 10**18, 2**64, 10**30,
    [], {}, [[]], "", " ", "0", "0.0", "1", "1.0", "1.5", "-0.48", "+0.48", "0.12345", "0.00001",
    "0.48 ", " 0.48", "0.4800000000", "0,48", "1e-2", "4.8E-1", ".", ".5", "5.", "0..5", "0x1",
    "٠.٤٨", "0.４8", "½", "NaN", "nan", "Infinity", "-0", "99999999", "99999999.9999999",
    "100000000", "9" * 15, "9" * 41, "9" * 5000, "0" * 60, "0.1234567", "0.123456",
    "00000000.480000", "000000000.48", "BUY", "SELL", "buy", "BUY ", "book", "price_change",
    "last_trade_price", "tick_size_change", "market_resolved", "new_market", "1776808414710",
    "0000000000000", "9999999999999", "99999999999999", "100000000000000", "177680841471",
    "17768084147100", "1776808414710.0", "-776808414710", "é", "\x7f", "a" * 40, "\u0000", "\\",
    '"', "0.1", "0.05", "0.03", "0.5", "0.0001", "0.00005", "45936375", "4" * 96, "4" * 97,
)  # fmt: skip
SPECIAL = b'"\\{}[]:,.0159-+eE \n\t\r\x00\x01\x1f\x7f\x80\xc3\xff/uBS'
CHUNKS = (
    b"\xc3\xa9", b"\xff\xfe", b"\xed\xa0\x80", b"\\u0030", b"\\ud800", b"NaN", b"Infinity",
    b"null", b'""', b'"a":1,', b"[[[[", b"]]]]", b"{}", b",", b'","price":"', b'"},{"', b"-",
    b"1e5", b"0" * 24, b'{"market":"', b'"timestamp":"1776808414710"', b"/**/", b"\xef\xbb\xbf",
)  # fmt: skip


def odd(value: Any, rng: Random) -> None:
    """Change one to three places of a frame's value; the result is still JSON."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        holder = _place(value, rng)
        if isinstance(holder, dict) and holder:
            key = rng.choice(list(holder))
            draw = rng.random()
            if draw < 0.7:
                holder[key] = deepcopy(rng.choice(ODD_VALUES))
            elif draw < 0.85:
                del holder[key]
            elif draw < 0.95:
                holder[rng.choice(("changes", "asset_id", "event_type", key + " "))] = holder[key]
            else:
                moved = holder.pop(key)
                holder[key] = moved
        elif isinstance(holder, list):
            holder.insert(rng.randrange(len(holder) + 1), deepcopy(rng.choice(ODD_VALUES)))


def _place(value: Any, rng: Random) -> Any:
    """Walk down to an object or array, deeper ones as likely as their holders."""
    while True:
        inner = value.values() if isinstance(value, dict) else value
        deeper = [item for item in inner if isinstance(item, dict | list)]
        if not deeper or rng.random() < 0.4:
            return value
        value = rng.choice(deeper)


def broken(frame: bytes, other: bytes, rng: Random) -> bytes:
    """Damage a frame's bytes, or splice in the end of `other` where there is one."""
    if other:
        cut = rng.randrange(len(frame) + 1)
        return frame[:cut] + other[rng.randrange(len(other) + 1) :]
    for _ in range(rng.choice((1, 1, 1, 1, 2, 3, 8))):
        frame = _damaged(frame, rng)
    return frame


def _damaged(frame: bytes, rng: Random) -> bytes:
    n = len(frame)
    i = rng.randrange(n + 1)
    draw = rng.random()
    if draw < 0.3 and i < n:
        return frame[:i] + bytes((frame[i] ^ 1 << rng.randrange(8),)) + frame[i + 1 :]
    if draw < 0.5:
        return frame[:i] + bytes((rng.choice(SPECIAL),)) + frame[i + 1 :]
    if draw < 0.62:
        return frame[:i] + frame[i + rng.choice((1, 1, 1, 2, 5, 24)) :]
    if draw < 0.74:
        return frame[:i] + bytes((rng.choice(SPECIAL),)) + frame[i:]
    if draw < 0.82:
        return frame[:i] + rng.choice(CHUNKS) + frame[i:]
    if draw < 0.9:
        return frame[:i]
    if draw < 0.93:
        return frame + frame
    if draw < 0.96:
        j = rng.randrange(i, min(n, i + 64) + 1)
        return frame[:j] + frame[i:j] + frame[j:]
    return _digit_swapped(frame, rng)


def _digit_swapped(frame: bytes, rng: Random) -> bytes:
    """Change one digit to another: still well-formed, another value."""
    places = [i for i, byte in enumerate(frame) if 48 <= byte <= 57]
    if not places:
        return frame
    i = rng.choice(places)
    return frame[:i] + bytes((rng.randrange(48, 58),)) + frame[i + 1 :]


def is_json(frame: bytes) -> bool:
    """Whether Python's own parser takes the frame: a second opinion on what was refused."""
    try:
        json.loads(frame)
    except (ValueError, RecursionError):
        return False
    return True
