"""polymarket-client on a served exchange: its methods called by name, its answers as JSON."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.derive import derive_wallets
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.windows import WindowSettings
from tests.support.keys import drawn_key, signing_key
from tests.support.last_window import LastWindow
from tests.support.other_clients import OtherProgram, other_program

SHARE = DOLLAR = 1_000_000


class OtherClient:
    """One client object of the program.

    Attributes:
        wallet: It acts for.
        kind: Of the wallet, as the client found it out.
        key_id: Its API key.
    """

    def __init__(self, program: OtherProgram, name: str) -> None:
        self._program = program
        self.name = name
        self.wallet = self.kind = self.key_id = ""

    async def try_to(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method; its value, or its error with all that says why."""
        told: dict[str, Any] = await self._program.tell(
            do="call", name=self.name, method=method, arguments=arguments
        )
        return told

    async def get(self, method: str, **arguments: Any) -> Any:
        """Call a method that must not fail."""
        told = await self.try_to(method, **arguments)
        assert "value" in told, told
        return told["value"]

    async def refused(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method that must fail; why."""
        told = await self.try_to(method, **arguments)
        assert "error" in told, told
        return told

    async def bid(self, token_id: str, price: str, size: str, **more: Any) -> Any:
        """Place a limit order that buys."""
        return await self.get(
            "place_limit_order", asset_id=token_id, price=price, size=size, side="BUY", **more
        )

    async def ask(self, token_id: str, price: str, size: str, **more: Any) -> Any:
        """Place a limit order that sells."""
        return await self.get(
            "place_limit_order", asset_id=token_id, price=price, size=size, side="SELL", **more
        )

    async def open_ids(self, **query: str) -> set[str]:
        """Ids of its open orders."""
        return {order["id"] for order in await self.get("list_open_orders", **query)}

    async def subscribe(self, *specs: tuple[str, dict[str, Any]]) -> "OtherStream":
        """Subscribe to streams together."""
        stream = f"{self.name} {specs}"
        await self._program.tell(do="subscribe", name=self.name, stream=stream, specs=specs)
        return OtherStream(self._program, stream)


class OtherStream:
    """One subscription of the program."""

    def __init__(self, program: OtherProgram, name: str) -> None:
        self._program = program
        self.name = name

    async def until(self, **facts: Any) -> list[dict[str, Any]]:
        """All events up to the first with these facts."""
        heard: list[dict[str, Any]] = await self._program.tell(
            do="hear", stream=self.name, until=facts
        )
        return heard

    async def close(self) -> None:
        await self._program.tell(do="close", stream=self.name)


class OtherDesk(LastWindow):
    """One exchange and clients that trade in its last window, where no one else is."""

    def __init__(self, served: Served, program: OtherProgram) -> None:
        super().__init__(served)
        self._program = program
        self._clients = 0

    async def visitor(self) -> OtherClient:
        """A client without an account."""
        return await self._open("visitor")

    async def client(self, kind: int = 0) -> OtherClient:
        """A client with a key of its own, for its wallet of a signature type."""
        self._clients += 1
        key = drawn_key(random.Random(f"polymarket-client {self._clients}"))
        owner = signing_key(key).address
        wallet = derive_wallets(owner).current[kind]
        return await self._open(f"client {self._clients}", key=key, wallet=wallet)

    async def _open(self, name: str, **account: str) -> OtherClient:
        client = OtherClient(self._program, name)
        told = await self._program.tell(do="open", name=name, urls=self.served.urls, **account)
        for fact, value in told.items():
            setattr(client, fact, value)
        return client


def use(script: Callable[[OtherDesk], Awaitable[None]], **settings: Any) -> None:
    """Let clients work on a fresh exchange, whose books must balance after it."""
    usual = {"windows": WindowSettings(taker_delay_ns=0), "pairs_e6": 1_000 * SHARE}

    async def run() -> None:
        async with (
            asyncio.timeout(30),
            serving(ServerSettings(**(usual | settings))) as served,
            other_program("session.py") as program,
        ):
            await script(OtherDesk(served, program))
            served.hall.exchange.audit()
            await program.tell(do="close")

    asyncio.run(run())
