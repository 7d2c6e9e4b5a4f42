"""The venue's words and figures, each with what it means and whether it settles the question.

One table, so that a text nobody had seen is one line more. A refusal is *known* where the order
certainly never rested. Three texts that read like refusals are not: a duplicate proves that the
order was there before, a delayed match may still come, and a cancelled context says only that
somebody stopped waiting. Source: rest notes 3 to 6.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from polymm.net.dialling import DIAL_KINDS
from polymm.net.http_outcome import NOT_SENT_REASONS, UNKNOWN_REASONS


class Rule(NamedTuple):
    """One line of the table.

    Args:
        pattern: Searched for in the venue's text, in any case.
        reason: Ours; a key of `REASONS`.
        is_known: Whether the request certainly has no effect.
    """

    pattern: str
    reason: str
    is_known: bool = True


# First match wins.
TEXTS: Final = (
    # What says that an order exists, or may.
    Rule(r"is invalid\. Duplicated", "duplicated", is_known=False),
    Rule(r"order match delayed due to market conditions", "match_delayed", is_known=False),
    Rule(r"context canceled", "context_canceled", is_known=False),
    # The order.
    Rule(r"invalid post-only order", "post_only_crosses"),
    Rule(r"breaks minimum tick size rule", "off_tick"),
    Rule(r"lower than the minimum", "size_below_minimum"),
    Rule(r"invalid amount for a marketable", "amount_below_minimum"),
    Rule(r"crosses the book", "post_only_crosses"),
    Rule(r"not enough balance|allowance is not enough", "balance"),
    Rule(r"invalid expiration", "expiration"),
    Rule(r"couldn't be fully filled", "fok_not_filled"),
    Rule(r"no orders found to match with FAK", "fak_no_match"),
    Rule(r"not yet ready to process new orders", "market_not_ready"),
    Rule(r"order canceled in the CTF exchange contract", "canceled_on_chain"),
    Rule(r"order_version_mismatch", "version_mismatch"),
    Rule(r"invalid nonce", "nonce"),
    Rule(r"Too many orders in payload", "too_many"),
    Rule(r"Invalid order ?ID", "invalid_order_id"),
    Rule(r"Invalid order payload", "invalid_payload"),
    # Who asks.
    Rule(r"invalid signature", "signature"),
    Rule(r"has to be the (owner|address) of the API KEY", "not_owner"),
    Rule(r"maker address not allowed", "account_type"),
    Rule(r"address banned", "banned"),
    Rule(r"closed only mode", "closed_only"),
    Rule(r"Unauthorized|Invalid api key|Invalid L1 Request headers", "unauthorized"),
    # The engine: only a time-out before the book is known to have left nothing behind.
    Rule(r"order timed out", "timed_out"),
    Rule(r"there are no matching orders", "engine", is_known=False),
    Rule(r"trade contains rounding issues", "engine", is_known=False),
    Rule(r"FOK orders are filled or killed", "engine", is_known=False),
    Rule(r"could not insert order", "engine", is_known=False),
    Rule(r"discrepancy greater than allowed", "engine", is_known=False),
    # States.
    Rule(r"post-only mode", "post_only_mode"),
    Rule(r"cancel-only", "cancel_only"),
    Rule(r"Trading is currently disabled", "disabled"),
    Rule(r"Too Many Requests|error code: 1015", "throttled"),
)

# The value of `code` in a refusal; it says more than its text.
CODES: Final = MappingProxyType({"post_only_mode": Rule("", "post_only_mode")})

# What the status alone says where no text did. These come from in front of the engine.
STATUSES: Final = MappingProxyType(
    {
        401: Rule("", "unauthorized"),
        403: Rule("", "blocked"),
        404: Rule("", "not_found"),
        408: Rule("", "timeout", is_known=False),
        409: Rule("", "refused", is_known=False),
        425: Rule("", "restarting"),
        429: Rule("", "throttled"),
        499: Rule("", "context_canceled", is_known=False),
    }
)
# The state of the venue counts, whatever words come with it.
_STATUS_FIRST: Final = frozenset({403, 425, 429})
_REFUSED: Final = Rule("", "refused")
_SERVER_ERROR: Final = Rule("", "server_error", is_known=False)
_UNREADABLE: Final = Rule("", "unreadable", is_known=False)

# Reasons of an id under `not_canceled`; all of them end the matter but the first.
NOT_CANCELED: Final = (
    Rule(r"delayed", "delayed"),
    Rule(r"already canceled or matched", "gone"),
    Rule(r"already matched", "matched"),
    Rule(r"not found", "not_found"),
    Rule(r"already canceled", "canceled"),
)

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "accepted",
        "account_type": "this kind of wallet may not trade so",
        "amount_below_minimum": "too few dollars for an order that takes",
        "balance": "balance or allowance does not cover it",
        "banned": "the address is banned",
        "blocked": "refused at the edge: an address or a place that may not trade",
        "cancel_budget": "our own count of cancel tokens is used up",
        "cancel_only": "the venue takes cancels only",
        "canceled": "cancelled before",
        "canceled_on_chain": "the order was cancelled in the exchange's contract",
        "closed_only": "the address may only close",
        "context_canceled": "somebody at the venue stopped waiting",
        "delayed": "in the taker delay, cannot be cancelled yet",
        "disabled": "the venue takes nothing, not even cancels",
        "duplicated": "an order with this hash was there before",
        "engine": "an error of the engine after the order had reached it",
        "expiration": "an expiration too soon or past",
        "fak_no_match": "nothing to take",
        "fok_not_filled": "not all of it could be taken",
        "gone": "cancelled or matched before",
        "heartbeat_id": "the venue expects another heartbeat id",
        "invalid_order_id": "no order id",
        "invalid_payload": "the body is not what the venue expects",
        "leg_missing": "the answer to a batch does not say what became of this order",
        "market_not_ready": "the market takes no orders yet",
        "match_delayed": "the match was put off and may still come",
        "matched": "filled before",
        "node": "the chain's node refused the call",
        "nonce": "a nonce that the venue does not take",
        "not_canceled": "the venue did not cancel it and gave no reason that we know",
        "not_found": "the venue knows no such thing",
        "not_owner": "order and API key are of different owners",
        "off_tick": "a price off the grid",
        "order_budget": "our own count of tokens is used up, or cancels need what is left",
        "post_only_crosses": "it would have taken",
        "post_only_mode": "after a restart the venue takes post-only orders and cancels",
        "refused": "refused in words that we do not know",
        "restarting": "the engine restarts",
        "server_error": "an error at the venue or in front of it",
        "signature": "the signature is not the signer's",
        "size_below_minimum": "too few shares",
        "throttled": "too many requests",
        "timed_out": "the engine was too busy and never looked at it",
        "too_many": "more than one request may hold",
        "unauthorized": "API key, HMAC or time stamp were not accepted",
        "unmatched": "it would have taken and neither matched nor rested",
        "unreadable": "the answer is not what the venue says it answers",
        "version_mismatch": "signed for another generation of the exchange",
        "wrong_id": "the answer names another order",
        **NOT_SENT_REASONS,
        **UNKNOWN_REASONS,
        **DIAL_KINDS,
    }
)

# Of calls on chain, beside those above.
SETTLE_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "it ran",
        "busy": "another action of the wallet was at work all the while",
        "deadline": "no end was seen in time",
        "invalid": "the relayer will not run it",
        "lapsed": "its own deadline passed before it ran",
        "node": "the chain's node refused it",
        "nonce_spent": "its nonce is used up, by itself or by something else",
        "quota": "the relayer takes no more this minute",
        "reverted": "a contract refused it",
        "too_dear": "the node asks more for gas than it can be worth",
        "wrong_chain": "the node is of another chain",
    }
)

_COMPILED = [(re.compile(rule.pattern, re.IGNORECASE), rule) for rule in TEXTS]
_COMPILED_CANCELS = [(re.compile(rule.pattern, re.IGNORECASE), rule) for rule in NOT_CANCELED]


def rule_of_text(text: str) -> Rule | None:
    """Look a sentence of the venue up; None where nobody knows it."""
    return next((rule for pattern, rule in _COMPILED if pattern.search(text)), None)


def rule_of_refusal(status: int, text: str, code: str = "", *, is_said: bool = True) -> Rule:
    """Say what an answer means that is none of success.

    Args:
        status: HTTP status, not 2xx.
        text: The value of ``error``, or the body as far as it is text; "" for none.
        code: The value of ``code``, "" for none.
        is_said: Whether the text is the venue's own: what is cut, packed or somebody else's page
            may hide a sentence that settles nothing.
    """
    by_code = CODES.get(code)
    if by_code is not None:
        return by_code
    if status in _STATUS_FIRST:
        return STATUSES[status]
    by_text = rule_of_text(text)
    if by_text is not None:
        return by_text
    by_status = STATUSES.get(status)
    if by_status is not None:
        return by_status
    if 400 <= status < 500 and is_said:
        return _REFUSED
    return _SERVER_ERROR if status >= 500 else _UNREADABLE


def reason_not_canceled(text: str) -> str:
    """Say why an id stands under ``not_canceled``."""
    found = (rule.reason for pattern, rule in _COMPILED_CANCELS if pattern.search(text))
    return next(found, "not_canceled")
