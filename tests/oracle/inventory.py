"""Slow, obvious twin of the inventory terms: exact fractions of dollars and shares."""

from fractions import Fraction

Number = Fraction | int


def skew(up: Number, down: Number, mid: Number, mode: str, max_position: Number) -> Fraction:
    if mode == "value":
        u = up * Fraction(mid)
        d = down * (1 - Fraction(mid))
        return (u - d) / (u + d) if u + d > Fraction(1, 10**9) else Fraction(0)
    if mode == "shares":
        return Fraction(up - down) / (up + down) if up + down else Fraction(0)
    net = Fraction(up - down) / max_position
    return max(Fraction(-1), min(Fraction(1), net))


def limit_scale(leaning: Number, scales: list[tuple[Number, Number]]) -> Number:
    """The first scale whose threshold is passed; ``scales`` is ((threshold, scale), ...)."""
    for threshold, scale in scales:
        if leaning > threshold:
            return scale
    return 1


def mergeable(up: Number, down: Number, threshold: Number) -> Number:
    pairs = min(up, down)
    return pairs if pairs >= threshold else 0
