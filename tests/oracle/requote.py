"""Slow, obvious twin of "must we requote?": docs/strategy.md section 2, "When a cycle runs"."""

from fractions import Fraction
from typing import Any

Side = tuple[int, int]  # price_e4, size_e6; size 0 is no order


def differs(wanted: Side, works: Side, p: Any, tick_e4: int) -> bool:
    if not wanted[1] and not works[1]:
        return False
    if not wanted[1] or not works[1]:
        return True
    if abs(wanted[0] - works[0]) >= p.requote_ticks * tick_e4:
        return True
    change = Fraction(abs(wanted[1] - works[1]), works[1])
    return change > 0 and change >= Fraction(str(p.requote_size_ratio))


def must_requote(
    wanted: tuple[Side, Side],
    works: tuple[Side, Side],
    p: Any,
    *,
    age_ns: int | None,
    tick_e4: int,
) -> bool:
    """``age_ns`` is the time since the last requote, None before the first one."""
    if age_ns is None or age_ns >= p.cycle_ns:
        return True
    if p.cycle == "timer" or age_ns < p.requote_interval_min_ns:
        return False
    return any(differs(wanted[i], works[i], p, tick_e4) for i in range(2))
