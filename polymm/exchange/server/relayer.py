"""The relayer: takes signed actions of wallets, pays their gas and says how far they are.

Asking needs no key. Submitting needs one, in either of the official clients' two ways: the headers
``RELAYER_API_KEY`` and ``RELAYER_API_KEY_ADDRESS``, or a builder's HMAC (``POLY_BUILDER_*``, over
the path without ``/relayer``). Nothing has to be set up for it: beside keys made for the relayer,
an account's own API key does, as relayer key with the account's address, or as builder's
credentials with its secret and passphrase. The key says who asks; whose wallet acts is a matter of
the signature in the body.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from random import Random
from uuid import UUID

from aiohttp import web

from polymm._core.digest import keccak256
from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.faults import Fault
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import MS
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.auth import BUILDER_NAMES, Proof
from polymm.exchange.server.calldata import ContractCall, Reverted
from polymm.exchange.server.chain import Chain, Receipt, gas_needed
from polymm.exchange.server.derive import derive_wallets
from polymm.exchange.server.eip712 import read_address
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.relayer_bodies import RelayedKind, Submitted, read_submitted
from polymm.venues.polymarket import wire

PREFIX = "/relayer"
ACTIONS_MAX = 10_000
WINDOW_NS = wire.RELAYER_SUBMITS_WINDOW_S * NS
# Who sends proxies' calls on the local chain, and pays for everybody's.
RELAY = "0x250B4d70edFe57D7F6cEFEb32ebeB02DB6E7BB73"
NEW, EXECUTED, MINED = "STATE_NEW", "STATE_EXECUTED", "STATE_MINED"
CONFIRMED, FAILED = "STATE_CONFIRMED", "STATE_FAILED"
_CREATIONS = (RelayedKind.SAFE_CREATE, RelayedKind.WALLET_CREATE)


@dataclass(slots=True, eq=False)
class Relayed:
    """An action that was taken.

    Args:
        transaction_id: Its name.
        submitted: What shall happen.
        is_doomed: It will fail, whatever it is.

    Attributes:
        state: How far it is.
        hash: Of its transaction, "" before it was sent.
        error: Why it failed.
    """

    transaction_id: str
    submitted: Submitted
    created_ms: int
    is_doomed: bool
    state: str = NEW
    hash: str = ""
    error: str = ""
    updated_ms: int = 0


def relayer_routes(hall: Hall, chain: Chain) -> list[web.RouteDef]:
    """Routes under ``/relayer``."""
    relayer = Relayer(hall, chain)
    transaction_path = wire.RELAYER_TRANSACTION_PATH
    return [
        web.post(PREFIX + wire.RELAYER_SUBMIT_PATH, relayer.submit),
        web.get(PREFIX + wire.RELAYER_PARAMS_PATH, relayer.params),
        web.get(PREFIX + wire.RELAYER_NONCE_PATH, relayer.nonce),
        web.get(PREFIX + wire.RELAYER_RELAY_PATH, relayer.relay_payload),
        web.get(PREFIX + wire.RELAYER_DEPLOYED_PATH, relayer.deployed),
        web.get(PREFIX + transaction_path, relayer.transaction),
        web.get(PREFIX + wire.RELAYER_TRANSACTION_OLD_PATH, relayer.transaction_old),
    ]


class Relayer:
    """All actions, each from its submission to its end.

    Args:
        hall: The exchange and its clock.
        chain: Where they run.
    """

    def __init__(self, hall: Hall, chain: Chain) -> None:
        self._hall = hall
        self._chain = chain
        self._rng = Random(f"{hall.settings.seed} relayer")
        self._actions: dict[str, Relayed] = {}
        self._active: dict[str, Relayed] = {}
        self._submits_ns: defaultdict[str, deque[int]] = defaultdict(deque)
        self._count = 0

    # Questions

    async def params(self, request: web.Request) -> web.Response:
        """Nonce of a safe's or deposit wallet's next action, asked for by its owner's address."""
        kind, owner = _asked(request, (RelayedKind.SAFE, RelayedKind.WALLET))
        return json_response({"address": owner, "nonce": str(self._nonce_of(kind, owner))})

    async def relay_payload(self, request: web.Request) -> web.Response:
        """Nonce of a proxy's next action, and who will send it."""
        kind, owner = _asked(request, (RelayedKind.PROXY,))
        return json_response({"address": RELAY, "nonce": str(self._nonce_of(kind, owner))})

    async def nonce(self, request: web.Request) -> web.Response:
        """Do as both, in the older form."""
        kinds = (RelayedKind.SAFE, RelayedKind.WALLET, RelayedKind.PROXY)
        kind, owner = _asked(request, kinds)
        return json_response({"nonce": str(self._nonce_of(kind, owner))})

    async def deployed(self, request: web.Request) -> web.Response:
        """Whether a wallet is there, by its own address or by its owner's and its kind."""
        address = _address(request)
        kind = request.query.get("type", "")
        if kind and kind not in tuple(RelayedKind):
            raise Refused(Refusal(f"invalid type: {kind:.40}"))
        holder = self._hall.accounts.holder(address)
        if holder is not None and holder.address == address:
            address = RelayedKind(kind).wallet(holder.wallets) if kind else ""
        return json_response({"deployed": bool(self._chain.code(address))})

    async def transaction(self, request: web.Request) -> web.Response:
        """How far an action is."""
        found = self._find(request.match_info["id"])
        submitted = found.submitted
        return json_response(
            {
                "transaction_id": found.transaction_id,
                "transaction_hash": found.hash,
                "state": found.state,
                "error_msg": found.error,
                "type": submitted.kind,
                "from": submitted.owner,
                "to": submitted.to,
                "proxy_address": submitted.wallet,
                "nonce": "" if submitted.nonce is None else str(submitted.nonce),
                "metadata": submitted.metadata,
                "created_at": found.created_ms,
                "updated_at": found.updated_ms,
            }
        )

    async def transaction_old(self, request: web.Request) -> web.Response:
        """Tell it in the older form, a list of one."""
        found = self._find(request.query.get("id", ""))
        submitted = found.submitted
        return json_response(
            [
                {
                    "transactionID": found.transaction_id,
                    "transactionHash": found.hash,
                    "state": found.state,
                    "errorMsg": found.error,
                    "type": submitted.kind,
                    "from": submitted.owner,
                    "to": submitted.to,
                    "proxyAddress": submitted.wallet,
                    "nonce": "" if submitted.nonce is None else str(submitted.nonce),
                    "metadata": submitted.metadata,
                }
            ]
        )

    def _find(self, transaction_id: str) -> Relayed:
        found = self._actions.get(transaction_id)
        if found is None:
            raise Refused(Refusal("transaction not found", status=404))
        return found

    def _nonce_of(self, kind: RelayedKind, owner: str) -> int:
        if kind is RelayedKind.PROXY:
            return self._chain.relay_nonces[owner]
        wallets = derive_wallets(owner)
        wallet = kind.wallet(wallets)
        if kind is RelayedKind.WALLET and self._chain.is_deployed(wallets.deposit_uups):
            wallet = wallets.deposit_uups
        return self._chain.nonces[wallet]

    # Submitting

    async def submit(self, request: web.Request) -> web.Response:
        """Take an action, or say why not now or not at all."""
        body = await request.read()
        self._spend_quota(self._key_of(request, body).key_id)
        submitted = read_submitted(body, self._hall.settings.chain_id)
        self._check(submitted)
        relayed = self._take(submitted)
        return json_response({"transactionID": relayed.transaction_id, "state": relayed.state})

    def _key_of(self, request: web.Request, body: bytes) -> Account:
        """Find whose key a submission comes with."""
        accounts, headers = self._hall.accounts, request.headers
        relayer_key = headers.get(wire.RELAYER_HEADER_KEY, "")
        key_id = relayer_key or headers.get(wire.BUILDER_HEADER_KEY, "")
        account = accounts.find_builder(key_id) or accounts.find(key_id)
        if account is None or account.reads_only:
            raise Refused(refusals.UNAUTHORIZED)
        if relayer_key:
            is_known = read_address(headers.get(wire.RELAYER_HEADER_ADDRESS)) == account.address
        else:
            proof = Proof(*(headers.get(name, "") for name in BUILDER_NAMES))
            is_known = proof.holds(self._hall, account, request, body, PREFIX)
        if not is_known:
            raise Refused(refusals.UNAUTHORIZED)
        return account

    def _spend_quota(self, key_id: str) -> None:
        now_ns = self._hall.now_ns()
        submits_ns = self._submits_ns[key_id]
        while submits_ns and submits_ns[0] <= now_ns - WINDOW_NS:
            submits_ns.popleft()
        if len(submits_ns) >= self._hall.settings.submits_a_minute:
            wait_s = -(-(submits_ns[0] + WINDOW_NS - now_ns) // NS)
            raise Refused(refusals.TOO_MANY_REQUESTS._replace(retry_after_s=wait_s))
        submits_ns.append(now_ns)

    def _check(self, submitted: Submitted) -> None:
        """Hold an action against the wallet as it is now."""
        wallet, nonce = submitted.wallet, submitted.nonce
        is_there = self._chain.is_deployed(wallet)
        if submitted.kind in _CREATIONS:
            if is_there:
                raise Refused(Refusal(f"wallet {wallet} is already deployed"))
        elif not is_there:
            raise Refused(Refusal(f"wallet {wallet} is not deployed"))
        if submitted.relay not in ("", RELAY):
            raise Refused(Refusal(f"invalid request: relay must be {RELAY}"))
        deadline_s = submitted.deadline_s
        if deadline_s is not None and deadline_s <= self._hall.now_ns() // NS:
            raise Refused(Refusal("invalid request: deadline has passed"))
        faults = self._hall.faults
        if faults.strikes(Fault.RELAYER_BUSY):
            raise Refused(Refusal(f"wallet busy: {wallet} has an active action"))
        if wallet in self._active:
            raise Refused(Refusal(f"wallet has in-flight action: {wallet}"))
        if nonce is None:
            return
        if faults.strikes(Fault.RELAYER_NONCE):
            # Some other action of the wallet, sent past the relayer, has just been mined.
            self._use_nonce(submitted)
        expected = self._nonce_at(submitted)
        if nonce != expected:
            raise Refused(Refusal(f"batch nonce {nonce} does not match on-chain nonce {expected}"))

    def _nonce_at(self, submitted: Submitted) -> int:
        if submitted.kind is RelayedKind.PROXY:
            return self._chain.relay_nonces[submitted.owner]
        return self._chain.nonces[submitted.wallet]

    def _use_nonce(self, submitted: Submitted) -> None:
        if submitted.kind is RelayedKind.PROXY:
            self._chain.relay_nonces[submitted.owner] += 1
        else:
            self._chain.nonces[submitted.wallet] += 1

    # The life of an action

    def _take(self, submitted: Submitted) -> Relayed:
        hall = self._hall
        now_ns = hall.now_ns()
        self._count += 1
        seed = sha256(f"polymm relayed {hall.settings.seed} {self._count}".encode()).digest()
        relayed = Relayed(
            str(UUID(bytes=seed[:16], version=4)),
            submitted,
            now_ns // MS,
            is_doomed=hall.faults.strikes(Fault.RELAYER_FAILED),
            updated_ms=now_ns // MS,
        )
        self._actions[relayed.transaction_id] = self._active[submitted.wallet] = relayed
        if len(self._actions) > ACTIONS_MAX:
            del self._actions[next(iter(self._actions))]
        low, high = hall.settings.relayed_ms
        whole_ns = self._rng.randint(low, high) * MS
        timers = hall.exchange.timers
        timers.at(now_ns + whole_ns // 8, partial(self._execute, relayed))
        timers.at(now_ns + whole_ns // 2, partial(self._mine, relayed))
        timers.at(now_ns + whole_ns, partial(self._confirm, relayed))
        hall.pump.wake()
        return relayed

    def _execute(self, relayed: Relayed, now_ns: int) -> None:
        relayed.hash = f"0x{keccak256(relayed.transaction_id.encode()).hex()}"
        self._move(relayed, EXECUTED, now_ns)

    def _mine(self, relayed: Relayed, now_ns: int) -> None:
        """Run the calls; from now on the wallet may act again."""
        submitted = relayed.submitted
        del self._active[submitted.wallet]
        try:
            self._run(relayed, now_ns)
        except Reverted as error:
            relayed.error = f"execution reverted: {error}"
            self._move(relayed, FAILED, now_ns)
        else:
            self._move(relayed, MINED, now_ns)
        chain = self._chain
        is_done = relayed.state == MINED
        block = chain.block_number(now_ns)
        gas = gas_needed(ContractCall(submitted.to, b""), submitted.calls)
        chain.file(Receipt(relayed.hash, RELAY, submitted.to, block, is_done, gas))

    def _run(self, relayed: Relayed, now_ns: int) -> None:
        """Do it, and take up the nonce.

        A safe and a deposit wallet undo the nonce with everything else where a call reverts; the
        hub of proxies keeps it.
        """
        submitted = relayed.submitted
        if submitted.kind is RelayedKind.PROXY:
            self._use_nonce(submitted)
        if relayed.is_doomed:
            raise Reverted("out of gas")
        if submitted.kind in _CREATIONS:
            self._hall.accounts.take_in(submitted.owner)
            self._hall.accounts.deploy(submitted.wallet)
            return
        if submitted.deadline_s is not None and now_ns > submitted.deadline_s * NS:
            raise Reverted("deadline has passed")
        self._chain.run(now_ns, submitted.wallet, submitted.calls)
        if submitted.kind is not RelayedKind.PROXY:
            self._use_nonce(submitted)

    def _confirm(self, relayed: Relayed, now_ns: int) -> None:
        if relayed.state == MINED:
            self._move(relayed, CONFIRMED, now_ns)

    @staticmethod
    def _move(relayed: Relayed, state: str, now_ns: int) -> None:
        relayed.state = state
        relayed.updated_ms = now_ns // MS


def _asked(request: web.Request, kinds: tuple[RelayedKind, ...]) -> tuple[RelayedKind, str]:
    """Read whose nonce of which kind of wallet is asked for."""
    kind = request.query.get("type", "")
    if kind not in kinds:
        raise Refused(Refusal(f"invalid type: must be one of {', '.join(kinds)}"))
    return RelayedKind(kind), _address(request)


def _address(request: web.Request) -> str:
    address = read_address(request.query.get("address"))
    if address is None:
        raise Refused(Refusal("invalid address"))
    return address
