"""A recorded run's fills against those of the simulated venue, before and after its calibration."""

from dataclasses import dataclass
from typing import Final

from polymm.domain.tape import Tape
from polymm.errors import InputError
from polymm.research.calibration import (
    Calibration,
    calibrate,
    calibrated,
    feed_delays,
    recorded_delays,
    split,
)
from polymm.research.own_fills import FillComparison, Model, OwnTape, compare_fills, own_tape
from polymm.research.own_orders import Delays, OwnOrder
from polymm.research.recording_own import open_recorded
from polymm.research.run_recording import RunRecording
from polymm.research.tape_pack import PackedTape, pack
from polymm.runtime.config import Config
from polymm.runtime.own_orders import own_orders
from polymm.runtime.tape_settings import latency, queues

NO_WINDOW: Final = "expected a window of which every frame is there, found none of"
NO_ORDERS: Final = "expected a run that sent orders, found none"


@dataclass(frozen=True, slots=True)
class FillReport:
    """How far simulated fills are from a run's own.

    Args:
        whole: Of all windows, with the venue model that is configured.
        calibration: Fitted on every other window; None where there are fewer than two.
        before, after: On the windows that it was not fitted on, without and with it.
        unknown_rests: Orders of which the venue never said that they rested.
        short: Displayed sizes below what we believed to have there.
        left_out: Windows with orders of which frames are missing.
        why: Why there is no calibration, "" where there is.
    """

    whole: FillComparison
    calibration: Calibration | None
    before: FillComparison | None
    after: FillComparison | None
    unknown_rests: int
    short: int
    left_out: int
    why: str = ""


def replay_fills(
    run: RunRecording, config: Config, orders: list[OwnOrder] | None = None
) -> FillReport:
    """Put a run's own orders to the simulated venue over the tape of the run.

    Args:
        config: Of the venue model.
        orders: Those of the run, where they were read before.

    Raises:
        RecordingError: The recording cannot be read.
        InputError: The run sent no orders, frames are missing of each window in which it did, or
            measured delays cannot be read.
    """
    orders = own_orders(run) if orders is None else orders
    by_market: dict[str, list[OwnOrder]] = {}
    for order in orders:
        by_market.setdefault(order.market, []).append(order)
    if not orders:
        raise InputError(f"{run.path}: {NO_ORDERS}")
    packed, tapes = _tapes(run, by_market)
    left_out = len(by_market) - len(tapes)
    if not tapes:
        raise InputError(f"{run.path}: {NO_WINDOW} {left_out} with orders")
    orders = [order for tape in tapes for order in tape.orders]
    recorded = recorded_delays(orders)
    configured = latency(config)
    delays = Delays(order_ns=configured.of("order"), cancel_ns=configured.of("cancel"))
    models = tuple(Model(queue, configured.match_ns) for queue in queues(config))
    whole = compare_fills(tapes, models, delays, recorded)
    unknown = sum(not (one.rested_ns or one.reason) for one in orders)
    short = sum(tape.short_n for tape in tapes)
    try:
        fitted, shown = split(tapes)
    except InputError as error:
        return FillReport(whole, None, None, None, unknown, short, left_out, str(error))
    names = {tape.market.condition_id for tape in fitted}
    found = calibrate(
        fitted, feed_delays([one for one in packed if one.market.condition_id in names])
    )
    after = calibrated(found, delays)
    return FillReport(
        whole=whole,
        calibration=found,
        before=compare_fills(shown, models, delays, recorded),
        after=compare_fills(shown, _first(found.model, models), after, recorded),
        unknown_rests=unknown,
        short=short,
        left_out=left_out,
    )


def has_hole(tape: Tape) -> bool:
    """Whether frames of a window may be missing, so that what was filled then cannot be known."""
    return bool(tape.defects.get("gaps"))


def _first(model: Model, models: tuple[Model, ...]) -> tuple[Model, ...]:
    """The fitted model before the configured ones, with which it shares the band."""
    return model, *(one for one in models if one != model)


def _tapes(
    run: RunRecording, by_market: dict[str, list[OwnOrder]]
) -> tuple[list[PackedTape], list[OwnTape]]:
    packed = [
        pack(tape)
        for tape in open_recorded(run.path)
        if tape.market.condition_id in by_market and len(tape.frames) and not has_hole(tape)
    ]
    packed.sort(key=lambda tape: (tape.market.start_ns, tape.market.slug))
    return packed, [own_tape(tape, by_market[tape.market.condition_id]) for tape in packed]
