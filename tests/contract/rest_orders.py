"""Rest notes 3: order entry, each acceptance and each refusal with its words."""

from typing import Any

from tests.contract.cases import Case, Place, PlaceMany, Reads
from tests.contract.patterns import UUID, Like, Maybe, Ref, Says
from tests.contract.plain import Wish
from tests.contract.stage import Step, rests, switched

NOTE = "rest notes 3"
SHARE = 1_000_000
BUY, SELL = Wish(), Wish(side="SELL", price="0.60")
ASK = Wish(side="SELL", price="0.50", size="10")
TAKE = Wish(price="0.50")


def accepted(
    status: str, name: str = "A", making: str = "", taking: str = "", trades: int = 0
) -> dict[str, Any]:
    # Hashes are told no more, but both clients still know the key.
    return {
        "success": True,
        "errorMsg": "",
        "orderID": Ref(name),
        "status": status,
        "makingAmount": making,
        "takingAmount": taking,
        "tradeIDs": [UUID] * trades,
    }


def takes(scene: str, wish: Wish, answer: dict[str, Any], *before: Step, **facts: Any) -> Case:
    usual = {"reason": "", "is_known": True, "is_accepted": True}
    return Case(
        scene=scene,
        note=NOTE,
        before=before,
        asks=Place(wish),
        answer=answer,
        reads=Reads("place", usual | facts),
    )


def refuses(
    scene: str,
    text: Any,
    reason: str,
    wish: Wish = BUY,
    *before: Step,
    status: int = 400,
    is_known: bool = True,
    is_here: bool = True,
) -> Case:
    """One line of the table of rejections."""
    state = "rejected" if is_known else "unknown"
    return Case(
        scene=scene,
        note=NOTE,
        before=before if is_here else None,
        asks=Place(wish),
        status=status,
        answer={"error": text},
        reads=Reads("place", {"state": state, "reason": reason, "is_known": is_known}),
    )


def only_at_the_venue(text: Any, reason: str, status: int = 400, *, is_known: bool = True) -> Case:
    words = str(text.text if isinstance(text, Says) else text)
    return refuses(
        f"the venue says: {words}", text, reason, status=status, is_known=is_known, is_here=False
    )


ACCEPTED = [
    takes("an order that meets nobody rests", BUY, accepted("live"), state="live", trade_ids=()),
    takes("a post-only order rests", BUY.but(post_only=True), accepted("live"), state="live"),
    takes(
        "a GTD order of more than three minutes rests",
        BUY.but(kind="GTD", expires_in=300),
        accepted("live"),
        state="live",
    ),
    takes(
        "an order that takes all it wants is matched",
        TAKE.but(size="6"),
        accepted("matched", making="3", taking="6", trades=1),
        rests("R", ASK, "bob"),
        state="matched",
        making_e6=3 * SHARE,
        taking_e6=6 * SHARE,
    ),
    takes(
        "what an order could not take rests, and it is matched all the same",
        TAKE.but(size="25"),
        accepted("matched", making="5", taking="10", trades=1),
        rests("R", ASK, "bob"),
        state="matched",
        making_e6=5 * SHARE,
    ),
    takes(
        "a FAK order takes what there is",
        TAKE.but(size="25", kind="FAK"),
        accepted("matched", making="5", taking="10", trades=1),
        rests("R", ASK, "bob"),
        state="matched",
    ),
    takes(
        "a FOK order takes all",
        TAKE.but(kind="FOK"),
        accepted("matched", making="5", taking="10", trades=1),
        rests("R", ASK, "bob"),
        state="matched",
    ),
    takes(
        "a seller gives shares and gets dollars",
        Wish(side="SELL", price="0.40", size="10"),
        accepted("matched", making="10", taking="4", trades=1),
        rests("R", BUY, "bob"),
        state="matched",
        making_e6=10 * SHARE,
        taking_e6=4 * SHARE,
    ),
    takes(
        "two buyers of different outcomes mint a pair, at the maker's price",
        Wish(price="0.70"),
        accepted("matched", making="6.5", taking="10", trades=1),
        rests("R", Wish(token="DOWN", price="0.35"), "bob"),
        state="matched",
        making_e6=6_500_000,
    ),
    takes(
        "two sellers of different outcomes merge one",
        Wish(side="SELL", price="0.30"),
        accepted("matched", making="10", taking="4.5", trades=1),
        rests("R", Wish(side="SELL", token="DOWN", price="0.55"), "bob"),
        state="matched",
        taking_e6=4_500_000,
    ),
]

REFUSED = [
    refuses("no order at all", "Invalid order payload", "invalid_payload",
            BUY.but(spoil={"order": 7})),
    refuses("a salt that is missing", "Invalid order payload", "invalid_payload",
            BUY.but(spoil={"order.salt": None})),
    refuses("an amount that is a number", "Invalid order payload", "invalid_payload",
            BUY.but(spoil={"order.makerAmount": 4_000_000})),
    refuses("an order type that is none", "Invalid order payload", "invalid_payload",
            BUY.but(spoil={"orderType": "GTX"})),
    refuses("a post-only FAK order", "Invalid order payload", "invalid_payload",
            BUY.but(kind="FAK", post_only=True)),
    refuses("a signature for the other domain", "order_version_mismatch", "version_mismatch",
            BUY.but(version="3")),
    refuses("an order changed after it was signed", "invalid signature", "signature",
            BUY.but(spoil={"order.takerAmount": "9990000"})),
    refuses("somebody else's key as the owner",
            "the order owner has to be the owner of the API KEY", "not_owner",
            BUY.but(spoil={"owner": "00000000-0000-0000-0000-000000000000"})),
    refuses("somebody else's signer",
            "the order signer address has to be the address of the API KEY", "not_owner",
            BUY.but(spoil={"order.signer": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"})),
    refuses("an account that must use its deposit wallet",
            "maker address not allowed, please use the deposit wallet flow", "account_type",
            BUY, switched("account", needs_deposit_wallet=True)),
    refuses("a banned account", Says("'{WALLET}' address banned"), "banned",
            BUY, switched("account", is_banned=True)),
    refuses("an account that may only close", Says("'{WALLET}' address in closed only mode"),
            "closed_only", BUY, switched("account", is_closed_only=True)),
    refuses("a buyer's order that crosses, post-only",
            "invalid post-only order: order crosses book", "post_only_crosses",
            TAKE.but(post_only=True), rests("R", ASK, "bob")),
    refuses("a price off the grid",
            Says("order {A} is invalid. Price (0.405) breaks minimum tick size rule: 0.01"),
            "off_tick", BUY.but(price="0.405")),
    refuses("fewer shares than the market wants",
            Says("order {A} is invalid. Size (4) lower than the minimum: 5"),
            "size_below_minimum", BUY.but(size="4")),
    refuses("more dollars than the wallet has",
            Like(r"not enough balance / allowance: balance: \d+, order amount: 40000000000",
                 "not enough balance / allowance: balance: 1, order amount: 40000000000"),
            "balance", BUY.but(size="100000")),
    refuses("more shares than the wallet has",
            Like(r"not enough balance / allowance: balance: \d+, order amount: 90000000000",
                 "not enough balance / allowance: balance: 0, order amount: 90000000000"),
            "balance", SELL.but(size="90000")),
    refuses("an expiration too soon", "invalid expiration", "expiration",
            BUY.but(kind="GTD", expires_in=120)),
    refuses("an expiration of an order that is not GTD", "invalid expiration", "expiration",
            BUY.but(expires_in=300)),
    refuses("a buyer who would take for less than a dollar",
            "invalid amount for a marketable BUY order ($0.5), min size: $1",
            "amount_below_minimum", TAKE.but(price="0.10", size="5"),
            rests("R", ASK.but(price="0.10"), "bob")),
    refuses("a FOK order that finds too little",
            "order couldn't be fully filled. FOK orders are fully filled or killed.",
            "fok_not_filled", TAKE.but(size="11", kind="FOK"), rests("R", ASK, "bob")),
    refuses("a FAK order that finds nothing",
            "no orders found to match with FAK order. FAK orders are partially filled or killed"
            " if no match is found.", "fak_no_match", BUY.but(kind="FAK")),
    refuses("the engine is too busy", "order timed out", "timed_out", BUY,
            switched("fault", name="post_timed_out", rate=1.0), status=500),
    refuses("the engine fails after it had the order", "could not insert order", "engine", BUY,
            switched("fault", name="post_unknown", rate=1.0), status=500, is_known=False),
    only_at_the_venue(Says("order {A} crosses the book"), "post_only_crosses"),
    only_at_the_venue("the market is not yet ready to process new orders", "market_not_ready"),
    only_at_the_venue("order canceled in the CTF exchange contract", "canceled_on_chain"),
    only_at_the_venue("the allowance is not enough", "balance"),
    only_at_the_venue("order match delayed due to market conditions", "match_delayed",
                      is_known=False),
    only_at_the_venue("context canceled", "context_canceled", is_known=False),
    only_at_the_venue("there are no matching orders", "engine", 500, is_known=False),
    only_at_the_venue("the trade contains rounding issues", "engine", 500, is_known=False),
    only_at_the_venue("FOK orders are filled or killed", "engine", 500, is_known=False),
    only_at_the_venue("the price of the taker's order has a discrepancy greater than allowed with"
                      " the worst maker order", "engine", 500, is_known=False),
]  # fmt: skip


def leg(text: Any) -> dict[str, Any]:
    """A refused entry of a batch: success that is none."""
    return {
        "success": True,
        "errorMsg": text,
        "orderID": "",
        "status": "",
        "makingAmount": "",
        "takingAmount": "",
        "tradeIDs": Maybe([]),
    }


CROSSES = "invalid post-only order: order crosses book"
BATCHES = [
    Case(
        scene="a batch is answered in its order, refusals inside",
        note=NOTE,
        before=(rests("R", ASK, "bob"),),
        asks=PlaceMany(
            (BUY.but(post_only=True), TAKE.but(post_only=True), SELL, BUY.but(size="4"))
        ),
        answer=[
            accepted("live", "A"),
            leg(CROSSES),
            accepted("live", "C"),
            leg(Says("order {D} is invalid. Size (4) lower than the minimum: 5")),
        ],
        reads=Reads(
            "place_many",
            {
                "A": {"state": "live"},
                "B": {"state": "rejected", "reason": "post_only_crosses"},
                "C": {"state": "live"},
                "D": {"state": "rejected", "reason": "size_below_minimum"},
            },
        ),
    ),
    Case(
        scene="in post-only mode the others of a batch are refused inside",
        note=NOTE,
        before=(switched("mode", mode="post_only", seconds=60),),
        asks=PlaceMany((BUY.but(post_only=True), BUY)),
        answer=[
            accepted("live", "A"),
            leg("post-only mode: only post-only orders and cancels are allowed"),
        ],
        reads=Reads(
            "place_many",
            {
                "A": {"state": "live"},
                "B": {"state": "rejected", "reason": "post_only_mode", "is_known": True},
            },
        ),
    ),
    Case(
        scene="sixteen orders are too many",
        note=NOTE,
        asks=PlaceMany((BUY,) * 16),
        status=400,
        answer={"error": "Too many orders in payload: 16, max allowed: 15"},
        reads=Reads("place", {"state": "rejected", "reason": "too_many"}),
    ),
    Case(
        scene="an empty batch is none",
        note=NOTE,
        asks=PlaceMany(()),
        status=400,
        answer={"error": "Invalid order payload"},
    ),
]

CASES = ACCEPTED + REFUSED + BATCHES
