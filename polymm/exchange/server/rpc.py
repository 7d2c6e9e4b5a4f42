"""The chain's JSON-RPC: the methods that wallets and clients call, with geth's words for errors.

Batches are answered as batches. Nothing is mined before its block's time, and nothing costs POL.
"""

from collections.abc import Callable

import orjson
from aiohttp import web

from polymm import __version__
from polymm.domain.market import NS
from polymm.exchange.server.answers import json_response
from polymm.exchange.server.calldata import Reverted, revert_data
from polymm.exchange.server.chain import (
    BASE_FEE_WEI,
    POL_WEI,
    TIP_WEI,
    Chain,
    Receipt,
    gas_needed,
)
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.mempool import Mempool, Rejected
from polymm.exchange.server.raw_transactions import SentTransaction
from polymm.exchange.server.rpc_params import INVALID_PARAMS, SERVER_ERROR, Params, RpcError
from polymm.venues.polymarket.wire import ZERO_ADDRESS

PREFIX = "/rpc"
BATCH_MAX = 1_000
FEE_BLOCKS_MAX = 1_024
GAS_BLOCK = 30_000_000
HASH_ZERO = "0x" + "00" * 32
BLOOM_NONE = "0x" + "00" * 256

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, REVERT = -32700, -32600, -32601, 3


def rpc_routes(hall: Hall, chain: Chain) -> list[web.RouteDef]:
    """POST to ``/rpc``."""
    rpc = Rpc(hall, chain)

    async def answer(request: web.Request) -> web.Response:
        found = rpc.answer(await request.read())
        return web.Response() if found is None else json_response(found)

    return [web.post(PREFIX, answer), web.post(f"{PREFIX}/", answer)]


class Rpc:
    """All methods, over one chain."""

    def __init__(self, hall: Hall, chain: Chain) -> None:
        self._hall = hall
        self._chain = chain
        self._mempool = Mempool(hall, chain)
        self._methods: dict[str, Callable[[Params], object]] = {
            "eth_chainId": lambda _: hex(hall.settings.chain_id),
            "net_version": lambda _: str(hall.settings.chain_id),
            "web3_clientVersion": lambda _: f"polymm/v{__version__}/exchange",
            "eth_blockNumber": lambda _: hex(chain.block_number(hall.now_ns())),
            "eth_gasPrice": lambda _: hex(BASE_FEE_WEI + TIP_WEI),
            "eth_maxPriorityFeePerGas": lambda _: hex(TIP_WEI),
            "eth_feeHistory": self._fee_history,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate_gas,
            "eth_getCode": lambda params: _hex(chain.code(params.address(0))),
            "eth_getBalance": lambda params: params.address(0) and hex(POL_WEI),
            "eth_getTransactionCount": self._transaction_count,
            "eth_getBlockByNumber": self._block,
            "eth_sendRawTransaction": self._send,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getTransactionByHash": self._transaction,
        }

    def answer(self, body: bytes) -> object:
        """Answer one request's body; None where only notifications were in it."""
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            return _failed(None, RpcError(PARSE_ERROR, "parse error"))
        if not isinstance(asked, list):
            return self._answer_one(asked)
        if not asked:
            return _failed(None, RpcError(INVALID_REQUEST, "empty batch"))
        if len(asked) > BATCH_MAX:
            return _failed(None, RpcError(INVALID_REQUEST, "batch too large"))
        answers = [answer for one in asked if (answer := self._answer_one(one)) is not None]
        return answers or None

    def _answer_one(self, asked: object) -> dict[str, object] | None:
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            return _failed(None, RpcError(INVALID_REQUEST, "invalid request"))
        identity = asked.get("id")
        params = asked.get("params", [])
        try:
            if asked.get("jsonrpc") != "2.0" or isinstance(identity, list | dict | bool):
                raise RpcError(INVALID_REQUEST, "invalid request")
            method = self._methods.get(asked["method"])
            if method is None:
                name = asked["method"]
                raise RpcError(NO_METHOD, f"the method {name} does not exist/is not available")
            if not isinstance(params, list):
                raise RpcError(INVALID_PARAMS, "non-array args")
            result = method(Params(params))
        except RpcError as error:
            return _failed(identity, error)
        if "id" not in asked:
            return None
        return {"jsonrpc": "2.0", "id": identity, "result": result}

    # Calls

    def _call(self, params: Params) -> str:
        call, sender = params.message(0)
        try:
            return _hex(self._chain.view(call, sender))
        except Reverted as error:
            raise _reverted(error) from None

    def _estimate_gas(self, params: Params) -> str:
        call, sender = params.message(0)
        try:
            self._chain.view(call, sender)
            return hex(gas_needed(call, self._chain.unfold(sender, call)[1]))
        except Reverted as error:
            raise _reverted(error) from None

    def _transaction_count(self, params: Params) -> str:
        address = params.address(0)
        with_waiting = params.maybe(1) == "pending"
        return hex(self._mempool.next_nonce(address, with_waiting=with_waiting))

    # Blocks and fees

    def _block(self, params: Params) -> dict[str, object] | None:
        latest = self._chain.block_number(self._hall.now_ns())
        number = params.block(0, latest)
        if number > latest:
            return None
        return {
            "number": hex(number),
            "hash": self._chain.block_hash(number),
            "parentHash": self._chain.block_hash(max(number - 1, 0)),
            "timestamp": hex(self._chain.block_ns(number) // NS),
            "baseFeePerGas": hex(BASE_FEE_WEI),
            "gasLimit": hex(GAS_BLOCK),
            "gasUsed": "0x0",
            "difficulty": "0x0",
            "extraData": "0x",
            "logsBloom": BLOOM_NONE,
            "miner": ZERO_ADDRESS,
            "mixHash": HASH_ZERO,
            "nonce": "0x0000000000000000",
            "receiptsRoot": HASH_ZERO,
            "sha3Uncles": HASH_ZERO,
            "size": "0x0",
            "stateRoot": HASH_ZERO,
            "transactions": [
                receipt.hash for receipt in self._chain.receipts.values() if receipt.block == number
            ],
            "transactionsRoot": HASH_ZERO,
            "uncles": [],
        }

    def _fee_history(self, params: Params) -> dict[str, object]:
        count = params.quantity(0)
        latest = self._chain.block_number(self._hall.now_ns())
        newest = params.block(1, latest)
        percentiles = params.maybe(2)
        if not 1 <= count <= FEE_BLOCKS_MAX:
            raise RpcError(INVALID_PARAMS, f"block count must be 1..{FEE_BLOCKS_MAX}")
        found: dict[str, object] = {
            "oldestBlock": hex(max(newest - count + 1, 0)),
            "baseFeePerGas": [hex(BASE_FEE_WEI)] * (count + 1),
            "gasUsedRatio": [0.5] * count,
        }
        if isinstance(percentiles, list):
            found["reward"] = [[hex(TIP_WEI)] * len(percentiles)] * count
        return found

    # Transactions

    def _send(self, params: Params) -> str:
        try:
            return self._mempool.send(params.data(0))
        except Rejected as error:
            raise RpcError(SERVER_ERROR, str(error)) from None

    def _receipt(self, params: Params) -> dict[str, object] | None:
        receipt = self._chain.receipts.get(params.digest(0))
        if receipt is None:
            return None
        sent = self._mempool.known.get(receipt.hash)
        return {
            **self._place(receipt),
            "transactionHash": receipt.hash,
            "from": receipt.sender.lower(),
            "to": receipt.to.lower(),
            "status": hex(receipt.is_done),
            "gasUsed": hex(receipt.gas),
            "cumulativeGasUsed": hex(receipt.gas),
            "effectiveGasPrice": hex(_price_wei(sent) if sent else BASE_FEE_WEI + TIP_WEI),
            "contractAddress": None,
            "logs": [],
            "logsBloom": BLOOM_NONE,
            "type": hex(sent.type if sent else 2),
        }

    def _place(self, receipt: Receipt | None) -> dict[str, object]:
        """Where a transaction is; nowhere while it waits."""
        if receipt is None:
            return {"blockNumber": None, "blockHash": None, "transactionIndex": None}
        return {
            "blockNumber": hex(receipt.block),
            "blockHash": self._chain.block_hash(receipt.block),
            "transactionIndex": "0x0",
        }

    def _transaction(self, params: Params) -> dict[str, object] | None:
        sent = self._mempool.known.get(params.digest(0))
        if sent is None:
            return None
        fees: dict[str, object] = {}
        if sent.type:
            fees = {
                "maxFeePerGas": hex(sent.fee_wei),
                "maxPriorityFeePerGas": hex(sent.tip_wei),
                "accessList": [],
                "yParity": hex(sent.v),
            }
        return {
            **self._place(self._chain.receipts.get(sent.hash)),
            "hash": sent.hash,
            "type": hex(sent.type),
            "chainId": hex(sent.chain_id or 0),
            "from": sent.sender.lower(),
            "to": sent.call.to.lower(),
            "nonce": hex(sent.nonce),
            "value": hex(sent.call.value_wei),
            "input": _hex(sent.call.data),
            "gas": hex(sent.gas),
            "gasPrice": hex(_price_wei(sent)),
            **fees,
            "v": hex(sent.v),
            "r": hex(sent.r),
            "s": hex(sent.s),
        }


def _price_wei(sent: SentTransaction) -> int:
    """What a unit of gas costs in a block (EIP-1559)."""
    return min(sent.fee_wei, BASE_FEE_WEI + sent.tip_wei) if sent.type else sent.fee_wei


def _failed(identity: object, error: RpcError) -> dict[str, object]:
    told: dict[str, object] = {"code": error.code, "message": str(error)}
    if error.data:
        told["data"] = error.data
    return {"jsonrpc": "2.0", "id": identity, "error": told}


def _reverted(error: Reverted) -> RpcError:
    reason = str(error)
    return RpcError(REVERT, f"execution reverted: {reason}", _hex(revert_data(reason)))


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
