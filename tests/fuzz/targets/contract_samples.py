"""Samples out of the contract: what the venue answers, every hole of its patterns filled."""

from typing import Any

import orjson

from tests.contract import rest_account, rest_cancels, rest_orders, rest_public, rest_states
from tests.contract.patterns import filled
from tests.support.market_records import CONDITION, DOWN, UP

NAMES = {
    "A": "0x" + "0a" * 32,
    "B": "0x" + "0b" * 32,
    "C": "0x" + "0c" * 32,
    "T": "0x" + "7a" * 32,
    "UP": UP,
    "DOWN": DOWN,
    "MARKET": CONDITION,
    "OWNER": "28c4d2eb-bbea-40e7-a9f0-b2fdb56b2c2e",
    "WALLET": "0x" + "9f" * 20,
}


def answers() -> dict[str, list[tuple[int, Any]]]:
    """Statuses and values of all answers, by what our client does with them."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for cases in (rest_public, rest_account, rest_orders, rest_cancels, rest_states):
        for case in cases.CASES:
            if case.reads is not None:
                told = found.setdefault(case.reads.act, [])
                told.append((case.status, filled(case.answer, _Named(NAMES))))
    return found


def text_of(value: Any) -> bytes:
    """Write a value as it comes over the wire; words stay words."""
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


class _Named(dict[str, str]):
    """Names; one that only a scene knows is made up."""

    def __missing__(self, name: str) -> str:
        return f"some {name}"
