"""Every number of the exchange's server, as a setting; defaults are the venue's."""

from dataclasses import dataclass, field

from polymm.exchange.flow_settings import FlowSettings
from polymm.exchange.rules import Rules
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.wire import RELAYER_SUBMITS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Token buckets of one signer (rest notes 6); the defaults are the tier Standard.

    Args:
        tier: Name in the headers.
        order_rate: Tokens a second.
        order_burst: Tokens at most.
        cancel_rate: Tokens a second.
        cancel_burst: Tokens at most.
        cancels_may_owe: Whether cancelling all may leave fewer than none.
        warns_only: What comes too fast passes all the same, with a header that says so.

    A rate of 0 is no limit.
    """

    tier: str = "standard"
    order_rate: int = 40
    order_burst: int = 60
    cancel_rate: int = 80
    cancel_burst: int = 120
    cancels_may_owe: bool = True
    warns_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Geoblock:
    """Where the exchange says that its clients are; it refuses nobody for it.

    Args:
        country: Two letters.
        region: Letters or digits, "" where there is none.
        blocked: Whether trading from there is not allowed.
    """

    country: str = "IE"
    region: str = "L"
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What one exchange process serves.

    Args:
        windows: Coins and length.
        flow: Who trades and how; None for the usual traders, fitted to the length.
        rules: Of the exchange behind the server.
        seed: Seeds ids, prices, traders and faults.
        port: Port on loopback, 0 for any free one.
        fund_e6: Play money of each wallet of a new account, 1e-6 dollars.
        pairs_e6: Shares of both tokens it gets of each window it can see, 1e-6 shares.
        buckets: How fast one signer may go.
        skew_s_max: A signed request's time may be off by so much.
        heartbeat_s_max: All orders go when no valid beat came for so long.
        heartbeat_check_s: How often that is looked at.
        chain_id: What signatures and wallets must be for.
        block_ms: The chain makes a block this often.
        relayed_ms: From a submission to the relayer until it is final, drawn between the two; its
            calls run half-way.
        submits_a_minute: The relayer takes so many of one key.
        geoblock: What ``/api/geoblock`` answers.
        socket_bytes_max: Unsent bytes at which a subscriber counts as one that no longer reads.
    """

    windows: WindowSettings = field(default_factory=WindowSettings)
    flow: FlowSettings | None = None
    rules: Rules = field(default_factory=Rules)
    seed: int = 0
    port: int = 0
    fund_e6: int = 10_000_000_000
    pairs_e6: int = 0
    buckets: Buckets = field(default_factory=Buckets)
    skew_s_max: int = 30
    heartbeat_s_max: int = 10
    heartbeat_check_s: int = 5
    chain_id: int = 137
    block_ms: int = 2_000
    relayed_ms: tuple[int, int] = (4_000, 10_000)
    submits_a_minute: int = RELAYER_SUBMITS_MAX
    geoblock: Geoblock = field(default_factory=Geoblock)
    socket_bytes_max: int = 4 << 20
