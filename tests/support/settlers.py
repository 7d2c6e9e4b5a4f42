"""A scripted relayer and chain node, a settler before them, and time that passes in sleep only."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from polymm.venues.polymarket.credentials import Secret
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.reasons import REASONS, SETTLE_REASONS
from polymm.venues.polymarket.relayed_calls import AsksRelayer
from polymm.venues.polymarket.relayer_auth import RelayerKey
from polymm.venues.polymarket.results import SettleResult, SettleState
from polymm.venues.polymarket.settling import Settler, SettleSettings
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType
from tests.support.gateways import MARKET, PATIENCE, QUICK, Asked, ScriptedVenue, json_reply
from tests.support.keys import HARDHAT_ADDRESS, signing_key
from tests.support.loopback import serving

HASH = "0x" + "ab" * 32
RPC = ("POST", "/rpc")
SUBMIT, PARAMS = ("POST", "/relayer/submit"), ("GET", "/relayer/v1/account/transactions/params")
PROXY_PARAMS = ("GET", "/relayer/relay-payload")
GRANT = {"address": HARDHAT_ADDRESS, "nonce": "466"}
V2 = replace(
    MARKET,
    condition_id="0x01" + "00" * 30,
    up_token=str((1 << 248) | 1),
    down_token=str(1 << 248),
    version="v2",
)


class FastClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = 10**9

    def __call__(self) -> int:
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)
        await asyncio.sleep(0)


@asynccontextmanager
async def settling(
    kind: SignatureType = SignatureType.POLY_GNOSIS_SAFE,
    *,
    asker: AsksRelayer | None = None,
    deadline_s: int = 240,
    **others: Any,
) -> AsyncIterator[tuple[ScriptedVenue, Settler, FastClock]]:
    """A scripted relayer and node, and a settler for a wallet of some kind."""
    venue, clock = ScriptedVenue(), FastClock()
    venue.say(*PARAMS, json_reply(GRANT))
    venue.say(*PROXY_PARAMS, json_reply(GRANT))
    async with serving(venue.script) as server:
        url = f"http://127.0.0.1:{server.port}"
        settler = Settler(
            Hosts(relayer=f"{url}/relayer", rpc=f"{url}/rpc"),
            Wallet(key=signing_key(), signature_type=kind),
            asker or RelayerKey(Secret("key-canary"), HARDHAT_ADDRESS),
            settings=SettleSettings(
                request_ns_max=PATIENCE, deadline_ns_max=deadline_s * 10**9, connections=QUICK
            ),
            rng=random.Random(1),
            clock_ns=clock,
            wall_ns=lambda: 1_800_000_000 * 10**9 + clock(),
            sleep=clock.sleep,
            **others,
        )
        await settler.open()
        try:
            yield venue, settler, clock
        finally:
            await settler.close()


def ended(result: SettleResult) -> tuple[SettleState, str]:
    assert result.reason in REASONS | SETTLE_REASONS
    return result.state, result.reason


class Node:
    """A chain node that answers each method from a list."""

    def __init__(self, **answers: Any) -> None:
        self.sent: list[bytes] = []
        self.asked: list[str] = []
        self._answers = {
            "eth_chainId": ["0x89"],
            "eth_estimateGas": ["0x186a0"],
            "eth_gasPrice": ["0x6fc23ac00"],
            "eth_maxPriorityFeePerGas": ["0x6fc23ac00"],
            "eth_getTransactionCount": ["0x5"],
            "eth_sendRawTransaction": [HASH],
            "eth_getTransactionReceipt": [None, {"status": "0x1", "blockNumber": "0x10"}],
        } | answers

    def __call__(self, one: Asked) -> bytes | None:
        asked = one.json
        method, params = asked["method"], asked["params"]
        self.asked.append(method)
        if method == "eth_sendRawTransaction":
            self.sent.append(bytes.fromhex(params[0][2:]))
        answers = self._answers[method]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, bytes):
            return answer or None
        key = "error" if isinstance(answer, dict) and "message" in answer else "result"
        return json_reply({"jsonrpc": "2.0", "id": asked["id"], key: answer})


def failing(message: str, code: int = -32000) -> dict[str, Any]:
    return {"code": code, "message": message}
