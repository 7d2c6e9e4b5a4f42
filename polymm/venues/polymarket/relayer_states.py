"""Where a relayer action stands, and what may move it.

A lost reply is neither yes nor no (FAILURES principle 2): the action is UNKNOWN until the relayer
names its state, its nonce turns out to be used up, or its deadline proves that it never ran.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class RelayerState(IntEnum):
    """Where an action stands in our belief. Pairs stay reserved until a final state."""

    SIGNED = 0  # nothing was sent
    SUBMITTED = 1  # bytes went out, no answer yet
    UNKNOWN = 2  # the answer was lost, or the relayer fell silent
    NEW = 3  # the relayer took it
    EXECUTED = 4  # broadcast
    MINED = 5
    CONFIRMED = 6  # final: it ran
    FAILED = 7  # final: it reverted or was given up by the relayer
    INVALID = 8  # final: the relayer will not run it
    REFUSED = 9  # final: the relayer never took it
    SPENT = 10  # final: its nonce is used up; it ran or failed, and balances tell which
    LAPSED = 11  # final: its deadline passed with the nonce unused; it never ran

    @property
    def is_final(self) -> bool:
        """Whether nothing can change it any more."""
        return self >= RelayerState.CONFIRMED


class RelayerEvent(IntEnum):
    """What may happen to an action."""

    SENT = 0
    ACCEPTED = 1
    REFUSED = 2
    LOST = 3
    SEEN_NEW = 4
    SEEN_EXECUTED = 5
    SEEN_MINED = 6
    SEEN_CONFIRMED = 7
    SEEN_FAILED = 8
    SEEN_INVALID = 9
    NONCE_SPENT = 10
    LAPSED = 11


_S, _E = RelayerState, RelayerEvent
# Reports may skip states; an older one never moves an action back.
_REACHED = {
    _E.SEEN_NEW: _S.NEW,
    _E.SEEN_EXECUTED: _S.EXECUTED,
    _E.SEEN_MINED: _S.MINED,
    _E.SEEN_CONFIRMED: _S.CONFIRMED,
    _E.SEEN_FAILED: _S.FAILED,
    _E.SEEN_INVALID: _S.INVALID,
}


def _moves() -> dict[tuple[RelayerState, RelayerEvent], RelayerState]:
    moves = {
        (_S.SIGNED, _E.SENT): _S.SUBMITTED,
        (_S.SUBMITTED, _E.ACCEPTED): _S.NEW,
        (_S.SUBMITTED, _E.REFUSED): _S.REFUSED,
        (_S.SUBMITTED, _E.LOST): _S.UNKNOWN,
        # The same body may be sent again, its nonce runs once. A refusal of the second copy proves
        # nothing about the first: "wallet busy" may well be the first one at work.
        (_S.UNKNOWN, _E.SENT): _S.UNKNOWN,
        (_S.UNKNOWN, _E.REFUSED): _S.UNKNOWN,
        (_S.UNKNOWN, _E.LOST): _S.UNKNOWN,
        (_S.UNKNOWN, _E.ACCEPTED): _S.NEW,
        (_S.UNKNOWN, _E.NONCE_SPENT): _S.SPENT,
        (_S.UNKNOWN, _E.LAPSED): _S.LAPSED,
    }
    taken = (_S.UNKNOWN, _S.NEW, _S.EXECUTED, _S.MINED)
    moves |= {(state, event): max(state, _REACHED[event]) for state in taken for event in _REACHED}
    # Polls are spent and the relayer named no end.
    moves |= {(state, _E.LOST): _S.UNKNOWN for state in taken}
    return moves


# Legal moves. A pair that is absent moves nothing: whoever meets one counts it.
NEXT_STATE: Final[Mapping[tuple[RelayerState, RelayerEvent], RelayerState]] = MappingProxyType(
    _moves()
)
