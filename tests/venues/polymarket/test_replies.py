"""Every state and sentence of the venue as a result: what it means, and whether it is known."""

import gzip

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymm.net.dialling import DIAL_KINDS
from polymm.net.http_outcome import NOT_SENT_REASONS, UNKNOWN_REASONS, NotSent, Reply, Unknown
from polymm.venues.polymarket import reasons
from polymm.venues.polymarket.replies import (
    RETRY_AFTER_S_MAX,
    TEXT_CHARS_MAX,
    Stamps,
    read_cancel,
    read_place,
    read_sweep,
    refusal_of,
)
from polymm.venues.polymarket.results import CancelState, PlaceState

A, B, C = ("0x" + two * 32 for two in ("0a", "0b", "0c"))
AT = Stamps(1, 2, 3, 4)
HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"
S = PlaceState


def answer(status: int, body: object, *headers: tuple[bytes, bytes]) -> Reply:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Reply(status, headers, raw, 3, 4)


def leg(order_id: str = A, **others: object) -> dict[str, object]:
    usual = {
        "success": True,
        "errorMsg": "",
        "orderID": order_id,
        "status": "live",
        "takingAmount": "",
        "makingAmount": "",
        "tradeIDs": [],
        "transactionsHashes": [],
    }
    return usual | others


def one(status: int, body: object, *headers: tuple[bytes, bytes]):
    (found,) = read_place(answer(status, body, *headers), [A], AT)
    return found


# Texts of rest notes 3, as they come with HTTP 400 unless another status is named.
REFUSALS = [
    (400, "Invalid order payload", "invalid_payload", S.REJECTED),
    (400, "order_version_mismatch", "version_mismatch", S.REJECTED),
    (400, "invalid signature", "signature", S.REJECTED),
    (400, "the order owner has to be the owner of the API KEY", "not_owner", S.REJECTED),
    (
        400,
        "the order signer address has to be the address of the API KEY",
        "not_owner",
        S.REJECTED,
    ),
    (
        400,
        "maker address not allowed, please use the deposit wallet flow",
        "account_type",
        S.REJECTED,
    ),
    (400, "'0xAb' address banned", "banned", S.REJECTED),
    (400, "'0xAb' address in closed only mode", "closed_only", S.REJECTED),
    (400, "invalid post-only order: order crosses book", "post_only_crosses", S.REJECTED),
    (
        400,
        f"order {A} is invalid. Price (0.505) breaks minimum tick size rule: 0.01",
        "off_tick",
        S.REJECTED,
    ),
    (
        400,
        f"order {A} is invalid. Size (4) lower than the minimum: 5",
        "size_below_minimum",
        S.REJECTED,
    ),
    (400, f"order {A} is invalid. Duplicated.", "duplicated", S.UNKNOWN),
    (400, f"order {A} crosses the book", "post_only_crosses", S.REJECTED),
    (400, "not enough balance / allowance: balance: 0, order amount: 5", "balance", S.REJECTED),
    (400, "the allowance is not enough", "balance", S.REJECTED),
    (400, "invalid expiration", "expiration", S.REJECTED),
    (
        400,
        "invalid amount for a marketable BUY order ($0.5), min size: $1",
        "amount_below_minimum",
        S.REJECTED,
    ),
    (
        400,
        "order couldn't be fully filled. FOK orders are fully filled or killed.",
        "fok_not_filled",
        S.REJECTED,
    ),
    (
        400,
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no"
        " match is found.",
        "fak_no_match",
        S.REJECTED,
    ),
    (400, "the market is not yet ready to process new orders", "market_not_ready", S.REJECTED),
    (400, "order match delayed due to market conditions", "match_delayed", S.UNKNOWN),
    (400, "order canceled in the CTF exchange contract", "canceled_on_chain", S.REJECTED),
    (400, "Too many orders in payload: 16, max allowed: 15", "too_many", S.REJECTED),
    (400, "a sentence of next year", "refused", S.REJECTED),
    (400, "context canceled", "context_canceled", S.UNKNOWN),
    (401, "Unauthorized/Invalid api key", "unauthorized", S.REJECTED),
    (401, "Invalid L1 Request headers", "unauthorized", S.REJECTED),
    (404, "No orderbook exists for the requested token id", "not_found", S.REJECTED),
    (425, "service restarting", "restarting", S.REJECTED),
    (429, "Too Many Requests", "throttled", S.REJECTED),
    (500, "order timed out", "timed_out", S.REJECTED),
    (500, "there are no matching orders", "engine", S.UNKNOWN),
    (500, "the trade contains rounding issues", "engine", S.UNKNOWN),
    (500, "FOK orders are filled or killed", "engine", S.UNKNOWN),
    (500, "could not insert order", "engine", S.UNKNOWN),
    (
        500,
        "the price of the taker's order has a discrepancy greater than allowed with the worst"
        " maker order",
        "engine",
        S.UNKNOWN,
    ),
    (500, "Internal Server Error", "server_error", S.UNKNOWN),
    (
        503,
        "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
        "cancel_only",
        S.REJECTED,
    ),
    (
        503,
        "Trading is currently disabled. Check polymarket.com for updates",
        "disabled",
        S.REJECTED,
    ),
    (503, "upstream connect error", "server_error", S.UNKNOWN),
]


@pytest.mark.parametrize(("status", "text", "reason", "state"), REFUSALS)
def test_a_sentence_of_the_venue_has_one_meaning(status, text, reason, state):
    found = one(status, {"error": text})
    assert (found.state, found.reason) == (state, reason)
    assert found.text == text[:TEXT_CHARS_MAX]
    assert found.is_known is (state is not S.UNKNOWN)
    assert found.reason in reasons.REASONS


@pytest.mark.parametrize(
    ("status", "body", "reason", "state"),
    [
        (403, b"error code: 1010", "blocked", S.REJECTED),
        (403, HTML, "blocked", S.REJECTED),
        (429, b"<html>error code: 1015</html>", "throttled", S.REJECTED),
        (403, b'{"error":"Unauthorized region"}', "blocked", S.REJECTED),
        (425, b"", "restarting", S.REJECTED),
        (425, b'{"error":"context canceled"}', "restarting", S.REJECTED),
        (408, b"", "timeout", S.UNKNOWN),
        (409, b'{"error":"conflict"}', "refused", S.UNKNOWN),
        (499, b"", "context_canceled", S.UNKNOWN),
        # What is not the venue's own sentence may hide one that settles nothing.
        (400, HTML, "unreadable", S.UNKNOWN),
        (400, b'{"error":"order 0x0a is invalid. Dupl', "unreadable", S.UNKNOWN),
        (400, gzip.compress(b'{"error":"Duplicated."}', mtime=0), "unreadable", S.UNKNOWN),
        (413, b"", "unreadable", S.UNKNOWN),
        (400, b"invalid signature", "signature", S.REJECTED),
        (502, HTML, "server_error", S.UNKNOWN),
        (504, b"", "server_error", S.UNKNOWN),
        (302, HTML, "unreadable", S.UNKNOWN),
        (200, HTML, "unreadable", S.UNKNOWN),
        (200, b"", "unreadable", S.UNKNOWN),
        (200, b'"OK"', "unreadable", S.UNKNOWN),
        (200, b"null", "unreadable", S.UNKNOWN),
    ],
)
def test_what_is_no_answer_of_the_engine(status, body, reason, state):
    found = one(status, body)
    assert (found.state, found.reason) == (state, reason)


def test_the_post_only_mode_says_how_long_it_lasts():
    body = {
        "error": "post-only mode: only post-only orders and cancels are allowed",
        "code": "post_only_mode",
        "retry_after_seconds": 79,
    }
    found = one(503, body)
    assert (found.state, found.reason) == (S.REJECTED, "post_only_mode")
    assert found.retry_after_ns == 79 * 10**9
    assert one(503, {"error": "?", "code": "post_only_mode"}).reason == "post_only_mode"
    assert one(503, body, (b"retry-after", b"12")).retry_after_ns == 12 * 10**9, "header first"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"3", 3), (b"-3", 0), (b"soon", 0), (b"", 0), (b"99999999", RETRY_AFTER_S_MAX)],
)
def test_a_wish_to_wait_is_bounded(value, seconds):
    assert one(429, b"", (b"retry-after", value)).retry_after_ns == seconds * 10**9


@pytest.mark.parametrize("value", ["²", "٣", "1e3", True, [3], -1, "9" * 40])
def test_a_wish_in_a_body_that_is_no_number_is_none(value):
    assert one(429, {"retry_after_seconds": value}).retry_after_ns == 0


@pytest.mark.parametrize("status", ["live", "LIVE", "matched", "Matched", "delayed", "DELAYED"])
def test_an_acceptance_in_any_case(status):
    found = one(200, leg(status=status))
    assert found.state == status.lower()
    assert found.is_accepted
    assert found.reason == ""
    assert (found.decided_ns, found.signed_ns, found.written_ns, found.answered_ns) == AT


def test_a_match_tells_amounts_and_trades():
    found = one(
        200, leg(status="matched", makingAmount="1.6", takingAmount="5", tradeIDs=["t-1", "t-2"])
    )
    assert (found.making_e6, found.taking_e6) == (1_600_000, 5_000_000)
    assert found.trade_ids == ("t-1", "t-2")
    assert one(200, leg(makingAmount=None, takingAmount="")).making_e6 == 0


@pytest.mark.parametrize(
    ("entry", "reason", "state"),
    [
        (leg("", errorMsg="post-only mode: only post-only"), "post_only_mode", S.REJECTED),
        (leg("", errorMsg="not enough balance / allowance"), "balance", S.REJECTED),
        (leg("", errorMsg="never heard of"), "refused", S.REJECTED),
        (leg("", errorMsg="could not insert order"), "engine", S.UNKNOWN),
        (leg(errorMsg="invalid signature", status=""), "signature", S.REJECTED),
        (leg(errorMsg="invalid signature"), "signature", S.UNKNOWN),
        (leg(errorMsg="never heard of", status=""), "refused", S.UNKNOWN),
        (leg("", success=False, errorMsg="invalid expiration"), "expiration", S.REJECTED),
        (leg(""), "leg_missing", S.UNKNOWN),
        (leg("", success=False), "leg_missing", S.UNKNOWN),
        (leg(success=False), "unreadable", S.UNKNOWN),
        (leg(status="unmatched"), "unmatched", S.REJECTED),
        (leg(status="resting"), "unreadable", S.UNKNOWN),
        (leg(status=""), "unreadable", S.UNKNOWN),
        (leg(B), "wrong_id", S.UNKNOWN),
        (leg(makingAmount="1.x"), "unreadable", S.UNKNOWN),
        (leg(makingAmount="-1"), "unreadable", S.UNKNOWN),
        (leg(makingAmount="NaN"), "unreadable", S.UNKNOWN),
        (leg(takingAmount="9" * 30), "unreadable", S.UNKNOWN),
        (leg(takingAmount=1e300), "unreadable", S.UNKNOWN),
    ],
)
def test_an_answer_counts_as_what_all_of_it_says(entry, reason, state):
    found = one(200, entry)
    assert (found.state, found.reason) == (state, reason)


# Batches


def states(entries: object, *order_ids: str) -> list[tuple[str, PlaceState]]:
    found = read_place(answer(200, entries), order_ids, AT)
    assert [result.order_id for result in found] == list(order_ids)
    return [(result.reason, result.state) for result in found]


def test_a_batch_half_accepted():
    entries = [leg(A), leg("", errorMsg="not enough balance / allowance"), leg(C)]
    assert states(entries, A, B, C) == [("", S.LIVE), ("balance", S.REJECTED), ("", S.LIVE)]


def test_legs_are_mapped_by_hash_wherever_they_stand():
    assert states([leg(B, status="matched"), leg(A)], A, B) == [("", S.LIVE), ("", S.MATCHED)]


def test_a_nameless_leg_counts_only_in_an_ordered_answer():
    nameless = leg("", errorMsg="invalid signature")
    assert states([nameless, leg(A), leg(C)], A, B, C) == [
        ("", S.LIVE),
        ("leg_missing", S.UNKNOWN),
        ("", S.LIVE),
    ]


def test_a_nameless_leg_alone_is_nobodys():
    nameless = leg("", errorMsg="invalid signature")
    assert states([nameless], A, B) == [("leg_missing", S.UNKNOWN)] * 2
    assert states([nameless] * 3, A, B) == [("leg_missing", S.UNKNOWN)] * 2


def test_a_leg_that_names_its_order_in_words_is_that_orders():
    refused = leg("", errorMsg=f"order {B} is invalid. Duplicated.")
    assert states([refused, leg(A)], A, B) == [("", S.LIVE), ("duplicated", S.UNKNOWN)]


@pytest.mark.parametrize(
    "entries", [[], [leg(A)], [leg(A), leg(A)], [leg(A), leg(C)], [leg(A), None], [leg(A), leg("")]]
)
def test_a_missing_leg_is_unknown(entries):
    (first, second) = states(entries, A, B)
    assert second[1] is S.UNKNOWN
    assert first in (("", S.LIVE), ("leg_missing", S.UNKNOWN))


def test_a_refusal_of_the_whole_batch_is_each_orders():
    found = read_place(answer(429, {"error": "Too Many Requests"}), [A, B], AT)
    assert [result.state for result in found] == [S.REJECTED, S.REJECTED]


def test_an_object_is_no_answer_to_a_batch():
    assert states(leg(A), A, B) == [("unreadable", S.UNKNOWN)] * 2


# Transport


@pytest.mark.parametrize("reason", [*NOT_SENT_REASONS, *DIAL_KINDS])
def test_no_byte_written_means_not_placed(reason):
    (found,) = read_place(NotSent(reason, "why"), [A], AT)
    assert (found.state, found.reason, found.is_known) == (S.NOT_SENT, reason, True)
    assert reason in reasons.REASONS


@pytest.mark.parametrize("reason", UNKNOWN_REASONS)
def test_a_lost_reply_is_neither_yes_nor_no(reason):
    lost = Unknown(
        reason=reason, detail="", status=200, headers=(), body=b"{", written_ns=3, ended_ns=4
    )
    (found,) = read_place(lost, [A], AT)
    assert (found.state, found.reason, found.is_known) == (S.UNKNOWN, reason, False)
    (cancel,) = read_cancel(lost, [A], AT)
    assert (cancel.state, cancel.is_known) == (CancelState.UNKNOWN, False)
    assert read_sweep(lost, AT).state is CancelState.UNKNOWN
    assert reason in reasons.REASONS


# Anything


def test_foreign_text_is_one_printable_line():
    found = one(400, {"error": "no\r\nFORGED log=line\x1b[2J" + "x" * 10_000})
    assert found.text.isprintable()
    assert len(found.text) == TEXT_CHARS_MAX


KEYS = [
    *("error", "success", "errorMsg", "orderID", "status", "makingAmount", "tradeIDs"),
    *("canceled", "not_canceled", "code", "retry_after_seconds"),
]
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), st.binary(max_size=60) | JSONS)
def test_any_answer_gives_a_result(status, body):
    raw = body if isinstance(body, bytes) else _dumped(body)
    reply = answer(status, raw)
    for order_ids in ([A], [A, B]):
        placed, cancels = read_place(reply, order_ids, AT), read_cancel(reply, order_ids, AT)
        assert [found.order_id for found in placed] == order_ids
        assert [found.order_id for found in cancels] == order_ids
        assert all(found.reason in reasons.REASONS for found in (*placed, *cancels))
        # Without its own id in it no answer is an acceptance or a proof.
        assert not any(found.is_accepted for found in placed)
        assert not any(found.state is CancelState.CANCELED for found in cancels)
    read_sweep(reply, AT)
    refusal_of(reply)


def _dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return b"{"  # an integer beyond 64 bits, or a lone surrogate


def test_every_line_of_the_table_has_a_meaning():
    rules = (*reasons.TEXTS, *reasons.CODES.values(), *reasons.STATUSES.values())
    assert {rule.reason for rule in (*rules, *reasons.NOT_CANCELED)} <= reasons.REASONS.keys()
