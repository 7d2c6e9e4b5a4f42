"""A certificate authority that lives as long as one process, for a local exchange over TLS."""

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from polymm.errors import ConfigError


class ThrowawayCertificate(NamedTuple):
    """What a server serves with, and the file a client has to trust."""

    server: ssl.SSLContext
    ca_path: Path


@contextmanager
def throwaway_certificate(host: str) -> Iterator[ThrowawayCertificate]:
    """Make a CA and a certificate for a host; the CA's file is gone when the block is left.

    Raises:
        ConfigError: The extra that makes certificates is not installed.
    """
    try:
        import trustme
    except ModuleNotFoundError:
        raise ConfigError(
            "--tls needs trustme, which is not installed: pip install 'polymm[tls]'"
        ) from None
    authority = trustme.CA(organization_name="polymm throw-away")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host, "localhost").configure_cert(server)
    with tempfile.TemporaryDirectory(prefix="polymm-ca-") as folder:
        path = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(path)
        yield ThrowawayCertificate(server, path)
