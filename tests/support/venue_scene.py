"""A tape venue on a small book, driven by sends at given ms, with the replies it has made."""

from polymm.domain.order import Fill
from polymm.exchange.accounts import Account
from polymm.exchange.tape import Latency
from tests.oracle.tape_venue import TapeVenue
from tests.support.tapes import SHARE, at, book, tape

BIDS = [(0.47, 200), (0.48, 100)]
ASKS = [(0.53, 120), (0.52, 80)]
FAR = at(10_000_000)
DOLLAR = 1_000_000


class Scene:
    """A venue, its account, and the replies so far with their times in ms."""

    def __init__(self, *frames, fill_form="trades", queue="risk_averse", cash=1_000, **more):
        delays = more.pop("delays", Latency())
        has_trades = fill_form == "trades"
        self.account = Account(cash * DOLLAR)
        self.venue = TapeVenue(
            tape(book(0, BIDS, ASKS), *frames, has_trades=has_trades, **more),
            self.account,
            queue=queue,
            latency=delays,
            fill_form=fill_form,
        )
        self.replies = []

    def send(self, ms, *actions):
        self.until(ms)
        for action in actions:
            self.venue.send(at(ms), action)
        return self

    def until(self, ms):
        while news := self.venue.advance(at(ms)):
            self.replies += news
        return self

    def end(self):
        while news := self.venue.advance(FAR):
            self.replies += news
        self.account.audit()
        return self

    def of(self, kind):
        return [reply for _, reply in self.replies if isinstance(reply, kind)]

    @property
    def filled(self):
        return [fill.size_e6 / SHARE for fill in self.of(Fill)]
