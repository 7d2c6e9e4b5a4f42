"""Orders signed ahead: each used once, none too old, none after its market is gone."""

from polymm.venues.polymarket.ahead import READY_MAX, Ready, SignedAhead
from polymm.venues.polymarket.results import PlaceState
from tests.support.gateways import MARKET, buy, json_reply, placed, scripted
from tests.support.loopback import Stage, settled

SECOND = 1_000_000_000


def signing_at(now_ns: list[int]) -> SignedAhead[int]:
    signed: list[int] = []

    def sign(key: int) -> Ready:
        signed.append(key)
        return Ready(f"0x{len(signed):064x}", b"{}", now_ns[0])

    return SignedAhead(sign, 2 * SECOND)


def test_what_is_ready_is_used_once() -> None:
    ahead = signing_at([0])
    assert ahead.want([1, 2], 0)
    assert ahead.work(), "one a turn"
    assert not ahead.work()
    found = ahead.take(1, SECOND)
    assert found is not None
    assert ahead.take(1, SECOND) is None, "an order has one hash and is sent once"
    assert (ahead.hits, ahead.misses) == (1, 1)


def test_what_is_too_old_is_not_used() -> None:
    ahead = signing_at([0])
    ahead.want([1], 0)
    ahead.work()
    assert ahead.take(1, 2 * SECOND + 1) is None
    assert len(ahead) == 0


def test_what_has_lived_half_its_life_is_signed_anew() -> None:
    now_ns = [0]
    ahead = signing_at(now_ns)
    ahead.want([1], 0)
    ahead.work()
    assert not ahead.want([1], SECOND)
    now_ns[0] = SECOND + 1
    assert ahead.want([1], SECOND + 1)
    ahead.work()
    found = ahead.take(1, SECOND + 1)
    assert found is not None
    assert (found.order_id, found.signed_ns) == (f"0x{2:064x}", SECOND + 1)


def test_only_so_many_are_kept() -> None:
    ahead = signing_at([0])
    ahead.want(range(READY_MAX + 5), 0)
    while ahead.work():
        pass
    assert len(ahead) == READY_MAX
    assert ahead.take(0, 0) is None, "the oldest goes first"


def test_a_requote_a_tick_away_finds_its_order_signed(run: Stage) -> None:
    async def scene() -> None:
        async with scripted(ahead_ticks=1) as (venue, gateway):
            answer = json_reply({"error": "invalid post-only order: order crosses book"}, "400 Bad")
            venue.say("POST", "/order", answer, answer, answer)
            await placed(gateway, buy(5_000))
            await settled()
            ahead = gateway.placements.ahead
            assert len(ahead) == 3, "the same price again, and one tick on either side"
            (posting,) = gateway.sign([buy(5_100)])
            assert ahead.hits == 1
            found = await placed(gateway, buy(4_900))
            assert found[0].state is PlaceState.REJECTED
            assert ahead.hits == 2
            bodies = [one.json["order"] for one in venue.of("POST", "/order")]
            assert len({body["salt"] for body in bodies}) == len(bodies)
            gateway.forget(MARKET)
            assert len(ahead) == 0
            assert posting.order_ids

    run(scene())


def test_nothing_is_signed_ahead_unless_it_is_asked_for(run: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("POST", "/order", json_reply({"error": "invalid expiration"}, "400 Bad"))
            await placed(gateway, buy())
            await settled()
            assert len(gateway.placements.ahead) == 0

    run(scene())
