"""A packed tape says what the frames said, in an order that never falls for either cursor."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from polymm._core import layout
from polymm._core.decode import Decoder
from polymm._core.packing import Packer, read_row
from polymm.errors import InputError, RecordingError
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.research.tape_pack import arrange, pack
from tests.support.tapes import DOWN_TOKEN, MS, UP_TOKEN, at, book, change, tape, tick, trade

BIDS, ASKS = [(0.48, 100), (0.47, 50)], [(0.52, 80)]


def rows_of(*frames, **facts):
    return pack(tape(*frames, **facts)).rows


def said(row):
    return row["kind"], row["price_e4"], row["size_e6"]


def test_c_and_numpy_read_the_same_row():
    row = np.zeros(1, dtype=layout.TAPE)
    rng = np.random.default_rng(20_260)
    row.view(np.uint8)[:] = rng.integers(0, 256, row.nbytes, dtype=np.uint8)
    assert layout.TAPE.itemsize == 32
    assert read_row(row.tobytes()) == dict(zip(layout.TAPE.names, row[0].item(), strict=True))
    with pytest.raises(InputError, match="32 bytes, was 3"):
        read_row(b"row")


def test_a_snapshot_is_its_head_and_its_levels_and_a_change_is_one_row():
    rows = rows_of(book(0, BIDS, ASKS), change(5, "SELL", 0.53, 7))
    assert [said(row) for row in rows] == [
        (layout.ROW_BOOK, 0, 3),
        (layout.ROW_LEVEL, 4800, 100_000_000),
        (layout.ROW_LEVEL, 4700, 50_000_000),
        (layout.ROW_LEVEL, 5200, 80_000_000),
        (layout.ROW_CHANGE, 5300, 7_000_000),
    ]
    both = layout.ROW_VENUE | layout.ROW_LOCAL
    ends = layout.ROW_EVENT_END | layout.ROW_FRAME_END
    assert list(rows["flags"]) == [
        both,
        both,
        both,
        both | layout.ROW_ASK | ends,
        both | layout.ROW_ASK | ends,
    ]
    assert list(rows["exch_ns"]) == [at(0)] * 4 + [at(5)]


def test_trades_ticks_and_other_texts_are_rows_in_up_terms():
    rows = rows_of(trade(1, "BUY", 0.40, 5, token="down"), tick(2, "0.01", "0.001"))
    down = layout.ROW_DOWN
    assert [(*said(row), row["flags"] & (down | layout.ROW_ASK)) for row in rows] == [
        (layout.ROW_TRADE, 6000, 5_000_000, down | layout.ROW_ASK),
        (layout.ROW_TICK, 10, 0, 0),
    ]


def test_a_frame_without_anything_for_the_market_keeps_its_time():
    decoder = Decoder()
    decoder.add_market("3333333333333333")
    packer = Packer(decoder, 0)
    packer.feed(book(7, BIDS, ASKS).frame, at(7), at(8))
    (row,) = packer.rows()
    assert (row["kind"], row["exch_ns"], row["recv_ns"]) == (layout.ROW_NOTHING, at(7), at(8))


def test_a_message_with_a_time_of_its_own_brings_it_along():
    late = book(20, BIDS, ASKS)._replace(exch_ns=at(30))
    rows = rows_of(late)
    assert rows[0]["kind"] == layout.ROW_STAMP
    assert rows[0]["size_e6"] * MS == at(20)
    assert all(rows[1:]["flags"] & layout.ROW_STAMPED)


def test_a_packer_listens_to_a_decoder_that_others_feed():
    decoder = Decoder()
    slot = decoder.add_market(UP_TOKEN, DOWN_TOKEN)
    packer = Packer(decoder, slot)
    decoder.feed(book(0, BIDS, ASKS).frame, 1)
    packer.take(at(0), at(1))
    assert packer.rows_n == 4
    assert set(packer.rows()["recv_ns"]) == {at(1)}
    packer.clear()
    assert len(packer.rows()) == 0
    with pytest.raises(InputError, match="at least 0, were -1"):
        packer.take(-1)


def times(rows, cursor, lag_ns, feed_ns):
    mine = rows[rows["flags"] & cursor != 0]
    if cursor == layout.ROW_VENUE:
        return mine, mine["exch_ns"] - lag_ns * (mine["flags"] & layout.ROW_LAGGED != 0)
    return mine, np.where(mine["recv_ns"], mine["recv_ns"], mine["exch_ns"] + feed_ns)


def assert_in_order_for_both(packed, arranged, lag_ns, feed_ns=100 * MS):
    for cursor in (layout.ROW_VENUE, layout.ROW_LOCAL):
        mine, when = times(arranged, cursor, lag_ns, feed_ns)
        _, then = times(packed, cursor, lag_ns, feed_ns)
        expected = packed[np.argsort(then, kind="stable")]
        assert np.all(np.diff(when) >= 0)
        names = [name for name in layout.TAPE.names if name != "flags"]
        assert np.array_equal(mine[names], expected[names])


def test_a_trade_stands_at_its_match_for_the_venue_and_at_its_receipt_for_us():
    found = tape(
        book(0, BIDS, ASKS),
        change(100, "BUY", 0.48, 60),
        change(150, "BUY", 0.48, 50),
        trade(290, "SELL", 0.48, 40),
        change(300, "BUY", 0.48, 40),
        trade_lag_ns=200 * MS,
    )
    rows = pack(found).rows
    trades = rows[rows["kind"] == layout.ROW_TRADE]
    assert [bool(row["flags"] & layout.ROW_VENUE) for row in trades] == [True, False]
    assert_in_order_for_both(pack(replace(found, trade_lag_ns=0)).rows, rows, 200 * MS)


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_receipts_is_kept_for_both_cursors(seed):
    rng = Random(seed)
    window = generate_window(seed, settings=FlowSettings(window_s=10, lookback_s=2))
    frames = [
        frame._replace(recv_ns=frame.exch_ns + rng.randrange(1, 40) * MS)
        for frame in list(window.frames)[:800]
    ]
    plain = pack(replace(window, frames=frames, trade_lag_ns=0, truth=()))
    raw = Packer(*_decoder(window))
    for frame in frames:
        raw.feed(frame.frame, frame.exch_ns, frame.recv_ns)
    for lag_ns in (0, 190 * MS):
        arranged = arrange(raw.rows(), trade_lag_ns=lag_ns)
        assert_in_order_for_both(raw.rows(), arranged, lag_ns)
    assert plain.defects.get("receipts_backwards", 0) > 0


def _decoder(window):
    decoder = Decoder()
    market = window.market
    return decoder, decoder.add_market(market.up_token, market.down_token, tick_e4=market.tick_e4)


def test_what_a_feed_tells_again_is_counted_and_its_trades_are_no_volume():
    told = trade(2, "BUY", 0.52, 5)
    of_chain = told._replace(frame=told.frame[:-1] + b',"transaction_hash":"0xab"}')
    once = [change(2, "BUY", 0.48, 3), of_chain, change(2, "BUY", 0.47, 3)]
    again = pack(tape(book(1, BIDS, ASKS), *once, *once))
    assert again.defects == {"duplicate_frames": 3, "duplicate_trades_left_out": 1}
    assert np.count_nonzero(again.rows["kind"] == layout.ROW_TRADE) == 1
    # Two alike in a millisecond are two, where nothing says that they are one.
    apart = rows_of(told, tick(2, 0.01, 0.001), told)
    assert np.count_nonzero(apart["kind"] == layout.ROW_TRADE) == 2


def test_what_is_wrong_with_a_tape_is_counted():
    packed = pack(
        tape(
            change(0, "BUY", 0.48, 3),
            book(1, BIDS, ASKS),
            change(2, "BUY", 0.48, 3),
            change(2, "BUY", 0.48, 3),
        )
    )
    assert packed.defects == {"deltas_without_epoch": 1, "duplicate_frames": 1}
    late = trade(3, "BUY", 0.52, 5)
    assert pack(tape(book(0, BIDS, ASKS), late._replace(recv_ns=at(10_003)))).defects == {}
    assert pack(tape(book(0, BIDS, ASKS), late._replace(recv_ns=at(10_004)))).defects == {
        "receipts_over_10_s_late": 1
    }
    broken = book(3, BIDS, ASKS)._replace(frame=b'{"event_type":"book"')
    with pytest.raises(RecordingError, match="frame 2 of btc-updown"):
        pack(tape(book(0, BIDS, ASKS), broken))
