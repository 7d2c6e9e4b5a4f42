"""What was told about one order, merged so that no order of arrival can change it.

Each item is merged by a largest, a smallest or a union (`polymm.engine.order_evidence`); the state
that follows is computed from it (`polymm.engine.order_life`).
"""

from polymm.domain.order import Place
from polymm.engine.events import NEVER_NS
from polymm.engine.life import Life
from polymm.engine.order_reads import MarketReads
from polymm.engine.order_settings import OrderSettings


class OrderSummary:
    """What was told about one order, and the belief about it as last computed.

    Only `polymm.engine.order_manager` changes one. All times are ns, 0 for never where the latest
    is kept and NEVER_NS where the earliest is.

    Attributes:
        place: As the maker knows it.
        market: Condition id.
        order: The venue's hash, "" until it is signed.
        planned_ns: When it was planned.
        front_e6: What stood at its price when it was planned, for the report.
        life: The state as last computed.
        matched_e6: The larger of its fills that stand and of what the venue says was matched.
        debt_e6: What the venue says was matched and no fill has told yet.
        reserve_e6: What may still come of it, fills to be had and fills owed; 0 once it is final.
        wanted_ns: When its cancel was first wanted.
        cancels: When each cancel of it was handed over.
        booked_e6: What its maker was told as fills.
    """

    __slots__ = (
        "absent_min_ns",
        "absent_ns",
        "asked_ns",
        "asks",
        "base_ns",
        "booked_e6",
        "cancel_failed_ns",
        "canceled_min_ns",
        "canceled_ns",
        "cancels",
        "check_kind",
        "checks",
        "debt_e6",
        "executed_e6",
        "fill_ns",
        "front_e6",
        "gone_ns",
        "gone_status",
        "is_alive",
        "is_end_told",
        "is_rejected",
        "legs",
        "life",
        "market",
        "matched_e6",
        "missed_ns",
        "open_left_e6",
        "open_ns",
        "order",
        "place",
        "planned_ns",
        "proven_ns",
        "reads",
        "refusals",
        "refused_min_ns",
        "refused_ns",
        "refused_old_min_ns",
        "refused_old_ns",
        "reject_reason",
        "reserve_e6",
        "retry_ns",
        "settings",
        "stood_e6",
        "told_e6",
        "told_full_ns",
        "traded_ns",
        "unknown_ns",
        "unsent",
        "voice",
        "wake_ns",
        "wanted_ns",
        "written_ns",
    )

    def __init__(self, settings: OrderSettings) -> None:
        self.settings = settings
        self.order = ""
        self.front_e6 = 0
        # The belief, as computed last.
        self.life = Life.PLANNED
        self.matched_e6 = self.debt_e6 = 0
        # The placement: bytes handed over, an answer that says nothing, one that refuses.
        self.written_ns = 0
        self.unknown_ns = NEVER_NS
        self.is_rejected = False
        self.reject_reason = ""
        # Signs of life. What was left when a read last showed it open; what the venue says was
        # matched, and when it first said that all of it was.
        self.is_alive = False
        self.open_ns = self.open_left_e6 = 0
        self.told_e6 = 0
        self.told_full_ns = NEVER_NS
        # Fills by (trade, leg): size and when first told. All of them, those that stand, the last.
        self.legs: dict[tuple[str, int], tuple[int, int]] | None = None
        self.executed_e6 = self.stood_e6 = self.fill_ns = 0
        # Cancels: handed over, those that never left apart; answered by nothing that helps, by
        # "canceled" (first and last), by "not canceled" (first and last; and the same when it was
        # too old to be still on its way).
        self.wanted_ns = 0
        self.cancels: tuple[int, ...] = ()
        self.unsent: tuple[int, ...] = ()
        self.cancel_failed_ns = self.canceled_ns = self.refused_ns = self.refused_old_ns = 0
        self.canceled_min_ns = self.refused_min_ns = self.refused_old_min_ns = NEVER_NS
        # Something was told of its end: one of these, or that all of it was matched.
        self.is_end_told = False
        # The venue told that it is gone, and how much was matched.
        self.gone_ns = NEVER_NS
        self.gone_status = ""
        # A query did not find it, so late that it had arrived: begin of the first and of the last.
        self.absent_ns = 0
        self.absent_min_ns = NEVER_NS
        # Begin of the newest reads that it is missing from, of the newest of those with all of its
        # trades told, and of the newest list of trades.
        self.missed_ns = self.proven_ns = self.traded_ns = 0
        # What was asked of the venue, and told to the maker: see `order_pursuit`, `order_replies`.
        self.asked_ns = self.asks = self.retry_ns = 0
        self.base_ns = self.checks = self.check_kind = 0
        self.voice = 0
        self.refusals: tuple[int, ...] = ()
        self.booked_e6 = 0
        self.wake_ns = NEVER_NS

    def begin(self, reads: MarketReads, now_ns: int, market: str, place: Place) -> None:
        """Know which order it is; all the rest stands ready, off the path."""
        self.reads = reads
        self.planned_ns = now_ns
        self.market = market
        self.place = place
        self.reserve_e6 = place.size_e6
