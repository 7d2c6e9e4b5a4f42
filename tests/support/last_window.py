"""The last of an exchange's listed windows, where nobody trades but its guests."""

from polymm.exchange.listing import Listing
from polymm.exchange.server.app import Served


class LastWindow:
    """A served exchange and its last window."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.hall = served.hall

    @property
    def listing(self) -> Listing:
        return max(self.hall.by_slug.values(), key=lambda item: item.market.start_ns)

    @property
    def up(self) -> str:
        return self.listing.market.up_token

    @property
    def down(self) -> str:
        return self.listing.market.down_token
