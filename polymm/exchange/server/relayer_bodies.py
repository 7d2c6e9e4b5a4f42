"""What is submitted to the relayer: read, and held against the key and the wallet it names.

A safe's key signs the hash of a SafeTx, a proxy's the relayed call's, a deposit wallet's the batch
as typed data (onchain notes 5). Everything that is signed is hashed here as it was sent, so that a
changed digit is another hash and a stranger's key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from polymm._core.digest import keccak256
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Refused
from polymm.exchange.server.calldata import (
    ContractCall,
    Reverted,
    read_multi_send,
    read_proxy,
)
from polymm.exchange.server.derive import OwnerWallets, derive_wallets
from polymm.exchange.server.eip712 import (
    SIGNATURE_BYTES,
    UINT_LIMIT,
    address_word,
    domain_separator,
    personal_digest,
    read_address,
    read_hex,
    recover,
    struct_hash,
    typed_digest,
    uint_word,
)
from polymm.venues.polymarket import wire

CALLS_MAX = 100
INVALID_SIGNATURE = Refusal("invalid signature")
_SAFE_V_PERSONAL = 4  # added to v where the hash was signed as a personal message
_CALL, _DELEGATE = 0, 1


class RelayedKind(StrEnum):
    """What a submission is."""

    SAFE = "SAFE"
    PROXY = "PROXY"
    WALLET = "WALLET"
    SAFE_CREATE = "SAFE-CREATE"
    WALLET_CREATE = "WALLET-CREATE"

    def wallet(self, wallets: OwnerWallets) -> str:
        """The key's wallet of this kind, a deposit wallet as it is made today."""
        if self is RelayedKind.PROXY:
            return wallets.proxy
        is_safe = self in (RelayedKind.SAFE, RelayedKind.SAFE_CREATE)
        return wallets.safe if is_safe else wallets.deposit


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A submission whose signature is good.

    Args:
        owner: Address of the key.
        wallet: Whose calls these are.
        to: What the wallet or its factory is told to call, as it was sent.
        nonce: Of the action; None where it has none.
        calls: In order; none for a creation.
        deadline_s: Unix seconds after which it must not run; None where it has none.
        relay: Who alone may send a proxy's call, else "".
    """

    kind: RelayedKind
    owner: str
    wallet: str
    to: str
    nonce: int | None = None
    calls: tuple[ContractCall, ...] = ()
    deadline_s: int | None = None
    relay: str = ""
    metadata: str = ""


class Fields:
    """A JSON object whose values are read one by one; what is wrong is refused by name."""

    __slots__ = ("_name", "_values")

    def __init__(self, values: object, name: str) -> None:
        if not isinstance(values, dict):
            raise Refused(Refusal(f"invalid request: {name} must be an object"))
        self._values: Mapping[str, Any] = values
        self._name = name

    def _wrong(self, key: str, what: str) -> Refused:
        return Refused(Refusal(f"invalid request: {self._name}.{key} must be {what}"))

    def text(self, key: str, default: str | None = None) -> str:
        """Text."""
        value = self._values.get(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def number(self, key: str, default: str | None = None) -> int:
        """A decimal number in a text, below 2^256."""
        digits = self.text(key, default)
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 78
        if not is_number or int(digits) >= UINT_LIMIT:
            raise self._wrong(key, "a decimal number")
        return int(digits)

    def address(self, key: str, default: str | None = None) -> str:
        """An address, given with its checksum."""
        found = read_address(self.text(key, default))
        if found is None:
            raise self._wrong(key, "an address")
        return found

    def data(self, key: str) -> bytes:
        """Bytes in hexadecimal digits."""
        text = self.text(key)
        found = b"" if text == "0x" else read_hex(text)
        if found is None:
            raise self._wrong(key, "0x and hexadecimal digits")
        return found

    def inner(self, key: str) -> "Fields":
        """An object."""
        return Fields(self._values.get(key), f"{self._name}.{key}")

    def inners(self, key: str) -> "list[Fields]":
        """Objects in a list."""
        found = self._values.get(key)
        if not isinstance(found, list):
            raise self._wrong(key, "a list")
        return [Fields(one, f"{self._name}.{key}") for one in found]


def read_submitted(body: bytes, chain_id: int) -> Submitted:
    """Read a body of POST /submit and check who signed it.

    Raises:
        Refused: It is not of the form, names a wallet that is not the key's, or was not signed so.
    """
    try:
        fields = Fields(orjson.loads(body), "body")
    except orjson.JSONDecodeError:
        raise Refused(Refusal("invalid request: body must be JSON")) from None
    try:
        kind = RelayedKind(fields.text("type"))
    except ValueError:
        raise Refused(
            Refusal(f"invalid request: type must be one of {', '.join(RelayedKind)}")
        ) from None
    metadata = fields.text("metadata", "")
    if len(metadata) > wire.RELAYER_METADATA_CHARS_MAX:
        most = wire.RELAYER_METADATA_CHARS_MAX
        raise Refused(Refusal(f"metadata exceeds maximum length of {most} characters"))
    try:
        return _READERS[kind](fields, metadata, chain_id)
    except Reverted as error:
        raise Refused(Refusal(f"invalid request: {error}")) from None


def _safe(fields: Fields, metadata: str, chain_id: int) -> Submitted:
    owner, safe = _parties(fields, RelayedKind.SAFE)
    to, data, nonce = fields.address("to"), fields.data("data"), fields.number("nonce")
    value_wei = fields.number("value", "0")
    own = fields.inner("signatureParams")
    operation = own.number("operation", "0")
    if operation not in (_CALL, _DELEGATE):
        raise Refused(Refusal("invalid request: operation must be 0 or 1"))
    struct = struct_hash(
        wire.SAFE_TX_TYPE,
        address_word(to),
        uint_word(value_wei),
        keccak256(data),
        uint_word(operation),
        *(uint_word(own.number(key, "0")) for key in ("safeTxnGas", "baseGas", "gasPrice")),
        address_word(own.address("gasToken", wire.ZERO_ADDRESS)),
        address_word(own.address("refundReceiver", wire.ZERO_ADDRESS)),
        uint_word(nonce),
    )
    digest = typed_digest(domain_separator(chain_id=chain_id, contract=safe), struct)
    signature = _signature(fields)
    if signature[-1] > 30:
        digest = personal_digest(digest)
        signature = signature[:-1] + bytes((signature[-1] - _SAFE_V_PERSONAL,))
    _must_sign(owner, digest, signature)
    calls = [ContractCall(to, data, value_wei)]
    if operation == _DELEGATE:
        if to != wire.SAFE_MULTISEND:
            raise Refused(Refusal("invalid request: only MultiSend may be called as a delegate"))
        calls = read_multi_send(data)
    return Submitted(
        kind=RelayedKind.SAFE,
        owner=owner,
        wallet=safe,
        to=to,
        nonce=nonce,
        calls=_some(calls),
        metadata=metadata,
    )


def _proxy(fields: Fields, metadata: str, _chain_id: int) -> Submitted:
    owner, proxy = _parties(fields, RelayedKind.PROXY)
    to = _factory(fields, wire.PROXY_FACTORY)
    data, nonce = fields.data("data"), fields.number("nonce")
    own = fields.inner("signatureParams")
    relay = own.address("relay")
    if own.address("relayHub") != wire.RELAY_HUB:
        raise Refused(Refusal(f"invalid request: relayHub must be {wire.RELAY_HUB}"))
    numbers = [own.number(key) for key in ("relayerFee", "gasPrice", "gasLimit")]
    digest = keccak256(
        wire.PROXY_HASH_PREFIX
        + address_word(owner)[12:]
        + address_word(to)[12:]
        + data
        + b"".join(uint_word(number) for number in (*numbers, nonce))
        + address_word(wire.RELAY_HUB)[12:]
        + address_word(relay)[12:]
    )
    _must_sign(owner, personal_digest(digest), _signature(fields))
    return Submitted(
        kind=RelayedKind.PROXY,
        owner=owner,
        wallet=proxy,
        to=to,
        nonce=nonce,
        calls=_some(read_proxy(data)),
        relay=relay,
        metadata=metadata,
    )


def _deposit_wallet(fields: Fields, metadata: str, chain_id: int) -> Submitted:
    owner, to = fields.address("from"), _factory(fields, wire.DEPOSIT_WALLET_FACTORY)
    own = fields.inner("depositWalletParams")
    wallet, deadline_s = own.address("depositWallet"), own.number("deadline")
    wallets = derive_wallets(owner)
    if wallet not in (wallets.deposit, wallets.deposit_uups):
        raise Refused(Refusal("invalid request: depositWallet is not the wallet of from"))
    nonce = fields.number("nonce")
    calls = [
        ContractCall(call.address("target"), call.data("data"), call.number("value", "0"))
        for call in own.inners("calls")
    ]
    hashes = [
        struct_hash(
            wire.WALLET_CALL_TYPE,
            address_word(call.to),
            uint_word(call.value_wei),
            keccak256(call.data),
        )
        for call in calls
    ]
    struct = struct_hash(
        wire.WALLET_BATCH_TYPE,
        address_word(wallet),
        uint_word(nonce),
        uint_word(deadline_s),
        keccak256(b"".join(hashes)),
    )
    separator = domain_separator(
        name=wire.DEPOSIT_WALLET_NAME,
        version=wire.DEPOSIT_WALLET_VERSION,
        chain_id=chain_id,
        contract=wallet,
    )
    _must_sign(owner, typed_digest(separator, struct), _signature(fields))
    return Submitted(
        kind=RelayedKind.WALLET,
        owner=owner,
        wallet=wallet,
        to=to,
        nonce=nonce,
        calls=_some(calls),
        deadline_s=deadline_s,
        metadata=metadata,
    )


def _safe_creation(fields: Fields, metadata: str, chain_id: int) -> Submitted:
    owner, safe = _parties(fields, RelayedKind.SAFE_CREATE)
    to = _factory(fields, wire.SAFE_FACTORY)
    own = fields.inner("signatureParams")
    struct = struct_hash(
        wire.SAFE_CREATION_TYPE,
        address_word(own.address("paymentToken", wire.ZERO_ADDRESS)),
        uint_word(own.number("payment", "0")),
        address_word(own.address("paymentReceiver", wire.ZERO_ADDRESS)),
    )
    separator = domain_separator(
        name=wire.SAFE_FACTORY_NAME, chain_id=chain_id, contract=wire.SAFE_FACTORY
    )
    _must_sign(owner, typed_digest(separator, struct), _signature(fields))
    return Submitted(
        kind=RelayedKind.SAFE_CREATE, owner=owner, wallet=safe, to=to, metadata=metadata
    )


def _wallet_creation(fields: Fields, metadata: str, _chain_id: int) -> Submitted:
    """A deposit wallet belongs to its owner whoever makes it, so that nobody signs for it."""
    owner = fields.address("from")
    return Submitted(
        kind=RelayedKind.WALLET_CREATE,
        owner=owner,
        wallet=derive_wallets(owner).deposit,
        to=_factory(fields, wire.DEPOSIT_WALLET_FACTORY),
        metadata=metadata,
    )


_READERS = {
    RelayedKind.SAFE: _safe,
    RelayedKind.PROXY: _proxy,
    RelayedKind.WALLET: _deposit_wallet,
    RelayedKind.SAFE_CREATE: _safe_creation,
    RelayedKind.WALLET_CREATE: _wallet_creation,
}


def _parties(fields: Fields, kind: RelayedKind) -> tuple[str, str]:
    """Read whose key and which wallet; the wallet must be the key's."""
    owner, wallet = fields.address("from"), fields.address("proxyWallet")
    if wallet != kind.wallet(derive_wallets(owner)):
        raise Refused(Refusal("invalid request: proxyWallet is not the wallet of from"))
    return owner, wallet


def _factory(fields: Fields, factory: str) -> str:
    to = fields.address("to")
    if to != factory:
        raise Refused(Refusal(f"invalid request: to must be {factory}"))
    return to


def _signature(fields: Fields) -> bytes:
    signature = fields.data("signature")
    if len(signature) != SIGNATURE_BYTES:
        raise Refused(INVALID_SIGNATURE)
    return signature


def _must_sign(owner: str, digest: bytes, signature: bytes) -> None:
    if recover(digest, signature) != owner:
        raise Refused(INVALID_SIGNATURE)


def _some(calls: Sequence[ContractCall]) -> tuple[ContractCall, ...]:
    if not 1 <= len(calls) <= CALLS_MAX:
        raise Refused(Refusal(f"invalid request: calls must be 1..{CALLS_MAX}, were {len(calls)}"))
    return tuple(calls)
