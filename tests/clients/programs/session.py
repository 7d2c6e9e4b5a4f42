"""polymarket-client does what it is told, method by method, and tells what it got as JSON."""

import asyncio

from local_environment import answer, local_environment, orders
from polymarket import AsyncPublicClient, AsyncSecureClient, PolymarketError, streams
from polymarket.models import AcceptedOrder
from polymarket.models.clob.orders import SignedOrder
from polymarket.pagination import AsyncPaginator
from pydantic_core import to_jsonable_python

PATIENCE_S = 8


class Session:
    """Clients and subscriptions by name, orders that methods take again by number."""

    def __init__(self):
        self._clients = {}
        self._streams = {}
        self._kept = []

    async def open(self, name, urls, key="", wallet=None):
        """Make a client; without a key one that has no account."""
        environment = local_environment(urls, poll_ms=10)
        if not key:
            self._clients[name] = AsyncPublicClient(environment=environment)
            return {}
        client = await AsyncSecureClient.create(
            private_key=key, wallet=wallet, environment=environment
        )
        self._clients[name] = client
        return {
            "wallet": client.wallet,
            "kind": client.wallet_type,
            "key_id": client.credentials.key,
        }

    async def call(self, name, method, arguments):
        """Call a public method; lists are read to their end, errors are told by their name."""
        try:
            value = getattr(self._clients[name], method)(**self._given(arguments))
            if isinstance(value, AsyncPaginator):
                return {"value": [self._told(item) async for item in value.iter_items()]}
            return {"value": self._told(await value)}
        except PolymarketError as error:
            told = {"error": type(error).__name__, "text": str(error)}
            for fact in ("status", "code", "restriction", "retry_after", "heartbeat_id"):
                told[fact] = getattr(error, fact, None)
            return told

    async def subscribe(self, name, stream, specs):
        """Subscribe to one or more specs, each the name of its class and its arguments."""
        made = [getattr(streams, kind)(**arguments) for kind, arguments in specs]
        self._streams[stream] = await self._clients[name].subscribe(made)

    async def hear(self, stream, until):
        """Give all events up to the first that has these facts, in itself or in its payload."""
        heard = []
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._streams[stream]:
                heard.append(to_jsonable_python(event))
                facts = heard[-1] | heard[-1]["payload"]
                if all(facts.get(fact) == value for fact, value in until.items()):
                    return heard
        raise EOFError(f"{stream} ended after {heard}")

    async def close(self, stream=""):
        """Close one subscription or everything."""
        if stream:
            await self._streams.pop(stream).close()
            return
        for one in (*self._streams.values(), *self._clients.values()):
            await one.close()

    def _told(self, value):
        """As JSON; an order also by the number under which a method can be given it."""
        told = to_jsonable_python(value)
        if isinstance(value, SignedOrder | AcceptedOrder):
            self._kept.append(value)
            told["number"] = len(self._kept) - 1
        return told

    def _given(self, arguments):
        """Put orders in the place of their numbers."""
        given = dict(arguments)
        for name in ("order", "signed_order"):
            if name in given:
                given[name] = self._kept[given[name]]
        if "signed_orders" in given:
            given["signed_orders"] = [self._kept[number] for number in given["signed_orders"]]
        return given


async def main():
    session = Session()
    loop = asyncio.get_running_loop()
    read = iter(orders())
    while (asked := await loop.run_in_executor(None, next, read, None)) is not None:
        answer(await getattr(session, asked.pop("do"))(**asked))


asyncio.run(main())
