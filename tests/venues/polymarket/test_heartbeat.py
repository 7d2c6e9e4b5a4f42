"""The chain of heartbeats without a socket: ids, deadlines, and what a lost beat proves."""

import orjson
import pytest

from polymm.net.http_outcome import NotSent, Outcome, Reply, Unknown
from polymm.venues.polymarket.heartbeat import COPIES_MAX, HeartbeatChain, Resend
from polymm.venues.polymarket.results import BeatResult, BeatState

S = 10**9
WRONG = "Invalid Heartbeat ID"


def answer(status: int, body: object, written_ns: int = 5 * S) -> Reply:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Reply(status, (), raw, written_ns, written_ns + 1)


def lost() -> Unknown:
    return Unknown(
        reason="timeout", detail="", status=0, headers=(), body=b"", written_ns=1, ended_ns=2
    )


def beat(chain: HeartbeatChain, outcome: Outcome) -> BeatResult | Resend:
    chain.body()
    return chain.answered(outcome)


def test_the_first_beat_is_empty_and_each_hands_on():
    chain = HeartbeatChain()
    assert orjson.loads(chain.body()) == {"heartbeat_id": ""}
    assert chain.is_out
    result = chain.answered(answer(200, {"heartbeat_id": "a"}))
    assert isinstance(result, BeatResult)
    assert (result.state, result.copies, result.written_ns) == (BeatState.ACCEPTED, 1, 5 * S)
    assert not chain.is_out
    assert orjson.loads(chain.body()) == {"heartbeat_id": "a"}


def test_the_deadline_runs_from_the_accepted_beat():
    chain = HeartbeatChain()
    assert chain.left_ns(99 * S) == 10 * S, "never begun is never enforced"
    beat(chain, answer(200, {"heartbeat_id": "a"}, written_ns=5 * S))
    assert chain.left_ns(12 * S) == 3 * S
    beat(chain, lost())
    beat(chain, answer(401, {"error": "Unauthorized/Invalid api key"}, written_ns=13 * S))
    assert chain.left_ns(14 * S) == 1 * S, "only an accepted beat counts"
    assert chain.left_ns(99 * S) == 0


@pytest.mark.parametrize("key", ["error_msg", "error"])
def test_a_wrong_id_names_the_right_one(key):
    chain = HeartbeatChain()
    assert beat(chain, answer(400, {key: WRONG, "heartbeat_id": "b"})) == Resend()
    result = beat(chain, answer(200, {"heartbeat_id": "c"}))
    assert isinstance(result, BeatResult)
    assert (result.state, result.copies, chain.heartbeat_id) == (BeatState.ACCEPTED, 2, "c")


def test_an_expired_chain_begins_anew():
    chain = HeartbeatChain()
    beat(chain, answer(200, {"heartbeat_id": "a"}))
    assert beat(chain, answer(400, {"error_msg": WRONG, "heartbeat_id": ""})) == Resend()
    assert orjson.loads(chain.body()) == {"heartbeat_id": ""}


def test_a_venue_that_always_wants_another_id_is_not_obeyed_for_ever():
    chain = HeartbeatChain()
    results = [
        beat(chain, answer(400, {"error_msg": WRONG, "heartbeat_id": f"b-{i}"}))
        for i in range(COPIES_MAX)
    ]
    assert results[:-1] == [Resend()] * (COPIES_MAX - 1)
    last = results[-1]
    assert isinstance(last, BeatResult)
    assert (last.state, last.reason, last.copies) == (
        BeatState.REFUSED,
        "heartbeat_id",
        COPIES_MAX,
    )


def test_a_venue_that_names_the_id_we_sent_is_not_asked_again():
    chain = HeartbeatChain()
    beat(chain, answer(200, {"heartbeat_id": "a"}))
    result = beat(chain, answer(400, {"error_msg": WRONG, "heartbeat_id": "a"}))
    assert isinstance(result, BeatResult)
    assert result.state is BeatState.REFUSED


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (answer(401, {"error": "Unauthorized/Invalid api key"}), BeatState.REFUSED, "unauthorized"),
        (answer(403, b"error code: 1010"), BeatState.REFUSED, "blocked"),
        (answer(429, b""), BeatState.REFUSED, "throttled"),
        (answer(425, b""), BeatState.REFUSED, "restarting"),
        (answer(500, b""), BeatState.MISSED, "server_error"),
        (answer(200, b"<html>"), BeatState.MISSED, "unreadable"),
        (answer(200, {"heartbeat_id": ""}), BeatState.MISSED, "unreadable"),
        (lost(), BeatState.MISSED, "timeout"),
        (NotSent("refused"), BeatState.MISSED, "refused"),
    ],
)
def test_a_beat_that_did_not_count_says_why(outcome, state, reason):
    chain = HeartbeatChain()
    result = beat(chain, outcome)
    assert isinstance(result, BeatResult)
    assert (result.state, result.reason) == (state, reason)
    assert (chain.accepted_ns, chain.heartbeat_id, chain.is_out) == (-1, "", False)
