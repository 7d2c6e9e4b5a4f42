"""Orders signed for the venue: digest, signature and body, and their id before a byte is sent.

All that stays of an order is prepared once per (exchange, wallet, token, side) in an OrderFamily;
each order then costs its digest, one signature and one text. Nothing here reads a clock or draws
a number: salt and time stamp are arguments. Amounts come from `polymm.domain.amounts`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from polymm._core.digest import OrderDigest
from polymm.domain.amounts import Amounts
from polymm.domain.order import Side
from polymm.errors import InputError
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.abi import ZERO_WORD, address, hex_bytes, uint
from polymm.venues.polymarket.addresses import checksummed, derive_wallets
from polymm.venues.polymarket.credentials import Secret, SigningKey, Unprintable
from polymm.venues.polymarket.typed_data import domain_separator, text
from polymm.venues.polymarket.wire import SignatureType

SALT_LIMIT = 1 << wire.SALT_BITS


class SignedOrder(NamedTuple):
    """One order, ready to be sent.

    Args:
        order_id: The venue's id of it, 0x and 64 digits: known before it is sent.
        signature: 0x and 130 digits; for a deposit wallet 634.
        amounts: Base units it gives and gets.
        salt, timestamp_ms: As they were signed.
        expiration_s: Unix seconds, 0 unless GTD.
        frame: The texts of its family around these values.
    """

    order_id: str
    signature: str
    amounts: Amounts
    salt: int
    timestamp_ms: int
    expiration_s: int
    frame: tuple[str, str, str, str]

    @property
    def text(self) -> str:
        """The order as a JSON object, ASCII; written anew at each call."""
        maker_e6, taker_e6 = self.amounts
        accounts, side, kind, codes = self.frame
        return (
            f'{{"salt":{self.salt}{accounts}{maker_e6}","takerAmount":"{taker_e6}{side}'
            f'{self.expiration_s}{kind}{self.timestamp_ms}{codes}{self.signature}"}}'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Who trades: a key, the wallet that holds the funds, and how the one signs for the other.

    Args:
        key: Signs. Its address owns the API key, whatever the wallet.
        signature_type: How the exchange checks the signature.
        funder: Address of the wallet that holds the funds; "" derives it from the key.
        chain_id: 137 or 80002.

    Raises:
        InputError: Unknown chain, no address, or a type 0 wallet that is not the key's own address.
    """

    key: SigningKey
    signature_type: SignatureType = SignatureType.EOA
    funder: str = ""
    chain_id: int = wire.POLYGON

    def __post_init__(self) -> None:
        if self.chain_id not in (wire.POLYGON, wire.AMOY):
            raise InputError(f"chain_id must be {wire.POLYGON} or {wire.AMOY}, was {self.chain_id}")
        if not isinstance(self.signature_type, SignatureType):
            # A bare number would pass for type 0 wherever the member is asked for.
            raise InputError(
                f"signature_type must be a SignatureType, was {type(self.signature_type).__name__}"
            )
        is_own = self.signature_type is SignatureType.EOA
        if self.funder:
            funder = checksummed(self.funder)
        elif is_own:
            funder = self.key.address
        else:
            funder = derive_wallets(self.key.address, self.chain_id).of_type(self.signature_type)
        if is_own and funder != self.key.address:
            raise InputError(
                f"with signature type 0 the key's own address {self.key.address} holds the funds, "
                f"the funder was {funder}: name the wallet's signature type (1, 2 or 3)"
            )
        object.__setattr__(self, "funder", funder)

    @property
    def signer(self) -> str:
        """The order's signer field: the key's address, but a deposit wallet signs as itself."""
        return self.funder if self.signature_type is SignatureType.POLY_1271 else self.key.address


class OrderFamily:
    """Signs the orders of one wallet on one token and side.

    Args:
        token_id: Decimal id of the outcome.
        market_version: The market's own ``version``, "v1" or "v2".
        neg_risk: The market's own flag.
        builder: Builder code, 0x and 64 digits.
        metadata: 0x and 64 digits.

    Raises:
        InputError: A market version nobody has documented, or a value that is none of its kind.
    """

    __slots__ = ("_digest", "_frame", "_seal", "_sign")

    def __init__(
        self,
        wallet: Wallet,
        *,
        token_id: str,
        side: Side,
        market_version: str,
        neg_risk: bool,
        builder: str = wire.ZERO_BYTES32,
        metadata: str = wire.ZERO_BYTES32,
    ) -> None:
        separator = _exchange_domain(wallet.chain_id, market_version, neg_risk=neg_risk)
        maker, signer, kind = wallet.funder, wallet.signer, wallet.signature_type
        words = (
            text(wire.ORDER_TYPE),
            ZERO_WORD,
            address(maker),
            address(signer),
            uint(_token(token_id)),
            ZERO_WORD,
            ZERO_WORD,
            uint(int(side)),
            uint(int(kind)),
            ZERO_WORD,
            hex_bytes(metadata, 32, "metadata"),
            hex_bytes(builder, 32, "a builder code"),
        )
        wrapped = kind is SignatureType.POLY_1271
        wrap = _wrap(wallet) if wrapped else None
        self._sign = wallet.key.sign_hex
        self._digest = OrderDigest(separator, b"".join(words), wrap)
        # What follows a wrapped signature, around the struct hash that changes.
        type_text = wire.ORDER_TYPE.encode()
        described = (type_text + len(type_text).to_bytes(2, "big")).hex()
        self._seal = (separator.hex(), described) if wrapped else None
        self._frame = (
            f',"maker":"{maker}","signer":"{signer}","tokenId":"{token_id}","makerAmount":"',
            f'","side":"{wire.SIDES[side]}","expiration":"',
            f'","signatureType":{int(kind)},"timestamp":"',
            f'","metadata":"{metadata.lower()}","builder":"{builder.lower()}","signature":"',
        )

    def sign(
        self, amounts: Amounts, *, salt: int, timestamp_ms: int, expiration_s: int = 0
    ) -> SignedOrder:
        """Sign one order.

        Args:
            amounts: Base units it gives and gets.
            salt: Drawn anew for each order, 0..2^53 - 1.
            timestamp_ms: Creation time, ms; strictly increasing (see `OrderStamps`).
            expiration_s: Unix seconds for GTD, else 0. Not part of what is signed.

        Raises:
            InputError: A value is out of its range; nothing was signed.
        """
        maker_e6, taker_e6 = amounts
        if not 0 <= salt < SALT_LIMIT:
            raise InputError(f"salt must be within 0..2^{wire.SALT_BITS} - 1, was {salt}")
        if maker_e6 <= 0 or taker_e6 <= 0 or timestamp_ms <= 0 or expiration_s < 0:
            raise InputError(
                f"amounts and time stamp must be above 0 and the expiration not below, were "
                f"{maker_e6}, {taker_e6}, {timestamp_ms} and {expiration_s}"
            )
        order_id, to_sign, contents = self._digest.fill(salt, maker_e6, taker_e6, timestamp_ms)
        signature = self._sign(to_sign)
        if self._seal is not None:
            separator, described = self._seal
            signature = f"{signature}{separator}{contents.hex()}{described}"
        return SignedOrder(
            order_id,
            signature,
            amounts,
            salt,
            timestamp_ms,
            expiration_s,
            self._frame,
        )


Seal = Callable[[SignedOrder], bytes]


class Envelopes(Unprintable):
    """Puts a signed order into the body of a request: owner, order type and flags around it.

    Args:
        api_key: The owner of every order is the API key.
    """

    __slots__ = ("_seals",)

    def __init__(self, api_key: Secret) -> None:
        booleans = ((False, "false"), (True, "true"))
        self._seals = {
            (order_type, is_post_only, is_deferred): _seal(
                f',"owner":"{api_key.reveal()}","orderType":"{order_type}",'
                f'"deferExec":{deferred},"postOnly":{post_only}}}'
            )
            for order_type in wire.ORDER_TYPES
            for is_post_only, post_only in booleans
            for is_deferred, deferred in booleans
            if not is_post_only or order_type in wire.RESTING_ORDER_TYPES
        }

    def body(
        self,
        order: SignedOrder,
        order_type: str = wire.GTC,
        *,
        post_only: bool,
        defer_exec: bool = False,
    ) -> bytes:
        """Give the object that is posted; several of them in an array make a batch.

        Raises:
            InputError: Unknown order type, post-only with an order that cannot rest, an expiration
                with an order that is not GTD, or a GTD order without one.
        """
        seal = self.seal(order_type, order.expiration_s, post_only=post_only, defer_exec=defer_exec)
        return seal(order)

    def seal(
        self, order_type: str, expiration_s: int, *, post_only: bool, defer_exec: bool = False
    ) -> Seal:
        """Give what makes the body of an order that is yet to be signed.

        Raises:
            InputError: As `body`.
        """
        seal = self._seals.get((order_type, post_only, defer_exec))
        if seal is None:
            raise InputError(
                f"order_type must be one of {', '.join(wire.ORDER_TYPES)}, post-only only with "
                f"{' and '.join(wire.RESTING_ORDER_TYPES)}; was {order_type!r}"
            )
        if expiration_s < 0 or (expiration_s != 0) is not (order_type == wire.GTD):
            raise InputError(
                f"GTD wants an expiration and nothing else takes one: order_type was {order_type}, "
                f"expiration_s {expiration_s}"
            )
        return seal


def _seal(tail: str) -> Seal:
    # The tail is a secret, and a closure has no text form.
    return lambda order: f'{{"order":{order.text}{tail}'.encode()


class OrderStamps:
    """Time stamps of one signer's orders, strictly increasing even when the clock is not."""

    __slots__ = ("last_ms",)

    def __init__(self, last_ms: int = 0) -> None:
        self.last_ms = last_ms

    def next_ms(self, now_ms: int) -> int:
        """Give the time stamp of the next order: now, or just above the last one."""
        self.last_ms = max(now_ms, self.last_ms + 1)
        return self.last_ms


def _exchange_domain(chain_id: int, market_version: str, *, neg_risk: bool) -> bytes:
    contract = wire.EXCHANGES.get((chain_id, market_version, neg_risk))
    if contract is None:
        raise InputError(
            f"a market's version must be {wire.MARKET_V1} or {wire.MARKET_V2}, was "
            f"{market_version!r} on chain {chain_id}"
        )
    return domain_separator(
        name=wire.EXCHANGE_DOMAIN_NAME,
        version=wire.EXCHANGE_DOMAIN_VERSIONS[market_version],
        chain_id=chain_id,
        verifying_contract=contract,
    )


def _token(token_id: str) -> int:
    if not (token_id.isascii() and token_id.isdecimal()) or len(token_id) > 78:
        raise InputError(f"token_id must be a decimal number, was {token_id[:80]!r}")
    return int(token_id)


def _wrap(wallet: Wallet) -> bytes:
    """The ERC-7739 struct around an order of a deposit wallet, the order's hash left out."""
    return b"".join(
        (
            text(wire.WRAP_TYPE),
            ZERO_WORD,
            text(wire.DEPOSIT_WALLET_NAME),
            text(wire.DEPOSIT_WALLET_VERSION),
            uint(wallet.chain_id),
            address(wallet.funder),
            ZERO_WORD,
        )
    )
