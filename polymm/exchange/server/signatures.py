"""Whether an order is signed by who sent it, for the exchange it is meant for.

The order's id is its digest under the exchange's domain, whatever was signed. A deposit wallet
signs through ERC-7739: its key signs the order nested in a struct of the wallet's own, and the
signature carries domain, order hash and type along, which must all be those of the order itself.
"""

from dataclasses import dataclass
from functools import cache

from polymm.domain.order import Side
from polymm.exchange import refusals
from polymm.exchange.listing import Listing
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.eip712 import (
    SIGNATURE_BYTES,
    UINT_LIMIT,
    WORD,
    address_word,
    domain_separator,
    read_address,
    read_hex,
    recover,
    struct_hash,
    text_word,
    typed_digest,
    uint_word,
)
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.wire import SignatureType

TOKEN_DIGITS_MAX = 78

_ORDER_TYPE = wire.ORDER_TYPE.encode()
# Behind the 65 bytes of a nested signature: domain, order hash, the order's type and its length.
_NESTED_TAIL = _ORDER_TYPE + len(_ORDER_TYPE).to_bytes(2, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMessage:
    """What is signed of an order, and the signature, as they stand in the request.

    Args:
        salt: Any number.
        maker: Address of the wallet that gives and gets.
        signer: The key's address, of a deposit wallet its own.
        token_id: Outcome, decimal.
        maker_amount_e6: What it gives.
        taker_amount_e6: What it wants.
        side: Buy or sell.
        signature_type: 0 to 3.
        timestamp_ms: When it was made.
        metadata: 0x and 64 digits.
        builder: 0x and 64 digits.
        signature: 0x and digits.
    """

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount_e6: int
    taker_amount_e6: int
    side: Side
    signature_type: int
    timestamp_ms: int
    metadata: str
    builder: str
    signature: str


def verify_order(
    message: OrderMessage, *, owner: str, account: Account, listing: Listing | None, chain_id: int
) -> str | Refusal:
    """Check who sent, who signed and who pays; give the order's id or say what is wrong.

    Args:
        owner: API key that the request names as the order's owner.
        account: Whose API key signed the request.
        listing: The order's market; None where the exchange has none of that token, and which
            contract the order must be signed for nobody knows.
        chain_id: 137 or 80002.
    """
    struct = order_struct(message)
    maker, signer = read_address(message.maker), read_address(message.signer)
    if struct is None or maker is None or signer is None:
        return refusals.INVALID_PAYLOAD
    refusal = _party_refusal(message, maker, signer, owner, account)
    if refusal is not None:
        return refusal
    signature = read_hex(message.signature) or b""
    separators = _domains(chain_id)
    if listing is not None:
        separator = exchange_domain(chain_id, listing.version, neg_risk=listing.market.neg_risk)
        if _signed_by(struct, separator, signature, message, chain_id) == account.address:
            return f"0x{typed_digest(separator, struct).hex()}"
        separators -= {separator}
    for other in separators:
        if _signed_by(struct, other, signature, message, chain_id) == account.address:
            return refusals.NO_ORDERBOOK if listing is None else refusals.VERSION_MISMATCH
    return refusals.INVALID_SIGNATURE


@cache
def exchange_domain(chain_id: int, version: str, *, neg_risk: bool) -> bytes:
    """Hash the domain of the exchange contract that a market's orders are signed for."""
    return domain_separator(
        name=wire.EXCHANGE_DOMAIN_NAME,
        version=wire.EXCHANGE_DOMAIN_VERSIONS[version],
        chain_id=chain_id,
        contract=wire.EXCHANGES[chain_id, version, neg_risk],
    )


def order_struct(message: OrderMessage) -> bytes | None:
    """Hash an order; None where a field is none of its kind."""
    numbers = (message.salt, message.maker_amount_e6, message.taker_amount_e6, message.timestamp_ms)
    maker, signer = read_address(message.maker), read_address(message.signer)
    token = message.token_id
    metadata, builder = read_hex(message.metadata, WORD), read_hex(message.builder, WORD)
    if maker is None or signer is None or metadata is None or builder is None:
        return None
    if not (token.isascii() and token.isdecimal()) or not 0 < len(token) <= TOKEN_DIGITS_MAX:
        return None
    if not 0 <= message.signature_type < len(SignatureType):
        return None
    if not all(0 <= number < UINT_LIMIT for number in (*numbers, int(token))):
        return None
    return struct_hash(
        wire.ORDER_TYPE,
        uint_word(message.salt),
        address_word(maker),
        address_word(signer),
        uint_word(int(token)),
        uint_word(message.maker_amount_e6),
        uint_word(message.taker_amount_e6),
        uint_word(message.side),
        uint_word(message.signature_type),
        uint_word(message.timestamp_ms),
        metadata,
        builder,
    )


def _party_refusal(
    message: OrderMessage, maker: str, signer: str, owner: str, account: Account
) -> Refusal | None:
    """Hold the order's addresses against the account that sent it (signing notes 6)."""
    holder, kind = account.holder, SignatureType(message.signature_type)
    wallets, is_deposit = holder.wallets, kind is SignatureType.POLY_1271
    if owner != account.key_id:
        return refusals.NOT_OWNER
    if holder.is_banned:
        return refusals.banned(account.address)
    if (wallets.type_of(signer) is not kind) if is_deposit else (signer != account.address):
        return refusals.NOT_SIGNER
    if holder.needs_deposit_wallet and not is_deposit:
        return refusals.USE_DEPOSIT_WALLET
    if wallets.type_of(maker) is not kind or (is_deposit and maker != signer):
        return refusals.INVALID_SIGNATURE
    if holder.is_closed_only and message.side is Side.BUY:
        return refusals.closed_only(account.address)
    return None


@cache
def _domains(chain_id: int) -> frozenset[bytes]:
    """All domains that orders of a chain may be signed under, of any contract and version."""
    return frozenset(
        domain_separator(
            name=wire.EXCHANGE_DOMAIN_NAME, version=version, chain_id=chain_id, contract=contract
        )
        for (chain, _, _), contract in wire.EXCHANGES.items()
        for version in wire.EXCHANGE_DOMAIN_VERSIONS.values()
        if chain == chain_id
    )


def _signed_by(
    struct: bytes, separator: bytes, signature: bytes, message: OrderMessage, chain_id: int
) -> str | None:
    """Find the key that signed an order for one exchange; None where no key did."""
    if message.signature_type != SignatureType.POLY_1271:
        return recover(typed_digest(separator, struct), signature)
    if signature[SIGNATURE_BYTES:] != separator + struct + _NESTED_TAIL:
        return None
    wallet = read_address(message.signer)
    assert wallet is not None, "checked with the order's struct"
    nested = struct_hash(
        wire.WRAP_TYPE,
        struct,
        text_word(wire.DEPOSIT_WALLET_NAME),
        text_word(wire.DEPOSIT_WALLET_VERSION),
        uint_word(chain_id),
        address_word(wallet),
        bytes(WORD),
    )
    return recover(typed_digest(separator, nested), signature[:SIGNATURE_BYTES])
