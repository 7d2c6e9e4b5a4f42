"""What the contracts answer when they are asked: balances, allowances, payouts, nonces."""

from collections.abc import Callable, Mapping
from typing import Protocol

from polymm.exchange.exchange import Exchange
from polymm.exchange.server.calldata import (
    SELECTOR_BYTES,
    ContractCall,
    Reverted,
    Words,
    uint_array,
)
from polymm.exchange.server.eip712 import address_word, uint_word
from polymm.exchange.wallets import CASH
from polymm.venues.polymarket import wire


class Nonces(Protocol):
    """Knows what is not money."""

    @property
    def relay_nonces(self) -> Mapping[str, int]:
        """Of proxies' owners at the relay hub."""


View = Callable[[Nonces, Exchange, ContractCall], bytes]


def _words(call: ContractCall) -> Words:
    return Words(call.data[SELECTOR_BYTES:])


def _owned_e6(exchange: Exchange, owner: str, asset: str) -> int:
    wallet = exchange.ledger.wallets.get(owner)
    return wallet.balances.get(asset, 0) if wallet else 0


def _shares_e6(exchange: Exchange, ledger: str, owner: str, token_id: int) -> int:
    """Shares of an outcome, by the ledger that keeps those of its protocol."""
    listing = exchange.find(str(token_id))
    if listing is None or (listing.version == wire.MARKET_V2) != (ledger == wire.POSITION_MANAGER):
        return 0
    return _owned_e6(exchange, owner, str(token_id))


def _cash(_: Nonces, exchange: Exchange, call: ContractCall) -> bytes:
    return uint_word(_owned_e6(exchange, _words(call).address(0), CASH))


def _allowance(_: Nonces, exchange: Exchange, call: ContractCall) -> bytes:
    words = _words(call)
    wallet = exchange.ledger.wallets.get(words.address(0))
    return uint_word(wallet.allowances.get(words.address(1), 0) if wallet else 0)


def _shares(_: Nonces, exchange: Exchange, call: ContractCall) -> bytes:
    words = _words(call)
    return uint_word(_shares_e6(exchange, call.to, words.address(0), words.uint(1)))


def _shares_of_many(_: Nonces, exchange: Exchange, call: ContractCall) -> bytes:
    words = _words(call)
    owners, token_ids = words.addresses(0), words.uints(1)
    if len(owners) != len(token_ids):
        raise Reverted("ERC1155: accounts and ids length mismatch")
    pairs = zip(owners, token_ids, strict=True)
    return uint_array([_shares_e6(exchange, call.to, owner, token) for owner, token in pairs])


def _approval(_: Nonces, exchange: Exchange, call: ContractCall) -> bytes:
    words = _words(call)
    wallet = exchange.ledger.wallets.get(words.address(0))
    return uint_word(wallet is not None and words.address(1) in wallet.approvals)


def _payout_denominator(_: Nonces, exchange: Exchange, call: ContractCall) -> bytes:
    listing = exchange.listings.get(f"0x{_words(call).word(0).hex()}")
    return uint_word(listing is not None and listing.winner is not None)


def _payout_numerator(_: Nonces, exchange: Exchange, call: ContractCall) -> bytes:
    words = _words(call)
    listing, index = exchange.listings.get(f"0x{words.word(0).hex()}"), words.uint(1)
    if listing is None or index >= len(listing.outcomes):
        raise Reverted("no such payout")
    return uint_word(listing.outcomes[index] is listing.winner)


def _relay_nonce(nonces: Nonces, _: Exchange, call: ContractCall) -> bytes:
    return uint_word(nonces.relay_nonces.get(_words(call).address(0), 0))


def _beacon(_: Nonces, __: Exchange, ___: ContractCall) -> bytes:
    return address_word(wire.DEPOSIT_WALLET_BEACON)


_SHARES: Mapping[wire.Function, View] = {
    wire.ERC1155_BALANCE_OF: _shares,
    wire.ERC1155_BALANCE_OF_BATCH: _shares_of_many,
    wire.IS_APPROVED_FOR_ALL: _approval,
}
_FUNCTIONS: Mapping[str, Mapping[wire.Function, View]] = {
    wire.PUSD: {wire.ERC20_BALANCE_OF: _cash, wire.ALLOWANCE: _allowance},
    wire.CONDITIONAL_TOKENS: {
        **_SHARES,
        wire.PAYOUT_DENOMINATOR: _payout_denominator,
        wire.PAYOUT_NUMERATORS: _payout_numerator,
    },
    wire.POSITION_MANAGER: _SHARES,
    wire.NEG_RISK_ADAPTER: _SHARES,
    wire.RELAY_HUB: {wire.RELAY_HUB_NONCE: _relay_nonce},
}
VIEWS: Mapping[tuple[str, bytes], View] = {
    (contract, function.selector): view
    for contract, functions in _FUNCTIONS.items()
    for function, view in functions.items()
} | {(wire.DEPOSIT_WALLET_FACTORY, wire.FACTORY_BEACON_SELECTOR): _beacon}
"""By contract and selector."""
