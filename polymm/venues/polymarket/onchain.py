"""Outcome ids and the calls that split, merge, redeem and approve: pure, in integers.

Nothing is sent from here. A call is an address and bytes; relayer.py wraps it for wallets of types
1 to 3, rawtx.py for a plain key. Facts and sources: onchain notes, sections 1 to 4.
"""

from dataclasses import dataclass
from typing import Literal

from polymm._core.digest import keccak256
from polymm.domain.market import Market
from polymm.errors import InputError
from polymm.venues.polymarket import abi, wire

# BN254's field; collection ids are points of y^2 = x^3 + 3 over it (CTHelpers.sol).
_FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
_CURVE_B = 3
_ODD_Y = 1 << 254

OUTCOMES = 2
# indexSet of outcomes[0] and outcomes[1]: one bit an outcome.
INDEX_SETS = (1, 2)
CONDITION_BYTES = 32
CONDITION_V2_BYTES = 31
# Modules of protocol v2: binary, negative risk, combinations.
_MODULES_V2 = (1, 2, 3)
_RESERVED_V2 = ((1 << 64) - 1) << 32


@dataclass(frozen=True, slots=True)
class Call:
    """One contract call.

    Args:
        to: Contract, 0x and 40 hexadecimal digits.
        data: Selector and arguments.
        value_wei: 1e-18 POL sent along; none of ours needs any.
    """

    to: str
    data: bytes
    value_wei: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A market as the chain knows it.

    Args:
        condition_id: 32 bytes in hexadecimal digits; of protocol v2 31, or 32 filled up with zeros.
        version: Decides between the CTF's adapters (v1) and the router (v2).
        neg_risk: Only of v1: which adapter.
    """

    condition_id: str
    version: Literal["v1", "v2"] = "v1"
    neg_risk: bool = False

    @classmethod
    def of(cls, market: Market) -> "Condition":
        """Take what the chain needs from a market."""
        return cls(
            condition_id=market.condition_id, version=market.version, neg_risk=market.neg_risk
        )


# Ids


def condition_id(oracle: str, question_id: bytes, outcomes: int = OUTCOMES) -> bytes:
    """Derive a v1 condition id; Gamma gives it, so this only checks."""
    if len(question_id) != CONDITION_BYTES:
        raise InputError(f"a question id must be 32 bytes, was {len(question_id)}")
    return keccak256(abi.address_bytes(oracle) + question_id + abi.uint(outcomes))


def collection_id(condition: bytes, index_set: int) -> bytes:
    """Derive a v1 collection id without parent (CTHelpers.getCollectionId)."""
    if len(condition) != CONDITION_BYTES:
        raise InputError(f"a condition id must be 32 bytes, was {len(condition)}")
    seed = int.from_bytes(keccak256(condition + abi.uint(index_set)), "big")
    odd = seed >> 255
    x = seed % _FIELD
    while True:
        # The contract adds one before its first look, so h itself is never the answer.
        x = (x + 1) % _FIELD
        square = (pow(x, 3, _FIELD) + _CURVE_B) % _FIELD
        y = pow(square, (_FIELD + 1) // 4, _FIELD)
        if y * y % _FIELD == square:
            break
    if odd != y % 2:
        y = _FIELD - y
    return (x ^ _ODD_Y if y % 2 else x).to_bytes(32, "big")


def position_id(collection: bytes, collateral: str = wire.USDC_E) -> int:
    """Derive a v1 outcome id: what ``clobTokenIds`` lists."""
    return int.from_bytes(keccak256(abi.address_bytes(collateral) + collection), "big")


def token_ids(condition: Condition) -> tuple[int, int]:
    """Derive the ids of outcomes[0] and outcomes[1].

    Raises:
        InputError: Not a condition id of its version, or a negative-risk v1 market: those ids are
            made with a wrapped collateral whose address the protocol's documents do not give.
    """
    if condition.version == "v2":
        base = int.from_bytes(condition_bytes_v2(condition.condition_id), "big")
        if base >> 240 not in _MODULES_V2 or base & _RESERVED_V2:
            raise InputError(
                "a v2 condition id must name module 1, 2 or 3 and keep its reserved bits zero,"
                f" was {condition.condition_id!r}"
            )
        return base << 8, base << 8 | 1
    if condition.neg_risk:
        raise InputError("ids of a negative-risk v1 market cannot be derived, take the venue's")
    raw = condition_bytes(condition.condition_id)
    first, second = (position_id(collection_id(raw, index_set)) for index_set in INDEX_SETS)
    return first, second


def condition_bytes(text: str) -> bytes:
    """Read a v1 condition id."""
    return abi.hex_bytes(text, CONDITION_BYTES, "a condition id")


def condition_bytes_v2(text: str) -> bytes:
    """Read a v2 condition id, shown as 31 bytes or filled up to 32 with a zero byte."""
    if len(text) == 2 + 2 * CONDITION_BYTES and text.endswith("00"):
        text = text[:-2]
    return abi.hex_bytes(text, CONDITION_V2_BYTES, "a v2 condition id")


# Split, merge, redeem


def split_call(condition: Condition, pairs_e6: int) -> Call:
    """Turn ``pairs_e6`` of 1e-6 pUSD into as many shares of both outcomes."""
    if condition.version == "v2":
        return _router_call(wire.ROUTER_SPLIT, condition, _amount(pairs_e6))
    return _adapter_call(wire.SPLIT_POSITION, condition, _amount(pairs_e6))


def merge_call(condition: Condition, pairs_e6: int) -> Call:
    """Turn ``pairs_e6`` of 1e-6 shares of both outcomes into as much pUSD.

    Shares that back open sells must not be merged: the venue then cancels those orders.
    """
    if condition.version == "v2":
        return _router_call(wire.ROUTER_MERGE, condition, _amount(pairs_e6))
    return _adapter_call(wire.MERGE_POSITIONS, condition, _amount(pairs_e6))


def redeem_calls(condition: Condition, amounts_e6: tuple[int, int]) -> tuple[Call, ...]:
    """Turn what is held of a resolved market into pUSD; before its payout is reported it reverts.

    Args:
        amounts_e6: 1e-6 shares held of outcomes[0] and outcomes[1]. The v1 adapter redeems all of
            both by itself; the v2 router takes one call an outcome.

    Returns:
        No call where nothing is held.
    """
    for amount_e6 in amounts_e6:
        abi.uint(amount_e6)
    if not any(amounts_e6):
        return ()
    if condition.version == "v2":
        return tuple(
            _router_call(wire.ROUTER_REDEEM, condition, abi.uint(outcome), abi.uint(amount_e6))
            for outcome, amount_e6 in enumerate(amounts_e6)
            if amount_e6
        )
    return (_adapter_call(wire.REDEEM_POSITIONS, condition),)


def _amount(pairs_e6: int) -> bytes:
    word = abi.uint(pairs_e6)
    if not pairs_e6:
        raise InputError("pairs_e6 must be above 0, was 0")
    return word


def _router_call(function: wire.Function, condition: Condition, *values: bytes) -> Call:
    condition_word = abi.fixed_bytes(condition_bytes_v2(condition.condition_id))
    return Call(wire.ROUTER, function.selector + abi.arguments(condition_word, *values))


def _adapter_call(function: wire.Function, condition: Condition, *values: bytes) -> Call:
    data = function.selector + abi.arguments(
        abi.address(wire.PUSD),
        abi.ZERO_WORD,  # no parent collection
        condition_bytes(condition.condition_id),
        abi.array([abi.uint(index_set) for index_set in INDEX_SETS]),
        *values,
    )
    return Call(_adapter(condition), data)


def _adapter(condition: Condition) -> str:
    return wire.NEG_RISK_COLLATERAL_ADAPTER if condition.neg_risk else wire.COLLATERAL_ADAPTER


# Allowances


@dataclass(frozen=True, slots=True)
class Approval:
    """Leave for an operator to move a wallet's tokens.

    Args:
        token: pUSD (ERC-20), or an ERC-1155 ledger of outcome shares.
        operator: Who may move them.
    """

    token: str
    operator: str

    def grant(self) -> Call:
        """Give the leave without limit."""
        operator = abi.address(self.operator)
        if self.token == wire.PUSD:
            words = abi.arguments(operator, abi.uint(abi.UINT256_MAX))
            return Call(self.token, wire.APPROVE.selector + words)
        words = abi.arguments(operator, abi.uint(1))
        return Call(self.token, wire.SET_APPROVAL_FOR_ALL.selector + words)

    def query(self, owner: str) -> Call:
        """Ask whether ``owner`` gave it; for ``eth_call``."""
        function = wire.ALLOWANCE if self.token == wire.PUSD else wire.IS_APPROVED_FOR_ALL
        words = abi.arguments(abi.address(owner), abi.address(self.operator))
        return Call(self.token, function.selector + words)

    def is_granted(self, answer: bytes) -> bool:
        """Read the answer to ``query``.

        An allowance that a token counts down is as good as unlimited until half of it is used.

        Raises:
            InputError: Not the one word that the contract would answer.
        """
        if self.token == wire.PUSD:
            return abi.read_uint(answer, "an allowance") > abi.UINT256_MAX // 2
        return abi.read_bool(answer, "an approval")


def approvals(condition: Condition, *, redeem_by_venue: bool = False) -> tuple[Approval, ...]:
    """Name the least that trading, merging and redeeming a market needs (onchain notes section 4).

    Args:
        redeem_by_venue: Also let the venue's AutoRedeemer redeem.
    """
    if condition.version == "v2":
        shares, splitter = wire.POSITION_MANAGER, wire.ROUTER
    else:
        shares, splitter = wire.CONDITIONAL_TOKENS, _adapter(condition)
    exchange = wire.EXCHANGES[wire.POLYGON, condition.version, condition.neg_risk]
    operators = (exchange, splitter)
    found = [Approval(token, operator) for token in (wire.PUSD, shares) for operator in operators]
    if redeem_by_venue:
        found.append(Approval(shares, wire.AUTO_REDEEMER))
    return tuple(found)


# Balances, for start-up and audit; live inventory comes from the venue's user socket.


def cash_query(owner: str) -> Call:
    """Ask for a wallet's pUSD, 1e-6 dollars; the answer is one word."""
    return Call(wire.PUSD, wire.ERC20_BALANCE_OF.selector + abi.address(owner))


def shares_query(owner: str, token_id: int, version: Literal["v1", "v2"]) -> Call:
    """Ask for a wallet's shares of one outcome, 1e-6 shares; the answer is one word."""
    ledger = wire.POSITION_MANAGER if version == "v2" else wire.CONDITIONAL_TOKENS
    words = abi.arguments(abi.address(owner), abi.uint(token_id))
    return Call(ledger, wire.ERC1155_BALANCE_OF.selector + words)
