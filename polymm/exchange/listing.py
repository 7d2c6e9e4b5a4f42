"""One market on the local exchange: its facts, its book, its money and where it is in its life."""

from dataclasses import dataclass, field

from polymm.domain.market import Market
from polymm.domain.order import Side, Token
from polymm.exchange.market_channel import ChannelWriter
from polymm.exchange.matching import BookOrder, Ladder
from polymm.exchange.wallets import Pool


@dataclass(slots=True, eq=False)
class Listing:
    """A listed market.

    Args:
        market: What does not change.
        ladder: The book; its tick is the one in force.
        writer: Writes the book's changes for the market channel.
        pool: Collateral and fees.
        number: The id that Gamma shows.
        coin: For example ``btc``.
        title: The question as people read it.
        outcomes: Order in which the outcomes are listed; clients must go by the label.
        version: ``v1`` or ``v2``: which contracts settle it.
        spender: Contract that needs the wallets' allowance.
        accepts_from_ns: When it begins to take orders.

    Attributes:
        accepting: Whether orders are taken.
        changed_ns: When the book last changed.
        closed_ns: When it was resolved, 0 before.
        to_beat_e8: Price to beat, 1e-8 dollars, None before the start.
        final_e8: Final price, None before the end.
        delayed: Orders in the taker delay, by id.
        ended: Ids of accounts' orders that are no longer open.
        trades_open: Trades whose fate is not final.
        rebates_paid: Whether its rebates were shared out.
        last_trade: Taker's side and price of the last trade in Up terms, None before the first.
    """

    market: Market
    ladder: Ladder
    writer: ChannelWriter
    pool: Pool
    number: int
    coin: str = ""
    title: str = ""
    outcomes: tuple[Token, Token] = (Token.UP, Token.DOWN)
    version: str = "v1"
    spender: str = ""
    accepts_from_ns: int = 0
    accepting: bool = True
    changed_ns: int = 0
    closed_ns: int = 0
    to_beat_e8: int | None = None
    final_e8: int | None = None
    delayed: dict[str, BookOrder] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    trades_open: int = 0
    rebates_paid: bool = False
    last_trade: tuple[Side, int] | None = None

    @property
    def winner(self) -> Token | None:
        """The outcome that pays, None before the market is resolved."""
        return self.pool.winner

    @property
    def condition_id(self) -> str:
        """Id of the market."""
        return self.market.condition_id

    @property
    def question(self) -> str:
        """The market's title."""
        return self.title or f"{self.coin.upper()} Up or Down - {self.market.slug}"

    def token(self, token_id: str) -> Token:
        """Which outcome an id names."""
        return Token(self.pool.tokens.index(token_id))

    def token_id(self, token: Token) -> str:
        """Id of an outcome."""
        return self.pool.tokens[token]

    def outcome_name(self, token: Token) -> str:
        """Label of an outcome."""
        return "Down" if token else "Up"

    def touch(self, token: Token) -> tuple[int, int]:
        """Best bid and ask in a token's own terms; 0 and 10000 where a side is empty."""
        bid_e4, ask_e4 = self.ladder.best_bid_e4, self.ladder.best_ask_e4
        return (10_000 - ask_e4, 10_000 - bid_e4) if token else (bid_e4, ask_e4)

    def last_trade_of(self, token: Token) -> tuple[Side, int] | None:
        """Taker's side and price of the last trade in a token's own terms."""
        if self.last_trade is None or not token:
            return self.last_trade
        side, price_e4 = self.last_trade
        return Side(1 - side), 10_000 - price_e4

    def rest_book(self, token: Token) -> str:
        """One token's book as REST answers it, hash included."""
        return self.writer.rest_book(token, self.changed_ns // 1_000_000)
