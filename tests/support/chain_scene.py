"""The local chain over HTTP: one key, its four wallets and two markets, in time that tests move.

Nothing trades and no time passes by itself, so that a scene of many seconds takes none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web

from polymm.domain.market import NS, Market
from polymm.domain.order import Token
from polymm.exchange.listing import Listing
from polymm.exchange.server.app import make_app
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.wallets import CASH, Wallet
from polymm.venues.polymarket import onchain, relayer, relayer_replies, wire
from polymm.venues.polymarket.addresses import derive_wallets
from polymm.venues.polymarket.onchain import Call, Condition
from polymm.venues.polymarket.relayer import RelayedWallet, RelayerKind, Submission
from polymm.venues.polymarket.relayer_replies import Accepted, SubmitReply, TransactionReport
from polymm.venues.polymarket.relayer_states import RelayerEvent
from tests.support.keys import signing_key

START_NS = 1_800_000_000 * NS
SHARE = DOLLAR = 1_000_000
MS = 1_000_000
KEY = signing_key()
WALLETS = derive_wallets(KEY.address)
RELAYED = {
    RelayerKind.PROXY: WALLETS.proxy,
    RelayerKind.SAFE: WALLETS.safe,
    RelayerKind.WALLET: WALLETS.deposit,
}
V2_CONDITION = "01" + "cf" * 16 + "0002" + "00" * 8 + "0089" + "0001"

_V1 = Market(
    slug="btc-updown-5m-1800000000",
    condition_id="0x" + "c0" * 32,
    up_token="1" * 77,
    down_token="2" * 77,
    start_ns=START_NS,
    end_ns=START_NS + 300 * NS,
)
_V2 = replace(
    _V1,
    slug="eth-updown-5m-1800000000",
    condition_id=f"0x{V2_CONDITION}00",
    up_token=str(int(V2_CONDITION, 16) << 8),
    down_token=str(int(V2_CONDITION, 16) << 8 | 1),
    version="v2",
)


class Reply(NamedTuple):
    """What a request was answered."""

    status: int
    body: Any
    headers: Any


class ChainScene:
    """A served exchange; every wallet has 10,000 dollars and 100 pairs of each market.

    Attributes:
        now_ns: Its time.
        v1: A market of the conditional tokens.
        v2: One of the position manager.
    """

    def __init__(self, **settings: Any) -> None:
        self.now_ns = START_NS
        made = ServerSettings(pairs_e6=100 * SHARE, **settings)
        self.hall = Hall(made, clock_ns=lambda: self.now_ns)
        self.hall.exchange.advance(START_NS)
        exchanges = wire.EXCHANGES
        list_market = self.hall.exchange.list_market
        self.v1 = list_market(_V1, coin="btc", spender=exchanges[wire.POLYGON, "v1", False])
        self.v2 = list_market(
            _V2, coin="eth", version="v2", spender=exchanges[wire.POLYGON, "v2", False]
        )
        account = self.hall.accounts.create(KEY.address, 0)
        assert account is not None
        self.account = account
        self.session: aiohttp.ClientSession
        self.url = ""

    # Time and money

    def wait(self, ms: float) -> None:
        """Let time pass."""
        self.now_ns += round(ms * MS)
        self.hall.exchange.advance(self.now_ns)

    def resolve(self, listing: Listing, winner: Token) -> None:
        """End a market."""
        self.hall.exchange.close(listing, self.now_ns)
        self.hall.exchange.resolve(listing, winner, self.now_ns)

    def wallet(self, address: str) -> Wallet:
        wallet = self.hall.accounts.wallet(address)
        assert wallet is not None
        return wallet

    def owned(self, address: str, listing: Listing | None = None) -> tuple[float, ...]:
        """Dollars, and shares of Up and Down."""
        assets = [CASH, *(listing or self.v1).pool.tokens]
        return tuple(self.wallet(address).balances[asset] / DOLLAR for asset in assets)

    # The relayer

    async def get(self, path: str, **query: str) -> Reply:
        async with self.session.get(f"{self.url}/relayer{path}", params=query) as reply:
            return Reply(reply.status, await reply.json(), reply.headers)

    @property
    def key_headers(self) -> dict[str, str]:
        """The account's own key as a relayer key."""
        return {
            wire.RELAYER_HEADER_KEY: self.account.key_id,
            wire.RELAYER_HEADER_ADDRESS: self.account.address,
        }

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        sent = self.key_headers if headers is None else headers
        url = f"{self.url}/relayer{wire.RELAYER_SUBMIT_PATH}"
        async with self.session.post(url, data=body, headers=sent) as reply:
            return Reply(reply.status, await reply.json(), reply.headers)

    async def sign(self, kind: RelayerKind, *calls: Call, **others: Any) -> Submission:
        """Ask for the nonce and sign calls, as our client does."""
        wallet = RelayedWallet(kind=kind, owner=KEY.address, address=RELAYED[kind])
        path, query = wallet.nonce_request()
        grant = relayer_replies.read_nonce(orjson.dumps((await self.get(path, **query)).body))
        if "nonce" in others:
            grant = replace(grant, nonce=others.pop("nonce"))
        others.setdefault("now_s", self.now_ns // NS)
        return relayer.submission(wallet, calls, grant, KEY.sign, **others)

    async def submit(self, kind: RelayerKind, *calls: Call, **others: Any) -> SubmitReply:
        reply = await self.post((await self.sign(kind, *calls, **others)).body)
        return relayer_replies.read_submit_reply(reply.status, orjson.dumps(reply.body))

    async def report(self, transaction_id: str) -> TransactionReport:
        found = await self.get(f"/v1/account/transactions/{transaction_id}")
        assert found.status == 200
        return relayer_replies.read_transaction(orjson.dumps(found.body))

    async def relay(self, kind: RelayerKind, *calls: Call) -> TransactionReport:
        """Have calls run, and wait for their end."""
        accepted = await self.submit(kind, *calls)
        assert isinstance(accepted, Accepted), accepted
        self.wait(self.hall.settings.relayed_ms[1])
        return await self.report(accepted.transaction_id)

    async def relayed(self, kind: RelayerKind, *calls: Call) -> None:
        report = await self.relay(kind, *calls)
        assert report.event is RelayerEvent.SEEN_CONFIRMED, report

    # The node

    async def rpc_raw(self, body: bytes) -> Any:
        async with self.session.post(f"{self.url}/rpc", data=body) as reply:
            assert reply.status == 200
            raw = await reply.read()
            return orjson.loads(raw) if raw else None

    async def rpc_answer(self, method: str, *params: Any) -> dict[str, Any]:
        asked = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
        answer: dict[str, Any] = await self.rpc_raw(orjson.dumps(asked))
        assert (answer["jsonrpc"], answer["id"]) == ("2.0", 7)
        return answer

    async def rpc(self, method: str, *params: Any) -> Any:
        answer = await self.rpc_answer(method, *params)
        assert "error" not in answer, answer
        return answer["result"]

    async def rpc_error(self, method: str, *params: Any) -> tuple[int, str]:
        error = (await self.rpc_answer(method, *params))["error"]
        return error["code"], error["message"]

    async def ask(self, call: Call) -> bytes:
        """Ask a contract."""
        params = {"to": call.to, "data": f"0x{call.data.hex()}"}
        return bytes.fromhex((await self.rpc("eth_call", params, "latest"))[2:])


def condition(listing: Listing) -> Condition:
    """The market as our client's chain code knows it."""
    return Condition.of(listing.market)


def merge(listing: Listing, pairs: float) -> Call:
    return onchain.merge_call(condition(listing), round(pairs * SHARE))


def split(listing: Listing, pairs: float) -> Call:
    return onchain.split_call(condition(listing), round(pairs * SHARE))


def play(script: Callable[[ChainScene], Awaitable[None]], **settings: Any) -> None:
    """Play a scene on a fresh exchange, whose books must balance after it."""

    async def run() -> None:
        scene = ChainScene(**settings)
        runner = web.AppRunner(make_app(scene.hall), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            scene.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with asyncio.timeout(10), aiohttp.ClientSession() as scene.session:
                await script(scene)
            scene.hall.exchange.audit()
        finally:
            scene.hall.stop()
            await runner.cleanup()

    asyncio.run(run())


def transfer(to: str, amount_e6: int) -> Call:
    """Send pUSD."""
    words = bytes(12) + bytes.fromhex(to[2:]) + amount_e6.to_bytes(32, "big")
    return Call(wire.PUSD, wire.ERC20_TRANSFER.selector + words)
