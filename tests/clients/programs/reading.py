"""polymarket-client reads without credentials, method by method."""

import asyncio
from dataclasses import asdict, is_dataclass
from decimal import Decimal

from local_environment import answer, local_environment, orders
from polymarket import AsyncPublicClient
from polymarket.errors import PolymarketError
from pydantic import BaseModel


def shown(value):
    """Write what a method gave as plain JSON; amounts as texts."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        return shown(asdict(value))
    if isinstance(value, dict):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value


async def read(client, method, arguments):
    """Call a method; go through all pages where it gives some."""
    try:
        found = getattr(client, method)(**arguments)
        if asyncio.iscoroutine(found):
            return shown(await found)
        return [shown(item) async for item in found.iter_items()]
    except PolymarketError as error:
        return f"{type(error).__name__}: {error}"


async def main():
    client = None
    for asked in orders():
        if "open" in asked:
            client = AsyncPublicClient(environment=local_environment(asked["open"]))
            answer("open")
        elif "close" in asked:
            await client.close()
            answer("closed")
        else:
            answer(await read(client, asked["method"], asked["arguments"]))


asyncio.run(main())
