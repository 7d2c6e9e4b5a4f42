"""Open a TCP or TLS connection, or say by kind why there is none.

HTTP and websockets dial the same way and fail the same way; nobody above should have to know which
library raised which of its errors.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

from polymm.errors import DialError, InputError

_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_SECURE: Final = ("https", "wss")

DIAL_KINDS: Final = {
    "dns": "the name has no address, or nobody answers for it",
    "refused": "nobody listens there",
    "unreachable": "no way there",
    "timeout": "no answer in time",
    "certificate": "the peer's certificate is not to be trusted, or is another's",
    "tls": "the two sides agree on no secure connection",
    "closed": "the peer hung up while the connection was made",
    "handshake": "the peer does not speak websocket there; see HandshakeError",
}

# A peer that does not answer the end of a TLS connection holds its socket no longer than this.
TLS_SHUTDOWN_S: Final = 1.0
# An address that does not answer gives way to the host's next one; the last has all the time.
ADDRESS_S: Final = 1.0

_KIND_OF_ERRNO: Final = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "closed",
    errno.ECONNABORTED: "closed",
    errno.EPIPE: "closed",
    errno.ETIMEDOUT: "timeout",
}

Connected = TypeVar("Connected", bound=asyncio.BaseProtocol)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect.

    Args:
        host: Name or address; with TLS the name the certificate must carry.
        port: TCP port.
        tls: Trust and versions; None for plain TCP.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """What the header ``Host`` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 80 if self.tls is None else 443
        return host if self.port == usual else f"{host}:{self.port}"


def endpoint_of(url: str, tls: ssl.SSLContext | None = None) -> Endpoint:
    """Read scheme, host and port of a URL.

    Args:
        url: Begins with http, https, ws or wss.
        tls: For secure schemes; the system's trust where None. Unused for the others.

    Raises:
        InputError: The scheme is another, the host is missing or the port is no port.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise InputError(f"port of a URL must be within 0..65535, {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InputError(
            f"a URL must begin with one of {', '.join(_PORTS)} and name a host, "
            f"had scheme {parts.scheme!r} and host {parts.hostname!r}"
        )
    if parts.scheme not in _SECURE:
        tls = None
    elif tls is None:
        tls = ssl.create_default_context()
    return Endpoint(parts.hostname, _PORTS[parts.scheme] if port is None else port, tls)


async def dial(make: Callable[[], Connected], endpoint: Endpoint, *, timeout_ns: int) -> Connected:
    """Connect a protocol.

    Raises:
        DialError: There is no connection; its kind is one of `DIAL_KINDS`.
    """
    loop = asyncio.get_running_loop()
    is_secure = endpoint.tls is not None
    try:
        async with asyncio.timeout(timeout_ns / 1e9):
            _, protocol = await loop.create_connection(
                make,
                sock=await connect_tcp(endpoint),
                ssl=endpoint.tls,
                server_hostname=endpoint.host if is_secure else None,
                ssl_shutdown_timeout=TLS_SHUTDOWN_S if is_secure else None,
            )
    except (OSError, UnicodeError) as error:
        raise dial_error(error, endpoint) from error
    return protocol


async def connect_tcp(endpoint: Endpoint) -> socket.socket:
    """Connect a socket to the first of the endpoint's addresses that answers.

    The loops' own way reports several failures as one that has no type any more. A route that
    swallows packets, as of IPv6 in half-made networks, must not use up the time of the others.

    Raises:
        OSError: None answered; the error is the last one's.
        UnicodeError: The name can be no host's.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for i, (family, kind, number, _, address) in enumerate(found, start=1):
        patience_s = ADDRESS_S if i < len(found) else None
        try:
            sock = socket.socket(family, kind, number)
        except OSError as error:  # the host has a family that this machine has not
            failure = error
            continue
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(patience_s):
                await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def dial_error(error: Exception, endpoint: Endpoint) -> DialError:
    """Give the failure of a connection attempt its kind."""
    where = f"{endpoint.host}:{endpoint.port}"
    return DialError(_kind_of(error), f"{where}: {str(error) or type(error).__name__}")


def _kind_of(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    if isinstance(error, ssl.SSLEOFError):
        return "closed"
    if isinstance(error, ssl.SSLError):
        return "tls"
    # A label over 63 characters never reaches the resolver.
    if isinstance(error, socket.gaierror | UnicodeError):
        return "dns"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionError) and getattr(error, "errno", None) is None:
        return "closed"
    return _KIND_OF_ERRNO.get(getattr(error, "errno", None) or 0, "unreachable")
