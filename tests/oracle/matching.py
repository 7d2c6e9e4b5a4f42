"""Slow, obvious twin of polymm.exchange.matching: one list of orders, every rule spelled out."""

from fractions import Fraction


class Matcher:
    """Orders are dicts: id, token ("up", "down"), side ("buy", "sell"), price, size, kind."""

    def __init__(self):
        self.resting = []  # oldest first
        self.trades = []  # (taker id, maker id, price in Up terms, size, how)

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

    def place(self, order):
        """Answer (what was filled, how much rests) or the name of a refusal."""
        order = dict(order)
        partners = self.partners(order)
        if order["kind"] == "post_only" and partners:
            return "post_only"
        if order["kind"] == "FAK" and not partners:
            return "FAK"
        if order["kind"] == "FOK" and sum(m["size"] for m in partners) < order["size"]:
            return "FOK"
        filled = Fraction(0)
        for maker in partners:
            size = min(order["size"], maker["size"])
            if not size:
                break
            order["size"] -= size
            maker["size"] -= size
            filled += size
            price = self.up(maker)[1]
            self.trades.append((order["id"], maker["id"], price, size, self.how(order, maker)))
        self.resting = [maker for maker in self.resting if maker["size"]]
        rests = order["size"] if order["kind"] not in ("FOK", "FAK") else 0
        if rests:
            self.resting.append(order)
        return filled, rests

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
