"""Money and shares are conserved whatever happens, and the audit sees a single micro-dollar."""

import random
from dataclasses import replace

import pytest

from polymm.domain.order import Side, Token
from polymm.errors import LedgerError
from polymm.exchange.faults import Fault, Faults
from polymm.exchange.matching import OrderKind
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules
from polymm.exchange.wallets import CASH
from tests.support.exchange_scene import DOLLAR, MARKET, SHARE, Scene

TROUBLE = (
    Fault.TRADE_FAILED,
    Fault.TRADE_RETRIED,
    Fault.FILL_SHORT,
    Fault.FILL_EXCEEDED,
    Fault.ORDER_CANCELED,
    Fault.CANCEL_ALREADY_MATCHED,
    Fault.MARKET_TICK_CHANGED,
    Fault.BALANCE_ZERO,
)


def random_act(rng: random.Random, scene: Scene, wallet) -> None:
    """Place, cancel, move money or let time pass, mostly within what is possible."""
    exchange, draw = scene.exchange, rng.random()
    if draw < 0.6:
        kind = rng.choice([OrderKind.GTC] * 4 + list(OrderKind))
        more = {"kind": kind, "token": rng.choice(list(Token))}
        if kind is OrderKind.GTD:
            more["expiration_s"] = scene.now_ns // 10**9 + rng.randrange(170, 400)
        if kind.rests and rng.random() < 0.3:
            more["post_only"] = True
        side, cents = rng.choice(list(Side)), rng.randrange(44, 57)
        scene.order(wallet, side, cents, rng.randrange(400, 20_000) / 100, **more)
    elif draw < 0.75:
        orders = exchange.open_orders(f"{wallet.address}-key")
        ids = [order.order_id for order, _ in rng.sample(orders, min(len(orders), 2))]
        exchange.cancel(scene.now_ns, f"{wallet.address}-key", ids)
    elif draw < 0.8:
        exchange.merge(scene.now_ns, wallet, scene.listing, rng.randrange(1, 300 * SHARE))
    elif draw < 0.85:
        exchange.split(scene.now_ns, wallet, scene.listing, rng.randrange(1, 300 * DOLLAR))
    elif draw < 0.88:
        other = rng.choice([scene.ann, scene.bob, scene.cat])
        asset = rng.choice([CASH, *scene.listing.pool.tokens])
        amount = rng.randrange(1, 200 * SHARE)
        exchange.transfer(scene.now_ns, asset, amount, giver=wallet, taker=other)
    else:
        scene.wait(rng.randrange(0, 2_000))


@pytest.mark.parametrize("seed", range(12))
def test_random_lives_of_three_wallets_always_audit(seed):
    rng = random.Random(seed)
    faults = Faults(seed)
    for fault in TROUBLE if seed % 2 else ():
        faults.set(fault, 0.1)
    delay_ns = rng.choice([0, 150_000_000])
    rules = Rules(reads_chain_late=seed % 3 == 0, close_grace_ms=0)
    scene = Scene(replace(MARKET, taker_delay_ns=delay_ns), rules=rules, faults=faults, pairs=400)
    ledger = scene.exchange.ledger
    for step in range(250):
        random_act(rng, scene, rng.choice([scene.ann, scene.bob, scene.cat]))
        scene.exchange.audit()
        for wallet in ledger.wallets.values():
            for asset in (CASH, *scene.listing.pool.tokens):
                waits = any(order.held_asset == asset for order in scene.listing.delayed.values())
                assert wallet.free(asset) >= 0 or waits, f"seed {seed} step {step} {asset}"
    scene.exchange.close(scene.listing, scene.now_ns)
    scene.exchange.resolve(scene.listing, rng.choice(list(Token)), scene.now_ns)
    scene.exchange.audit()
    scene.wait(3_600_000)
    scene.exchange.audit()
    assert not ledger.pools
    assert not scene.exchange.dealing.open
    everything = sum(wallet.balances[CASH] for wallet in ledger.wallets.values())
    assert everything + ledger.fees_e6 == ledger._deposited_e6, f"seed {seed}"


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("cash and collateral", lambda s: s.ann.balances.update(cash=s.ann.balances[CASH] + 1)),
        ("cash and collateral", lambda s: s.ann.pending.update(cash=1)),
        ("reserved by ann", lambda s: s.ann.reserved.update(cash=s.ann.reserved[CASH] - 1)),
        ("supply of", lambda s: s.ann.balances.update({MARKET.up_token: 1})),
        ("supply of", lambda s: s.listing.pool.supply_e6.__setitem__(0, 5)),
        ("collateral of", lambda s: setattr(s.listing.pool, "collateral_e6", 1)),
        ("cash and collateral", lambda s: setattr(s.exchange.ledger, "fees_e6", 1)),
        ("unknown markets", lambda s: s.ann.balances.update({"12345678": 1})),
        ("negative", lambda s: s.ann.pending.update(cash=-1)),
        ("open orders must", lambda s: s.exchange.dealing.open.clear()),
    ],
)
def test_audit_sees_every_single_unit(what, wrong):
    scene = Scene()
    scene.buy(scene.ann, 48, 10)
    scene.exchange.audit()
    wrong(scene)
    with pytest.raises(LedgerError, match=what):
        scene.exchange.audit()


def test_failed_trade_gives_everything_back():
    scene = Scene(faults=Faults(0))
    scene.exchange.faults.set(Fault.TRADE_FAILED, 1.0)
    scene.buy(scene.ann, 48, 100)
    scene.buy(scene.bob, 52, 100, token=Token.DOWN)
    assert scene.cash(scene.bob) < 1_000
    scene.exchange.audit()
    scene.wait(20_000)
    assert [scene.cash(wallet) for wallet in (scene.ann, scene.bob)] == [1_000, 1_000]
    assert scene.shares(scene.bob, Token.DOWN) == 1_000
    assert scene.exchange.ledger.fees_e6 == scene.listing.pool.fees_e6 == 0
    assert not any(scene.listing.pool.maker_weights.values())
    scene.exchange.audit()


def test_what_is_not_owned_cannot_leave():
    scene = Scene()
    ledger = scene.exchange.ledger
    with pytest.raises(LedgerError, match="owns"):
        ledger.transfer(CASH, 10**12, giver=scene.ann, taker=scene.bob)
    with pytest.raises(LedgerError, match="pairs"):
        ledger.merge(scene.ann, scene.listing.pool, 10**12)
    with pytest.raises(LedgerError, match="before it is resolved"):
        ledger.redeem(scene.ann, scene.listing.pool)
    with pytest.raises(LedgerError, match="still has supply"):
        ledger.drop_pool(MARKET.condition_id)
    with pytest.raises(LedgerError, match="has a pool already"):
        ledger.open_pool(MARKET.condition_id, ("1", "2"))


def test_wallets_of_one_address_are_one():
    scene = Scene()
    assert scene.exchange.ledger.open_wallet("ann") is scene.ann
    assert not isinstance(scene.buy(scene.ann, 48, 10), Refusal)
