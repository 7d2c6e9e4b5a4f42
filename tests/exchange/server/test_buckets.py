"""Token buckets: what they let through, what they say, and how cancel-all pays afterwards."""

from dataclasses import replace

import orjson

from polymm.domain.market import NS
from polymm.domain.order import Side
from polymm.exchange.server.buckets import TokenBucket, Tolls
from polymm.exchange.server.settings import Buckets
from tests.support.guests import Party, play

LIMITED = Buckets(tier="tiny", order_rate=1, order_burst=5, cancel_rate=1, cancel_burst=3)


def test_a_bucket_fills_at_its_rate_up_to_its_burst() -> None:
    bucket = TokenBucket(40, 60, 0)
    assert bucket.take(0, 60)
    assert not bucket.take(NS // 40 - 1, 1)
    assert bucket.take(NS // 40, 1)
    assert bucket.remaining(NS) == 39
    assert bucket.remaining(100 * NS) == 60
    assert not bucket.take(100 * NS, 61)


def test_debt_is_paid_before_anything_passes() -> None:
    bucket = TokenBucket(10, 20, 0)
    bucket.debit(25, into_debt=True)
    assert bucket.remaining(0) == -5
    assert bucket.ready_ns(0, 1) == 6 * NS // 10
    assert not bucket.take(6 * NS // 10 - 1, 1)
    assert bucket.take(6 * NS // 10, 1)
    bucket.debit(25, into_debt=False)
    assert bucket.remaining(6 * NS // 10) == 0


def test_addresses_and_the_two_kinds_know_nothing_of_each_other() -> None:
    tolls = Tolls(LIMITED)
    assert tolls.order("ann", 0, 5).is_paid
    assert not tolls.order("ann", 0, 1).is_paid
    assert tolls.cancel("ann", 0, 3).is_paid
    assert tolls.order("bob", 0, 5).is_paid


def test_no_rate_is_no_limit() -> None:
    tolls = Tolls(Buckets(order_rate=0, cancel_rate=0))
    tolls_paid = [tolls.order("ann", 0, 10**6), tolls.cancel("ann", 0, 10**6)]
    assert [toll.is_paid for toll in tolls_paid] == [True, True]
    assert tolls_paid[0].headers(0) == {}
    tolls_paid[1].debit(5)


def test_every_answer_says_where_the_bucket_stands() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        first = await guest.buy(10, 10)
        assert first.headers["Poly-RateLimit-Remaining"] == "4"
        assert first.headers["Poly-RateLimit-Tier"] == "tiny"
        assert abs(int(first.headers["Poly-RateLimit-Reset"]) - one.hall.now_ns() // NS) <= 1
        wrong = await guest.call("POST", "/order", b"{}")
        assert (wrong.status, wrong.headers["Poly-RateLimit-Remaining"]) == (400, "3")
        assert "Poly-RateLimit-Tier" not in (await guest.call("GET", "/data/orders")).headers
        tier = await guest.call("GET", "/v1/user/rate-limit-tier")
        assert tier.body == {"tier": "tiny"}

    play(scene, buckets=LIMITED)


def test_a_batch_passes_whole_or_not_at_all() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        bodies = [orjson.loads(guest.order(Side.BUY, 10 + i, 10)[1]) for i in range(6)]
        large = await guest.call("POST", "/orders", bodies)
        assert (large.status, large.body) == (429, {"error": "Too Many Requests"})
        assert "Retry-After" not in large.headers, "no wait would ever help"
        assert large.headers["Poly-RateLimit-Remaining"] == "5"
        assert (await guest.call("POST", "/orders", bodies[:3])).status == 200
        more = await guest.call("POST", "/orders", bodies[3:])
        assert (more.status, more.headers["Retry-After"]) == (429, "1")
        assert len(guest.open_ids()) == 3
        assert (await guest.cancel(*guest.open_ids())).status == 200, "another bucket"

    play(scene, buckets=LIMITED)


def test_cancel_all_pays_for_what_it_cancelled_afterwards() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        await guest.rest(5)
        reply = await guest.call("DELETE", "/cancel-all")
        assert len(reply.body["canceled"]) == 5
        assert reply.headers["Poly-RateLimit-Remaining"] == "-3"
        late = await guest.call("DELETE", "/cancel-all")
        assert late.status == 429
        assert late.headers["Retry-After"] == "4"
        one.hall.exchange.audit()

    play(scene, buckets=LIMITED)


def test_other_tiers_owe_nothing() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        await guest.rest(5)
        market = {"market": one.listing.condition_id}
        reply = await guest.call("DELETE", "/cancel-market-orders", market)
        assert len(reply.body["canceled"]) == 5
        assert reply.headers["Poly-RateLimit-Remaining"] == "0"

    play(scene, buckets=replace(LIMITED, cancels_may_owe=False))


def test_in_warning_mode_everything_passes_and_is_told() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for _ in range(5):
            assert "Poly-RateLimit-Warning" not in (await guest.buy(10, 10)).headers
        warned = await guest.buy(10, 10)
        assert warned.status == 200
        assert warned.headers["Poly-RateLimit-Warning"] == "true"
        assert warned.headers["Poly-RateLimit-Remaining"] == "0"
        assert len(guest.open_ids()) == 6

    play(scene, buckets=replace(LIMITED, warns_only=True))
