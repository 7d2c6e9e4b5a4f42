"""polymarket-client splits, merges, redeems, approves and sends, with each of its wallets."""

import asyncio

from local_environment import answer, local_environment, orders
from polymarket import AsyncSecureClient
from polymarket.auth import RelayerApiKey
from polymarket.errors import PolymarketError


class Clients:
    """One key's clients, by wallet."""

    def __init__(self):
        self._clients = {}

    async def open(self, urls, key, owner, poll_ms):
        """Make credentials; give the wallet that the client chooses by itself."""
        self._key = key
        self._environment = local_environment(urls, poll_ms=poll_ms)
        first = await AsyncSecureClient.create(private_key=key, environment=self._environment)
        async with first:
            self._credentials = first.credentials
            self._builder = await first.create_builder_api_key()
            self._relayer = RelayerApiKey(key=first.credentials.key, address=owner)
            return str(first.wallet)

    async def client(self, wallet, auth):
        """The client of a wallet; a builder's key or the account's own lets it submit."""
        if wallet not in self._clients:
            self._clients[wallet] = await AsyncSecureClient.create(
                private_key=self._key,
                environment=self._environment,
                credentials=self._credentials,
                api_key={"builder": self._builder, "relayer": self._relayer, "": None}[auth],
                wallet=wallet,
            )
        return self._clients[wallet]

    async def act(self, wallet, auth, method, arguments):
        """Do one thing and wait for its end; give how it went."""
        try:
            client = await self.client(wallet, auth)
            handle = await getattr(client, method)(**arguments)
            outcome = await handle.wait()
        except PolymarketError as error:
            return f"{type(error).__name__}: {error}"
        return outcome.transaction_hash if outcome else "done"

    async def close(self):
        for client in self._clients.values():
            await client.close()


async def main():
    clients = Clients()
    for asked in orders():
        if "open" in asked:
            answer(await clients.open(**asked["open"]))
        elif "close" in asked:
            await clients.close()
            answer("closed")
        else:
            answer(await asyncio.gather(*(clients.act(**one) for one in asked["acts"])))


asyncio.run(main())
