"""Bodies of every shape: what is not an order gets no further, whatever it is made of."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from polymm.domain.order import Side
from polymm.exchange.server.answers import Refused
from polymm.exchange.server.order_body import read_json, read_order_body
from polymm.exchange.server.settings import Buckets
from tests.support.guests import Guest, Party, party, play

SEED = 20261123
DRAWS = 1_000
INVALID = {"error": "Invalid order payload"}

SIGNED_KEYS = (
    "salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "side", "expiration",
    "signatureType", "timestamp", "metadata", "builder", "signature",
)  # fmt: skip


def posted(guest: Guest) -> dict[str, Any]:
    return orjson.loads(guest.order(Side.BUY, 40, 10)[1])


def test_a_key_may_not_be_missing() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for key in (*SIGNED_KEYS, "order", "owner", "orderType"):
            body = posted(guest)
            (body if key in body else body["order"]).pop(key)
            reply = await guest.call("POST", "/order", body)
            assert (reply.status, reply.body) == (400, INVALID), key

    play(scene)


WRONG: list[tuple[str, list[object]]] = [
    ("salt", [-1, 1.5, True, None, "", "0x1", "1" * 79, str(2**256), 1e300, [], {}]),
    ("maker", ["", "0x12", 7, None, "0x" + "g" * 40, "0x" + "1" * 41]),
    ("signer", ["", "0x12", 7, None]),
    ("tokenId", [7, "", "0x7", "-7", "7.0", "9" * 79, "٧"]),
    ("makerAmount", [4_000_000, "4e6", "4.5", "-4", "NaN", "", str(2**256), None]),
    ("takerAmount", [10_000_000, "Infinity", " 10", "10 ", "1_0"]),
    ("side", [0, 1, "buy", "", None, ["BUY"]]),
    ("expiration", [0, "", None, "soon", -1]),
    ("signatureType", ["0", 4, -1, True, 0.0, None]),
    ("timestamp", [1, "", None, "now"]),
    ("metadata", ["", "0x", None, "0x" + "0" * 63]),
    ("builder", ["", None, "0x" + "0" * 65]),
    ("signature", ["", None, "0x", "0x1", "0xzz", 7, "0x" + "00" * 1_025]),
    ("owner", [None, 7, [], {}]),
    ("orderType", ["gtc", "IOC", "", None, 7]),
    ("postOnly", ["true", 1, None]),
    ("deferExec", ["false", 0, None]),
    ("order", [None, [], "order", 7]),
]


def test_a_value_may_not_be_of_another_type_or_form() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for key, values in WRONG:
            for value in values:
                body = posted(guest)
                (body if key in body else body["order"])[key] = value
                reply = await guest.call("POST", "/order", body)
                assert (reply.status, reply.body) == (400, INVALID), (key, value)

    play(scene, buckets=Buckets(order_rate=0))


NO_ORDERS = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b'"order"',
    b"\xff\xfe",
    b"\x00",
    b'{"order":NaN}',
    b'{"order":Infinity}',
    b'{"order":' + b"9" * 100_000 + b"}",
    b'{"order":"' + b"a" * 1_000_000 + b'"}',
    b"[" * 500_000,
    b'{"a":' * 150_000 + b"1" + b"}" * 150_000,
    b"<html></html>",
)


def test_what_is_not_an_object_of_an_order_is_refused() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for raw in NO_ORDERS:
            with pytest.raises(Refused, match="Invalid order payload"):
                read_order_body(read_json(raw))
            for path in ("/order", "/orders"):
                reply = await guest.call("POST", path, raw)
                assert (reply.status, reply.body) == (400, INVALID), raw[:40]
        assert (await guest.buy(40, 10)).status == 200

    play(scene)


def test_more_than_the_server_reads_is_refused_too() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        reply = await guest.call("POST", "/order", b'"' + b"a" * (2 << 20) + b'"')
        assert reply.status == 413
        assert set(reply.body) == {"error"}

    play(scene)


def test_the_salt_may_be_a_text_and_unknown_keys_are_passed_over() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        body = posted(guest)
        body["order"]["salt"] = str(body["order"]["salt"])
        body["order"]["note"] = body["note"] = {"of": "no meaning"}
        del body["postOnly"], body["deferExec"]
        assert (await guest.call("POST", "/order", body)).body["status"] == "live"

    play(scene)


# Mutations


def scraps(draw: random.Random) -> Any:
    """Draw a value that an order has no use for."""
    kinds: list[Any] = [
        None,
        draw.choice([True, False]),
        draw.randrange(-(2**63), 2**63),
        draw.random() * 10.0 ** draw.randrange(-300, 300),
        "",
        "0x" + "".join(draw.choices("0123456789abcdefg", k=draw.choice([1, 40, 64, 130]))),
        "".join(draw.choices("0123456789.-+eNa ", k=draw.randrange(1, 90))),
        "\u0000\ud7ff\U0001f4a9'\"\\" * draw.randrange(1, 9),
        "9" * draw.choice([10, 77, 78, 5_000]),
        [[]] * draw.randrange(3),
        {"order": {}},
    ]
    return draw.choice(kinds)


def mutated(valid: dict[str, Any], draw: random.Random) -> bytes:
    """Spoil a valid body in one of many ways."""
    body = {**valid, "order": dict(valid["order"])}
    part = draw.choice([body, body["order"]])
    key = draw.choice(list(part))
    match draw.randrange(6):
        case 0:
            del part[key]
        case 1 | 2:
            part[key] = scraps(draw)
        case 3:
            nest: Any = part[key]
            for _ in range(draw.randrange(1, 200)):
                nest = draw.choice([[nest], {"a": nest}])
            part[key] = nest
        case 4:
            text = bytearray(orjson.dumps(body))
            for _ in range(draw.randrange(1, 8)):
                text[draw.randrange(len(text))] = draw.randrange(256)
            return bytes(text)
        case _:
            text = bytearray(orjson.dumps(body))
            at, to = sorted(draw.choices(range(len(text)), k=2))
            return bytes(text[:at] + text[to:]) if draw.random() < 0.5 else bytes(text[:to])
    return orjson.dumps(body)


def bodies(guest: Guest, draw: random.Random) -> Iterator[tuple[str, str, bytes]]:
    valid = posted(guest)
    for _ in range(DRAWS):
        raw = mutated(valid, draw)
        if draw.random() < 0.2:
            yield "POST", "/orders", b"[" + raw + b"]"
        elif draw.random() < 0.1:
            path = draw.choice(["/order", "/orders", "/cancel-market-orders"])
            yield "DELETE", path, raw
        else:
            yield "POST", "/order", raw


def test_no_spoiled_body_is_carried_out_or_brings_the_server_down() -> None:
    async def run() -> None:
        draw = random.Random(SEED)
        async with party(buckets=Buckets(order_rate=0, cancel_rate=0)) as one:
            guest = one.guest()
            for method, path, raw in bodies(guest, draw):
                reply = await guest.call(method, path, raw)
                told = f"seed {SEED}: {method} {path} {raw!r:.600} -> {reply}"
                is_batch = path == "/orders" and isinstance(reply.body, list)
                if is_batch:
                    assert reply.status == 200, told
                    assert all(each["orderID"] == "" and each["errorMsg"] for each in reply.body)
                elif method == "DELETE" and reply.status == 200:
                    assert reply.body["canceled"] == [], told
                elif reply.status == 200:
                    # A flag or a case that no signature covers may be spoiled without harm.
                    assert (await guest.cancel(reply.body["orderID"])).status == 200, told
                else:
                    assert 400 <= reply.status < 500, told
                    assert set(reply.body) == {"error"}, told
                assert not any(guest.wallet.reserved.values()), told
            one.hall.exchange.audit()
            assert (await guest.buy(40, 10)).status == 200

    asyncio.run(run())
