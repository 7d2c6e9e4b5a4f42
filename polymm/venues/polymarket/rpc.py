"""A chain node by JSON-RPC: what sending a transaction and reading a contract need, no more."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from polymm.errors import VenueError
from polymm.venues.polymarket.onchain import Call
from polymm.venues.polymarket.replies import shown
from polymm.venues.polymarket.service import Service, record_of, unreadable

_HEX_CHARS_MAX: Final = 66


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that is in a block; ``has_run`` is False where it was reverted."""

    has_run: bool
    block: int


class ChainNode:
    """Calls to one node.

    Args:
        service: Connections to it.
        wait_ns: From sending each call to its answer.
    """

    def __init__(self, service: Service, *, wait_ns: int) -> None:
        self._service = service
        self._wait_ns = wait_ns
        self._calls = 0

    async def call(self, method: str, *params: object) -> Any:
        """Call a method.

        Raises:
            VenueError: No result. Reason ``node`` where the node answered with an error.
        """
        number = self._calls = self._calls + 1
        asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        reply = await self._service.ask("POST", "", wait_ns=self._wait_ns, body=orjson.dumps(asked))
        answer = record_of(reply, method)
        error = answer.get("error")
        if error is not None:
            told = error.get("message") if isinstance(error, dict) else error
            raise VenueError("node", f"{method}: {shown(told)}", is_known=True, status=200)
        if "result" not in answer or answer.get("id") != number:
            raise unreadable(method, f"a result under id {number}", reply.body[:100])
        return answer["result"]

    async def chain_id(self) -> int:
        """Which chain it is of."""
        return _number(await self.call("eth_chainId"), "eth_chainId")

    async def next_nonce(self, address: str) -> int:
        """Nonce of an address's next transaction, those that wait included."""
        method = "eth_getTransactionCount"
        return _number(await self.call(method, address, "pending"), method)

    async def gas_price(self) -> int:
        """What a unit of gas costs now, wei."""
        return _number(await self.call("eth_gasPrice"), "eth_gasPrice")

    async def priority_fee(self) -> int:
        """What the maker of a block wants of it, wei."""
        method = "eth_maxPriorityFeePerGas"
        return _number(await self.call(method), method)

    async def estimate_gas(self, sender: str, call: Call) -> int:
        """What a call would use; a call that would be reverted is the node's error."""
        asked = {"from": sender, **_message(call), "value": hex(call.value_wei)}
        return _number(await self.call("eth_estimateGas", asked), "eth_estimateGas")

    async def view(self, call: Call) -> bytes:
        """Ask a contract something."""
        answer = await self.call("eth_call", _message(call), "latest")
        try:
            return bytes.fromhex(str(answer).removeprefix("0x"))
        except ValueError:
            raise unreadable("eth_call", "hexadecimal", answer) from None

    async def send(self, raw: bytes) -> None:
        """Hand over a signed transaction, once."""
        await self.call("eth_sendRawTransaction", "0x" + raw.hex())

    async def receipt(self, transaction_hash: str) -> Receipt | None:
        """Ask what became of a transaction; None while it is in no block."""
        method = "eth_getTransactionReceipt"
        found = await self.call(method, transaction_hash)
        if found is None:
            return None
        if not isinstance(found, dict):
            raise unreadable(method, "an object or null", found)
        status = _number(found.get("status"), f"{method}'s status")
        return Receipt(bool(status), _number(found.get("blockNumber"), f"{method}'s block"))


def _message(call: Call) -> dict[str, str]:
    return {"to": call.to, "data": "0x" + call.data.hex()}


def _number(value: object, name: str) -> int:
    text = value if isinstance(value, str) and len(value) <= _HEX_CHARS_MAX else ""
    try:
        return int(text.removeprefix("0x"), 16) if text.startswith("0x") else int("")
    except ValueError:
        raise unreadable(name, "a number as 0x and digits", value) from None
