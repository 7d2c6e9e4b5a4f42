"""polymm's own rows, through its public calls only."""

from benches.peers.books import Levels, Tops
from benches.peers.quotes import (
    K_IMBALANCE,
    K_INVENTORY,
    LOOKBACK,
    MAX_POSITION,
    MAX_SPREAD,
    MIN_SIZE,
    MIN_SPREAD,
    ORDER_SIZE,
    QUOTE_MAX,
    QUOTE_MIN,
    SKIP_SKEW,
    Answer,
    QuoteCase,
)
from benches.workload import Workload
from polymm import BaseParameters, Book, Decoder, Lane

# The strategy's parameters as the peers have them; the rest keeps its documented default. Orders
# have worked for half a cycle, so that each evaluation compares them with the new quote.
PARAMETERS = BaseParameters(
    min_size_e6=round(MIN_SIZE * 1_000_000),
    depth_lookback=LOOKBACK,
    min_spread=MIN_SPREAD,
    max_spread=MAX_SPREAD,
    k_inv=K_INVENTORY,
    k_imb=K_IMBALANCE,
    quote_min=QUOTE_MIN,
    quote_max=QUOTE_MAX,
    skip_skew=SKIP_SKEW,
    order_size_e6=round(ORDER_SIZE * 1_000_000),
    max_position_e6=round(MAX_POSITION * 1_000_000),
    cycle="event",
)
NOW_NS = 1_776_808_500 * 1_000_000_000
WORKING_SINCE_NS = NOW_NS - 500_000_000


class Polymm:
    """One decoder and one book, the Down side its mirror; all validation is always on."""

    def __init__(self, workload: Workload, *, with_lane: bool = False) -> None:
        self.decoder = Decoder()
        self._workload = workload
        self._with_lane = with_lane
        self._slot = self._add()

    def _add(self) -> int:
        market = self._workload
        slot = self.decoder.add_market(market.up_token, market.down_token, tick_e4=market.tick_e4)
        self.book = self.decoder.book(slot)
        if self._with_lane:
            lane = Lane(self.book, PARAMETERS)
            lane.set_working(4_800, 20_000_000, 5_000, 20_000_000, WORKING_SINCE_NS)
            self.decoder.attach(slot, lane)
        return slot

    def start_again(self) -> None:
        """Put an empty book in the place of this one: messages must not go back in time."""
        self.decoder.remove_market(self._slot)
        self._slot = self._add()

    def feed(self, frame: bytes) -> int:
        return self.decoder.feed(frame, NOW_NS)

    def sides(self) -> tuple[Levels, Levels, Levels, Levels]:
        up_bids, up_asks, down_bids, down_asks = (
            dict(self.book.levels(side, 10_000, token)) for token in (0, 1) for side in (0, 1)
        )
        return up_bids, up_asks, down_bids, down_asks

    def tops(self) -> Tops:
        bid, ask = self.book.best_bid_e4, self.book.best_ask_e4
        return (bid, ask), (10_000 - ask, 10_000 - bid)


def lane_of(case: QuoteCase) -> Lane:
    """Make a lane over a book of its own that stands where the case says."""
    book = Book()
    book.replace(case.bids, case.asks)
    lane = Lane(book, PARAMETERS)
    lane.set_inventory(case.up_e6, case.down_e6)
    lane.evaluate(NOW_NS)
    wanted = lane.quote
    ask_e6 = wanted.ask_sell_e6 + wanted.ask_buy_e6
    lane.set_working(wanted.bid_e4, wanted.bid_e6, wanted.ask_e4, ask_e6, WORKING_SINCE_NS)
    return lane


def evaluate_and_read(lane: Lane) -> object:
    """Evaluate and fetch the whole quote as Python values, as a user would who wants to see it."""
    lane.evaluate(NOW_NS)
    return lane.quote


def answer_of(lane: Lane) -> Answer:
    """Read a lane's last evaluation in the peers' units."""
    quote, state = lane.quote, lane.state_view
    return Answer(
        bid=quote.bid_e4 / 10_000,
        bid_size=quote.bid_e6 / 1_000_000,
        ask=quote.ask_e4 / 10_000,
        ask_size=(quote.ask_sell_e6 + quote.ask_buy_e6) / 1_000_000,
        imbalance=float(state["imbalance"]),
        mid=float(state["mid"]),
        skew=quote.skew,
    )
