"""Rest notes 3: cancels of every kind, and why an order cannot be cancelled."""

from typing import Any

from tests.contract.cases import Ask, Case, Reads
from tests.contract.patterns import Like, Ref
from tests.contract.plain import Wish
from tests.contract.stage import Step, gone, rests, switched, took

NOTE = "rest notes 3"
BUY, TAKE = Wish(), Wish(side="SELL")
UNKNOWN = "0x" + "ee" * 32
THREE = (
    rests("A", BUY),
    rests("B", BUY.but(price="0.30")),
    rests("C", BUY.but(token="DOWN", price="0.20")),
)


def answer(*canceled: str, **kept: Any) -> dict[str, Any]:
    return {
        "canceled": [Ref(name) for name in canceled],
        "not_canceled": {Ref(name): reason for name, reason in kept.items()},
    }


def one(
    scene: str,
    told: dict[str, Any],
    *before: Step,
    is_here: bool = True,
    **facts: Any,
) -> Case:
    """DELETE /order."""
    return Case(
        scene=scene,
        note=NOTE,
        before=before if is_here else None,
        asks=Ask("DELETE", "/order", {"orderID": Ref("A")}),
        answer=told,
        reads=Reads("cancel", {"A": facts}),
    )


def refuses(scene: str, ask: Ask, text: str, status: int = 400, **more: Any) -> Case:
    return Case(scene=scene, note=NOTE, asks=ask, status=status, answer={"error": text}, **more)


def stays(reason: str, *, is_final: bool = True) -> dict[str, Any]:
    return {"state": "not_canceled", "reason": reason, "is_known": True, "is_final": is_final}


CANCELED = {"state": "canceled", "reason": "", "is_known": True, "is_final": True}
ANY_REASON = Like("Order not found or already canceled|Order already (matched|canceled)"
                  "|already canceled or matched|Order not found",
                  "Order not found or already canceled")  # fmt: skip

CASES = [
    one("one order is cancelled", answer("A"), rests("A", BUY), **CANCELED),
    one("an order that was cancelled cannot be again", answer(A=ANY_REASON),
        rests("A", BUY), gone("A"), state="not_canceled", is_final=True),
    one("an order that was filled cannot be cancelled", answer(A=ANY_REASON),
        rests("A", BUY), took("T", TAKE), state="not_canceled", is_final=True),
    one("the venue says matched while the fill is late", answer(A="Order already matched"),
        rests("A", BUY), switched("fault", name="cancel_already_matched", rate=1.0),
        **stays("matched")),
    *(
        one(f"the venue says: {text}", answer(A=text), is_here=False,
            **stays(reason, is_final=final))
        for text, reason, final in (
            ("already canceled or matched", "gone", True),
            ("Order not found", "not_found", True),
            ("Order not found or already canceled", "not_found", True),
            ("Order already canceled", "canceled", True),
            ("order is delayed and cannot be canceled", "delayed", False),
            ("nobody knows why", "not_canceled", False),
        )
    ),
    Case(
        scene="several are cancelled, and what cannot be is told apart",
        note=NOTE,
        before=(*THREE, gone("B")),
        asks=Ask("DELETE", "/orders", [Ref("A"), Ref("B"), Ref("C")]),
        answer=answer("A", "C", B=ANY_REASON),
        reads=Reads(
            "cancel", {"A": CANCELED, "B": stays("not_found"), "C": CANCELED}
        ),
    ),
    Case(
        scene="somebody else's order cannot be cancelled",
        note=NOTE,
        before=(rests("A", BUY, "bob"),),
        asks=Ask("DELETE", "/orders", [Ref("A")]),
        answer=answer(A=ANY_REASON),
    ),
    Case(
        scene="all of a token are cancelled",
        note=NOTE,
        before=THREE,
        asks=Ask("DELETE", "/cancel-market-orders", {"asset_id": Ref("DOWN")}),
        answer=answer("C"),
    ),
    Case(
        scene="all of a market are cancelled",
        note=NOTE,
        before=THREE[1:2],
        asks=Ask("DELETE", "/cancel-market-orders", {"market": Ref("MARKET")}),
        answer=answer("B"),
        reads=Reads("cancel_market", {"state": "canceled", "canceled": (Ref("B"),)}),
    ),
    Case(
        scene="all are cancelled",
        note=NOTE,
        before=THREE[:1],
        asks=Ask("DELETE", "/cancel-all"),
        answer=answer("A"),
        reads=Reads("cancel_all", {"state": "canceled", "canceled": (Ref("A"),)}),
    ),
    Case(
        scene="it is no error when nothing is there to cancel",
        note="simulator notes 2",
        asks=Ask("DELETE", "/cancel-all"),
        answer=answer(),
        reads=Reads("cancel_all", {"state": "canceled", "canceled": (), "is_known": True}),
    ),
    Case(
        scene="cancels go on in cancel-only mode",
        note="rest notes 5",
        before=(rests("A", BUY), switched("mode", mode="cancel_only")),
        asks=Ask("DELETE", "/order", {"orderID": Ref("A")}),
        answer=answer("A"),
    ),
    Case(
        scene="cancels go on in post-only mode",
        note="rest notes 5",
        before=(rests("A", BUY), switched("mode", mode="post_only", seconds=60)),
        asks=Ask("DELETE", "/order", {"orderID": Ref("A")}),
        answer=answer("A"),
    ),
    refuses("an id that is none", Ask("DELETE", "/order", {"orderID": "0x12"}), "Invalid orderID",
            reads=Reads("cancel", {"A": {"state": "rejected", "reason": "invalid_order_id"}})),
    refuses("a cancel without an id", Ask("DELETE", "/order", {}), "Invalid orderID",
            reads=Reads("cancel", {"A": {"state": "rejected", "reason": "invalid_order_id"}})),
    refuses("cancels that are no list", Ask("DELETE", "/orders", {"ids": 1}),
            "Invalid order payload"),
    refuses("a thousand and one cancels", Ask("DELETE", "/orders", [UNKNOWN] * 1_001),
            "Too many orders in payload, max allowed: 1000",
            reads=Reads("cancel", {
                name: {"state": "rejected", "reason": "too_many"} for name in ("A", "B")})),
    refuses("the engine fails at a cancel", Ask("DELETE", "/order", {"orderID": Ref("A")}),
            "could not cancel orders", 500,
            before=(rests("A", BUY), switched("fault", name="cancel_failed", rate=1.0)),
            reads=Reads("cancel", {"A": {"state": "unknown", "is_known": False}})),
]  # fmt: skip
