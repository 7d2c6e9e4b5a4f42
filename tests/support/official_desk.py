"""The official client ``py-clob-client-v2`` on the local exchange: nothing is changed but its host.

It asks and waits in threads of its own, as programs that use it do.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import OrderArgs
from py_clob_client_v2.exceptions import PolyApiException

from polymm.domain.market import NS
from polymm.exchange.rules import Rules
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.windows import WindowSettings
from tests.support.keys import drawn_key
from tests.support.last_window import LastWindow

SHARE = DOLLAR = 1_000_000
# It waits for the transactions of what it matched: they come at once here.
SWIFT = Rules(mined_ms=(1, 2), confirmed_ms=(1, 2))


class Desk(LastWindow):
    """One exchange, and clients that trade in its last window, where no one else is."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self._loop = asyncio.get_running_loop()
        self.host = served.urls["clob"]
        self._keys = 0

    def wait(self, seconds: float) -> None:
        """Let the exchange's time pass at once, on its own loop."""

        async def pass_time() -> None:
            self.hall.exchange.advance(self.hall.now_ns() + round(seconds * NS))
            self.hall.pump.flush()

        asyncio.run_coroutine_threadsafe(pass_time(), self._loop).result(5)

    def stranger(self, **more: Any) -> ClobClient:
        """A client that has a key and no credentials yet."""
        self._keys += 1
        key = drawn_key(random.Random(self._keys))
        return ClobClient(host=self.host, chain_id=137, key=key, **more)

    def client(self, **more: Any) -> ClobClient:
        """A client with credentials."""
        client = self.stranger(**more)
        client.set_api_creds(client.create_or_derive_api_key())
        return client

    def limit(
        self, client: ClobClient, side: str, price: float, size: float, token: str = ""
    ) -> Any:
        return client.create_order(
            OrderArgs(token_id=token or self.up, price=price, size=size, side=side)
        )

    def place(
        self, client: ClobClient, side: str, price: float, size: float, token: str = "", **more: Any
    ) -> Any:
        return client.post_order(self.limit(client, side, price, size, token), **more)


def use(work: Callable[[Desk], None], **settings: Any) -> None:
    """Let clients work in a thread; the exchange's books must balance after it."""
    usual = {
        "windows": WindowSettings(taker_delay_ns=0),
        "pairs_e6": 1_000 * SHARE,
        "rules": SWIFT,
    }

    async def run() -> None:
        async with asyncio.timeout(15), serving(ServerSettings(**(usual | settings))) as served:
            await asyncio.to_thread(work, Desk(served))
            served.hall.exchange.audit()

    asyncio.run(run())


def refused(act: Callable[[], object]) -> tuple[int | None, Any]:
    """Status and message of what is refused."""
    with pytest.raises(PolyApiException) as caught:
        act()
    return caught.value.status_code, caught.value.error_msg
