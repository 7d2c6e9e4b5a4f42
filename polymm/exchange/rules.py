"""Every number of the local exchange, as a setting; defaults are the venue's (simulator notes)."""

from dataclasses import dataclass
from typing import Final

from polymm.domain.market import NS
from polymm.errors import InputError

MS: Final = NS // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How the exchange behaves where the documents leave a choice or name a number.

    Args:
        taker_order_min_e6: Least dollars (1e-6) of a buy that matches at once.
        gtd_notice_s: A GTD must state at least now plus this.
        gtd_early_s: A GTD dies this long before what it states.
        mined_ms: From a match to its block, drawn between the two.
        confirmed_ms: From the block until it is final.
        retry_ms: Between two tries of a transaction.
        touch_delay_ms: From a match to its ``best_bid_ask``; recorded: about 1 ms.
        trade_delay_ms: From a match to its ``last_trade_price``; recorded: about 20 ms.
        tick_change_e4: Best price beyond which (or below one minus which) the tick becomes fine.
        tick_fine_e4: The fine tick, 1e-4 dollars.
        close_grace_ms: Orders are taken this long after a window's end.
        retire_after_s: A resolved market is forgotten after this; what it still owes is paid.
        rebate_min_e6: Rebates below this (1e-6 dollars) wait for the next market's.
        uncovered_status: How the cancellation of an order without cover is named.
        post_only_after_restart_s: Post-only mode that follows a restart.
        reads_chain_late: What a split, merge or redemption brings is not seen before the
            account asks for an update of its balance.
        trades_max: Trades kept of one account.
    """

    taker_order_min_e6: int = 1_000_000
    gtd_notice_s: int = 180
    gtd_early_s: int = 60
    mined_ms: tuple[int, int] = (2_000, 5_000)
    confirmed_ms: tuple[int, int] = (2_000, 6_000)
    retry_ms: tuple[int, int] = (1_000, 3_000)
    touch_delay_ms: int = 1
    trade_delay_ms: int = 20
    tick_change_e4: int = 9_600
    tick_fine_e4: int = 10
    close_grace_ms: int = 0
    retire_after_s: int = 600
    rebate_min_e6: int = 1_000_000
    uncovered_status: str = "CANCELED_NOT_ENOUGH_BALANCE"
    post_only_after_restart_s: int = 120
    reads_chain_late: bool = False
    trades_max: int = 10_000

    def __post_init__(self) -> None:
        for name in ("mined_ms", "confirmed_ms", "retry_ms"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise InputError(
                    f"{name} must be two times, 0 <= first <= second, was {low}, {high}"
                )
        if not 5_000 < self.tick_change_e4 <= 10_000:
            raise InputError(
                f"tick_change_e4 must be within 5001..10000, was {self.tick_change_e4}"
            )
