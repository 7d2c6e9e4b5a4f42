"""From a market-channel frame's bytes to books and a decision, in one call.

`Decoder.feed` stages what a frame wants, applies it when the whole frame has checked out, asks the
attached lanes whether other quotes are wanted, and answers bit flags. It keeps the books of all
registered tokens, so that a frame is parsed once however many markets it touches.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc

from polymm._core.apply cimport (
    add_level, begin_book, change_level, change_tick, end_book, newest_snapshot, note_trade,
    pass_stamp,
)
from polymm._core.book cimport Book, BookState, best_ask, best_bid
from polymm._core.fastpass cimport fast_frame
from polymm._core.lane cimport Lane
from polymm._core.layout cimport (
    ASK, BID, CHANGED, CROSSED, DOWN, FOREIGN, GRID, IGNORED, LATE, MISMATCH, NO_EPOCH, RESOLVED,
    TOLERANT, TOP, UP, whole_t,
)
from polymm._core.staging cimport (
    EVENT_BOOK,
    EVENT_CHANGE,
    EVENT_RESOLVED,
    EVENT_TICK,
    EVENT_TRADE,
    MARKETS_MAX,
    TOKEN_CHARS_MAX,
    Change,
    Staged,
    Staging,
    TokenTable,
    drop_tokens,
    find_key,
    insert_token,
    stage_events,
)

from polymm._core import tolerant
from polymm._core.records import Trade
from polymm.errors import DecodeError, InputError

cdef enum:
    FRAME_BYTES = 4194304        # 4 MiB

FRAME_BYTES_MAX = FRAME_BYTES


cdef inline bint stage_fast(Decoder decoder, bytes frame) noexcept:
    cdef const char* p = PyBytes_AS_STRING(frame)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(frame)
    return length <= FRAME_BYTES and fast_frame(p, p + length, decoder.tokens, decoder.staging)


cdef class Decoder:
    """Turns frames into books; one instance for any number of markets up to 256.

    A frame is valid during the call that delivers it and is not kept. `feed` is the one call on
    the path; everything else is for set-up and for looking. One thread at a time: a decoder, its
    books and their lanes have no lock, and the tolerant pass lets other threads run half-way.
    """

    def __cinit__(self):
        self.tokens = <TokenTable*>calloc(1, sizeof(TokenTable))
        self.staging = <Staging*>malloc(sizeof(Staging))
        if self.tokens == NULL or self.staging == NULL:
            raise MemoryError("no memory for a decoder")
        self.begin()
        self.books = [None] * MARKETS_MAX
        self.lane_objects = [None] * MARKETS_MAX
        self.read_frame = tolerant.read_frame

    def __dealloc__(self):
        free(self.tokens)
        free(self.staging)

    def add_market(self, str up_token not None, str down_token not None="", *, whole_t tick_e4=100):
        """Register a market's tokens and make its book.

        Args:
            up_token: Decimal token id of Up, 8 to 96 digits.
            down_token: The same of Down; "" where only one token is known.
            tick_e4: Price grid until the venue says otherwise, 1e-4 dollars, a divisor of 10000.

        Returns:
            The market's slot, 0..255, the key of every other call.

        Raises:
            InputError: A token is not a decimal id or stands already, the tick makes no grid, or
                there is no room.
        """
        tokens = [token for token in (up_token, down_token) if token]
        for token in tokens:
            if not (8 <= len(token) <= TOKEN_CHARS_MAX and token.isascii() and token.isdigit()):
                raise InputError(f"a token id must be 8 to 96 digits, was {token[:100]!r}")
            if find_key(self.tokens, token.encode()) != NULL:
                raise InputError(f"token {token} stands already")
        if not up_token or up_token == down_token:
            raise InputError("a market needs an Up token that is not its Down token")
        if None not in self.books:
            raise InputError(f"a decoder holds at most {MARKETS_MAX} markets")
        cdef int slot = self.books.index(None)
        cdef Book book = Book(tick_e4)
        self.books[slot] = book
        self.states[slot] = book.s
        insert_token(self.tokens, up_token.encode(), slot, UP)
        if down_token:
            insert_token(self.tokens, down_token.encode(), slot, DOWN)
        return slot

    def remove_market(self, whole_t slot):
        """Forget a market; its tokens count as foreign from now on.

        Its book and lane stay as they are for whoever holds them, and hear of nothing more. The
        slot goes to the next market, which needs a lane over its own book.

        Raises:
            InputError: No market stands at this slot.
        """
        self.book(slot)
        self.books[slot] = None
        self.lane_objects[slot] = None
        self.lanes[slot] = NULL
        self.states[slot] = NULL
        drop_tokens(self.tokens, slot)

    def attach(self, whole_t slot, Lane lane):
        """Let a lane answer `REQUOTE` whenever this market's book changes.

        Args:
            slot: The market; a lane that it has already is replaced.
            lane: A lane over `book(slot)`; None detaches.

        Raises:
            InputError: No market stands at this slot, or the lane looks at another book.
        """
        if self.book(slot) is not (lane.owner if lane is not None else self.books[slot]):
            raise InputError(f"a lane of slot {slot} must be made over book({slot})")
        self.lane_objects[slot] = lane
        self.lanes[slot] = <void*>lane if lane is not None else NULL

    def book(self, whole_t slot):
        """Give the market's book.

        Raises:
            InputError: No market stands at this slot.
        """
        if not 0 <= slot < MARKETS_MAX or self.books[slot] is None:
            raise InputError(f"no market at slot {slot}")
        return self.books[slot]

    cpdef int feed(self, frame, int64_t now_ns=0) except -1:
        """Decode one frame, apply it, and say what happened.

        Args:
            frame: bytes of one text frame, at most 4 MiB; bytearray and memoryview are copied.
            now_ns: Our clock, for the lanes' requote rule; not read from anywhere else.

        Returns:
            Bit flags of `polymm._core.layout`: CHANGED, TOP, SNAPSHOT, TRADE, REQUOTE, ...

        Raises:
            DecodeError: The frame is malformed; nothing of it was applied, and touched, trades and
                resolved are empty.
        """
        cdef int flags = 0, i, slot
        self.begin()
        self.n.frames += 1
        if type(frame) is bytes and stage_fast(self, frame):
            self.n.fast += 1
        else:
            flags = self.stage_other(frame)
        flags |= self.apply()
        for i in range(self.touched_n):
            slot = self.touched_slots[i]
            if self.lanes[slot] != NULL:
                flags |= (<Lane>self.lanes[slot]).evaluate_c(now_ns)
        return flags

    def touched(self):
        """List the slots whose book or last trade price the last frame changed."""
        return [self.touched_slots[i] for i in range(self.touched_n)]

    def trades(self):
        """List the trades of the last frame, in Up terms."""
        cdef Staged* event
        trades = []
        for i in range(self.staging.event_n):
            event = &self.staging.events[i]
            if event.kind == EVENT_TRADE:
                trades.append(
                    Trade(
                        event.slot, event.side, event.price_e4, event.size_e6, event.stamp_ms,
                        event.token,
                    )
                )
        return trades

    def resolved(self):
        """List (slot, winner) of the last frame's resolutions; winner 0 is Up, 1 Down."""
        cdef Staging* staging = self.staging
        return [
            (staging.events[i].slot, staging.events[i].token)
            for i in range(staging.event_n)
            if staging.events[i].kind == EVENT_RESOLVED
        ]

    def counters(self):
        """Give every counter since the decoder was made.

        Returns:
            Name to count. Of frames: ``frames`` = ``fast`` + ``tolerant`` + ``rejected``. Of
            events: ``books``, of which ``books_late`` were dropped and ``books_merged`` gave way to
            newer deltas; ``trades``; ``tick_changes``; ``ignored`` types. Of levels: ``deltas``, of
            which ``deltas_late`` were dropped; ``deltas_without_epoch``, dropped and not among
            them; ``mirror_mismatches``, second halves that contradict the first. ``foreign``:
            entries and events of unregistered tokens. Of applied events: ``top_mismatches`` and
            ``crossed``.
        """
        return dict(self.n)

    cdef int stage_other(self, object frame) except -1:
        """Stage what the fast pass left, or nothing at all; answers the flag of the pass."""
        try:
            if type(frame) is not bytes:
                frame = tolerant.owned_bytes(frame)
                if stage_fast(self, frame):
                    self.n.fast += 1
                    return 0
            self.begin()
            self.stage_tolerant(frame)
        except DecodeError:
            self.begin()
            self.touched_n = 0
            self.n.rejected += 1
            raise
        self.n.tolerant += 1
        return TOLERANT

    cdef int stage_tolerant(self, bytes frame) except -1:
        if len(frame) > FRAME_BYTES_MAX:
            raise DecodeError(f"frame must be at most {FRAME_BYTES_MAX} bytes, was {len(frame)}")
        return stage_events(self.tokens, self.staging, self.read_frame(frame))

    # Applying what was staged; nothing below can fail

    cdef int apply(self) noexcept nogil:
        cdef const Staged* event
        cdef int flags = 0
        cdef int i
        self.touched_n = 0
        if self.staging.foreign_n:
            flags |= FOREIGN
            self.n.foreign += self.staging.foreign_n
        if self.staging.ignored_n:
            flags |= IGNORED
            self.n.ignored += self.staging.ignored_n
        if self.staging.mirror_n:
            flags |= MISMATCH
            self.n.mirror_mismatches += self.staging.mirror_n
        for i in range(self.staging.event_n):
            event = &self.staging.events[i]
            if event.kind == EVENT_CHANGE:
                flags |= self.apply_change(event)
            elif event.kind == EVENT_BOOK:
                flags |= self.apply_book(event)
            elif event.kind == EVENT_TRADE:
                flags |= self.apply_trade(event)
            elif event.kind == EVENT_TICK:
                flags |= self.apply_tick(event)
            else:
                flags |= RESOLVED
        return flags

    cdef int apply_change(self, const Staged* event) noexcept nogil:
        """Set the levels of one price_change, each unless something newer set it."""
        cdef BookState* book = self.states[event.slot]
        cdef const Change* change
        cdef int64_t stamp = event.stamp_ms
        cdef int64_t snapshot = newest_snapshot(book)
        cdef int flags = 0
        cdef int i, bid, ask, done
        if not book.has_epoch:
            self.n.deltas_without_epoch += event.count
            return NO_EPOCH
        for i in range(event.first, event.first + event.count):
            change = &self.staging.changes[i]
            done = change_level(
                book, snapshot, stamp, change.side, change.price_e4, change.size_e6
            )
            if done == LATE:
                self.n.deltas_late += 1
            flags |= done
        self.n.deltas += event.count
        pass_stamp(book, stamp)
        bid = best_bid(&book.side[BID])
        ask = best_ask(&book.side[ASK])
        if stamp == book.newest_ms and (
            (event.top_bid_e4 >= 0 and event.top_bid_e4 != bid)
            or (event.top_ask_e4 >= 0 and event.top_ask_e4 != ask)
        ):
            self.n.top_mismatches += 1
            flags |= MISMATCH
        return flags | self.settle_top(book, event.slot, bid, ask, flags)

    cdef int settle_top(
        self, BookState* book, int slot, int bid, int ask, int flags
    ) noexcept nogil:
        """Note what the applied event did to the touch."""
        if flags & CHANGED:
            self.touch(slot)
        if bid != book.top_e4[BID] or ask != book.top_e4[ASK]:
            book.top_e4[BID] = bid
            book.top_e4[ASK] = ask
            flags |= TOP
        if bid > 0 and bid >= ask:
            self.n.crossed += 1
            flags |= CROSSED
        return flags

    cdef int apply_book(self, const Staged* event) noexcept nogil:
        """Replace both sides; levels that newer deltas have set since keep them."""
        cdef BookState* book = self.states[event.slot]
        cdef const Change* change
        cdef int64_t stamp = event.stamp_ms
        cdef int flags = begin_book(book, stamp)
        cdef int i
        self.n.books += 1
        if flags == LATE:
            self.n.books_late += 1
            return LATE
        if flags & LATE:
            self.n.books_merged += 1
        for i in range(event.first, event.first + event.count):
            change = &self.staging.changes[i]
            add_level(book, flags, stamp, change.side, change.price_e4, change.size_e6)
        flags |= end_book(book, stamp, event.token, event.price_e4)
        return self.settle_top(
            book, event.slot, best_bid(&book.side[BID]), best_ask(&book.side[ASK]), flags
        )

    cdef int apply_tick(self, const Staged* event) noexcept nogil:
        cdef BookState* book = self.states[event.slot]
        cdef int flags = change_tick(book, event.stamp_ms, event.price_e4)
        if not flags & CHANGED:
            return flags
        self.n.tick_changes += 1
        return self.settle_top(book, event.slot, 0, GRID - 1, flags)

    cdef int apply_trade(self, const Staged* event) noexcept nogil:
        self.n.trades += 1
        self.touch(event.slot)
        return note_trade(self.states[event.slot], event.stamp_ms, event.price_e4)
