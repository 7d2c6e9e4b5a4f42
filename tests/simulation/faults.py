"""What goes wrong between engine and exchange, and in the engine's own process, as switches.

The exchange's own faults (`polymm.exchange.faults`) are carried out by the exchange and, where they
strike at requests and sockets, by the virtual wire; those here are the wire's and the world's
alone. Each switch of both kinds draws from a stream of its own. `RATES` holds, for every switch,
the shares of chances that a scenario may choose from; what each one stands for in FAILURES is in
`ROWS`.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple

from polymm.exchange.faults import SCENES, Fault

MS: Final = 1_000_000


class WireFault(StrEnum):
    """Faults of the network, of what listings tell, and of the trading state."""

    REQUEST_LOST = "request_lost"
    REQUEST_LATE = "request_late"
    REQUEST_NOT_SENT = "request_not_sent"
    CONNECTION_RESET = "connection_reset"
    REPLY_LOST = "reply_lost"
    NETWORK_DOWN = "network_down"
    READ_FAILED = "read_failed"
    READ_HANGS = "read_hangs"
    TRADES_LATE = "trades_late"
    BALANCES_STALE = "balances_stale"
    POST_SAYS_DELAYED = "post_says_delayed"
    TRADING_CANCEL_ONLY = "trading_cancel_only"
    TRADING_DISABLED = "trading_disabled"
    ALL_REFUSED = "all_refused"
    CLOCK_SKEWED = "clock_skewed"
    BEAT_LOST = "beat_lost"
    USER_SILENT = "user_silent"
    USER_FRAME_LOST = "user_frame_lost"
    USER_LAGS = "user_lags"
    MARKET_FRAME_LOST = "market_frame_lost"
    MARKET_FRAME_SWAPPED = "market_frame_swapped"
    MARKET_FRAME_TWICE = "market_frame_twice"
    MARKET_FRAME_GARBLED = "market_frame_garbled"
    MARKET_TOKEN_SILENT = "market_token_silent"
    MARKET_LAGS = "market_lags"
    MARKET_LATE = "market_late"
    REST_BOOK_STALE = "rest_book_stale"
    CLOSE_UNTOLD = "close_untold"


class ProcessFault(StrEnum):
    """Faults of the process and its host; they come at drawn times, not at chances."""

    LOOP_STALLED = "loop_stalled"
    CLOCK_JUMPED = "clock_jumped"
    DISK_FULL = "disk_full"
    SYNC_FAILED = "sync_failed"
    KILLED = "killed"
    POWER_LOST = "power_lost"
    KILL_SWITCH = "kill_switch"
    STOPPED = "stopped"
    FOREIGN_ORDER = "foreign_order"


AnyFault = Fault | WireFault | ProcessFault


class Switch(NamedTuple):
    """How a switch may be turned.

    Args:
        rows: Of FAILURES, where it belongs.
        low, high: Share of chances at which it strikes, drawn between the two evenly by order of
            magnitude; of a process fault how many times in three minutes.
        lasts_ms: How long, where it lasts or delays.
    """

    rows: tuple[int, ...]
    low: float
    high: float
    lasts_ms: tuple[int, int] = (0, 0)


SWITCHES: Final[Mapping[AnyFault, Switch]] = {
    # Carried out by the exchange, or for it by the wire.
    Fault.MARKET_SILENT: Switch((1,), 0.0003, 0.002, (3_000, 20_000)),
    Fault.MARKET_BOOK_MISSING: Switch((2,), 0.2, 0.9),
    Fault.MARKET_CLOSED: Switch((3, 4), 0.0003, 0.003),
    Fault.MARKET_CROSSED: Switch((6,), 0.001, 0.02, (50, 900)),
    Fault.MARKET_HASH_WRONG: Switch((5,), 0.01, 0.2),
    Fault.MARKET_TICK_CHANGED: Switch((9,), 0.001, 0.01),
    Fault.USER_CLOSED: Switch((39,), 0.01, 0.1),
    Fault.USER_DUPLICATED: Switch((14, 42), 0.1, 0.9, (0, 500)),
    Fault.USER_REORDERED: Switch((41,), 0.1, 0.7, (100, 2_000)),
    Fault.USER_MINED_FIRST: Switch((41,), 0.2, 0.9),
    Fault.USER_STATUS_SKIPPED: Switch((40, 44), 0.2, 0.8),
    Fault.USER_FILL_LATE: Switch((29, 40), 0.2, 0.9, (1_000, 5_000)),
    Fault.USER_FILL_BEFORE_REPLY: Switch((41,), 0.1, 0.9, (20, 300)),
    Fault.USER_POST_ONLY_EVENT: Switch((20,), 0.5, 1.0),
    Fault.TRADE_RETRIED: Switch((44,), 0.2, 0.8),
    Fault.TRADE_FAILED: Switch((44,), 0.05, 0.4),
    Fault.FILL_SHORT: Switch((26, 40), 0.2, 0.9),
    Fault.FILL_EXCEEDED: Switch((27,), 0.1, 0.9),
    Fault.ORDER_CANCELED: Switch((31,), 0.03, 0.3, (100, 5_000)),
    Fault.PRICES_SILENT: Switch((13,), 0.01, 0.05, (3_000, 9_000)),
    Fault.PRICES_CLOSED: Switch((13,), 0.005, 0.05),
    Fault.PRICES_DRAINING: Switch((13,), 0.005, 0.05),
    Fault.POST_REPLY_LOST: Switch((15,), 0.05, 0.5),
    Fault.POST_TIMED_OUT: Switch((19,), 0.05, 0.5),
    Fault.POST_LATE: Switch((16,), 0.05, 0.4, (1_000, 8_000)),
    Fault.POST_UNKNOWN: Switch((19,), 0.05, 0.4),
    Fault.BATCH_LEG_UNNAMED: Switch((21,), 0.05, 0.5),
    Fault.CANCEL_ALREADY_MATCHED: Switch((29, 31), 0.05, 0.5, (500, 3_000)),
    Fault.CANCEL_REPLY_LOST: Switch((30,), 0.05, 0.7),
    Fault.CANCEL_FAILED: Switch((30, 34), 0.05, 0.9),
    Fault.CANCEL_UNKNOWN: Switch((29,), 0.03, 0.3),
    Fault.ORDERS_LATE: Switch((45,), 0.1, 0.9, (1_000, 8_000)),
    Fault.HEARTBEAT_REFUSED: Switch((32,), 0.1, 0.9),
    Fault.UNAUTHORIZED: Switch((37,), 0.003, 0.05),
    Fault.ENGINE_RESTART: Switch((17,), 0.003, 0.03, (2_000, 60_000)),
    Fault.THROTTLED: Switch((35,), 0.02, 0.4, (1_000, 3_000)),
    Fault.EDGE_DELAY: Switch((36,), 0.05, 0.5, (200, 3_000)),
    Fault.EDGE_HTML: Switch((37,), 0.02, 0.2),
    Fault.EDGE_BLOCKED: Switch((37,), 0.005, 0.05),
    Fault.EDGE_THROTTLED: Switch((35,), 0.02, 0.2, (1_000, 3_000)),
    Fault.BALANCE_ZERO: Switch((24,), 0.05, 0.4),
    Fault.MARKET_NOT_FOUND: Switch((48,), 0.3, 1.0, (1_000, 30_000)),
    Fault.GAMMA_STALE: Switch((48, 50), 0.3, 1.0, (1_000, 30_000)),
    Fault.RELAYER_BUSY: Switch((52,), 0.1, 0.9),
    Fault.RELAYER_NONCE: Switch((52,), 0.1, 0.9),
    Fault.RELAYER_FAILED: Switch((52,), 0.1, 0.9),
    # The wire's own.
    WireFault.REQUEST_LOST: Switch((15, 30), 0.02, 0.4),
    WireFault.REQUEST_LATE: Switch((16, 36), 0.03, 0.4, (200, 9_000)),
    WireFault.REQUEST_NOT_SENT: Switch((38,), 0.03, 0.4),
    WireFault.CONNECTION_RESET: Switch((38,), 0.03, 0.4),
    WireFault.REPLY_LOST: Switch((15, 30), 0.03, 0.4),
    WireFault.NETWORK_DOWN: Switch((58,), 0.001, 0.01, (500, 20_000)),
    WireFault.READ_FAILED: Switch((45,), 0.05, 0.7),
    WireFault.READ_HANGS: Switch((45,), 0.05, 0.5),
    WireFault.TRADES_LATE: Switch((40, 45), 0.05, 0.8, (500, 8_000)),
    WireFault.BALANCES_STALE: Switch((24, 46), 0.2, 0.8, (1_000, 20_000)),
    WireFault.POST_SAYS_DELAYED: Switch((22,), 0.05, 0.5),
    WireFault.TRADING_CANCEL_ONLY: Switch((18,), 0.005, 0.03, (2_000, 30_000)),
    WireFault.TRADING_DISABLED: Switch((18,), 0.005, 0.03, (2_000, 20_000)),
    WireFault.ALL_REFUSED: Switch((28,), 0.005, 0.03, (2_000, 20_000)),
    WireFault.CLOCK_SKEWED: Switch((37, 57), 0.2, 0.9),
    WireFault.BEAT_LOST: Switch((32,), 0.1, 0.9),
    WireFault.USER_SILENT: Switch((39,), 0.01, 0.06, (1_000, 20_000)),
    WireFault.USER_FRAME_LOST: Switch((39, 40), 0.02, 0.2),
    WireFault.USER_LAGS: Switch((36, 41), 0.02, 0.2, (500, 6_000)),
    WireFault.MARKET_FRAME_LOST: Switch((5,), 0.001, 0.02),
    WireFault.MARKET_FRAME_SWAPPED: Switch((5,), 0.001, 0.02),
    WireFault.MARKET_FRAME_TWICE: Switch((14,), 0.005, 0.2),
    WireFault.MARKET_FRAME_GARBLED: Switch((7, 10), 0.0005, 0.005),
    WireFault.MARKET_TOKEN_SILENT: Switch((2,), 0.0003, 0.002, (3_000, 20_000)),
    WireFault.MARKET_LAGS: Switch((12, 36), 0.0005, 0.005, (300, 4_000)),
    WireFault.MARKET_LATE: Switch((1, 12), 0.0003, 0.002, (3_000, 30_000)),
    WireFault.REST_BOOK_STALE: Switch((8,), 0.2, 1.0),
    WireFault.CLOSE_UNTOLD: Switch((50,), 0.5, 1.0),
    # The process's.
    ProcessFault.LOOP_STALLED: Switch((33, 55), 1, 12, (100, 3_000)),
    ProcessFault.CLOCK_JUMPED: Switch((57,), 1, 4, (100, 60_000)),
    ProcessFault.DISK_FULL: Switch((59,), 1, 3, (200, 15_000)),
    ProcessFault.SYNC_FAILED: Switch((59,), 1, 3, (200, 15_000)),
    ProcessFault.KILLED: Switch((53,), 1, 3, (500, 20_000)),
    ProcessFault.POWER_LOST: Switch((53,), 1, 3, (1_000, 20_000)),
    ProcessFault.KILL_SWITCH: Switch((56,), 1, 1, (1_000, 10_000)),
    ProcessFault.STOPPED: Switch((56,), 1, 2, (1_000, 10_000)),
    ProcessFault.FOREIGN_ORDER: Switch((54,), 1, 1),
}

assert set(SCENES) <= set(SWITCHES)


FEED_FAULTS: Final = frozenset(
    fault for fault in (*Fault, *WireFault) if fault.startswith(("market_", "network_"))
)


class WireFaults:
    """The wire's own switches, their rates and what they did; see `polymm.exchange.faults.Faults`.

    Args:
        seed: Seeds every switch's own stream.

    Attributes:
        struck: How often each one struck.
        feed_switches: How many switches are on that concern the market channel, the exchange's
            own among them.
    """

    def __init__(self, seed: int) -> None:
        self.struck: Counter[str] = Counter()
        self.feed_switches = 0
        self._seed = seed
        self._rates: dict[str, float] = {}
        self._streams: dict[str, Random] = {}

    def set(self, fault: WireFault, rate: float) -> None:
        """Turn a switch; 0 is off."""
        self._rates.pop(fault, None)
        if rate:
            self._rates[fault] = rate

    def clear(self) -> None:
        """Turn every switch off."""
        self._rates.clear()
        self.feed_switches = 0

    def strikes(self, fault: WireFault) -> bool:
        """Decide at one chance; off switches draw nothing."""
        rate = self._rates.get(fault)
        if rate is None or self.stream(fault).random() >= rate:
            return False
        self.struck[fault] += 1
        return True

    def duration_ns(self, fault: WireFault) -> int:
        """Draw how long a fault that struck lasts."""
        low, high = SWITCHES[fault].lasts_ms
        return self.stream(fault).randint(low, high) * MS

    def delay_ns(self, fault: WireFault) -> int:
        """Decide and draw at once: 0 where it does not strike."""
        return self.duration_ns(fault) if self.strikes(fault) else 0

    def stream(self, fault: WireFault) -> Random:
        """Give a switch's own source of random numbers."""
        stream = self._streams.get(fault)
        if stream is None:
            stream = self._streams[fault] = Random(f"{self._seed} {fault}")
        return stream
