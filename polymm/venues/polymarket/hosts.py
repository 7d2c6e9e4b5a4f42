"""Where the venue's services are: the real ones, or those of a local exchange."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from polymm.errors import InputError
from polymm.venues.polymarket import wire


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
        site: The web site, which says whence one may trade.
    """

    clob: str = wire.CLOB_URL
    ws_market: str = wire.WS_MARKET_URL
    ws_user: str = wire.WS_USER_URL
    gamma: str = wire.GAMMA_URL
    data: str = wire.DATA_URL
    relayer: str = wire.RELAYER_URL
    prices: str = wire.PRICES_URL
    rtds: str = wire.RTDS_URL
    rpc: str = wire.RPC_URL
    site: str = wire.SITE_URL

    @classmethod
    def of(cls, urls: Mapping[str, object]) -> "Hosts":
        """Read the line that a local exchange prints; other keys of it are not ours.

        It is its own web site, at the address of order entry.

        Raises:
            InputError: An address is missing or no text.
        """
        found = {}
        for field in fields(cls):
            url = urls.get("clob" if field.name == "site" else field.name)
            if not isinstance(url, str) or not url:
                raise InputError(f"{field.name} must be an address, was {url!r:.80}")
            found[field.name] = url.rstrip("/")
        return cls(**found)
