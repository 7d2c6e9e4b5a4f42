"""The dead man's switch: who stops beating loses all orders, who never began loses none."""

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange.entry import OrderRequest
from polymm.exchange.trading import Mode
from polymm.exchange.windows import WindowSettings
from tests.support.guests import SHARE, Guest, Party, play

PATH = "/v1/heartbeats"


async def beat(guest: Guest, heartbeat_id: str | None = "") -> str:
    reply = await guest.call("POST", PATH, {"heartbeat_id": heartbeat_id})
    assert reply.status == 200, reply
    return reply.body["heartbeat_id"]


def test_each_beat_names_the_next() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        first = await beat(guest)
        second = await beat(guest, first)
        assert first != second
        for wrong in ("", first, "x"):
            reply = await guest.call("POST", PATH, {"heartbeat_id": wrong})
            assert reply.status == 400
            assert reply.body == {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second}
        await beat(guest, second)

    play(scene)


def test_a_first_beat_may_carry_null_but_no_id() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        reply = await guest.call("POST", PATH, {"heartbeat_id": "old"})
        assert (reply.status, reply.body["heartbeat_id"]) == (400, "")
        await beat(guest, None)

    play(scene)


def test_orders_go_ten_to_fifteen_seconds_after_the_last_beat() -> None:
    async def scene(one: Party) -> None:
        guest, other = one.guest(), one.guest()
        await guest.rest(3)
        await other.rest(1)
        heartbeat_id = await beat(guest)
        one.wait(9.9)
        assert len(guest.open_ids()) == 3
        one.wait(15.1)
        assert guest.open_ids() == []
        assert len(other.open_ids()) == 1, "it never began to beat"
        reply = await guest.call("POST", PATH, {"heartbeat_id": heartbeat_id})
        assert (reply.status, reply.body["heartbeat_id"]) == (400, ""), "the registration is gone"
        await beat(guest)
        await guest.rest(1)
        one.wait(60)
        assert guest.open_ids() == []

    play(scene)


def test_a_refused_beat_does_not_move_the_deadline() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        await guest.rest(1)
        await beat(guest)
        one.wait(8)
        await guest.call("POST", PATH, {"heartbeat_id": "wrong"})
        assert (await guest.call("POST", "/heartbeats")).body == {"status": "ok"}
        one.wait(15.1)
        assert guest.open_ids() == []

    play(scene)


def test_while_nothing_can_be_cancelled_the_switch_waits() -> None:
    async def scene(one: Party) -> None:
        guest, trading = one.guest(), one.hall.exchange.trading
        await guest.rest(1)
        await beat(guest)
        trading.set(Mode.DISABLED)
        one.wait(20)
        assert len(guest.open_ids()) == 1
        trading.set(Mode.NORMAL)
        one.wait(26)
        assert guest.open_ids() == []

    play(scene)


def test_an_order_that_waits_when_the_switch_strikes_goes_when_it_rests() -> None:
    async def scene(one: Party) -> None:
        guest, other = one.guest(), one.guest()
        (bid,) = await other.rest(1)
        await beat(guest)
        one.wait(14.9)
        # The last beat is that of 0 s: the switch strikes at 15 s, into the taker delay.
        exchange = one.hall.exchange
        request = OrderRequest(
            order_id="0x" + "11" * 32,
            wallet=guest.wallet,
            owner=guest.key_id,
            token_id=one.listing.token_id(Token.UP),
            side=Side.SELL,
            maker_amount_e6=10 * SHARE,
            taker_amount_e6=1 * SHARE,
        )
        assert exchange.place(exchange.timers.now_ns, request).status == "delayed"
        assert exchange.cancel(exchange.timers.now_ns, other.key_id, [bid]).canceled
        exchange.advance(exchange.timers.now_ns + 9 * NS // 10)
        assert guest.open_ids() == [request.order_id], "nothing cancels it while it waits"
        exchange.advance(exchange.timers.now_ns + 5 * NS)
        assert guest.open_ids() == []

    play(scene, windows=WindowSettings(taker_delay_ns=500_000_000))


def test_a_beat_that_is_none_is_refused() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for body in (b"", b"{", b"[]", b"{}", b'{"heartbeat_id":7}', b"null"):
            assert (await guest.call("POST", PATH, body)).status == 400, body
        await beat(guest)  # they registered nothing

    play(scene)
