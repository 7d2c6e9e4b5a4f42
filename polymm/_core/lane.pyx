"""One market's way from book to wanted quote: analyse, quote, decide whether to requote, all in C.

A lane borrows its book and owns its record of state, parameters and quote. The decoder evaluates
the lanes of the books a frame touched; Python looks only when the answer says so.
"""

from collections import namedtuple

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from polymm._core.inventory cimport check_held
from polymm._core.layout cimport Params, PRICE_SCALE, Quote, REQUOTE, State, whole_t
from polymm._core.quoting cimport params_of, quoter_at
from polymm._core.signals cimport forget_depth

from polymm._core import layout
from polymm.errors import InputError

QuoteRecord = namedtuple(
    "QuoteRecord", [name for name, _ in layout.QUOTE_FIELDS], module=__name__
)
cdef object make_tuple = tuple.__new__


cdef class RecordView:
    """Read-only buffer over one record of a lane; keeps the lane alive."""

    cdef Lane lane
    cdef void* record
    cdef Py_ssize_t size

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.record, self.size, 1, flags)


cdef object view_of(Lane lane, void* record, Py_ssize_t size, object dtype):
    from numpy import frombuffer

    cdef RecordView view = RecordView()
    view.lane = lane
    view.record = record
    view.size = size
    return frombuffer(view, dtype=dtype).reshape(())


cdef class Lane:
    """Analyse one book and keep the quote it asks for.

    Args:
        book: The market's book; borrowed and kept alive.
        params: A mapping that names every base field of PARAMS_FIELDS (user0..user7 default to 0),
            or an object with ``as_fields()``, such as strategy.base.BaseParameters. They are taken
            as they stand: an order size below the venue's minimum never trades; see
            strategy.base.raise_order_size.
        start_ns: Window start, ns since the epoch, 0 where unknown; ``end_ns`` its end.
        lot_e6: Sizes are floored to this, 1e-6 shares, above 0.
        order_min_e6: The venue's smallest order, 1e-6 shares.
        quoter_address: A compiled quoter (quoter.compile_quoter) or the address of a C function
            ``int64_t (*)(const State*, const Params*, Quote*)``; 0 for the base strategy.

    Raises:
        InputError: Parameters are missing, unknown or not finite, or the lot is not above 0.
    """

    def __cinit__(
        self,
        Book book not None,
        object params,
        *,
        whole_t start_ns=0,
        whole_t end_ns=0,
        whole_t lot_e6=10_000,
        whole_t order_min_e6=5_000_000,
        object quoter_address=0,
    ):
        if lot_e6 <= 0 or order_min_e6 < 0:
            raise InputError(
                f"lot_e6 must be above 0 and order_min_e6 at least 0, were {lot_e6}, {order_min_e6}"
            )
        self.owner = book
        self.lane.params = params_of(params)
        self.quoter_owner = quoter_address
        self.lane.quoter = quoter_at(quoter_address)
        open_lane(&self.lane, book.s, start_ns, end_ns, lot_e6, order_min_e6)

    cdef int evaluate_c(self, int64_t now_ns) noexcept nogil:
        forget_depth(&self.lane.depth)
        form_quote(&self.lane, now_ns)
        return REQUOTE if asks_requote(&self.lane, now_ns) else 0

    def evaluate(self, whole_t now_ns):
        """Analyse the book, form the quote and answer REQUOTE or 0.

        Args:
            now_ns: The caller's clock, the same as in set_working.
        """
        return self.evaluate_c(now_ns)

    def set_params(self, params):
        """Replace all parameters; the next evaluate uses them.

        Raises:
            InputError: As in the constructor; nothing changes.
        """
        self.lane.params = params_of(params)

    def set_inventory(self, whole_t up_e6, whole_t down_e6, whole_t unsellable_up_e6=0):
        """Set the shares held, 1e-6 shares.

        Args:
            unsellable_up_e6: Of the Up shares, those that are not settled or are being merged.

        Raises:
            InputError: A position is negative or above 1e15. The lane then quotes nothing
                (`bad_inventory`) until it is given a good one: never quote on unknown inventory.
        """
        hold_shares(&self.lane, -1, -1, 0)
        check_held(up_e6, down_e6)
        hold_shares(&self.lane, up_e6, down_e6, unsellable_up_e6)

    def set_working(
        self, whole_t bid_e4, whole_t bid_e6, whole_t ask_e4, whole_t ask_e6, whole_t now_ns
    ):
        """Tell what works now, in Up terms with remaining sizes; size 0 means none on that side.

        Args:
            now_ns: Moment of the last requote, also of a cycle that ended without orders: the
                lane asks for a requote at every evaluate until it is told of the first one.
        """
        self.lane.working = Working(bid_e4, bid_e6, ask_e4, ask_e6, now_ns, 1)

    def set_last_price(self, whole_t price_e4):
        """Set the price a thin book is quoted around, Up terms; 0 leaves it to the book.

        The book's own price is its last trade, else the mid of its unfiltered touch.

        Raises:
            InputError: Not within 0..9999; nothing changes.
        """
        if not 0 <= price_e4 < PRICE_SCALE:
            raise InputError(f"last price_e4 must be within 0..9999, was {price_e4}")
        self.lane.last_price_e4 = price_e4

    def set_fair(self, double fair):
        """Set the fair value of Up that user quoters see, NaN where there is none."""
        self.lane.state.fair = fair

    @property
    def quote(self):
        """Wanted quote of the last evaluate: a QuoteRecord with the fields of QUOTE_FIELDS."""
        cdef Quote* q = &self.lane.quote
        # By its base: the constructor of a named tuple takes five times as long.
        return make_tuple(QuoteRecord, (
            q.bid_e4, q.bid_e6, q.ask_e4, q.ask_sell_e6, q.ask_buy_e6, q.merge_e6, q.reasons,
            q.bid, q.ask, q.skew,
        ))

    @property
    def state_view(self):
        """Live, read-only NumPy view of the state: 0-d, dtype layout.STATE."""
        return view_of(self, &self.lane.state, sizeof(State), layout.STATE)

    @property
    def params_view(self):
        """Live, read-only NumPy view of the parameters: 0-d, dtype layout.PARAMS."""
        return view_of(self, &self.lane.params, sizeof(Params), layout.PARAMS)

    @property
    def quote_view(self):
        """Live, read-only NumPy view of the quote: 0-d, dtype layout.QUOTE."""
        return view_of(self, &self.lane.quote, sizeof(Quote), layout.QUOTE)


def read_record(str name, const unsigned char[::1] record):
    """Read a record's bytes through its C struct, so that a test can compare it with the dtype.

    Args:
        name: "STATE", "PARAMS" or "QUOTE".
        record: (itemsize,) bytes.

    Returns:
        The fields by name, as C reads them.
    """
    cdef State state
    cdef Params params
    cdef Quote quote
    sizes = {"STATE": sizeof(State), "PARAMS": sizeof(Params), "QUOTE": sizeof(Quote)}
    if sizes.get(name) != record.shape[0]:
        raise InputError(f"record must be one of {sizes}, was {name} of {record.shape[0]} bytes")
    if name == "STATE":
        memcpy(&state, &record[0], sizeof(State))
        return state
    if name == "PARAMS":
        memcpy(&params, &record[0], sizeof(Params))
        return params
    memcpy(&quote, &record[0], sizeof(Quote))
    return quote
