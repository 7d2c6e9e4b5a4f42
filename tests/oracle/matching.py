"""Slow, obvious twin of polymm.exchange.matching: one list of orders, every rule spelled out."""

from fractions import Fraction

LOT = Fraction(1, 100)


class Matcher:
    """Orders are dicts: id, who, token ("up", "down"), side ("buy", "sell"), price, size, kind.

    A FOK or FAK with a "budget" (dollars) takes for as much as that buys, whatever its size.
    """

    def __init__(self):
        self.resting = []  # oldest first
        self.trades = []  # (taker id, maker id, price in Up terms, size, how)
        self.moved = {}  # {(who, "cash" or token): what came in since the start}

    @staticmethod
    def up(order):
        """(+1 to buy Up or -1, price in Up terms)."""
        direction = 1 if order["side"] == "buy" else -1
        if order["token"] == "down":
            return -direction, 1 - order["price"]
        return direction, order["price"]

    def partners(self, taker):
        """Resting orders that a taker meets, in the order in which it meets them."""
        direction, limit = self.up(taker)
        found = []
        for age, maker in enumerate(self.resting):
            other, price = self.up(maker)
            if other == -direction and direction * price <= direction * limit:
                found.append((direction * price, age, maker))
        return [maker for _, _, maker in sorted(found, key=lambda row: row[:2])]

    @staticmethod
    def how(taker, maker):
        if taker["token"] == maker["token"]:
            return "complementary"
        return "mint" if taker["side"] == "buy" else "merge"

    @staticmethod
    def own(order, up_price):
        return up_price if order["token"] == "up" else 1 - up_price

    def meet(self, taker):
        """[(maker, size)] that a taker takes, and whether that is all it wants."""
        meetings, left, budget = [], taker["size"], taker.get("budget")
        for maker in self.partners(taker):
            price = self.own(taker, self.up(maker)[1])
            if budget is not None:
                left = budget / price // LOT * LOT
            size = min(left, maker["size"])
            if size:
                meetings.append((maker, size))
            left -= size
            if budget is not None:
                budget -= size * price
            if not left:
                return meetings, True
        return meetings, False

    def place(self, order):
        """Answer (what was filled, how much rests) or the name of a refusal."""
        order = dict(order)
        meetings, is_all = self.meet(order)
        if order["kind"] == "post_only" and meetings:
            return "post_only"
        if order["kind"] == "FAK" and not meetings:
            return "FAK"
        if order["kind"] == "FOK" and not is_all:
            return "FOK"
        fee = Fraction(0)
        for maker, size in meetings:
            price = self.up(maker)[1]
            fee += size * Fraction(7, 100) * price * (1 - price)
            maker["size"] -= size
            self.exchange(order, size, price)
            self.exchange(maker, size, price)
            self.trades.append((order["id"], maker["id"], price, size, self.how(order, maker)))
        self.move(order, "cash", -Fraction(int(fee * 100_000 + Fraction(1, 2)), 100_000))
        filled = sum((size for _, size in meetings), Fraction(0))
        order["size"] -= filled
        self.resting = [maker for maker in self.resting if maker["size"]]
        rests = order["size"] if order["kind"] not in ("FOK", "FAK") else 0
        if rests:
            self.resting.append(order)
        return filled, rests

    def exchange(self, order, size, up_price):
        sign = 1 if order["side"] == "buy" else -1
        self.move(order, order["token"], sign * size)
        self.move(order, "cash", -sign * size * self.own(order, up_price))

    def move(self, order, what, amount):
        key = (order.get("who"), what)
        self.moved[key] = self.moved.get(key, 0) + amount

    def cancel(self, order_id):
        before = len(self.resting)
        self.resting = [order for order in self.resting if order["id"] != order_id]
        return len(self.resting) < before

    def levels(self):
        """{(direction, price in Up terms): size}."""
        levels = {}
        for order in self.resting:
            key = self.up(order)
            levels[key] = levels.get(key, 0) + order["size"]
        return levels
