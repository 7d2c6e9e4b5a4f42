"""Rest notes 5 and 6, signing notes 2: states of the venue, its edge, and who may ask at all."""

from typing import Any

from tests.contract.cases import Ask, Case, Place, PlaceMany, Reads
from tests.contract.patterns import SECONDS, TEXT, Like, Ref
from tests.contract.plain import Wish
from tests.contract.stage import Step, rests, switched

SECOND = 1_000_000_000
POST_ONLY = {
    "error": "post-only mode: only post-only orders and cancels are allowed",
    "code": "post_only_mode",
    "retry_after_seconds": Like("[0-9]+", 79, is_text=False),
}
CANCEL = Ask("DELETE", "/cancel-all")
ORDERS = Ask("GET", "/data/orders")


def state(
    scene: str,
    status: int,
    answer: Any,
    reason: str,
    *before: Step,
    asks: Any = None,
    is_known: bool = True,
    is_here: bool = True,
    headers: dict[str, Any] | None = None,
    **facts: Any,
) -> Case:
    """What the venue answers to an order, or to a cancel of all, whatever it was."""
    return Case(
        scene=scene,
        note="rest notes 5",
        before=before if is_here else None,
        asks=asks or Place(),
        status=status,
        answer=answer,
        headers=headers or {},
        reads=Reads(
            "place" if asks is None else "cancel_all",
            {
                "state": "rejected" if is_known else "unknown",
                "reason": reason,
                "is_known": is_known,
            }
            | facts,
        ),
    )


STATES = [
    state("the engine restarts", 425, TEXT, "restarting", is_here=False,
          headers={"Retry-After": "2"}, retry_after_ns=2 * SECOND),
    state("orders wait for the engine", 425, {"error": TEXT}, "restarting",
          switched("mode", mode="restarting")),
    state("cancels wait for the engine too", 425, {"error": TEXT}, "restarting",
          switched("mode", mode="restarting"), asks=CANCEL),
    state("post-only mode after a restart", 503, POST_ONLY, "post_only_mode",
          switched("mode", mode="post_only", seconds=80),
          headers={"Retry-After": Like("[0-9]+", "79")}, retry_after_ns=79 * SECOND),
    state("cancel-only mode", 503,
          {"error": "Trading is currently cancel-only. New orders are not accepted, but cancels"
           " are allowed."}, "cancel_only", switched("mode", mode="cancel_only")),
    state("trading is off", 503,
          {"error": "Trading is currently disabled. Check polymarket.com for updates"}, "disabled",
          switched("mode", mode="disabled")),
    state("trading is off, and cancels with it", 503,
          {"error": "Trading is currently disabled. Check polymarket.com for updates"}, "disabled",
          switched("mode", mode="disabled"), asks=CANCEL),
    state("too many requests", 429, {"error": "Too Many Requests"}, "throttled",
          switched("fault", name="throttled", rate=1.0, lasts_ms=[2000, 2000]),
          headers={"Retry-After": "2"}, retry_after_ns=2 * SECOND),
    state("too many for the edge", 429, Like("error code: 1015", "error code: 1015"), "throttled",
          switched("fault", name="edge_throttled", rate=1.0)),
    state("the edge blocks", 403, Like("error code: 1010", "error code: 1010"), "blocked",
          switched("fault", name="edge_blocked", rate=1.0)),
    state("a web page where JSON should be", 502,
          Like(r"<html>[\s\S]*502[\s\S]*", "<html><body>502 Bad Gateway</body></html>"),
          "server_error", switched("fault", name="edge_html", rate=1.0), is_known=False),
    state("the key is not known for a moment", 401, {"error": "Unauthorized/Invalid api key"},
          "unauthorized", switched("fault", name="unauthorized", rate=1.0)),
]  # fmt: skip


def outsider(scene: str, ask: Ask, text: str = "Unauthorized/Invalid api key") -> Case:
    return Case(scene=scene, note="signing notes 2", asks=ask, status=401, answer={"error": text})


def l2(**more: Any) -> Ask:
    return Ask("GET", "/data/orders", **more)


def l1(**more: Any) -> Ask:
    return Ask("POST", "/auth/api-key", auth="l1", **more)


BAD_L1 = "Invalid L1 Request headers"
OUTSIDERS = [
    outsider("a private route without headers", l2(auth="")),
    *(
        outsider(f"without {name}", l2(spoil={name: None}))
        for name in (
            "POLY_ADDRESS", "POLY_SIGNATURE", "POLY_TIMESTAMP", "POLY_API_KEY", "POLY_PASSPHRASE",
        )
    ),
    outsider("a wrong passphrase", l2(spoil={"POLY_PASSPHRASE": "nonsense"})),
    outsider("a signature of another request", l2(spoil={"POLY_SIGNATURE": "A" * 43 + "="})),
    outsider("a request of a minute ago", l2(late_s=60)),
    outsider("a request of the day after tomorrow", l2(late_s=-60)),
    outsider("an address that does not own the key",
             l2(spoil={"POLY_ADDRESS": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"})),
    outsider("a key that nobody has",
             l2(spoil={"POLY_API_KEY": "00000000-0000-0000-0000-000000000000"})),
    *(
        outsider(f"an attestation without {name}", l1(spoil={name: None}), BAD_L1)
        for name in ("POLY_ADDRESS", "POLY_SIGNATURE", "POLY_TIMESTAMP")
    ),
    outsider("an attestation to another nonce", l1(spoil={"POLY_NONCE": "1"}), BAD_L1),
    outsider("an attestation of a minute ago", l1(late_s=60), BAD_L1),
    outsider("an attestation to another's wallet",
             l1(spoil={"POLY_ADDRESS": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}), BAD_L1),
]  # fmt: skip


def limited(left: str) -> dict[str, Any]:
    return {
        "Poly-RateLimit-Remaining": left,
        "Poly-RateLimit-Reset": SECONDS,
        "Poly-RateLimit-Tier": Like("(?i)standard", "standard"),
    }


# On an exchange that takes two orders and then one a second.
LIMITS = [
    Case(scene="an order tells what is left of the bucket", note="rest notes 6", asks=Place(),
         answer={"status": "live"}, headers=limited("1")),
    Case(scene="an order more than the bucket holds", note="rest notes 6",
         before=(rests("R1", Wish()), rests("R2", Wish())), asks=Place(), status=429,
         answer={"error": "Too Many Requests"},
         headers=limited("0") | {"Retry-After": Like("[1-9]", "1")}),
    Case(scene="a batch above the burst never passes", note="rest notes 6",
         asks=PlaceMany((Wish(),) * 3), status=429, answer={"error": "Too Many Requests"}),
    Case(scene="orders are counted and cancels for themselves", note="rest notes 6",
         before=(rests("A", Wish()), rests("R2", Wish())),
         asks=Ask("DELETE", "/order", {"orderID": Ref("A")}), answer={"canceled": [Ref("A")]}),
]  # fmt: skip

CASES = STATES + OUTSIDERS
