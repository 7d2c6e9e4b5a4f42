"""The names under which the risk gate refuses, closes and restricts, with what each means."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from polymm.engine.venue_state import SPELLS

# What `RiskGate.check` answers, in the order in which it looks.
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "gate_closed": "nothing may go out at all: `RiskGate.closed_by` says why",
        "market_stopped": "nothing of this market may go out: it is closed, or errors piled up",
        "past_close": "within the margin before the window's end",
        "no_book": "there is no book to go by",
        "book_crossed": "its best bid is not below its best ask",
        "book_contradicted": "the newest messages carry other best prices than it has",
        "tick_refused": "the venue refused a price for its tick, and the book still has that tick",
        "book_old": "the book of one of the tokens was not proven recently enough",
        "reference_old": "the reference price is too old",
        "price_out_of_bounds": "the price is not between 0 and 1 dollar",
        "off_tick": "the price is off the grid",
        "price_band": "the price is outside of the band",
        "size_below_minimum": "fewer shares than the venue takes",
        "size_cap": "more shares than one order may have",
        "off_lot": "the size is off the lot, or price times size is no whole micro-dollar",
        "would_take": "it would trade with the book at once",
        "order_rate": "too many orders within a second, whatever wants them",
        "order_rate_minute": "too many orders within a minute",
        "throttled": "the venue asked to wait with placements",
        "rejects_throttled": "the venue refused too many of this market and side: it rests",
        "balance_blocked": "the venue said that the balance does not cover it; tried again later",
        "order_budget": "no token is left for an order",
        "cancel_reserve": "the tokens left are needed to cancel what may be live",
        "levels": "as many orders as allowed may be live for its token and side",
        "side_unknown": "it is not known whether an order of its token and side rests",
        "self_match": "it could trade with an own order that may be live, of either token",
        "reduce_only": "it could add exposure, and only what takes some away may go out",
        "max_market": "in the worst case Up and Down would differ by too many shares",
        "max_total": "in the worst case too much would be paid for all that is held",
        "cash": "in the worst case confirmed cash would not cover all that may be bought",
        "coverage": "more would be sold than is held for certain",
    }
)
# Reasons of `RiskGate.closed_by` that the gate finds by itself; others close it under their own.
CLOSINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "killed": "the kill switch was used",
        "stopping": "the engine ends in order",
        "halted": "something stopped the engine for good; another reason says what",
        "orders_refused": "version, signature, signer or account are refused: no order ever rests",
        "keys_refused_again": "the keys were refused a second time",
        "journal": "nothing can be written down",
        "user_channel": "the user channel is away for too long",
        "skew": "the venue's clock is too far from ours",
        "stalled": "the loop stood still: what it has not seen yet comes first",
        "slow_venue": "too many answers to placements took too long",
        **SPELLS,
    }
)
# Of these, the ones that nothing takes away again.
HALTS: Final = frozenset({"killed", "stopping", "halted", "orders_refused", "keys_refused_again"})
# Why only what takes exposure away may go out, of all markets; only a person lifts one, between
# two runs.
RESTRICTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "loss": "more was lost on one day (UTC) than allowed",
        "markouts": "the fills of the last minutes lost more by their mark-outs than allowed",
        "failed_settlements": "too many settlements failed within a while",
    }
)
