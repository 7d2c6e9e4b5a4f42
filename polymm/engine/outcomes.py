"""The names under which a maker counts what happened, for reports and for their readers.

Each cycle ends in exactly one of OUTCOMES, or in the name of the reason that left its quote without
any side (`polymm._core.layout.reason_names`); `Maker.cycles` counts them. What does not end a cycle
is one of COUNTS, or begins with one of COUNT_PREFIXES; `Maker.counts` holds those.
"""

from typing import Final

OUTCOMES: Final = {
    "placed": "at least one order was sent",
    "kept": "nothing to send: what works holds, or its side is not wanted",
    "withheld": "orders were held back: too many rejections, or an own order in their way",
    "max_total_position": "a: the marked value of all positions is at its limit",
    "no_book": "c: no snapshot in this epoch",
    "stale_book": "c: the newest book change is too old",
    "no_price": "c: neither a touch on both sides nor a last trade",
    "price_range": "d: outside price_min_e4..price_max_e4",
    "cancel_unproven": "f: a cancel was refused or not answered in time; nothing was placed",
    "superseded": "f, requote = diff: a newer cycle took over while a side still waited",
    "closing": "the market was closed over a suspended cycle",
}

COUNTS: Final = {
    "merge_opportunity": "b: pairs at or above the threshold",
    "merge_sent": "b: of those, acted on",
    "safe_range_warning": "e: outside safe_low_e4..safe_high_e4, the cycle went on",
    "rejects_throttled": "i: a side paused after rejects_max rejections within a second",
    "requote_spared": "f, requote = diff: an order stays since its requote is not worth the tokens",
    "self_match_withheld": "i: the order could have met an own one that may be live",
    "cancel_unproven": "a cancel, or the fills it reported, are overdue; one per wait",
    "cancel_refused": "a cancel proved nothing",
    "cancel_given_up": "the last cancel allowed for an order is overdue; only a proof helps",
    "placement_unanswered": "neither accepted nor rejected in time",
    "fill_debt": "a proven cancel reported fills that had not arrived",
    "duplicate_fill": "a fill seen before, not applied again",
    "late_fill": "a fill of an order that was done, applied",
    "inventory_adopted": "shares taken over from the ledger: a fill of an order nobody knew",
    "adopted_fill": "a fill of an order of an earlier run, applied",
    "void_fill": "a fill whose settlement failed, taken back",
    "overfill": "more filled than ordered, applied",
    "late_reply": "a reply about an order that was done",
    "foreign_reply": "a reply about an order that is not ours",
    "impossible_reply": "a reply that the order's state does not allow, ignored",
    "merge_unasked": "pairs merged that nobody asked to merge, ignored",
    "bad_inventory": "more sold than held: a fill after which shares are below 0",
}

COUNT_PREFIXES: Final = {
    "side_": "g, h: a side missing beside a quoted one, by the quote's reason",
    "rejected_": "a placement refused, by the venue's reason",
}
