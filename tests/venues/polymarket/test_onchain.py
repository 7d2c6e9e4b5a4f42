"""Ids and calls: every golden vector byte for byte, real markets, and what eth-abi reads."""

import gzip
import json
import random

import pytest
from eth_abi import decode, encode
from eth_utils.crypto import keccak

from polymm.domain.market import Market
from polymm.errors import InputError
from polymm.venues.polymarket import abi, onchain, wire
from polymm.venues.polymarket.addresses import checksummed
from polymm.venues.polymarket.onchain import Approval, Call, Condition
from tests.support.recordings import recording
from tests.support.vectors import vectors

V1 = Condition(condition_id="0x11ba5a5ab05573dee22a32b4c5bec06f035b8660eed912fb134e7215f46bf537")
NEG_RISK = Condition(condition_id=V1.condition_id, neg_risk=True)
# The first recorded market of protocol v2 and its outcome ids (clob-market-info-version-v2.json).
V2 = Condition(
    condition_id="0x017791f201d5a788e0039e511fc1900e5f000000000000000000000000000000", version="v2"
)
V2_TOKENS = (
    663574927012476832975694178961957910328055987427402067619466963999000625152,
    663574927012476832975694178961957910328055987427402067619466963999000625153,
)
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
FUNCTIONS = [value for value in vars(wire).values() if isinstance(value, wire.Function)]


def call_of(row):
    """Build what a vector names in words."""
    what, amount = row["what"], row["amount"]
    exchange = wire.EXCHANGES[wire.POLYGON, "v1", False]
    v1 = Condition(condition_id=row["conditionId"])
    v2 = Condition(condition_id=row["conditionId"], version="v2")
    builders = {
        "approve pUSD -> exchange V2": lambda: Approval(wire.PUSD, exchange).grant(),
        "setApprovalForAll CTF -> exchange V2": lambda: Approval(
            wire.CONDITIONAL_TOKENS, exchange
        ).grant(),
        "split via CtfCollateralAdapter": lambda: onchain.split_call(v1, amount),
        "merge via CtfCollateralAdapter": lambda: onchain.merge_call(v1, amount),
        "redeem via CtfCollateralAdapter": lambda: onchain.redeem_calls(v1, (amount, 0))[0],
        "V2 Router split": lambda: onchain.split_call(v2, amount),
        "V2 Router merge": lambda: onchain.merge_call(v2, amount),
        "V2 Router redeem outcome 0": lambda: onchain.redeem_calls(v2, (amount, 0))[0],
        "V2 Router redeem outcome 1": lambda: onchain.redeem_calls(v2, (0, amount))[0],
    }
    return builders[what]()


@pytest.mark.parametrize("row", vectors("onchain")["calls"], ids=lambda row: row["what"])
def test_calls_equal_the_official_clients(row):
    call = call_of(row)
    assert (call.to, "0x" + call.data.hex(), call.value_wei) == (row["to"], row["data"], 0)


@pytest.mark.parametrize("row", vectors("onchain")["ctfIds"], ids=lambda r: r["conditionId"][:10])
def test_outcome_ids_equal_those_of_the_conditional_tokens(row):
    for one in row["sets"]:
        condition = onchain.condition_bytes(row["conditionId"])
        collection = onchain.collection_id(condition, one["indexSet"])
        assert "0x" + collection.hex() == one["collectionId"]
        assert str(onchain.position_id(collection, row["collateral"])) == one["positionId"]


def test_ids_of_every_recorded_market_follow_from_its_condition():
    path = recording("reference/gamma-btc-5m-markets-*.jsonl.gz")
    records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert len(records) > 100
    for record in records:
        derived = onchain.token_ids(Condition(condition_id=record["condition_id"]))
        assert [str(token) for token in derived] == record["token_ids"]


def test_ids_of_the_recorded_v2_market_follow_from_its_condition():
    assert onchain.token_ids(V2) == V2_TOKENS
    short = Condition(condition_id=V2.condition_id[:-2], version="v2")
    assert onchain.token_ids(short) == V2_TOKENS


def test_the_wrapped_collateral_of_negative_risk_is_not_guessed():
    with pytest.raises(InputError, match="negative-risk"):
        onchain.token_ids(NEG_RISK)


@pytest.mark.parametrize(
    "text",
    [V1.condition_id, "0x" + "04" + "00" * 30, "0x01" + "ab" * 16 + "0000" + "01" * 8 + "00" * 4],
)
def test_a_v2_condition_has_a_known_module_and_empty_reserved_bits(text):
    with pytest.raises(InputError, match="v2 condition"):
        onchain.token_ids(Condition(condition_id=text, version="v2"))


def test_a_condition_id_is_the_hash_of_oracle_question_and_outcomes():
    question = bytes(range(32))
    theirs = keccak(bytes.fromhex(OWNER[2:]) + question + encode(["uint256"], [2]))
    assert onchain.condition_id(OWNER, question) == theirs
    with pytest.raises(InputError, match="question id"):
        onchain.condition_id(OWNER, b"short")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.signature)
def test_selectors_are_the_hashes_of_their_signatures(function):
    assert function.selector == keccak(function.signature.encode())[:4]


def test_every_address_of_the_wire_has_its_checksum():
    addresses = [
        value
        for name, value in vars(wire).items()
        if isinstance(value, str) and value.startswith("0x") and len(value) == 42
    ]
    assert len(addresses) > 15
    assert [checksummed(address) for address in addresses] == addresses


def read_call(call: Call, function: wire.Function):
    assert call.data[:4] == function.selector
    types = function.signature[function.signature.index("(") + 1 : -1].split(",")
    return decode(types, call.data[4:])


def test_random_calls_say_to_eth_abi_what_was_meant():
    for seed in range(100):
        rng = random.Random(seed)
        raw, pairs_e6 = rng.randbytes(32), rng.randrange(1, 2**128)
        v1 = Condition(condition_id="0x" + raw.hex(), neg_risk=rng.random() < 0.5)
        v2 = Condition(condition_id="0x" + raw[:31].hex(), version="v2")
        adapter = wire.NEG_RISK_COLLATERAL_ADAPTER if v1.neg_risk else wire.COLLATERAL_ADAPTER
        meant = (wire.PUSD.lower(), bytes(32), raw, (1, 2))
        for build, function, routed in (
            (onchain.split_call, wire.SPLIT_POSITION, wire.ROUTER_SPLIT),
            (onchain.merge_call, wire.MERGE_POSITIONS, wire.ROUTER_MERGE),
        ):
            assert build(v1, pairs_e6).to == adapter
            assert read_call(build(v1, pairs_e6), function) == (*meant, pairs_e6), f"seed {seed}"
            assert build(v2, pairs_e6).to == wire.ROUTER
            assert read_call(build(v2, pairs_e6), routed) == (raw[:31], pairs_e6), f"seed {seed}"
        (redeem,) = onchain.redeem_calls(v1, (pairs_e6, 1))
        assert (redeem.to, read_call(redeem, wire.REDEEM_POSITIONS)) == (adapter, meant)


def test_v2_redeems_what_is_held_of_each_outcome():
    calls = onchain.redeem_calls(V2, (5, 7))
    read = [read_call(call, wire.ROUTER_REDEEM)[1:] for call in calls]
    assert read == [(0, 5), (1, 7)]


@pytest.mark.parametrize("condition", [V1, V2])
def test_nothing_held_is_nothing_to_redeem(condition):
    assert onchain.redeem_calls(condition, (0, 0)) == ()


@pytest.mark.parametrize("build", [onchain.split_call, onchain.merge_call])
@pytest.mark.parametrize("pairs_e6", [0, -1, 2**256, 1.5, True, "1"])
def test_amounts_are_positive_integers(build, pairs_e6):
    for condition in (V1, V2):
        with pytest.raises(InputError):
            build(condition, pairs_e6)


@pytest.mark.parametrize("amounts_e6", [(-1, 0), (0, 1.5), (2**256, 0)])
def test_amounts_to_redeem_are_integers_of_at_least_0(amounts_e6):
    with pytest.raises(InputError):
        onchain.redeem_calls(V2, amounts_e6)


@pytest.mark.parametrize("text", ["", "0x", "0x12", V1.condition_id[2:], V1.condition_id + "00"])
def test_what_is_no_condition_is_refused(text):
    for version in ("v1", "v2"):
        with pytest.raises(InputError, match="condition id"):
            onchain.merge_call(Condition(condition_id=text, version=version), 1)


def test_a_condition_of_32_bytes_is_not_cut_to_31():
    with pytest.raises(InputError, match="62 hexadecimal digits"):
        onchain.merge_call(Condition(condition_id=V1.condition_id, version="v2"), 1)


def test_a_market_says_what_it_is_on_chain():
    market = Market(
        slug="btc-updown-5m-1791241200",
        condition_id=V2.condition_id,
        up_token="1",
        down_token="2",
        start_ns=0,
        end_ns=1,
        version="v2",
    )
    assert Condition.of(market) == V2


# Allowances and balances


def test_the_least_approvals_of_each_kind_of_market():
    def named(condition, **also):
        return [(one.token, one.operator) for one in onchain.approvals(condition, **also)]

    ctf, positions = wire.CONDITIONAL_TOKENS, wire.POSITION_MANAGER
    v1, neg, v3 = (
        wire.EXCHANGES[wire.POLYGON, version, neg_risk]
        for version, neg_risk in (("v1", False), ("v1", True), ("v2", False))
    )
    assert named(V1) == [
        (wire.PUSD, v1),
        (wire.PUSD, wire.COLLATERAL_ADAPTER),
        (ctf, v1),
        (ctf, wire.COLLATERAL_ADAPTER),
    ]
    assert (wire.PUSD, wire.NEG_RISK_COLLATERAL_ADAPTER) in named(NEG_RISK)
    assert (ctf, neg) in named(NEG_RISK)
    assert named(V2) == [
        (wire.PUSD, v3),
        (wire.PUSD, wire.ROUTER),
        (positions, v3),
        (positions, wire.ROUTER),
    ]
    assert named(V1, redeem_by_venue=True)[-1] == (ctf, wire.AUTO_REDEEMER)
    assert named(V2, redeem_by_venue=True)[-1] == (positions, wire.AUTO_REDEEMER)


def test_an_approval_is_asked_for_and_read():
    cash, shares = onchain.approvals(V1)[0], onchain.approvals(V1)[2]
    parties = (OWNER.lower(), cash.operator.lower())
    assert read_call(cash.query(OWNER), wire.ALLOWANCE) == parties
    assert read_call(shares.query(OWNER), wire.IS_APPROVED_FOR_ALL) == parties
    assert cash.is_granted(abi.uint(abi.UINT256_MAX))
    assert cash.is_granted(abi.uint(abi.UINT256_MAX - 10**12))  # a token that counts down
    assert not cash.is_granted(abi.uint(10**12))
    assert shares.is_granted(abi.uint(1))
    assert not shares.is_granted(abi.uint(0))


@pytest.mark.parametrize("answer", [b"", bytes(31)])
def test_an_answer_that_is_no_word_grants_nothing(answer):
    for approval in onchain.approvals(V1):
        with pytest.raises(InputError):
            approval.is_granted(answer)


def test_balances_are_asked_where_they_lie():
    assert read_call(onchain.cash_query(OWNER), wire.ERC20_BALANCE_OF) == (OWNER.lower(),)
    for version, ledger in (("v1", wire.CONDITIONAL_TOKENS), ("v2", wire.POSITION_MANAGER)):
        query = onchain.shares_query(OWNER, V2_TOKENS[1], version)
        assert query.to == ledger
        assert read_call(query, wire.ERC1155_BALANCE_OF) == (OWNER.lower(), V2_TOKENS[1])
