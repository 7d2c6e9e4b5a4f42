"""Slow, obvious twin of the amounts: decimals, rounded step by step as the notes tell it."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

# tick -> decimals of price, size and amount (signing notes, section 4)
ROUNDING = {
    "0.1": (1, 2, 3),
    "0.01": (2, 2, 4),
    "0.005": (3, 2, 5),
    "0.0025": (4, 2, 6),
    "0.001": (3, 2, 5),
    "0.0001": (4, 2, 6),
}
EXACT = Context(prec=60)
UNIT = 1_000_000


def rounded(value: Decimal, decimals: int, rounding: str) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding, EXACT)


def limit(side: str, tick: str, price: Decimal, size: Decimal) -> tuple[int, int]:
    shares = rounded(size, 2, ROUND_FLOOR)
    dollars = EXACT.multiply(shares, price)
    pair = (dollars, shares) if side == "BUY" else (shares, dollars)
    return int(pair[0] * UNIT), int(pair[1] * UNIT)


def market(side: str, tick: str, price: Decimal, amount: Decimal) -> tuple[int, int]:
    price_decimals, size_decimals, amount_decimals = ROUNDING[tick]
    price = rounded(price, price_decimals, ROUND_FLOOR)
    maker = rounded(amount, size_decimals, ROUND_FLOOR)
    taker = EXACT.divide(maker, price) if side == "BUY" else EXACT.multiply(maker, price)
    if taker != rounded(taker, amount_decimals, ROUND_FLOOR):
        taker = rounded(taker, amount_decimals + 4, ROUND_CEILING)
        taker = rounded(taker, amount_decimals, ROUND_FLOOR)
    return int(maker * UNIT), int(taker * UNIT)
