"""Transactions of a plain key (wallet type 0): EIP-1559, built, signed and read back.

Nothing is asked and nothing is sent: nonce, gas and fees are arguments. A signed transaction can
be sent twice without harm, its nonce runs once. EIP-1559 and EIP-2718, type 2, without access list.
"""

from dataclasses import dataclass

from coincurve import PublicKey

from polymm._core.digest import keccak256
from polymm.errors import InputError
from polymm.venues.polymarket import abi, rlp, wire
from polymm.venues.polymarket.addresses import checksum
from polymm.venues.polymarket.credentials import GROUP_ORDER
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.relayer import Sign

TYPE_BYTE = b"\x02"

_FIELDS = 9
_FIELDS_SIGNED = 12
_V_LOW = 27
_NONCE_BITS = 64  # EIP-2681


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTransaction:
    """An unsigned transaction.

    Args:
        nonce: The key's transaction count, pending ones included (``eth_getTransactionCount``).
        gas_limit: Gas units; an estimate with a margin.
        max_fee_wei: Most that a unit of gas may cost, 1e-18 POL.
        priority_fee_wei: The part of it that goes to the block's proposer.
    """

    call: Call
    nonce: int
    gas_limit: int
    max_fee_wei: int
    priority_fee_wei: int
    chain_id: int = wire.POLYGON

    def __post_init__(self) -> None:
        abi.uint(self.nonce, _NONCE_BITS)
        abi.uint(self.gas_limit, 64)
        abi.uint(self.chain_id)
        abi.uint(self.max_fee_wei)
        abi.uint(self.call.value_wei)
        abi.uint(self.priority_fee_wei)
        if self.priority_fee_wei > self.max_fee_wei:
            raise InputError(
                f"priority_fee_wei must be at most max_fee_wei {self.max_fee_wei},"
                f" was {self.priority_fee_wei}"
            )

    def _fields(self) -> list[rlp.Item]:
        numbers = (
            self.chain_id,
            self.nonce,
            self.priority_fee_wei,
            self.max_fee_wei,
            self.gas_limit,
        )
        return [
            *(rlp.integer(number) for number in numbers),
            abi.address_bytes(self.call.to),
            rlp.integer(self.call.value_wei),
            self.call.data,
            (),  # access list
        ]

    def digest(self) -> bytes:
        """What the key signs."""
        return keccak256(TYPE_BYTE + rlp.encode(self._fields()))

    def signed(self, sign: Sign) -> "SignedTransaction":
        """Sign it."""
        signature = sign(self.digest())
        assert len(signature) == 65, "r, s and v are 65 bytes"
        r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
        y = signature[64] - _V_LOW
        assert y in (0, 1), "v is 27 or 28"
        tail = [rlp.integer(number) for number in (y, r, s)]
        raw = TYPE_BYTE + rlp.encode([*self._fields(), *tail])
        return SignedTransaction(self, raw, y, r, s)


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction ready for ``eth_sendRawTransaction``.

    Args:
        raw: The bytes to send.
        y: Parity of the signature's point; ``r`` and ``s`` its numbers.
    """

    transaction: RawTransaction
    raw: bytes
    y: int
    r: int
    s: int

    @property
    def hash(self) -> bytes:
        """The transaction's name on chain, known before it is sent."""
        return keccak256(self.raw)

    def sender(self) -> str:
        """Recover the address that signed.

        Raises:
            InputError: No key gives this signature.
        """
        signature = self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes((self.y,))
        try:
            key = PublicKey.from_signature_and_message(
                signature, self.transaction.digest(), hasher=None
            )
        except ValueError as error:
            raise InputError(
                "a transaction's signature must be of some key, was of none"
            ) from error
        return checksum(keccak256(key.format(compressed=False)[1:])[12:])


def decode(raw: bytes) -> SignedTransaction:
    """Read a signed transaction.

    Raises:
        InputError: Of another type, not canonical, with an access list, without a recipient, or
            with a signature outside its range.
    """
    if raw[:1] != TYPE_BYTE:
        raise InputError(f"a transaction must be of type 2 (EIP-1559), was 0x{raw[:1].hex()}")
    fields = rlp.decode(raw[1:])
    if not isinstance(fields, list) or len(fields) != _FIELDS_SIGNED:
        raise InputError(f"a signed transaction must be a list of {_FIELDS_SIGNED} fields")
    to, data, access = fields[5], fields[7], fields[8]
    if not isinstance(to, bytes) or len(to) != abi.ADDRESS_BYTES:
        raise InputError("a transaction must have a recipient of 20 bytes")
    if not isinstance(data, bytes) or access != []:
        raise InputError("a transaction must carry bytes and an empty access list")
    numbers = {
        name: rlp.read_integer(fields[at], name, bits)
        for at, name, bits in (
            (0, "chain_id", 256),
            (1, "nonce", _NONCE_BITS),
            (2, "priority_fee_wei", 256),
            (3, "max_fee_wei", 256),
            (4, "gas_limit", 64),
        )
    }
    value_wei = rlp.read_integer(fields[6], "value_wei")
    y, r, s = (rlp.read_integer(field, name) for field, name in zip(fields[9:], "yrs", strict=True))
    # EIP-2 takes the lower half of s only, so that a transaction has one hash.
    if y > 1 or not 0 < r < GROUP_ORDER or not 0 < s <= GROUP_ORDER // 2:
        raise InputError("a transaction's signature must have y 0 or 1, r in range and s low")
    call = Call(checksum(to), data, value_wei)
    return SignedTransaction(RawTransaction(call=call, **numbers), raw, y, r, s)
