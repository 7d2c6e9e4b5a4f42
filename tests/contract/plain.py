"""A trader who knows the protocol notes and nothing else: aiohttp, eth-account and the stdlib.

Nothing of our client or of the exchange's reading is used, so that an error that both share, or
that their writers shared, still shows.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple

import aiohttp
import orjson
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils import keccak

# By the version of the domain that is signed.
EXCHANGES = {
    "2": "0xE111180000d2663C0091e4f400237545B87B996B",
    "3": "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
}
ZEROS = "0x" + "00" * 32
DOMAIN = [("name", "string"), ("version", "string"), ("chainId", "uint256")]
AUTH = [
    ("address", "address"),
    ("timestamp", "string"),
    ("nonce", "uint256"),
    ("message", "string"),
]
ORDER = [
    ("salt", "uint256"), ("maker", "address"), ("signer", "address"), ("tokenId", "uint256"),
    ("makerAmount", "uint256"), ("takerAmount", "uint256"), ("side", "uint8"),
    ("signatureType", "uint8"), ("timestamp", "uint256"), ("metadata", "bytes32"),
    ("builder", "bytes32"),
]  # fmt: skip
ATTEST = "This message attests that I control the given wallet"


class Answer(NamedTuple):
    """What came back; the value of a body that is no JSON is its text."""

    status: int
    value: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as somebody wants it.

    Args:
        expires_in: Seconds from now, 0 for none.
        version: Of the domain that is signed.
        spoil: Values by dotted path, put into the body after it was signed.
    """

    side: str = "BUY"
    price: str = "0.40"
    size: str = "10"
    token: str = "UP"
    kind: str = "GTC"
    post_only: bool = False
    expires_in: int = 0
    version: str = "2"
    spoil: Mapping[str, Any] = field(default_factory=dict)

    def but(self, **others: Any) -> "Wish":
        return replace(self, **others)


def typed(
    domain: dict[str, Any], name: str, members: list[tuple[str, str]], **values: Any
) -> SignableMessage:
    """EIP-712 data as eth-account wants it."""
    contract = [("verifyingContract", "address")] if "verifyingContract" in domain else []
    types = {"EIP712Domain": DOMAIN + contract, name: members}
    return encode_typed_data(
        full_message={
            "domain": domain,
            "types": {
                key: [{"name": n, "type": t} for n, t in rows] for key, rows in types.items()
            },
            "primaryType": name,
            "message": values,
        }
    )


class Plain:
    """One key on one exchange.

    Attributes:
        names: What patterns may speak of; shared by all traders of a scene.
    """

    def __init__(
        self, session: aiohttp.ClientSession, clob: str, names: dict[str, str], who: str
    ) -> None:
        self.account = Account.from_key(hashlib.sha256(f"contract {who}".encode()).digest())
        self.address: str = self.account.address
        self.names = names
        self.key: dict[str, str] = {}
        self._session = session
        self._clob = clob
        self._salt = 0

    # Requests

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Answer:
        """Send one request as it is."""
        async with self._session.request(
            method, self._clob + path, data=body or None, headers=headers, params=query
        ) as reply:
            raw = await reply.read()
            try:
                value = orjson.loads(raw)
            except orjson.JSONDecodeError:
                value = raw.decode()
            return Answer(reply.status, value, reply.headers)

    async def private(self, method: str, path: str, body: Any = b"", **query: str) -> Answer:
        """Send one request with L2 headers; what is no bytes is written as JSON."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.ask(method, path, raw, headers=self.l2(method, path, raw), **query)

    async def log_in(self) -> None:
        """Get an API key."""
        answer = await self.ask("POST", "/auth/api-key", headers=self.l1())
        assert answer.status == 200, answer
        self.key = answer.value

    def l1(self, *, nonce: int = 0, late_s: int = 0) -> dict[str, str]:
        """Headers of signing notes 1."""
        stamp = str(int(time.time()) - late_s)
        domain = {"name": "ClobAuthDomain", "version": "1", "chainId": 137}
        claim = typed(
            domain, "ClobAuth", AUTH,
            address=self.address, timestamp=stamp, nonce=nonce, message=ATTEST,
        )  # fmt: skip
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": "0x" + self.account.sign_message(claim).signature.hex(),
            "POLY_TIMESTAMP": stamp,
            "POLY_NONCE": str(nonce),
        }

    def l2(self, method: str, path: str, body: bytes = b"", *, late_s: int = 0) -> dict[str, str]:
        """Headers of signing notes 2."""
        stamp = str(int(time.time()) - late_s)
        secret = base64.urlsafe_b64decode(self.key["secret"])
        text = f"{stamp}{method}{path}".encode() + body
        made = hmac.digest(secret, text, "sha256")
        return {
            "POLY_ADDRESS": self.address,
            "POLY_SIGNATURE": base64.urlsafe_b64encode(made).decode(),
            "POLY_TIMESTAMP": stamp,
            "POLY_API_KEY": self.key["apiKey"],
            "POLY_PASSPHRASE": self.key["passphrase"],
            "Content-Type": "application/json",
        }

    # Orders

    def order(self, wish: Wish, name: str) -> dict[str, Any]:
        """Sign an order (signing notes 3 and 5); its id gets a name."""
        self._salt += 1
        dollars = int(Decimal(wish.price) * Decimal(wish.size) * 1_000_000)
        shares = int(Decimal(wish.size) * 1_000_000)
        buys = wish.side == "BUY"
        facts: dict[str, Any] = {
            "salt": self._salt,
            "maker": self.address,
            "signer": self.address,
            "tokenId": int(self.names[wish.token]),
            "makerAmount": dollars if buys else shares,
            "takerAmount": shares if buys else dollars,
            "side": 0 if buys else 1,
            "signatureType": 0,
            "timestamp": time.time_ns() // 1_000_000,
            "metadata": ZEROS,
            "builder": ZEROS,
        }
        domain = {
            "name": "Polymarket CTF Exchange", "version": wish.version, "chainId": 137,
            "verifyingContract": EXCHANGES[wish.version],
        }  # fmt: skip
        signable = typed(domain, "Order", ORDER, **facts)
        head = b"\x19" + signable.version + signable.header
        self.names[name] = "0x" + keccak(head + signable.body).hex()
        texts = ("tokenId", "makerAmount", "takerAmount", "timestamp")
        posted = facts | {text: str(facts[text]) for text in texts}
        expires = str(int(time.time()) + wish.expires_in) if wish.expires_in else "0"
        posted |= {
            "side": wish.side,
            "expiration": expires,
            "signature": "0x" + self.account.sign_message(signable).signature.hex(),
        }
        body = {
            "order": posted,
            "owner": self.key["apiKey"],
            "orderType": wish.kind,
            "deferExec": False,
            "postOnly": wish.post_only,
        }
        for path, value in wish.spoil.items():
            *folders, last = path.split(".")
            where: Any = body
            for folder in folders:
                where = where[folder]
            if value is None:
                del where[last]
            else:
                where[last] = value
        return body

    async def place(self, wish: Wish, name: str) -> Answer:
        """Post an order."""
        return await self.private("POST", "/order", self.order(wish, name))
