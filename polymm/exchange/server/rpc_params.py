"""Parameters of JSON-RPC calls, read as geth reads them, and its words for those that are wrong."""

from collections.abc import Sequence
from typing import Any

from polymm.exchange.server.calldata import ContractCall
from polymm.exchange.server.eip712 import read_address
from polymm.venues.polymarket.wire import ZERO_ADDRESS

INVALID_PARAMS, SERVER_ERROR = -32602, -32000
_QUANTITY_DIGITS_MAX = 64


class RpcError(Exception):
    """A call that is answered with an error; the text is geth's.

    Args:
        code: JSON-RPC's, or 3 for a revert.
        message: What is wrong.
        data: What a reverted contract gave back.
    """

    def __init__(self, code: int, message: str, data: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class Params:
    """The parameters of one call, by their place. Each reader raises RpcError."""

    __slots__ = ("_values",)

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    def needed(self, index: int) -> Any:
        """Something that must be there."""
        value = self.maybe(index)
        if value is None:
            raise RpcError(INVALID_PARAMS, f"missing value for required argument {index}")
        return value

    def maybe(self, index: int) -> Any:
        """Something that may be left out."""
        return self._values[index] if index < len(self._values) else None

    def data(self, index: int) -> bytes:
        """Bytes of any number."""
        return _bytes(self.needed(index), index)

    def address(self, index: int) -> str:
        """An address, given with its checksum."""
        return _address(self.needed(index), index)

    def digest(self, index: int) -> str:
        """A hash, in lower case."""
        return f"0x{_bytes(self.needed(index), index, 32).hex()}"

    def quantity(self, index: int) -> int:
        """A number, in hexadecimal digits or plain."""
        value = self.needed(index)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        return _quantity(value, index)

    def block(self, index: int, latest: int) -> int:
        """Number of a block, or one of its names."""
        value = self.needed(index)
        if value in ("latest", "pending", "safe", "finalized"):
            return latest
        return 0 if value == "earliest" else _quantity(value, index)

    def message(self, index: int) -> tuple[ContractCall, str]:
        """What is called, and by whom: nobody where it does not say."""
        value = self.needed(index)
        if not isinstance(value, dict):
            raise _wrong(value, index, "ethapi.TransactionArgs")
        if value.get("to") is None:
            raise RpcError(SERVER_ERROR, "contracts cannot be created on the local chain")
        given = value.get("input", value.get("data"))
        data = b"" if given is None else _bytes(given, index)
        sent, sender = value.get("value"), value.get("from")
        value_wei = 0 if sent is None else _quantity(sent, index)
        call = ContractCall(_address(value["to"], index), data, value_wei)
        return call, ZERO_ADDRESS if sender is None else _address(sender, index)


def _wrong(value: object, index: int, kind: str) -> RpcError:
    text = f"cannot unmarshal {value!r:.80} into Go value of type {kind}"
    return RpcError(INVALID_PARAMS, f"invalid argument {index}: json: {text}")


def _bytes(value: object, index: int, length: int | None = None) -> bytes:
    kind = "hexutil.Bytes" if length is None else f"[{length}]byte"
    if not isinstance(value, str) or value[:2] != "0x":
        raise _wrong(value, index, kind)
    try:
        found = bytes.fromhex(value[2:])
    except ValueError:
        raise _wrong(value, index, kind) from None
    # bytes.fromhex passes over blanks, so its own answer does not prove the digits.
    if 2 * len(found) != len(value) - 2 or length not in (None, len(found)):
        raise _wrong(value, index, kind)
    return found


def _address(value: object, index: int) -> str:
    found = read_address(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong(value, index, "common.Address")
    return found


def _quantity(value: object, index: int) -> int:
    digits = value[2:] if isinstance(value, str) and value[:2] == "0x" else ""
    if not 0 < len(digits) <= _QUANTITY_DIGITS_MAX or not (digits.isascii() and digits.isalnum()):
        raise _wrong(value, index, "hexutil.Big")
    try:
        return int(digits, 16)
    except ValueError:
        raise _wrong(value, index, "hexutil.Big") from None
