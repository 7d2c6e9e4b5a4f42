"""What the relayer answers, read into values: any bytes give a value or an InputError."""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from polymm.errors import InputError
from polymm.venues.polymarket import abi, wire
from polymm.venues.polymarket.relayer import NonceGrant
from polymm.venues.polymarket.relayer_states import RelayerEvent

BODY_BYTES_MAX = 256 * 1024
_REASON_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Accepted:
    """The relayer took the action."""

    transaction_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The relayer did not take the action.

    Args:
        may_retry: Whether the same calls, signed anew with a fresh nonce, may pass later.
    """

    reason: str
    may_retry: bool


@dataclass(frozen=True, slots=True)
class Unclear:
    """The answer says neither yes nor no."""

    reason: str


SubmitReply = Accepted | Refused | Unclear

# What the relayer's words mean.
_SEEN = {
    "STATE_NEW": RelayerEvent.SEEN_NEW,
    "STATE_EXECUTED": RelayerEvent.SEEN_EXECUTED,
    "STATE_MINED": RelayerEvent.SEEN_MINED,
    "STATE_CONFIRMED": RelayerEvent.SEEN_CONFIRMED,
    "STATE_FAILED": RelayerEvent.SEEN_FAILED,
    "STATE_INVALID": RelayerEvent.SEEN_INVALID,
}
_BUSY = re.compile("|".join(wire.RELAYER_BUSY), re.IGNORECASE)
_NONCE_MISMATCH = re.compile(wire.RELAYER_NONCE_MISMATCH, re.IGNORECASE)
# A time-out, a conflict with what may be our own first copy, somebody who stopped waiting.
_NO_REFUSALS = (408, 409, 499)
_NUMBER = re.compile(r"[0-9]{1,78}\Z")


def read_submit_reply(status: int, body: bytes) -> SubmitReply:
    """Read the answer to POST /submit; any bytes give one of the three."""
    if 200 <= status < 300:
        try:
            found = _object(body)
        except InputError as error:
            return Unclear(str(error))
        identity = found.get("transactionID")
        if isinstance(identity, str) and identity:
            return Accepted(identity)
        return Unclear("a reply must name its transactionID, found none")
    reason = _reason(status, body)
    if status == 429:
        return Refused(reason, may_retry=True)
    if 400 <= status < 500 and status not in _NO_REFUSALS:
        return Refused(reason, may_retry=status == 400 and _is_passing(body))
    return Unclear(reason)


def _is_passing(body: bytes) -> bool:
    """Whether a 400 says "not now": another action is at work, or ours had an old nonce."""
    text = body[:BODY_BYTES_MAX].decode("utf-8", "replace")
    mismatch = _NONCE_MISMATCH.search(text)
    if mismatch:
        return int(mismatch[1]) < int(mismatch[2])
    return _BUSY.search(text) is not None


def _reason(status: int, body: bytes) -> str:
    text = body[:_REASON_CHARS_MAX].decode("utf-8", "replace")
    return f"status {status}: {text!r}"


@dataclass(frozen=True, slots=True)
class TransactionReport:
    """What the relayer says of an action.

    Args:
        transaction_hash: "" while there is none.
        error: "" where nothing went wrong.
    """

    event: RelayerEvent
    transaction_hash: str
    error: str


def read_transaction(body: bytes) -> TransactionReport:
    """Read an answer about one transaction, in the present or the older shape (an array of one).

    Raises:
        InputError: Not of these shapes, or a state without meaning.
    """
    value = _json(body)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise InputError("a transaction must be a JSON object, or an array of one")
    event = _SEEN.get(str(value.get("state"))[:_REASON_CHARS_MAX])
    if event is None:
        raise InputError(f"a transaction's state must be one of {', '.join(_SEEN)}")
    found = value.get("transaction_hash") or value.get("transactionHash") or ""
    if found:
        abi.hex_bytes(str(found), 32, "a transaction's hash")
    return TransactionReport(
        event, str(found), str(value.get("error_msg") or "")[:_REASON_CHARS_MAX]
    )


def read_nonce(body: bytes) -> NonceGrant:
    """Read the answer to ``RelayedWallet.nonce_request``.

    Raises:
        InputError: No address, or a nonce that is not a number.
    """
    found = _object(body)
    address, nonce = found.get("address"), found.get("nonce")
    if not isinstance(address, str) or not _NUMBER.match(str(nonce)) or isinstance(nonce, bool):
        raise InputError("a nonce must come as a decimal number beside an address")
    abi.address_bytes(address)
    return NonceGrant(address, int(str(nonce)))


def read_deployed(body: bytes) -> bool:
    """Read whether a wallet's contract exists.

    Raises:
        InputError: The answer does not say.
    """
    deployed = _object(body).get("deployed")
    if not isinstance(deployed, bool):
        raise InputError("an answer must say deployed true or false")
    return deployed


def _json(body: bytes) -> Any:
    if len(body) > BODY_BYTES_MAX:
        raise InputError(f"a body must be at most {BODY_BYTES_MAX} bytes, was {len(body)}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"a body must be JSON, was {body[:60]!r}") from error


def _object(body: bytes) -> dict[str, Any]:
    value = _json(body)
    if not isinstance(value, dict):
        raise InputError(f"a body must be a JSON object, was {body[:60]!r}")
    return value
