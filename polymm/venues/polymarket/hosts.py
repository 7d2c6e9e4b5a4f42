"""Where the venue's services are: the real ones, or those of a local exchange."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from polymm.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Addresses of all services, without a slash at the end.

    Args:
        clob: Order entry and books.
        ws_market: Market channel.
        ws_user: User channel.
        gamma: Catalogue.
        data: Positions and trades, late.
        relayer: Transactions of smart wallets.
        prices: Reference prices (PolyBolt).
        rtds: Reference prices (legacy).
        rpc: The chain.
    """

    clob: str = "https://clob.polymarket.com"
    ws_market: str = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
    ws_user: str = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
    gamma: str = "https://gamma-api.polymarket.com"
    data: str = "https://data-api.polymarket.com"
    relayer: str = "https://relayer-v2.polymarket.com"
    prices: str = "wss://ws-live-v2.polymarket.com/ws"
    rtds: str = "wss://ws-live-data.polymarket.com"
    rpc: str = "https://polygon-rpc.com"

    @classmethod
    def of(cls, urls: Mapping[str, object]) -> "Hosts":
        """Read the line that a local exchange prints; other keys of it are not ours.

        Raises:
            InputError: An address is missing or no text.
        """
        found = {}
        for field in fields(cls):
            url = urls.get(field.name)
            if not isinstance(url, str) or not url:
                raise InputError(f"{field.name} must be an address, was {url!r:.80}")
            found[field.name] = url.rstrip("/")
        return cls(**found)
