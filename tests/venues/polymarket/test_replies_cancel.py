"""What a cancel proves of each order, and what it does not."""

import orjson
import pytest

from polymm.net.http_outcome import Reply
from polymm.venues.polymarket import reasons
from polymm.venues.polymarket.replies import Stamps, read_cancel, read_sweep
from polymm.venues.polymarket.results import CancelState

A, B, C = ("0x" + two * 32 for two in ("0a", "0b", "0c"))
AT = Stamps(1, 2, 3, 4)
HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"


def answer(status: int, body: object) -> Reply:
    return Reply(status, (), body if isinstance(body, bytes) else orjson.dumps(body), 3, 4)


def cancel(body: object, *order_ids: str, status: int = 200):
    return read_cancel(answer(status, body), order_ids, AT)


@pytest.mark.parametrize(
    ("text", "reason", "is_final"),
    [
        ("Order not found or already canceled", "not_found", True),
        ("Order already matched", "matched", True),
        ("already canceled or matched", "gone", True),
        ("Order not found", "not_found", True),
        ("Order already canceled", "canceled", True),
        ("order is delayed and cannot be canceled", "delayed", False),
        ("order is delayed, not matched yet", "delayed", False),
        ("could not be matched with a state", "not_canceled", False),
        ("of next year", "not_canceled", False),
    ],
)
def test_a_refused_cancel_says_why_and_whether_to_stop(text, reason, is_final):
    (found,) = cancel({"canceled": [], "not_canceled": {A: text}}, A)
    assert (found.state, found.reason) == (CancelState.NOT_CANCELED, reason)
    assert (found.is_final, found.is_known) == (is_final, True)
    assert reason in reasons.REASONS


def test_each_id_of_a_cancel_gets_its_own_result():
    body = {"canceled": [A.upper().replace("X", "x")], "not_canceled": {B: "Order already matched"}}
    found = cancel(body, A, B, C)
    assert [result.state for result in found] == [
        CancelState.CANCELED,
        CancelState.NOT_CANCELED,
        CancelState.UNKNOWN,
    ]
    assert [result.is_final for result in found] == [True, True, False]
    assert [result.order_id for result in found] == [A, B, C]


@pytest.mark.parametrize(
    ("status", "body", "state", "reason"),
    [
        (429, {"error": "Too Many Requests"}, CancelState.REJECTED, "throttled"),
        (425, b"", CancelState.REJECTED, "restarting"),
        (503, {"error": "Trading is currently disabled."}, CancelState.REJECTED, "disabled"),
        (401, {"error": "Unauthorized/Invalid api key"}, CancelState.REJECTED, "unauthorized"),
        (400, {"error": "Invalid orderID"}, CancelState.REJECTED, "invalid_order_id"),
        (500, {"error": "?"}, CancelState.UNKNOWN, "server_error"),
        (502, HTML, CancelState.UNKNOWN, "server_error"),
        (200, HTML, CancelState.UNKNOWN, "unreadable"),
        (200, {}, CancelState.UNKNOWN, "unreadable"),
        (200, {"canceled": {}, "not_canceled": []}, CancelState.UNKNOWN, "leg_missing"),
        (200, {"canceled": [1], "not_canceled": {}}, CancelState.UNKNOWN, "unreadable"),
        (200, {"canceled": None, "not_canceled": None}, CancelState.UNKNOWN, "leg_missing"),
    ],
)
def test_a_cancel_that_was_not_carried_out(status, body, state, reason):
    (found,) = cancel(body, A, status=status)
    assert (found.state, found.reason) == (state, reason)
    assert not found.is_final


def test_an_id_that_stands_on_both_sides_proves_nothing():
    body = {"canceled": [A, B], "not_canceled": {A.upper(): "Order already matched"}}
    found = cancel(body, A, B)
    assert [result.state for result in found] == [CancelState.UNKNOWN, CancelState.CANCELED]
    assert read_sweep(answer(200, body), AT).canceled == (B,)


def test_a_sweep_tells_what_it_took():
    body = {"canceled": [A], "not_canceled": {B: "Order already matched"}}
    found = read_sweep(answer(200, body), AT)
    assert (found.state, found.canceled) == (CancelState.CANCELED, (A,))
    assert found.not_canceled == {B: "matched"}
    none = read_sweep(answer(200, {"canceled": [], "not_canceled": {}}), AT)
    assert (none.state, none.canceled) == (CancelState.CANCELED, ())
    refused = read_sweep(answer(503, {"error": "Trading is currently disabled"}), AT)
    assert (refused.state, refused.reason) == (CancelState.REJECTED, "disabled")
