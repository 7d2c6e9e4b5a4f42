"""An action's life at the relayer: what moves it, what proves nothing, how often one may ask."""

import random

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymm.errors import InputError
from polymm.venues.polymarket import relayer_replies as replies
from polymm.venues.polymarket.relayer import NonceGrant, RelayedWallet, RelayerKind, Submission
from polymm.venues.polymarket.relayer_life import NS, RelayerAction, SubmitQuota
from polymm.venues.polymarket.relayer_replies import Accepted, Refused, TransactionReport, Unclear
from polymm.venues.polymarket.relayer_states import NEXT_STATE, RelayerEvent, RelayerState

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
HASH = "0x" + "ab" * 32
REPORTED = [event for event in RelayerEvent if event.name.startswith("SEEN_")]
FINAL = [state for state in RelayerState if state.is_final]
DEADLINE_S = 1_777_542_023


def action(*, deadline_s=0):
    wallet = RelayedWallet(kind=RelayerKind.WALLET, owner=OWNER, address=OWNER)
    made = Submission(wallet=wallet, nonce=466, digest=bytes(32), payload={}, deadline_s=deadline_s)
    return RelayerAction(made)


def sent(reply, **others):
    one = action(**others)
    one.sent(0)
    one.answered(reply)
    return one


def report(event, *, transaction_hash="", error=""):
    return TransactionReport(event, transaction_hash, error)


def test_a_merge_goes_the_usual_way():
    one = action()
    assert one.state is RelayerState.SIGNED
    one.sent(5 * NS)
    assert one.state is RelayerState.SUBMITTED
    one.answered(Accepted("a-b-c"))
    assert (one.state, one.transaction_id) == (RelayerState.NEW, "a-b-c")
    for event, state in (
        (RelayerEvent.SEEN_NEW, RelayerState.NEW),
        (RelayerEvent.SEEN_EXECUTED, RelayerState.EXECUTED),
        (RelayerEvent.SEEN_MINED, RelayerState.MINED),
        (RelayerEvent.SEEN_CONFIRMED, RelayerState.CONFIRMED),
    ):
        one.reported(report(event, transaction_hash=HASH))
        assert one.state is state
    assert (one.transaction_hash, one.strays, one.state.is_final) == (HASH, 0, True)


def test_reports_may_skip_states_and_older_ones_move_nothing_back():
    one = sent(Accepted("a"))
    one.reported(report(RelayerEvent.SEEN_MINED))
    one.reported(report(RelayerEvent.SEEN_EXECUTED))
    assert one.state is RelayerState.MINED
    one.reported(report(RelayerEvent.SEEN_CONFIRMED))
    one.reported(report(RelayerEvent.SEEN_FAILED))
    assert (one.state, one.strays) == (RelayerState.CONFIRMED, 1)


@pytest.mark.parametrize("event", [RelayerEvent.SEEN_FAILED, RelayerEvent.SEEN_INVALID])
def test_a_failure_says_why(event):
    one = sent(Accepted("a"))
    one.reported(report(event, error="execution reverted"))
    assert (one.state.is_final, one.error) == (True, "execution reverted")


def test_a_refusal_ends_it():
    one = sent(Refused("wallet busy", may_retry=True))
    assert (one.state, one.error) == (RelayerState.REFUSED, "wallet busy")


def test_a_lost_reply_is_neither_yes_nor_no():
    one = sent(Unclear("timed out"))
    assert one.state is RelayerState.UNKNOWN
    assert not one.state.is_final
    one.nonce_seen(466, now_s=10**10)  # a safe's or proxy's action has no deadline
    assert one.state is RelayerState.UNKNOWN


def test_a_used_nonce_ends_the_doubt_but_not_the_question_of_balances():
    one = sent(Unclear("timed out"))
    one.nonce_seen(467, now_s=0)
    assert one.state is RelayerState.SPENT


def test_a_passed_deadline_with_the_nonce_unused_proves_that_it_never_ran():
    one = sent(Unclear("timed out"), deadline_s=DEADLINE_S)
    one.nonce_seen(466, now_s=DEADLINE_S + 60)
    assert one.state is RelayerState.UNKNOWN  # clocks differ
    one.nonce_seen(466, now_s=DEADLINE_S + 61)
    assert one.state is RelayerState.LAPSED


def test_a_used_nonce_beats_the_deadline():
    one = sent(Unclear("timed out"), deadline_s=DEADLINE_S)
    one.nonce_seen(467, now_s=DEADLINE_S + 61)
    assert one.state is RelayerState.SPENT


def test_a_refusal_of_the_second_copy_proves_nothing_about_the_first():
    one = sent(Unclear("timed out"))
    one.sent(NS)
    one.answered(Refused("wallet busy: active action", may_retry=True))
    assert one.state is RelayerState.UNKNOWN
    one.sent(2 * NS)
    one.answered(Accepted("second"))
    assert (one.state, one.copies, one.transaction_id) == (RelayerState.NEW, 3, "second")


@pytest.mark.parametrize("event", [RelayerEvent.SEEN_FAILED, RelayerEvent.SEEN_INVALID])
def test_the_failure_of_one_copy_proves_nothing_about_the_other(event):
    one = sent(Unclear("timed out"))
    one.sent(NS)
    one.answered(Accepted("second"))
    one.reported(report(event, error="nonce already used"))
    assert one.state is RelayerState.UNKNOWN
    one.nonce_seen(467, now_s=0)
    assert one.state is RelayerState.SPENT


def test_it_is_asked_about_every_two_seconds_until_the_relayer_has_been_silent_too_long():
    one = sent(Unclear("timed out"))
    assert one.poll_due_ns() == -1  # no name to ask by
    one = sent(Accepted("a"))
    now_ns = 0
    for _ in range(100):
        assert one.poll_due_ns() == now_ns + 2 * NS
        now_ns = one.poll_due_ns()
        one.polled(now_ns)
    assert one.state is RelayerState.UNKNOWN
    one.reported(report(RelayerEvent.SEEN_CONFIRMED))
    assert (one.state, one.poll_due_ns()) == (RelayerState.CONFIRMED, -1)


def test_an_answer_that_moves_it_starts_the_count_of_questions_again():
    one = sent(Accepted("a"))
    for _ in range(60):
        one.polled(0)
    one.reported(report(RelayerEvent.SEEN_EXECUTED))
    for _ in range(60):
        one.polled(0)
    assert one.state is RelayerState.EXECUTED


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("event", RelayerEvent)
def test_nothing_leaves_a_final_state(state, event):
    assert (state, event) not in NEXT_STATE


def test_every_state_is_reached_and_every_event_moves_something():
    assert {*NEXT_STATE.values(), RelayerState.SIGNED} == set(RelayerState)
    assert {event for _, event in NEXT_STATE} == set(RelayerEvent)


def test_success_is_believed_on_the_relayers_word_only():
    into = {event for (_, event), state in NEXT_STATE.items() if state is RelayerState.CONFIRMED}
    assert into == {RelayerEvent.SEEN_CONFIRMED}


def happen(one, rng):
    """Let one thing of any kind happen, likely or not."""
    what = rng.randrange(5)
    if what == 0:
        one.sent(0)
    elif what == 1:
        one.answered(rng.choice([Accepted("a"), Refused("no", may_retry=False), Unclear("?")]))
    elif what == 2:
        one.polled(0)
    elif what == 3:
        one.nonce_seen(rng.choice([466, 467]), rng.choice([0, 2 * DEADLINE_S]))
    else:
        one.reported(report(rng.choice(REPORTED)))


def test_random_lives_end_once_and_never_go_back_on_an_end():
    for seed in range(300):
        rng = random.Random(seed)
        one = action(deadline_s=rng.choice([0, DEADLINE_S]))
        ended = None
        for _ in range(40):
            happen(one, rng)
            assert ended in (None, one.state), f"seed {seed}"
            ended = one.state if one.state.is_final else None


# Replies


def test_an_accepted_submission_is_named():
    body = b'{"transactionID":"019-a","state":"STATE_NEW"}'
    assert replies.read_submit_reply(200, body) == Accepted("019-a")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"transactionID":""}', b'{"transactionID":7}']
)
def test_a_success_without_a_name_is_unclear(body):
    assert isinstance(replies.read_submit_reply(200, body), Unclear)


@pytest.mark.parametrize(
    ("status", "text", "may_retry"),
    [
        (400, "wallet busy: 1 active action", True),
        (400, "Wallet has in-flight action", True),
        (400, "batch nonce 465 does not match on-chain nonce 466", True),
        (400, "batch nonce 467 does not match on-chain nonce 466", False),
        (400, "invalid signature", False),
        (401, "wallet busy: 1 active action", False),
        (403, "error code: 1010", False),
        (429, "Too Many Requests", True),
    ],
)
def test_a_refusal_says_whether_it_may_pass_later(status, text, may_retry):
    reply = replies.read_submit_reply(status, orjson.dumps({"error": text}))
    assert isinstance(reply, Refused)
    assert (reply.may_retry, text in reply.reason) == (may_retry, True)


@pytest.mark.parametrize("status", [100, 302, 408, 409, 499, 500, 502, 503, 504])
def test_other_answers_are_unclear(status):
    assert isinstance(replies.read_submit_reply(status, b'{"error":"wallet busy"}'), Unclear)


def test_foreign_text_is_cut_and_escaped():
    reply = replies.read_submit_reply(400, b"line\nforged " + b"x" * 100_000)
    assert "\n" not in reply.reason
    assert len(reply.reason) < 300


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"transaction_id": "a", "transaction_hash": HASH, "state": "STATE_MINED"},
            report(RelayerEvent.SEEN_MINED, transaction_hash=HASH),
        ),
        (
            [{"transactionID": "a", "transactionHash": "", "state": "STATE_NEW"}],
            report(RelayerEvent.SEEN_NEW),
        ),
        (
            {"transaction_hash": None, "state": "STATE_FAILED", "error_msg": "reverted"},
            report(RelayerEvent.SEEN_FAILED, error="reverted"),
        ),
    ],
)
def test_both_shapes_of_a_transaction_are_read(body, expected):
    assert replies.read_transaction(orjson.dumps(body)) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[{},{}]",
        b"7",
        b"{}",
        b'{"state":"STATE_QUEUED"}',
        b'{"state":null}',
        b'{"state":"STATE_MINED","transaction_hash":"0x12"}',
        b" " * 300_000,
    ],
)
def test_a_transaction_of_unknown_shape_or_state_is_refused(body):
    with pytest.raises(InputError):
        replies.read_transaction(body)


@pytest.mark.parametrize("nonce", ["466", 466])
def test_a_nonce_is_read_with_its_address(nonce):
    body = orjson.dumps({"address": OWNER, "nonce": nonce})
    assert replies.read_nonce(body) == NonceGrant(OWNER, 466)


@pytest.mark.parametrize(
    "found",
    [{}, {"nonce": "1"}, {"address": OWNER}, {"address": "0x1", "nonce": "1"}]
    + [
        {"address": OWNER, "nonce": nonce} for nonce in ("", "-1", "0x1", 1.5, True, "9" * 99, "１")
    ],
)
def test_what_is_no_nonce_is_refused(found):
    with pytest.raises(InputError):
        replies.read_nonce(orjson.dumps(found))


def test_a_wallet_is_deployed_or_not():
    assert replies.read_deployed(b'{"deployed":true}')
    assert not replies.read_deployed(b'{"deployed":false}')
    with pytest.raises(InputError):
        replies.read_deployed(b'{"deployed":"yes"}')


@given(st.integers(100, 599), st.binary(max_size=300))
def test_any_bytes_are_answers_or_refused(status, body):
    replies.read_submit_reply(status, body)
    for read in (replies.read_transaction, replies.read_nonce, replies.read_deployed):
        try:
            read(body)
        except InputError:
            continue


# The quota


def test_no_window_of_a_minute_holds_more_than_the_limit():
    quota = SubmitQuota()
    rng = random.Random(1)
    now_ns, taken = 0, []
    while len(taken) < 300:
        now_ns += rng.choice([0, NS // 10, NS, 20 * NS])
        if quota.take(now_ns):
            taken.append(now_ns)
        else:
            assert quota.due_ns(now_ns) == taken[-25] + 60 * NS
            if rng.random() < 0.5:
                now_ns = quota.due_ns(now_ns)
    for first, last in zip(taken, taken[25:], strict=False):
        assert last - first >= 60 * NS


def test_a_429_keeps_still_until_it_says():
    quota = SubmitQuota()
    assert quota.take(0)
    quota.block(7 * NS)
    quota.block(3 * NS)
    assert (quota.take(6 * NS), quota.due_ns(6 * NS), quota.take(7 * NS)) == (False, 7 * NS, True)
