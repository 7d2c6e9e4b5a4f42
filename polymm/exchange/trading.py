"""Whether the exchange trades at all: restarts, post-only, cancel-only, disabled (rest notes 5)."""

from enum import StrEnum

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import Rules


class Mode(StrEnum):
    """Trading states that can be switched at run time."""

    NORMAL = "normal"
    RESTARTING = "restarting"
    POST_ONLY = "post_only"
    CANCEL_ONLY = "cancel_only"
    DISABLED = "disabled"


class Trading:
    """The mode in force and what it refuses.

    Args:
        rules: Length of post-only mode after a restart.
    """

    def __init__(self, rules: Rules) -> None:
        self._post_only_ns = rules.post_only_after_restart_s * NS
        self._mode = Mode.NORMAL
        self._until_ns: int | None = None

    def set(self, mode: Mode, until_ns: int | None = None) -> None:
        """Switch; after ``until_ns`` a restart becomes post-only mode, anything else normal."""
        self._mode, self._until_ns = mode, until_ns

    def mode(self, now_ns: int) -> Mode:
        """The mode at a time."""
        while self._until_ns is not None and now_ns >= self._until_ns:
            if self._mode is Mode.RESTARTING:
                self.set(Mode.POST_ONLY, self._until_ns + self._post_only_ns)
            else:
                self.set(Mode.NORMAL)
        return self._mode

    def order_refusal(self, now_ns: int, *, post_only: bool) -> Refusal | None:
        """Say why no order may come in now; None if it may."""
        mode = self.mode(now_ns)
        if mode is Mode.POST_ONLY and not post_only:
            left_ns = self._post_only_ns if self._until_ns is None else self._until_ns - now_ns
            return refusals.post_only_mode(-(-left_ns // NS))
        return refusals.CANCEL_ONLY if mode is Mode.CANCEL_ONLY else self.cancel_refusal(now_ns)

    def cancel_refusal(self, now_ns: int) -> Refusal | None:
        """Say why no cancel may come in now; None if it may."""
        mode = self.mode(now_ns)
        if mode is Mode.RESTARTING:
            return refusals.RESTARTING
        return refusals.DISABLED if mode is Mode.DISABLED else None
