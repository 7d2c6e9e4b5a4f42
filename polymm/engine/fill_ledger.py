"""What our own fills did to shares and cash, each fill once, and how far each is settled.

A match is not a settlement: a fill is provisional until it is confirmed or void, and what is held
is an interval over every way in which the provisional ones may end. Everything here is a function
of the set of what was told, not of its order: a status only rises, and sums do not care.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from polymm.domain.order import Side, Token
from polymm.engine.evidence import Correction, FillTold, Settlement

_BUY: Final = Side.BUY
_UP: Final = Token.UP
_DOWN: Final = Token.DOWN
_CONFIRMED: Final = Settlement.CONFIRMED
_VOID: Final = Settlement.VOID

# A market that was forgotten is remembered by its id, so that late events of it are not foreign.
FORGOTTEN_MAX: Final = 512
# So are as many corrections of a market, and of the cash.
ENTRIES_MAX: Final = 1_000


class FillNews(IntEnum):
    """What a fill that is told of again and again means."""

    OLD = 0  # nothing new
    NEW = 1  # first heard of: it counts
    STATUS = 2  # counted already, and further settled now
    VOIDED = 3  # counted, and now it never happened: it must be taken back
    STILLBORN = 4  # first heard of as void: it never counts, but its order was matched by it


@dataclass(slots=True, eq=False)
class Position:
    """Shares of one token, 1e-6, and what its fills paid and got.

    Attributes:
        confirmed_e6: By confirmed fills, merges and corrections.
        buying_e6, selling_e6: By provisional fills, both above 0.
    """

    confirmed_e6: int = 0
    buying_e6: int = 0
    selling_e6: int = 0

    @property
    def low_e6(self) -> int:
        """Least that may be held, over all settlements."""
        return self.confirmed_e6 - self.selling_e6

    @property
    def high_e6(self) -> int:
        """Most that may be held, over all settlements."""
        return self.confirmed_e6 + self.buying_e6

    @property
    def booked_e6(self) -> int:
        """What is held if every provisional fill settles."""
        return self.confirmed_e6 + self.buying_e6 - self.selling_e6


@dataclass(slots=True, eq=False)
class Account:
    """Cash of one market or of all, 1e-10 dollars, by fills, merges and corrections.

    Attributes:
        confirmed_e10: Change of cash that is settled; falls by what is paid.
        spending_e10: What provisional fills pay, fees included, at least 0.
        earning_e10: What provisional fills bring, fees taken off.
        fees_e10: Fees of all fills that are not void.
        provisional_n: Fills that are neither confirmed nor void.
    """

    confirmed_e10: int = 0
    spending_e10: int = 0
    earning_e10: int = 0
    fees_e10: int = 0
    provisional_n: int = 0

    @property
    def booked_e10(self) -> int:
        """Change of cash if every provisional fill settles."""
        return self.confirmed_e10 - self.spending_e10 + self.earning_e10

    def move(self, cash_e10: int, fee_e10: int, *, is_confirmed: bool, times: int) -> None:
        """Count a fill that moves cash by so much, fee included, or take it back (-1)."""
        self.fees_e10 += times * fee_e10
        if is_confirmed:
            self.confirmed_e10 += times * cash_e10
            return
        self.provisional_n += times
        if cash_e10 < 0:
            self.spending_e10 -= times * cash_e10
        else:
            self.earning_e10 += times * cash_e10


# Of what nothing is known; nobody changes them.
_NO_POSITION: Final = Position()
_NO_POSITIONS: Final = (_NO_POSITION, _NO_POSITION)
_NO_ACCOUNT: Final = Account()


class FillLedger:
    """Every fill of the account, by (trade, order, leg).

    Fills are kept until their market is forgotten, which bounds them; what they did to the cash of
    the whole account stays.

    Attributes:
        total: Cash of all markets.
        version: Grows with every change of shares or cash.
        counts: Oddities by name: ``fill_differs``, ``confirmed_fill_void``, ``forgotten_fill``.
    """

    def __init__(self) -> None:
        self.total = Account()
        self.version = 0
        self.counts: Counter[str] = Counter()
        self._fills: dict[str, dict[tuple[str, str, int], FillTold]] = {}
        self._positions: dict[str, tuple[Position, Position]] = {}
        self._accounts: dict[str, Account] = {}
        self._entries: dict[str, dict[str, None]] = {}
        self._forgotten: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._fills.values()))

    def apply(self, fill: FillTold) -> FillNews:
        """Take a fill as it was told; what of that is new."""
        fills = self._fills.get(fill.market)
        if fills is None:
            if fill.market in self._forgotten:
                self.counts["forgotten_fill"] += 1
                return FillNews.OLD
            fills = self._fills[fill.market] = {}
        key = fill.key
        known = fills.get(key)
        if known is None:
            fills[key] = fill
            if fill.status is _VOID:
                return FillNews.STILLBORN
            self._count(fill, 1)
            return FillNews.NEW
        if (fill.size_e6, fill.side, fill.token) != (known.size_e6, known.side, known.token):
            self.counts["fill_differs"] += 1
        if fill.status <= known.status:
            return FillNews.OLD
        # Amounts are those that were told first: they are the same in every telling.
        fills[key] = known._replace(status=fill.status)
        is_void = fill.status is _VOID
        if is_void or fill.status is _CONFIRMED:
            self._count(known, -1)
            if is_void:
                self.counts["confirmed_fill_void"] += known.status is _CONFIRMED
                return FillNews.VOIDED
            self._count(fills[key], 1)
        return FillNews.STATUS

    def status(self, market: str, key: tuple[str, str, int]) -> Settlement | None:
        """How far a fill is settled, None where it is not known."""
        known = self._fills.get(market, {}).get(key)
        return None if known is None else known.status

    def fills(self, market: str) -> tuple[FillTold, ...]:
        """All fills of a market as they stand, void ones too."""
        return tuple(self._fills.get(market, {}).values())

    def position(self, market: str, token: Token) -> Position:
        """Shares of one token; an empty one where nothing is known of it."""
        pair = self._positions.get(market)
        return _NO_POSITION if pair is None else pair[token]

    def positions(self, market: str) -> tuple[Position, Position]:
        """Shares of Up and of Down."""
        return self._positions.get(market) or _NO_POSITIONS

    def account(self, market: str) -> Account:
        """Cash of one market; an empty one where nothing is known of it."""
        return self._accounts.get(market) or _NO_ACCOUNT

    @property
    def accounts(self) -> Mapping[str, Account]:
        """Cash by market, "" of what belongs to none."""
        return self._accounts

    def pairs_confirmed_e6(self, market: str) -> int:
        """Pairs of settled shares that no provisional sell may take."""
        up, down = self.position(market, _UP), self.position(market, _DOWN)
        return max(min(up.low_e6, down.low_e6), 0)

    @property
    def spend_provisional_e6(self) -> int:
        """What provisional fills of all markets pay with fees, 1e-6 dollars, rounded up."""
        return -(-self.total.spending_e10 // 10_000)

    def merge(self, market: str, pairs_e6: int) -> None:
        """Count pairs that became a dollar each."""
        self.version += 1
        for position in self._pair(market):
            position.confirmed_e6 -= pairs_e6
        self._account(market).confirmed_e10 += pairs_e6 * 10_000
        self.total.confirmed_e10 += pairs_e6 * 10_000

    def correct(self, correction: Correction) -> bool:
        """Change what is confirmed without a fill; each id counts once, False from then on."""
        entries = self._entries.setdefault(correction.market, {})
        if correction.correction in entries:
            return False
        self.version += 1
        entries[correction.correction] = None
        if len(entries) > ENTRIES_MAX:
            del entries[next(iter(entries))]
        if correction.token is None:
            self.total.confirmed_e10 += correction.delta_e6 * 10_000
        else:
            position = self._pair(correction.market)[correction.token]
            position.confirmed_e6 += correction.delta_e6
        return True

    def carry(self, cash_e10: int) -> None:
        """Take over what markets that were forgotten before did to the cash."""
        self.version += 1
        self.total.confirmed_e10 += cash_e10

    def settle(self, market: str, cash_e6: int) -> None:
        """Count what a market paid out at its end, before it is forgotten.

        Shares that are not in the ledger any more were paid before balances were compared: their
        cash was taken over with them.
        """
        self.version += 1
        if market not in self._forgotten:
            held_e6 = max(0, *(position.high_e6 for position in self.positions(market)))
            self.total.confirmed_e10 += min(cash_e6, held_e6) * 10_000

    def is_forgotten(self, market: str) -> bool:
        """Whether a market was known and is over."""
        return market in self._forgotten

    def forget(self, market: str) -> None:
        """Drop the fills of a market that is settled; its cash stays in the total."""
        self.version += 1
        account = self._accounts.pop(market, None)
        if account is not None:
            # What no one told the end of came about: the market is paid.
            self.total.confirmed_e10 += account.earning_e10 - account.spending_e10
            self.total.spending_e10 -= account.spending_e10
            self.total.earning_e10 -= account.earning_e10
            self.total.provisional_n -= account.provisional_n
        for parts in (self._fills, self._positions, self._entries):
            parts.pop(market, None)
        self._forgotten[market] = None
        if len(self._forgotten) > FORGOTTEN_MAX:
            self._forgotten.popitem(last=False)

    def _count(self, fill: FillTold, times: int) -> None:
        """Move shares and cash by a fill, or back again (-1)."""
        self.version += 1
        size_e6 = times * fill.size_e6
        position = self._pair(fill.market)[fill.token]
        is_confirmed, is_buy = fill.status is _CONFIRMED, fill.side is _BUY
        if is_confirmed:
            position.confirmed_e6 += size_e6 if is_buy else -size_e6
        elif is_buy:
            position.buying_e6 += size_e6
        else:
            position.selling_e6 += size_e6
        fee_e10 = fill.fee_e6 * 10_000
        cash_e10 = (-fill.cash_e10 if is_buy else fill.cash_e10) - fee_e10
        for account in (self._account(fill.market), self.total):
            account.move(cash_e10, fee_e10, is_confirmed=is_confirmed, times=times)

    def _pair(self, market: str) -> tuple[Position, Position]:
        pair = self._positions.get(market)
        if pair is None:
            pair = self._positions[market] = (Position(), Position())
        return pair

    def _account(self, market: str) -> Account:
        account = self._accounts.get(market)
        if account is None:
            account = self._accounts[market] = Account()
        return account
