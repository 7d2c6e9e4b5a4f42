"""What the relayer wants signed: calls of a safe, a proxy or a deposit wallet as one POST body.

The relayer pays the gas; the owner's key only signs. Several calls are one action, all or nothing.
An action takes up a nonce of the wallet, so of all bodies with one nonce at most one ever runs:
sending the same body again cannot merge twice. Facts: onchain notes section 5.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from polymm._core.digest import keccak256
from polymm.errors import InputError
from polymm.venues.polymarket import abi, typed_data, wire
from polymm.venues.polymarket.onchain import Call

# Takes a digest of 32 bytes; gives r, s and v, 65 bytes, v 27 or 28.
Sign = Callable[[bytes], bytes]

# Ours, not the venue's: a dozen merges fit a block with room to spare.
CALLS_MAX = 16

_SIGNATURE_BYTES = 65
_V_LOW = (27, 28)
# A safe takes v above 30 for "signed as a personal message" (Safe's checkNSignatures).
_SAFE_V_SHIFT = 4
_PERSONAL = b"\x19Ethereum Signed Message:\n32"
_OPERATION_CALL, _OPERATION_DELEGATE = 0, 1
_PROXY_CALL = 1


class RelayerKind(StrEnum):
    """The relayer's word for a kind of wallet."""

    PROXY = "PROXY"
    SAFE = "SAFE"
    WALLET = "WALLET"


# By signature type; type 0 pays for itself (rawtx.py).
KINDS = {1: RelayerKind.PROXY, 2: RelayerKind.SAFE, 3: RelayerKind.WALLET}


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayedWallet:
    """A wallet that acts through the relayer.

    Args:
        owner: Address of the key that signs for it.
        address: The wallet's own address, which holds the money.
    """

    kind: RelayerKind
    owner: str
    address: str

    def nonce_request(self) -> tuple[str, dict[str, str]]:
        """Path and query of the GET that gives the next nonce."""
        is_proxy = self.kind is RelayerKind.PROXY
        path = wire.RELAYER_RELAY_PATH if is_proxy else wire.RELAYER_PARAMS_PATH
        return path, {"address": self.owner, "type": self.kind.value}


@dataclass(frozen=True, slots=True)
class NonceGrant:
    """The relayer's answer to ``nonce_request``.

    Args:
        address: Of a proxy: the relay that will send the call.
        nonce: The wallet's next.
    """

    address: str
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One signed action.

    Args:
        digest: The action's own hash: SafeTx hash, relayed call's hash, or typed-data digest.
        payload: What POST /submit takes, ready for JSON.
        deadline_s: Unix seconds after which it cannot run any more; 0 where it has none.
    """

    wallet: RelayedWallet
    nonce: int
    digest: bytes
    payload: Mapping[str, Any]
    deadline_s: int = 0

    @property
    def body(self) -> bytes:
        """The exact bytes to send, which a builder's HMAC also covers."""
        return orjson.dumps(self.payload)


def submission(
    wallet: RelayedWallet,
    calls: Sequence[Call],
    grant: NonceGrant,
    sign: Sign,
    *,
    now_s: int,
    metadata: str = "",
    gas_limit: int = wire.RELAYER_PROXY_GAS_LIMIT,
    chain_id: int = wire.POLYGON,
) -> Submission:
    """Sign calls as one action of the wallet.

    Args:
        calls: 1 to CALLS_MAX calls, run in order.
        grant: Answer to ``wallet.nonce_request()``, fetched after the action before this one ended.
        now_s: Unix seconds; a deposit wallet's action lapses some minutes later.
        metadata: At most 500 characters, shown by the venue's tools.
        gas_limit: Of a proxy's relayed call.

    Raises:
        InputError: Something is outside its range; the message says what was expected.
    """
    if not 1 <= len(calls) <= CALLS_MAX:
        raise InputError(f"an action must hold 1..{CALLS_MAX} calls, held {len(calls)}")
    if len(metadata) > wire.RELAYER_METADATA_CHARS_MAX:
        raise InputError(
            f"metadata must be at most {wire.RELAYER_METADATA_CHARS_MAX} characters,"
            f" was {len(metadata)}"
        )
    abi.uint(grant.nonce)
    if wallet.kind is RelayerKind.SAFE:
        digest, own = _safe(wallet, calls, grant.nonce, sign, chain_id)
    elif wallet.kind is RelayerKind.PROXY:
        digest, own = _proxy(wallet, calls, grant, sign, gas_limit)
    else:
        digest, own = _deposit_wallet(wallet, calls, grant.nonce, sign, now_s, chain_id)
    payload = {
        "type": wallet.kind.value,
        "from": wallet.owner,
        "nonce": str(grant.nonce),
        "metadata": metadata,
        **own,
    }
    deadline_s = now_s + wire.RELAYER_DEADLINE_S if wallet.kind is RelayerKind.WALLET else 0
    return Submission(
        wallet=wallet, nonce=grant.nonce, digest=digest, payload=payload, deadline_s=deadline_s
    )


def creation(owner: str, metadata: str = "") -> dict[str, str]:
    """Give the payload that deploys the owner's deposit wallet; it needs no signature."""
    abi.address_bytes(owner)
    return {
        "type": "WALLET-CREATE",
        "from": owner,
        "to": wire.DEPOSIT_WALLET_FACTORY,
        "metadata": metadata,
    }


# Gnosis Safe


def _safe(
    wallet: RelayedWallet, calls: Sequence[Call], nonce: int, sign: Sign, chain_id: int
) -> tuple[bytes, dict[str, Any]]:
    call, operation = calls[0], _OPERATION_CALL
    if len(calls) > 1:
        call, operation = _multi_send(calls), _OPERATION_DELEGATE
    digest = _safe_digest(wallet.address, call, operation, nonce, chain_id)
    r_s, v = _signature(sign, keccak256(_PERSONAL + digest))
    own = {
        "to": call.to,
        "proxyWallet": wallet.address,
        "data": _hex(call.data),
        "signature": _hex(r_s + bytes((v + _SAFE_V_SHIFT,))),
        "signatureParams": {
            "baseGas": "0",
            "gasPrice": "0",
            "gasToken": wire.ZERO_ADDRESS,
            "operation": str(operation),
            "refundReceiver": wire.ZERO_ADDRESS,
            "safeTxnGas": "0",
        },
    }
    return digest, own | ({"value": str(call.value_wei)} if call.value_wei else {})


def _safe_digest(safe: str, call: Call, operation: int, nonce: int, chain_id: int) -> bytes:
    struct = typed_data.struct_hash(
        wire.SAFE_TX_TYPE,
        abi.address(call.to),
        abi.uint(call.value_wei),
        keccak256(call.data),
        abi.uint(operation, 8),
        bytes(3 * abi.WORD),  # safeTxGas, baseGas, gasPrice: the relayer pays
        bytes(2 * abi.WORD),  # gasToken, refundReceiver: no refund
        abi.uint(nonce),
    )
    domain = typed_data.domain_separator(chain_id=chain_id, verifying_contract=safe)
    return typed_data.digest(domain, struct)


def _multi_send(calls: Sequence[Call]) -> Call:
    """Pack several calls into one, which the safe must run as a delegate call."""
    packed = b"".join(
        bytes((_OPERATION_CALL,))
        + abi.address_bytes(call.to)
        + abi.uint(call.value_wei)
        + abi.uint(len(call.data))
        + call.data
        for call in calls
    )
    data = wire.MULTI_SEND.selector + abi.arguments(abi.byte_string(packed))
    return Call(wire.SAFE_MULTISEND, data)


# Proxy of a Magic or e-mail account


def _proxy(
    wallet: RelayedWallet, calls: Sequence[Call], grant: NonceGrant, sign: Sign, gas_limit: int
) -> tuple[bytes, dict[str, Any]]:
    structs = [
        abi.structure(
            abi.uint(_PROXY_CALL, 8),
            abi.address(call.to),
            abi.uint(call.value_wei),
            abi.byte_string(call.data),
        )
        for call in calls
    ]
    data = wire.PROXY.selector + abi.arguments(abi.array(structs))
    digest = keccak256(
        wire.PROXY_HASH_PREFIX
        + abi.address_bytes(wallet.owner)
        + abi.address_bytes(wire.PROXY_FACTORY)
        + data
        + bytes(2 * abi.WORD)  # relayer fee, gas price: nothing
        + abi.uint(gas_limit)
        + abi.uint(grant.nonce)
        + abi.address_bytes(wire.RELAY_HUB)
        + abi.address_bytes(grant.address)
    )
    r_s, v = _signature(sign, keccak256(_PERSONAL + digest))
    return digest, {
        "to": wire.PROXY_FACTORY,
        "proxyWallet": wallet.address,
        "data": _hex(data),
        "signature": _hex(r_s + bytes((v,))),
        "signatureParams": {
            "gasLimit": str(gas_limit),
            "gasPrice": "0",
            "relay": grant.address,
            "relayHub": wire.RELAY_HUB,
            "relayerFee": "0",
        },
    }


# Deposit wallet


def _deposit_wallet(
    wallet: RelayedWallet,
    calls: Sequence[Call],
    nonce: int,
    sign: Sign,
    now_s: int,
    chain_id: int,
) -> tuple[bytes, dict[str, Any]]:
    deadline_s = now_s + wire.RELAYER_DEADLINE_S
    hashes = b"".join(
        typed_data.struct_hash(
            wire.WALLET_CALL_TYPE,
            abi.address(call.to),
            abi.uint(call.value_wei),
            keccak256(call.data),
        )
        for call in calls
    )
    struct = typed_data.struct_hash(
        wire.WALLET_BATCH_TYPE,
        abi.address(wallet.address),
        abi.uint(nonce),
        abi.uint(deadline_s),
        keccak256(hashes),
    )
    domain = typed_data.domain_separator(
        name=wire.DEPOSIT_WALLET_NAME,
        version=wire.DEPOSIT_WALLET_VERSION,
        chain_id=chain_id,
        verifying_contract=wallet.address,
    )
    digest = typed_data.digest(domain, struct)
    r_s, v = _signature(sign, digest)
    return digest, {
        "to": wire.DEPOSIT_WALLET_FACTORY,
        "signature": _hex(r_s + bytes((v,))),
        "depositWalletParams": {
            "depositWallet": wallet.address,
            "deadline": str(deadline_s),
            "calls": [
                {"target": call.to, "value": str(call.value_wei), "data": _hex(call.data)}
                for call in calls
            ],
        },
    }


def _signature(sign: Sign, digest: bytes) -> tuple[bytes, int]:
    """Sign; split into r and s, and v."""
    signature = sign(digest)
    assert len(signature) == _SIGNATURE_BYTES, "r, s and v are 65 bytes"
    assert signature[-1] in _V_LOW, "v is 27 or 28"
    return signature[:-1], signature[-1]


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
