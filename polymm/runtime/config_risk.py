"""What can be configured of the risk gate and of the journal; see docs/risk.md."""

from typing import Literal

from polymm.runtime.config_fields import Micro, Price, Section, choice, number


class RiskSection(Section):
    """What the risk gate refuses to go beyond, beside the limits of the strategy."""

    max_market: Micro = number(
        1000.0, "shares", 0.01, 1e6, "Up less Down of one market, either way, in the worst case."
    )
    max_total: Micro = number(
        1000.0, "dollars", 0.01, 1e9, "Paid for what is held of all markets, in the worst case."
    )
    order_size_max: Micro = number(500.0, "shares", 0.01, 1e6, "Most shares of one order.")
    loss_max: Micro = number(
        500.0, "dollars", 0.01, 1e9, "A greater loss on one day (UTC): exposure is only reduced."
    )
    markout_loss_max: Micro = number(
        250.0, "dollars", 0.01, 1e9, "So do fills that lost more by their mark-outs in 10 minutes."
    )
    markout_after_ms: Micro = number(
        5000.0, "ms", 1.0, 600_000.0, "From a fill to the price that it is held against."
    )
    failures_max: int = number(
        3, "failures", 1, 1000, "So do so many failed settlements in 10 minutes."
    )
    levels_max: int = number(1, "orders", 1, 10, "Orders that may be live for a token and side.")
    min_price: Price = number(0.01, "dollars", 0.0001, 0.9999, "Lowest price of an order.")
    max_price: Price = number(0.99, "dollars", 0.0001, 0.9999, "Highest price of an order.")
    fill_margin: Micro = number(
        0.01, "shares", 0.0, 1000.0, "The venue may fill an order by so much beyond its size."
    )
    book_age_max_ms: Micro = number(
        3000.0,
        "ms",
        1.0,
        60_000.0,
        "Since each token's book was proven, for what is sent; what rests is pulled after 3000.",
    )
    reference_age_max_ms: Micro = number(
        0.0,
        "ms",
        0.0,
        0.0,
        "Since the newest reference price.",
        "0 since no reference price is used yet",
    )
    # A quiet channel is asked for a sign of life twice within this: see `UserFeedSettings.within`.
    user_age_max_ms: Micro = number(
        2000.0,
        "ms",
        500.0,
        60_000.0,
        "The user channel was lost so long: nothing is sent, and all is pulled and read again.",
    )
    skew_max_ms: Micro = number(2000.0, "ms", 1.0, 60_000.0, "Between the venue's clock and ours.")
    # A shorter stall is not told of: see `polymm.runtime.loop_watch`.
    lag_max_ms: Micro = number(
        250.0,
        "ms",
        100.0,
        60_000.0,
        "After a longer stall all is pulled; a book told later than that is not quoted.",
    )
    slow_max_ms: Micro = number(
        1000.0, "ms", 1.0, 60_000.0, "95 of 100 answers to placements must come within this."
    )
    orders_a_second_max: int = number(20, "orders", 1, 10_000, "Whatever the strategy wants.")
    orders_a_minute_max: int = number(600, "orders", 1, 600_000, "Whatever the strategy wants.")
    rejects_max: int = number(
        3,
        "rejects",
        1,
        1000,
        "Refusals of one side, in a row or within a second, that make it rest.",
    )
    errors_max: int = number(
        5, "errors", 1, 1000, "Placements ending in a venue's error within 10 s: a market stops."
    )


class SafetySection(Section):
    """What must hold before an order is sent, beside the limits."""

    journal_sync: Literal["process", "disk"] = choice(
        "process", "An order waits for the kernel to have its record, or for the disk."
    )
    expiry: bool = choice(
        False, "Orders die by themselves, where more than 185 s and the close margin are left."
    )
    kill_file: str = choice(
        "", "Nothing trades while this file is there; none is `kill` in the run's own folder."
    )
