"""One market's order book on a price grid, in Up terms, with Down as its mirror.

A size per 1e-4 price and an occupancy bitmap make setting a level O(1) and finding the best two
bit scans; a snapshot clears only what is set. Each level keeps the venue time of its last change,
so that messages that arrive late cannot undo newer ones.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBUF_STRIDES, PyBUF_WRITABLE
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from polymm._core.layout cimport (
    ASK, BID, DOWN, GRID, PRICE_E4_MAX, PRICE_E4_MIN, PRICE_SCALE, UP, WORDS, whole_t,
)

from polymm.errors import InputError

cdef int64_t SIZE_E6_MAX = 10 ** 14
# {"price":"0.1234","size":"1234567890123.123456"}, takes 49 bytes at most: 64 bits end there.
cdef Py_ssize_t LEVEL_TEXT_MAX = 64


cdef void clear_grid(Grid* grid) noexcept nogil:
    """Empty one side by walking its occupied levels; a memset of the grid would cost more.

    The levels keep their venue times: none is above that of the snapshot that empties the side,
    and whatever is older than the snapshot is dropped without a look at them.
    """
    cdef int word, price
    cdef uint64_t bits
    for word in range(WORDS):
        bits = grid.bits[word]
        while bits:
            price = (word << 6) + polymm_ctz64(bits)
            bits &= bits - 1
            grid.size_e6[price] = 0
        grid.bits[word] = 0
    grid.summary[0] = grid.summary[1] = grid.summary[2] = 0


cdef void drop_older(BookState* book, int64_t stamp) noexcept nogil:
    """Remove every level last set at or before a late snapshot's time."""
    cdef Grid* grid
    cdef int side, price
    for side in range(2):
        grid = &book.side[side]
        price = next_above(grid, 0)
        while price < GRID - 1:
            if grid.stamp_ms[price] <= stamp:
                set_level(grid, price, 0)
            price = next_above(grid, price)


cdef void end_epoch(BookState* book) noexcept nogil:
    """Forget both sides and every venue time: what comes next is judged by its own epoch only."""
    cdef int side
    for side in range(2):
        clear_grid(&book.side[side])
        memset(book.side[side].stamp_ms, 0, sizeof(book.side[side].stamp_ms))
        book.book_ms[side] = 0
    book.newest_ms = 0
    book.trade_ms = 0
    book.has_epoch = 0


cdef class GridView:
    """Read-only buffer over one side's sizes; keeps its book alive."""

    cdef Book book
    cdef int side
    cdef Py_ssize_t shape
    cdef Py_ssize_t stride

    def __cinit__(self, Book book not None, int side):
        if not is_side(side):
            raise InputError(f"side must be 0 or 1, was {side}")
        self.book = book
        self.side = side
        self.shape = GRID
        self.stride = sizeof(int64_t)

    def __getbuffer__(self, Py_buffer* view, int flags):
        if flags & PyBUF_WRITABLE:
            raise BufferError("a book's sizes are read-only")
        view.buf = <void*>self.book.s.side[self.side].size_e6
        view.obj = self
        view.len = GRID * sizeof(int64_t)
        view.readonly = 1
        view.itemsize = sizeof(int64_t)
        view.format = NULL
        view.ndim = 1
        view.shape = NULL
        view.strides = NULL
        if flags & PyBUF_FORMAT:
            view.format = <char*>"q"
        if flags & PyBUF_ND:
            view.shape = &self.shape
        if flags & PyBUF_STRIDES:
            view.strides = &self.stride
        view.suboffsets = NULL
        view.internal = NULL


cdef inline bint is_side(whole_t side) noexcept:
    return side == BID or side == ASK


cdef char* put_text(char* at, const char* text, Py_ssize_t n) noexcept nogil:
    memcpy(at, text, n)
    return at + n


cdef char* put_whole(char* at, int64_t value, int places) noexcept nogil:
    """Write at least so many digits; answer what is behind them."""
    cdef char[20] digits
    cdef int n = 0
    while value or n < places:
        digits[n] = <char>(48 + value % 10)
        value //= 10
        n += 1
    while n:
        n -= 1
        at[0] = digits[n]
        at += 1
    return at


cdef char* put_decimal(char* at, int64_t value, int places) noexcept nogil:
    """Write an integer of 10**-places as the venue writes it: no trailing zeros, no exponent."""
    cdef int64_t scale = 10000 if places == 4 else 1000000
    cdef int64_t rest = value % scale
    at = put_whole(at, value // scale, 1)
    if rest:
        at[0] = 46  # "."
        at = put_whole(at + 1, rest, places)
        while at[-1] == 48:  # "0"
            at -= 1
    return at


cdef char* put_levels(char* at, const Grid* grid, bint is_bid, bint is_mirrored) noexcept nogil:
    """Write a side, given in Up terms, worst level first: of either token the same way along."""
    cdef int price = next_above(grid, 0) if is_bid else next_below(grid, GRID - 1)
    cdef bint is_first = True
    while 0 < price < GRID - 1:
        if not is_first:
            at[0] = 44  # ","
            at += 1
        is_first = False
        at = put_text(at, b'{"price":"', 10)
        at = put_decimal(at, GRID - 1 - price if is_mirrored else price, 4)
        at = put_text(at, b'","size":"', 10)
        at = put_decimal(at, grid.size_e6[price], 6)
        at = put_text(at, b'"}', 2)
        price = next_above(grid, price) if is_bid else next_below(grid, price)
    return at


cdef Py_ssize_t levels_n(const Grid* grid) noexcept nogil:
    cdef Py_ssize_t n = 0
    cdef int price = next_above(grid, 0)
    while price < GRID - 1:
        n += 1
        price = next_above(grid, price)
    return n


cdef class Book:
    """The order book of one market in Up terms; Down reads it through its mirror.

    Args:
        tick_e4: Price grid of the market, 1e-4 dollars, a divisor of 10000 below it. Levels off it
            are kept: the venue has sent some in every tick regime.

    Raises:
        InputError: The tick makes no grid.

    Prices are 1e-4 dollars within 1..9999, sizes 1e-6 shares below 1e14, sides BID 0 and ASK 1.
    An empty bid side has best 0, an empty ask side 10000.
    """

    def __cinit__(self, whole_t tick_e4=100):
        check_tick(tick_e4)
        self.s = <BookState*>calloc(1, sizeof(BookState))
        if self.s == NULL:
            raise MemoryError("no memory for a book")
        self.s.tick_e4 = tick_e4

    def __dealloc__(self):
        free(self.s)

    def set_level(self, whole_t side, whole_t price_e4, whole_t size_e6):
        """Set the total size at one price; 0 removes the level.

        Raises:
            InputError: Side, price or size out of range; nothing changes.
        """
        check_level(side, price_e4, size_e6)
        set_level(&self.s.side[side], <int>price_e4, size_e6)

    def replace(self, bids, asks):
        """Replace both sides and open the epoch, as a snapshot of venue time timestamp_ms does.

        Args:
            bids: Iterable of (price_e4, size_e6) in Up terms; sizes at equal prices add up.
            asks: The same for the ask side.

        Raises:
            InputError: A level is out of range; nothing changes.
        """
        sides = (list(bids), list(asks))
        cdef int side
        for side in range(2):
            for price_e4, size_e6 in sides[side]:
                check_level(side, price_e4, size_e6)
        for side in range(2):
            clear_grid(&self.s.side[side])
            for price_e4, size_e6 in sides[side]:
                if size_e6:
                    set_level(
                        &self.s.side[side], price_e4,
                        self.s.side[side].size_e6[<int>price_e4] + <int64_t>size_e6,
                    )
        self.s.has_epoch = 1
        self.s.book_ms[UP] = self.s.newest_ms

    def clear(self):
        """Forget every level and close the epoch: unusable until the next snapshot."""
        end_epoch(self.s)

    @property
    def best_bid_e4(self):
        """Best bid in Up terms, 0 where that side is empty."""
        return best_bid(&self.s.side[BID])

    @property
    def best_ask_e4(self):
        """Best ask in Up terms, 10000 where that side is empty."""
        return best_ask(&self.s.side[ASK])

    @property
    def is_crossed(self):
        """Whether both sides are there and the best bid is at or above the best ask."""
        cdef int bid = best_bid(&self.s.side[BID])
        return bid > 0 and bid >= best_ask(&self.s.side[ASK])

    @property
    def has_epoch(self):
        """Whether a snapshot has opened this epoch; until then the book is unusable."""
        return self.s.has_epoch != 0

    @property
    def tick_e4(self):
        """Price grid of the market, 1e-4 dollars."""
        return self.s.tick_e4

    @property
    def last_trade_e4(self):
        """Price of the last trade event in Up terms, 0 where none was seen."""
        return self.s.last_trade_e4

    @property
    def timestamp_ms(self):
        """Newest venue time applied in this epoch, epoch ms, 0 where none."""
        return self.s.newest_ms

    def size_e6(self, whole_t side, whole_t price_e4):
        """Displayed size at one price in Up terms, 0 where there is no level."""
        check_level(side, price_e4, 0)
        return self.s.side[side].size_e6[price_e4]

    def levels(self, whole_t side, whole_t n=GRID, whole_t token=UP):
        """List the best levels of one side.

        Args:
            side: BID or ASK, in the token's own terms.
            n: At most this many.
            token: UP, or DOWN for the mirror.

        Returns:
            (price_e4, size_e6) pairs in the token's own terms, best first.
        """
        if not is_side(side) or token not in (UP, DOWN):
            raise InputError(f"side and token must be 0 or 1, were {side} and {token}")
        cdef int up_side = side ^ token
        cdef Grid* grid = &self.s.side[up_side]
        cdef int price = best_bid(grid) if up_side == BID else best_ask(grid)
        levels = []
        while len(levels) < n and 0 < price < GRID - 1:
            levels.append((GRID - 1 - price if token else price, grid.size_e6[price]))
            price = next_below(grid, price) if up_side == BID else next_above(grid, price)
        return levels

    def sizes(self, whole_t side):
        """Give a live, read-only NumPy view of one side in Up terms.

        Returns:
            (10001,) int64, 1e-6 shares by price_e4. It changes with the next message.
        """
        if not is_side(side):
            raise InputError(f"side must be 0 or 1, was {side}")
        from numpy import frombuffer

        return frombuffer(GridView(self, side), dtype="i8")

    def level_texts(self, whole_t token=UP):
        """Write both sides as the venue writes them in a `book` message: the hash's middle part.

        Returns:
            ``"bids":[...],"asks":[...]`` of the token, worst level first, best last.
        """
        if token not in (UP, DOWN):
            raise InputError(f"token must be 0 or 1, was {token}")
        cdef bint is_down = token == DOWN
        cdef Grid* bids = &self.s.side[ASK if is_down else BID]
        cdef Grid* asks = &self.s.side[BID if is_down else ASK]
        cdef Py_ssize_t most = LEVEL_TEXT_MAX * (levels_n(bids) + levels_n(asks) + 1)
        cdef char* text = <char*>malloc(most)
        if text == NULL:
            raise MemoryError("no memory for the text of a book")
        cdef char* at = put_text(text, b'"bids":[', 8)
        at = put_levels(at, bids, not is_down, is_down)
        at = put_text(at, b'],"asks":[', 10)
        at = put_levels(at, asks, is_down, is_down)
        at[0] = 93  # "]"
        try:
            return text[:at - text + 1].decode("ascii")
        finally:
            free(text)


cdef int check_tick(int64_t tick_e4) except -1:
    if not (0 < tick_e4 < PRICE_SCALE and PRICE_SCALE % tick_e4 == 0):
        raise InputError(f"tick_e4 must divide 10000, was {tick_e4}")
    return 0


cdef int check_level(whole_t side, whole_t price_e4, whole_t size_e6) except -1:
    if not is_side(side):
        raise InputError(f"side must be 0 (bid) or 1 (ask), was {side}")
    if not PRICE_E4_MIN <= price_e4 <= PRICE_E4_MAX:
        raise InputError(f"price_e4 must be within 1..9999, was {price_e4}")
    if not 0 <= size_e6 < SIZE_E6_MAX:
        raise InputError(f"size_e6 must be within 0..1e14, was {size_e6}")
    return 0
