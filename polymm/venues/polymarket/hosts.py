"""Where the venue's services are: the real ones, or those of a local exchange."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from urllib.parse import urlsplit

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

    @classmethod
    def at(cls, url: str) -> "Hosts":
        """Find all services of a local exchange by its one address.

        Raises:
            InputError: No address of this machine, such as http://127.0.0.1:4321.
        """
        try:
            parts = urlsplit(url)
            name, port = parts.hostname or "", parts.port
        except ValueError:
            name, port = "", None
        if not port or parts.scheme not in ("http", "https") or not _is_local(name):
            raise InputError(
                f"an exchange must be an address like http://127.0.0.1:4321, was {url!r:.80}"
            )
        tls = "s" if parts.scheme == "https" else ""
        return cls.of(
            {
                service: f"{scheme}{tls}://{parts.netloc}{path}"
                for service, (scheme, path) in wire.LOCAL_SERVICES.items()
            }
        )


def _is_local(name: str) -> bool:
    """Whether a name is this machine's own, whatever a resolver says."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
