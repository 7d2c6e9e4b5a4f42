"""The stages of the path from a frame to an answered order, in order; places in `Stages`."""

from enum import IntEnum
from typing import Final

from polymm._core.stages import Stages
from polymm.research.records import StageTimes
from polymm.venues.polymarket.results import PlaceResult


class Stage(IntEnum):
    """What lies between two stamps."""

    DECODED = 0
    DECIDED = 1
    SIGNED = 2
    WRITTEN = 3
    ANSWERED = 4
    TICK_TO_TRADE = 5


NAMES: Final = (
    "received to decoded",
    "decoded to decided",
    "decided to signed",
    "signed to written",
    "written to answered",
    "received to written",
)


def new_stages() -> Stages:
    """Counters of all stages."""
    return Stages(NAMES)


def record_placement(stages: Stages, result: PlaceResult, recv_ns: int) -> None:
    """Count the stages of one placement.

    Args:
        recv_ns: When the frame that caused it was received, 0 where a timer or a reply did.
    """
    if not result.written_ns:
        return
    stages.record(Stage.SIGNED, result.signed_ns - result.decided_ns)
    stages.record(Stage.WRITTEN, result.written_ns - result.signed_ns)
    if result.answered_ns:
        stages.record(Stage.ANSWERED, result.answered_ns - result.written_ns)
    if recv_ns:
        stages.record(Stage.TICK_TO_TRADE, result.written_ns - recv_ns)


def stage_times(stages: Stages) -> list[StageTimes]:
    """Read all stages for a report."""
    return [
        StageTimes(
            name=name,
            n=stages.count(i),
            p50_ns=stages.quantile_ns(i, 0.5),
            p99_ns=stages.quantile_ns(i, 0.99),
            p999_ns=stages.quantile_ns(i, 0.999),
            longest_ns=stages.longest_ns(i),
        )
        for i, name in enumerate(stages.names)
    ]
