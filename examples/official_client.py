"""Polymarket's official Python client on the local exchange: nothing is changed but its host.

pip install '.[bench]'                # for py-clob-client-v2
python examples/official_client.py
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from py_clob_client_v2 import ApiCreds, ClobClient, OrderArgs, OrderPayload, OrderType

# The first account of every hardhat chain: everybody knows it, so nothing is ever to be sent to it.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


@contextmanager
def exchange() -> Iterator[dict[str, str]]:
    """Start an exchange of our own; gives the addresses of its services."""
    command = [sys.executable, "-m", "polymm", "exchange", "--json", "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()  # it ends with us


def trade(urls: dict[str, str]) -> tuple[str, str]:
    """Buy a dime's worth of Up far below the market, look at the order, cancel it."""
    with urlopen(urls["gamma"] + "/events?closed=false") as reply:
        events = json.load(reply)
    # The last one listed: nobody trades there yet.
    market = max(events, key=lambda event: event["slug"])["markets"][0]
    up = dict(zip(json.loads(market["outcomes"]), json.loads(market["clobTokenIds"]), strict=True))
    client = ClobClient(urls["clob"], 137, key=KEY)
    creds: ApiCreds = client.create_or_derive_api_key()
    client.set_api_creds(creds)
    order = client.create_order(OrderArgs(up["Up"], 0.02, 5, "BUY"))
    placed = client.post_order(order, OrderType.GTC, post_only=True)
    print(market["question"], placed["status"], placed["orderID"])
    gone = client.cancel_order(OrderPayload(orderID=placed["orderID"]))
    return placed["orderID"], gone["canceled"][0]


if __name__ == "__main__":
    with exchange() as urls:
        trade(urls)
