"""Random orders on the whole exchange and on a slow twin, to the last cent."""

import random
from fractions import Fraction

import pytest

from polymm.domain.order import Side, Token
from polymm.exchange.matching import OrderKind
from polymm.exchange.refusals import Refusal
from tests.oracle.matching import Matcher
from tests.support.exchange_scene import SHARE, Scene, mined

KINDS = ("GTC", "GTC", "GTC", "post_only", "FOK", "FAK")


def random_order(rng: random.Random, number: int) -> dict:
    order = {
        "id": number,
        "who": rng.choice(("ann", "bob", "cat")),
        "token": rng.choice(("up", "down")),
        "side": rng.choice(("buy", "sell")),
        "price": Fraction(rng.randrange(45, 56), 100),
        "size": Fraction(rng.randrange(500, 5_000), 100),
        "kind": rng.choice(KINDS),
    }
    if order["side"] == "buy" and order["kind"] in ("FOK", "FAK"):
        order["budget"] = order["size"] * order["price"]
    return order


def send(scene: Scene, order: dict) -> object:
    """Place one of the twin's orders on the exchange and tell the answer in its words."""
    kind = order["kind"]
    placed = scene.order(
        scene.exchange.ledger.wallets[order["who"]],
        Side.BUY if order["side"] == "buy" else Side.SELL,
        int(order["price"] * 100),
        float(order["size"]),
        Token.UP if order["token"] == "up" else Token.DOWN,
        OrderKind(kind) if kind in ("FOK", "FAK") else OrderKind.GTC,
        post_only=kind == "post_only",
        order_id=f"{order['id']}",
    )
    if isinstance(placed, Refusal):
        names = {"post-only": "post_only", "FOK": "FOK", "FAK": "FAK"}
        return next(name for word, name in names.items() if word in placed.text)
    shares_e6 = placed.taking_e6 if order["side"] == "buy" else placed.making_e6
    rests = scene.exchange.dealing.open.get(placed.order_id)
    return Fraction(shares_e6, SHARE), Fraction(rests[0].open_e6, SHARE) if rests else 0


@pytest.mark.parametrize("seed", range(8))
def test_random_orders_end_in_the_money_of_the_slow_twin(seed):
    rng, twin = random.Random(seed), Matcher()
    scene = Scene(pairs=100_000)
    for name in ("ann", "bob", "cat"):
        scene.exchange.ledger.deposit(scene.exchange.ledger.wallets[name], 10**12)
    before = {
        wallet: {asset: wallet.balances[asset] for asset in ("cash", *scene.listing.pool.tokens)}
        for wallet in (scene.ann, scene.bob, scene.cat)
    }
    for number in range(150):
        order = random_order(rng, number)
        if rng.random() < 0.2:
            found = scene.exchange.dealing.open
            if found:
                order_id = rng.choice(list(found))
                scene.exchange.cancel(scene.now_ns, found[order_id][0].owner, [order_id])
                assert twin.cancel(int(order_id))
        assert send(scene, order) == twin.place(order), f"seed {seed}, order {number}"
    mined(scene)
    scene.exchange.audit()
    assert {trade[4] for trade in twin.trades} == {"complementary", "mint", "merge"}
    for wallet, was in before.items():
        for what, asset in zip(("cash", "up", "down"), was, strict=True):
            moved = Fraction(wallet.balances[asset] - was[asset], 1_000_000)
            assert moved == twin.moved.get((wallet.address, what), 0), f"seed {seed} {what}"
