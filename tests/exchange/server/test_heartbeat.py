"""The dead man's switch: who stops beating loses all orders, who never began loses none."""

from polymm.exchange.trading import Mode
from tests.support.guests import Guest, Party, play

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


def test_a_beat_that_is_none_is_refused() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for body in (b"", b"{", b"[]", b"{}", b'{"heartbeat_id":7}', b"null"):
            assert (await guest.call("POST", PATH, body)).status == 400, body
        await beat(guest)  # they registered nothing

    play(scene)
