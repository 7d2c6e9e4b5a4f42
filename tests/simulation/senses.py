"""What the world knows of its own lines: when what was last delivered, disturbed, or dead.

The world's wire writes these stamps, the checker reads them. They say what truly came through, so
that ages are never taken from what the engine believes of them. All times are virtual ns.
"""

from dataclasses import dataclass, field
from typing import Final

NEVER: Final = -(1 << 62)


@dataclass(slots=True)
class Senses:
    """Stamps of one world.

    Attributes:
        book_ns: When a token's book was last delivered or proven, by market (Up, Down).
        reference_ns: When the reference price was last delivered.
        heard_ns: When anything was last delivered on a market feed.
        user_lost_ns: Since when events of the user channel may be lost, 0 while it is live.
        user_back_ns: When the user channel last came back.
        user_sent: Events the venue handed to live connections of the user channel.
        user_taken: Of those, taken by the engine.
        user_dropped: Of those, lost with a connection or an engine.
        lag_ns: How late the last event was taken after it had arrived.
        froze_ns: Since when the loop stands still, 0 while it turns.
        thawed_ns: When it last began to turn again.
        skew_ns: Wall clock of the engine less that of the venue.
        rest_hurt_ns: When a request was last disturbed, refused by a state of the venue, or lost.
        cancel_hurt_ns: The same for cancels and sweeps.
        beat_hurt_ns: The same for heartbeats.
        switch_ns: When the venue's dead man's switch was last put off: by a beat that arrived, or
            by a state in which it cancels nothing.
        restarting_ns: When the venue last said that its engine restarts.
        feed_closed_ns: When the market feed was last closed with the close told, 0 while it is up.
        fault_ns: When anything was last disturbed.
        foreign: Orders that somebody else placed on the account, with when.
        is_beating_enforced: The venue cancels all without a beat.
    """

    book_ns: dict[str, list[int]] = field(default_factory=dict)
    reference_ns: int = NEVER
    heard_ns: int = NEVER
    user_lost_ns: int = 0
    user_back_ns: int = NEVER
    user_sent: int = 0
    user_taken: int = 0
    user_dropped: int = 0
    lag_ns: int = 0
    froze_ns: int = 0
    thawed_ns: int = NEVER
    skew_ns: int = 0
    rest_hurt_ns: int = NEVER
    cancel_hurt_ns: int = NEVER
    beat_hurt_ns: int = NEVER
    switch_ns: int = NEVER
    restarting_ns: int = NEVER
    feed_closed_ns: int = 0
    fault_ns: int = NEVER
    foreign: dict[str, int] = field(default_factory=dict)
    is_beating_enforced: bool = True
