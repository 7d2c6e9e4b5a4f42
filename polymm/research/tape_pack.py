"""Packed tapes: what the live decoder understood of each frame, as rows for the compiled loop.

Two cursors read one array of rows: one in order of venue time, one in order of receipt. A frame
that stands at another place for each of them is written twice, once for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from polymm._core.decode import Decoder
from polymm._core.layout import ROW_FRAME_END, ROW_LAGGED, ROW_LOCAL, ROW_VENUE
from polymm._core.packing import Packer
from polymm.domain.market import NS, Market
from polymm.domain.tape import Tape
from polymm.errors import DecodeError, RecordingError
from polymm.research.market_record import market_record
from polymm.research.tape_hashes import HashCheck

# Where a receipt was not recorded frames are put in order as if each had taken this long.
FEED_NS: Final = 100_000_000

# A receipt that is later tells of a clock that was set, or of a feed that stood.
LATE_NS: Final = 10 * NS

_TRADE: Final = b'"transaction_hash"'
_HASH: Final = b'hash"'

# Counters of the decoder that tell of a tape with holes or out of order.
_DEFECTS: Final = (
    "books_late",
    "crossed",
    "deltas_late",
    "deltas_without_epoch",
    "mirror_mismatches",
    "top_mismatches",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedTape:
    """One market's rows with what is known of it: `domain.Tape`, decoded.

    Args:
        rows: (n,) layout.TAPE, in order for both cursors; may be a memory map.
        outcome, has_trades, token_labelled, source, trade_lag_ns, truth: As of `domain.Tape`.
        defects: Those of the source, and what the decoder counted on the way.
        rows_crc: CRC-32 of the rows where a file told it.
    """

    market: Market
    rows: NDArray[Any]
    outcome: Literal["up", "down"] | None
    has_trades: bool
    token_labelled: bool = True
    source: str = ""
    defects: Mapping[str, int] = field(default_factory=dict)
    trade_lag_ns: int = 0
    truth: Sequence[tuple[int, float]] = ()
    rows_crc: int | None = None

    def content(self) -> str:
        """16 hex digits of SHA-256 over all that a run depends on, wherever it is kept."""
        rows = np.ascontiguousarray(self.rows)
        crc = crc32(rows.view(np.uint8).data) if self.rows_crc is None else self.rows_crc
        facts = (self.outcome, self.has_trades, self.token_labelled, self.trade_lag_ns, crc)
        return sha256(repr((market_record(self.market), facts)).encode()).hexdigest()[:16]


def pack(tape: Tape, hashes: HashCheck | None = None, *, feed_ns: int = FEED_NS) -> PackedTape:
    """Decode a tape once, for any number of runs.

    Args:
        hashes: Checks those that its frames carry, on the way; none is checked without.
        feed_ns: From venue time to receipt, where only some receipts were recorded: the order of
            the rows depends on it.

    Raises:
        RecordingError: A frame is malformed.
    """
    market = tape.market
    decoder = Decoder()
    slot = decoder.add_market(market.up_token, market.down_token, tick_e4=market.tick_e4)
    packer = Packer(decoder, slot)
    hashes = hashes or HashCheck(market, "none")
    hashes.begin(decoder.book(slot))
    duplicates = repeated_trades = backward = late = last_recv_ns = last_ns = 0
    last, told = b"", set[bytes]()
    for number, (exch_ns, recv_ns, frame) in enumerate(tape.frames, 1):
        if exch_ns != last_ns:
            last, last_ns = b"", exch_ns
            told.clear()
        if frame == last or frame in told:
            duplicates += 1
            if _TRADE in frame:  # a book bears it twice, the volume does not
                repeated_trades += 1
                continue
        last = frame
        if _HASH in frame:  # others may rightly be told twice in a millisecond
            told.add(frame)
        hashes.take(frame)
        try:
            packer.feed(frame, exch_ns, recv_ns)
        except DecodeError as error:
            raise RecordingError(
                f"{tape.source}: frame {number} of {market.slug}: {error}"
            ) from error
        backward += 0 < recv_ns < last_recv_ns
        late += recv_ns > exch_ns + LATE_NS and exch_ns >= market.start_ns
        last_recv_ns = recv_ns or last_recv_ns
    checked = hashes.finish()
    counters = decoder.counters()
    found = {name: counters[name] for name in _DEFECTS}
    found |= {
        "duplicate_frames": duplicates,
        "duplicate_trades_left_out": repeated_trades,
        "receipts_backwards": backward,
        f"receipts_over_{LATE_NS // NS}_s_late": late,
        "hashes_failed": checked.books_failed + checked.changes_failed,
    }
    return PackedTape(
        market=market,
        rows=arrange(packer.rows(), trade_lag_ns=tape.trade_lag_ns, feed_ns=feed_ns),
        outcome=tape.outcome,
        has_trades=tape.has_trades,
        token_labelled=tape.token_labelled,
        source=tape.source,
        defects=dict(tape.defects) | {name: n for name, n in found.items() if n},
        trade_lag_ns=tape.trade_lag_ns,
        truth=tape.truth,
    )


def arrange(rows: NDArray[Any], *, trade_lag_ns: int = 0, feed_ns: int = FEED_NS) -> NDArray[Any]:
    """Put rows into an order in which time never falls for either cursor.

    Args:
        rows: (n,) layout.TAPE, each frame once, for both cursors.
        trade_lag_ns: How much earlier than its stamp a trade was matched.
        feed_ns: From venue time to receipt, where a receipt was not recorded.

    Returns:
        (m,) layout.TAPE, m >= n: frames that change places are there once for each cursor.
    """
    if not len(rows):
        return rows
    ends = np.flatnonzero(rows["flags"] & ROW_FRAME_END) + 1
    starts = np.concatenate(([0], ends[:-1]))
    heads = rows[starts]
    lagged = (heads["flags"] & ROW_LAGGED != 0) & (trade_lag_ns > 0)
    venue_ns = heads["exch_ns"] - trade_lag_ns * lagged
    local_ns = np.where(heads["recv_ns"], heads["recv_ns"], heads["exch_ns"] + feed_ns)
    by_venue = np.argsort(venue_ns, kind="stable")
    by_local = np.argsort(local_ns, kind="stable")
    if np.array_equal(by_venue, by_local) and np.array_equal(by_venue, np.arange(len(starts))):
        return rows
    frames, flags = _merged(by_venue, by_local, lagged)
    counts = (ends - starts)[frames]
    shift = np.repeat(starts[frames] - np.cumsum(counts) + counts, counts)
    arranged = rows[shift + np.arange(len(shift))]
    arranged["flags"] &= np.repeat(flags, counts)
    return arranged


def _merged(
    by_venue: NDArray[Any], by_local: NDArray[Any], moved: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Merge two orders of the same frames into one sequence of (frame, mask of its flags).

    Args:
        moved: (frames,) bool, of frames that are known to change places.
    """
    n = len(by_venue)
    place = np.empty(n, dtype=np.int64)
    place[by_local] = np.arange(n)
    # Frames that come in one order in both: each later for us than all such ones before it.
    found = np.where(moved[by_venue], -1, place[by_venue])
    stays_by_venue = (found >= 0) & (found == np.maximum.accumulate(found))
    stays = np.zeros(n, dtype=bool)
    stays[by_venue] = stays_by_venue
    # What stays has an even rank, what moves the odd one before that of the next that stays.
    venue_rank = 2 * np.cumsum(stays_by_venue) - stays_by_venue
    local_rank = 2 * np.cumsum(stays[by_local]) - stays[by_local]
    only_local = ~stays[by_local]
    frames = np.concatenate((by_venue, by_local[only_local]))
    ranks = np.concatenate((venue_rank, local_rank[only_local]))
    flags = np.full(len(frames), 0xFF ^ ROW_VENUE, dtype=np.uint8)
    flags[:n] = np.where(stays_by_venue, 0xFF, 0xFF ^ ROW_LOCAL)
    order = np.argsort(ranks, kind="stable")
    return frames[order], flags[order]
