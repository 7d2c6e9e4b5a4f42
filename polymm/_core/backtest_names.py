"""What the numbers of the backtest loop are called: the twin of sim_names.pxd and sim_state.pxd."""

from polymm._core.layout import QUOTER_FAILED, reason_names

FORMS = {"trades": 0, "none": 1, "through": 2}
QUEUES = {"risk_averse": 0, "prob": 1}
KEEP = {"fills": 0, "course": 1, "actions": 3}
ACTIONS = ("place", "cancel", "merge")
REJECTIONS = (
    "post_only_crosses",
    "balance",
    "size_below_minimum",
    "off_tick",
    "off_lot",
    "book_unknown",
    "market_closed",
)
_REASONS = reason_names(2 * QUOTER_FAILED - 1)
# By WHY_ bit.
WHYS = (
    *_REASONS,
    "awaiting_proof",
    "cancel_unproven",
    "rejects_throttled",
    "self_match_withheld",
    "starting",
    "closing",
    "between_quotes",
    "max_total_position",
    "stale_book",
    "price_range",
    "superseded",
    *REJECTIONS,
    "placed",
    "kept",
    "withheld",
)
# By COUNT_ number.
COUNTS = (
    "merge_opportunity",
    "merge_sent",
    "safe_range_warning",
    "rejects_throttled",
    "self_match_withheld",
    "cancel_unproven",
    "cancel_refused",
    "cancel_given_up",
    "placement_unanswered",
    "fill_debt",
    "late_fill",
    "overfill",
    "late_reply",
    "impossible_reply",
    "merge_unasked",
    "bad_inventory",
    *(f"side_{name}" for name in _REASONS),
    *(f"rejected_{name}" for name in REJECTIONS),
)
CYCLE_FIELDS = (
    "cycle_event",
    "cycle_ns",
    "requote_interval_min_ns",
    "requote_diff",
    "requote_ticks",
    "requote_size_ratio",
    "early_exit_pull",
    "max_total_position_e6",
    "price_min_e4",
    "price_max_e4",
    "safe_low_e4",
    "safe_high_e4",
    "merge_enabled",
    "book_age_ns_max",
    "proof_wait_ns",
    "cancels_max",
    "rejects_max",
)
# What is noted, field by field: all i8 but the fair value.
NOTES = {
    "fills": (
        "at_ns",
        "trade_id",
        "order_id",
        "price_e4",
        "size_e6",
        "front_e6",
        "counter_fee_e6",
        "fair",
        "token",
        "action",
        "inferred",
        "after_cancel_sent",
    ),
    "marks": ("at_ns", "fair"),
    "quotes": ("at_ns", "bid_e4", "bid_e6", "ask_e4", "ask_e6"),
    "holdings": ("at_ns", "up_e6", "down_e6"),
    "merges": ("at_ns", "pairs_e6"),
    "ranks": ("order_id", "front_e6", "size_e6", "filled_e6"),
    "actions": ("at_ns", "kind", "order_id", "token", "action", "price_e4", "size_e6"),
}
FAULTS = {
    1: "no memory for what a run notes",
    2: "more orders at once than there is room for",
    3: "more different reasons not to quote than there is room for",
    4: "cash or shares do not add up",
}
