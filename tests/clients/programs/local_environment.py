"""polymarket-client on a local exchange: told by its own environment object, nothing patched."""

import json
import sys
from dataclasses import replace

from polymarket.environments import PRODUCTION, _create_environment


def local_environment(urls, *, poll_ms=2_000):
    """Production with other hosts.

    Args:
        urls: The exchange's line, by service.
        poll_ms: Between two questions about a transaction.
    """
    config = replace(
        PRODUCTION._config,
        clob_url=urls["clob"],
        clob_market_ws_url=urls["ws_market"],
        clob_user_ws_url=urls["ws_user"],
        relayer_url=urls["relayer"],
        gamma_url=urls["gamma"],
        data_url=urls["data"],
        realtime_ws_url=urls["prices"],
        rtds_ws_url=urls["rtds"],
        rpc_url=urls["rpc"],
        relayer_poll_frequency_ms=poll_ms,
    )
    return _create_environment(name="local", config=config)


def orders():
    """Read what is asked, line by line."""
    for line in sys.stdin:
        yield json.loads(line)


def answer(value):
    """Answer one line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
