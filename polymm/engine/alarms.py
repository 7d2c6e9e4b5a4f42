"""Every alarm by its name: what happened, and what the engine does about it by itself.

An alarm is for people; nothing in the engine waits for one. A name that is not here is a defect,
which a test holds over the whole engine.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALARMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "balance_differs": "the venue's balance is not what the ledger says: an entry corrects the"
        " ledger, and the engine only reduces from now on",
        "beat_withheld": "no heartbeat is sent: engine, feeds or cancels were not well for 2 s, so"
        " the venue shall cancel everything",
        "cancel_all": "an order could not be cancelled alone or by its market: all are cancelled",
        "cancel_by_market": "an order could not be cancelled alone: its market's are cancelled",
        "cancels_used_up": "an order had its five cancels and may still be live",
        "clock_jumped": "the clock of the day moved by more than a second: everything is pulled and"
        " read again",
        "close_unverified": "a market's end has come and it is not proven that nothing of ours"
        " rests in it",
        "awaiting_expiry": "cancels fail and no beat is sent: orders live until the venue ends"
        " them",
        "filled_too_much": "more was filled than ordered: it counts as it is",
        "foreign_order": "an order rests on this account that no journal knows: the engine halts"
        " unless its first cancel-all removes it",
        "halted": "the engine stopped for good: a person must look before it is started again",
        "heartbeat_missed": "the venue has heard no heartbeat for 10 s and may have cancelled"
        " everything: no order is sent before an accepted beat and an empty list",
        "journal_failed": "nothing can be written down: no order is sent, all are pulled",
        "killed": "the kill switch was used",
        "preflight_failed": "version, contracts, clock or key are not as they must be: nothing is"
        " sent before they are",
        "quarantined": "what became of an order cannot be found out: it counts as live, its market"
        " only reduces",
        "reads_fail": "the venue cannot be read: quotes are off until it can",
        "rejected_order_lives": "an order that was refused rests: it counts as live",
        "ended_order_lives": "an order that was proven gone rests: it counts as live again",
        "settlement_failed": "a matched fill did not happen: position and cash are taken back",
        "stalled": "the loop did not turn: quotes were pulled",
        "start_slow": "not everything was proven 20 s after the start; it is tried on",
        "stop_unproven": "the engine ends, and orders may still be live",
        "balance_refused": "the venue refuses orders for lack of balance again and again, while our"
        " ledger has enough: such orders wait, longer each time",
        "keys_refused": "the venue refuses our keys: nothing is sent before it answers them again",
        "loss_limit": "more was lost than allowed: the engine only reduces from now on",
        "markout_limit": "fills lose more by their mark-outs than allowed: the engine only reduces"
        " from now on",
        "settlements_limit": "too many settlements failed: the engine only reduces from now on",
        "venue_blocks": "the venue refuses us at the edge: nothing is sent for a while",
        "venue_errors": "placements of a market ended in errors that say nothing: it stops a while",
        "venue_restart": "the venue restarts or takes no orders: everything is read again after",
    }
)
