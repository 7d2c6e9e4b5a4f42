"""Reads outcomes of requests into results: any bytes give one, and none raises.

An answer counts as an acceptance only when everything in it says so, as a refusal only when the
table of reasons knows that it settles the question. What lies between is unknown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import orjson

from polymm._core.tolerant import decimal
from polymm.errors import InputError
from polymm.net.http_outcome import NotSent, Outcome, Reply
from polymm.venues.polymarket import reasons
from polymm.venues.polymarket.results import (
    CancelResult,
    CancelState,
    PlaceResult,
    PlaceState,
    SweepResult,
)

TEXT_CHARS_MAX: Final = 200
# Nobody waits longer on a venue's word alone.
RETRY_AFTER_S_MAX: Final = 3_600
# More dollars or shares than any order moves: no answer.
_AMOUNT_E6_MAX: Final = 10**14
_ACCEPTED: Final = {
    "live": PlaceState.LIVE,
    "matched": PlaceState.MATCHED,
    "delayed": PlaceState.DELAYED,
}
_NS: Final = 1_000_000_000


class Refusal(NamedTuple):
    """Why a request gave no result of its own.

    Args:
        reason: A key of `reasons.REASONS`.
        is_known: Whether the request certainly has no effect.
        was_sent: Whether a byte left us.
        status: HTTP status, 0 where no whole answer came.
        code: The value of ``code`` in the answer.
    """

    reason: str
    text: str
    is_known: bool
    was_sent: bool = True
    retry_after_ns: int = 0
    status: int = 0


class Stamps(NamedTuple):
    """When the stages of a request were reached; 0 for one that was not."""

    decided_ns: int
    signed_ns: int
    written_ns: int
    answered_ns: int


def stamps(outcome: Outcome, decided_ns: int, signed_ns: int) -> Stamps:
    """Put a request's stamps together."""
    if isinstance(outcome, Reply):
        return Stamps(decided_ns, signed_ns, outcome.written_ns, outcome.answered_ns)
    if isinstance(outcome, NotSent):
        return Stamps(decided_ns, signed_ns, 0, 0)
    return Stamps(decided_ns, signed_ns, outcome.written_ns, outcome.ended_ns)


def shown(value: object) -> str:
    """Foreign text for people: printable, on one line, cut."""
    text = value if isinstance(value, str) else repr(value)
    text = text[:TEXT_CHARS_MAX]
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def parsed(body: bytes) -> Any:
    """JSON of a body; None where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def refusal_of(outcome: Outcome) -> Refusal | None:
    """Say why an outcome is no success; None for an answer of status 200 to 299."""
    if isinstance(outcome, NotSent):
        return Refusal(outcome.reason, shown(outcome.detail), is_known=True, was_sent=False)
    if not isinstance(outcome, Reply):
        return Refusal(outcome.reason, shown(outcome.detail), is_known=False, status=outcome.status)
    if 200 <= outcome.status < 300:
        return None
    value = parsed(outcome.body)
    record: dict[str, Any] = value if isinstance(value, dict) else {}
    words = (record.get(key) for key in ("error", "error_msg", "errorMsg", "message"))
    said = next((found for found in words if isinstance(found, str)), "")
    text = said or outcome.body[: 2 * TEXT_CHARS_MAX].decode("utf-8", "replace")
    code = record.get("code")
    rule = reasons.rule_of_refusal(
        outcome.status, text, code if isinstance(code, str) else "", is_said=bool(said)
    )
    return Refusal(
        rule.reason,
        shown(text),
        rule.is_known,
        retry_after_ns=retry_after_ns(outcome, record),
        status=outcome.status,
    )


def retry_after_ns(reply: Reply, record: Mapping[str, Any]) -> int:
    """How long the venue asks to wait: its header, else its body; 0 where it asks for nothing."""
    header = (reply.header(b"retry-after") or b"").decode("ascii", "replace")
    for value in (header, record.get("retry_after_seconds")):
        # Dates are legal in the header; nobody has seen one.
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            value = int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return int(min(value, RETRY_AFTER_S_MAX) * _NS)
    return 0


# Placements


def read_place(outcome: Outcome, order_ids: Sequence[str], at: Stamps) -> list[PlaceResult]:
    """Read what became of a placement: one result an order, in their order.

    Args:
        order_ids: One for POST /order; several for POST /orders.
    """
    refusal = refusal_of(outcome)
    if refusal is not None:
        return [_refused(order_id, refusal, at) for order_id in order_ids]
    value = parsed(cast(Reply, outcome).body)
    if len(order_ids) == 1 and isinstance(value, dict):
        return [_placed(order_ids[0], value, at)]
    if isinstance(value, list):
        return _legs(order_ids, value, at)
    return [_unknown(order_id, "unreadable", "", at) for order_id in order_ids]


def _legs(order_ids: Sequence[str], entries: list[Any], at: Stamps) -> list[PlaceResult]:
    """Give each order its entry: by id, and those without one by their place among the others.

    The place counts only where all that name an id stand where they were sent.
    """
    place_of = {order_id: i for i, order_id in enumerate(order_ids)}
    found: dict[int, Any] = {}
    nameless: list[tuple[int, Any]] = []
    in_order = len(entries) == len(order_ids)
    for at_entry, entry in enumerate(entries):
        named = _named(entry, place_of)
        if named is None:
            nameless.append((at_entry, entry))
            continue
        in_order = in_order and named == at_entry and named not in found
        found[named] = entry
    if in_order:
        found.update(nameless)
    return [
        _placed(order_id, found[i], at)
        if i in found
        else _unknown(order_id, "leg_missing", f"{len(entries)} entries of {len(order_ids)}", at)
        for i, order_id in enumerate(order_ids)
    ]


def _named(entry: Any, place_of: Mapping[str, int]) -> int | None:
    """Which order an entry speaks of: by its id, or by the one in its sentence."""
    if not isinstance(entry, dict):
        return None
    order_id = entry.get("orderID")
    if isinstance(order_id, str) and order_id:
        return place_of.get(order_id.lower(), -1)
    words = str(entry.get("errorMsg") or entry.get("error") or "").lower().split()
    return next((place_of[word] for word in words if word in place_of), None)


def _placed(order_id: str, entry: Any, at: Stamps) -> PlaceResult:
    """Read one entry of an answer with status 200."""
    if not isinstance(entry, dict):
        return _unknown(order_id, "unreadable", shown(entry), at)
    named, text = entry.get("orderID"), entry.get("errorMsg") or entry.get("error") or ""
    status = str(entry.get("status") or "").lower()
    if text:
        # Whose order was refused gets no id for it; who says both says nothing.
        rule = reasons.rule_of_text(str(text)) or reasons.Rule("", "refused", is_known=not named)
        if not rule.is_known or (named and status in _ACCEPTED):
            return _unknown(order_id, rule.reason, shown(text), at)
        return _rejected(order_id, rule.reason, shown(text), at)
    if not isinstance(named, str) or not named:
        return _unknown(order_id, "leg_missing", "neither id nor reason", at)
    if named.lower() != order_id:
        return _unknown(order_id, "wrong_id", shown(named), at)
    if status == "unmatched":
        return _rejected(order_id, "unmatched", "", at)
    state = _ACCEPTED.get(status)
    if state is None or entry.get("success") is not True:
        return _unknown(order_id, "unreadable", shown(status), at)
    try:
        making_e6, taking_e6 = (
            decimal(entry.get(key) or "0", 6, key) for key in ("makingAmount", "takingAmount")
        )
    except InputError as error:
        return _unknown(order_id, "unreadable", shown(str(error)), at)
    if max(making_e6, taking_e6) > _AMOUNT_E6_MAX:
        return _unknown(order_id, "unreadable", "amounts beyond any order", at)
    trade_ids = entry.get("tradeIDs") or ()
    return PlaceResult(
        order_id=order_id,
        state=state,
        making_e6=making_e6,
        taking_e6=taking_e6,
        trade_ids=tuple(map(str, trade_ids)) if isinstance(trade_ids, list) else (),
        **at._asdict(),
    )


def _refused(order_id: str, refusal: Refusal, at: Stamps) -> PlaceResult:
    state = PlaceState.REJECTED if refusal.is_known else PlaceState.UNKNOWN
    return PlaceResult(
        order_id=order_id,
        state=state if refusal.was_sent else PlaceState.NOT_SENT,
        reason=refusal.reason,
        text=refusal.text,
        retry_after_ns=refusal.retry_after_ns,
        **at._asdict(),
    )


def _rejected(order_id: str, reason: str, text: str, at: Stamps) -> PlaceResult:
    return PlaceResult(
        order_id=order_id, state=PlaceState.REJECTED, reason=reason, text=text, **at._asdict()
    )


def _unknown(order_id: str, reason: str, text: str, at: Stamps) -> PlaceResult:
    return PlaceResult(
        order_id=order_id, state=PlaceState.UNKNOWN, reason=reason, text=text, **at._asdict()
    )


# Cancels


def read_cancel(outcome: Outcome, order_ids: Sequence[str], at: Stamps) -> list[CancelResult]:
    """Read what became of a cancel: one result an order, in their order."""
    refusal = refusal_of(outcome)
    if refusal is None:
        answer = _cancel_answer(cast(Reply, outcome).body)
        if answer is not None:
            canceled = set(answer[0])
            return [_cancelled(one, canceled, answer[1], at) for one in order_ids]
        refusal = _UNREADABLE
    return [
        CancelResult(
            order_id=order_id,
            state=_cancel_state(refusal),
            reason=refusal.reason,
            text=refusal.text,
            retry_after_ns=refusal.retry_after_ns,
            **at._asdict(),
        )
        for order_id in order_ids
    ]


def read_sweep(outcome: Outcome, at: Stamps) -> SweepResult:
    """Read what became of a cancel of everything, or of everything in a market."""
    refusal = refusal_of(outcome)
    if refusal is None:
        answer = _cancel_answer(cast(Reply, outcome).body)
        if answer is not None:
            return SweepResult(
                state=CancelState.CANCELED,
                canceled=tuple(one for one in answer[0] if one not in answer[1]),
                not_canceled={
                    one: reasons.reason_not_canceled(text) for one, text in answer[1].items()
                },
                written_ns=at.written_ns,
                answered_ns=at.answered_ns,
            )
        refusal = _UNREADABLE
    return SweepResult(
        state=_cancel_state(refusal),
        not_canceled={},
        reason=refusal.reason,
        text=refusal.text,
        retry_after_ns=refusal.retry_after_ns,
        written_ns=at.written_ns,
        answered_ns=at.answered_ns,
    )


_UNREADABLE: Final = Refusal("unreadable", "", is_known=False)


def _cancel_state(refusal: Refusal) -> CancelState:
    if not refusal.was_sent:
        return CancelState.NOT_SENT
    return CancelState.REJECTED if refusal.is_known else CancelState.UNKNOWN


def _cancel_answer(body: bytes) -> tuple[list[str], dict[str, str]] | None:
    """Ids under ``canceled``, texts under ``not_canceled``, ids in lower case; None where the shape
    is another."""
    value = parsed(body)
    if not isinstance(value, dict) or not {"canceled", "not_canceled"} & value.keys():
        return None
    canceled, not_canceled = value.get("canceled") or [], value.get("not_canceled") or {}
    if not isinstance(canceled, list) or not isinstance(not_canceled, dict):
        return None
    if not all(isinstance(one, str) for one in canceled):
        return None
    ids = [one.lower() for one in canceled]
    return ids, {one.lower(): str(text) for one, text in not_canceled.items()}


def _cancelled(
    order_id: str, canceled: set[str], not_canceled: Mapping[str, str], at: Stamps
) -> CancelResult:
    text = not_canceled.get(order_id)
    if order_id in canceled:
        if text is None:
            return CancelResult(order_id=order_id, state=CancelState.CANCELED, **at._asdict())
        state, reason = CancelState.UNKNOWN, "unreadable"
    elif text is None:
        state, reason, text = CancelState.UNKNOWN, "leg_missing", "not in the answer"
    else:
        state, reason = CancelState.NOT_CANCELED, reasons.reason_not_canceled(text)
    return CancelResult(
        order_id=order_id, state=state, reason=reason, text=shown(text), **at._asdict()
    )
