"""The cycle's own parameters; those of the quote itself live in the Lane."""

from dataclasses import dataclass
from typing import Literal

from polymm.errors import ConfigError

MS = 1_000_000
SECOND = 1_000 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerSettings:
    """How a Maker runs its cycle (docs/strategy.md section 2, a to i).

    Args:
        cycle: ``timer`` runs every ``cycle_ns``; ``event`` when the Lane asks for it, and no later
            than that.
        requote_interval_min_ns: Event mode looks again this long after a cycle, because a change
            inside the interval may be followed by silence.
        requote: ``cancel_replace`` cancels all of the market's orders in each cycle; ``diff`` keeps
            an order whose price and size still hold.
        requote_ticks: ``diff`` keeps an order priced nearer than this to the wanted price.
        requote_size_ratio: ``diff`` keeps an order that the wanted size exceeds by less than this
            share of what remains. An order larger than wanted is never kept: it would stand
            outside a limit that has shrunk.
        early_exit: Whether a cycle that ends before its quotes pulls the orders that work.
        max_total_position_e6: Marked value of all positions from which no cycle quotes, 1e-6
            dollars.
        price_min_e4, price_max_e4: Outside of these no cycle quotes; equality does.
        safe_low_e4, safe_high_e4: Outside of these a cycle warns and goes on.
        merge_enabled: Whether a merge opportunity is acted on or only reported.
        book_age_ns_max: Venue time of the newest book change may lie this far back; 0 is for ever.
            A quiet book of an early window moves every few seconds (worst gap seen inside a
            recorded window: 17.6 s, most of it the recorder's).
        proof_wait_ns: Time a cancel or a placement may stay unanswered.
        cancels_max: Cancels sent for one order.
        rejects_max: Rejections of one side within a second that pause it.
    """

    cycle: Literal["timer", "event"] = "timer"
    cycle_ns: int = SECOND
    requote_interval_min_ns: int = 250 * MS
    requote: Literal["cancel_replace", "diff"] = "cancel_replace"
    requote_ticks: int = 1
    requote_size_ratio: float = 0.2
    early_exit: Literal["pull", "leave"] = "pull"
    max_total_position_e6: int = 30_000_000
    price_min_e4: int = 10
    price_max_e4: int = 9_990
    safe_low_e4: int = 100
    safe_high_e4: int = 9_900
    merge_enabled: bool = False
    book_age_ns_max: int = 10 * SECOND
    proof_wait_ns: int = SECOND
    cancels_max: int = 5
    rejects_max: int = 3

    def __post_init__(self) -> None:
        for name in ("cycle_ns", "proof_wait_ns", "requote_ticks", "cancels_max", "rejects_max"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, was {getattr(self, name)}")
        for name in ("requote_interval_min_ns", "book_age_ns_max", "max_total_position_e6"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must be at least 0, was {getattr(self, name)}")
        if not 0.0 <= self.requote_size_ratio <= 1.0:
            raise ConfigError(
                f"requote_size_ratio must be within 0..1, was {self.requote_size_ratio}"
            )
        for low, high in (("price_min_e4", "price_max_e4"), ("safe_low_e4", "safe_high_e4")):
            bottom, top = getattr(self, low), getattr(self, high)
            if not 0 <= bottom <= top <= 10_000:
                raise ConfigError(
                    f"{low} and {high} must be within 0..10000 and in order, were {bottom}, {top}"
                )
