"""A venue model fitted to what a run's own orders met: its queue model, and delays as they were.

What is fitted on some windows is shown on others: a model that was fitted to a run is always closer
to that run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from polymm._core.layout import ROW_LOCAL
from polymm.domain.market import NS
from polymm.errors import InputError
from polymm.exchange.tape import parse_queue
from polymm.research.own_fills import Model, OwnTape, actual, clusters_of, distance, simulated
from polymm.research.own_orders import MS, Delays, OwnOrder, measured
from polymm.research.tape_pack import PackedTape

QUEUES: Final = ("risk_averse", *(f"prob({n:g})" for n in (0.3, 0.5, 1, 2, 3, 5, 8)))
WINDOWS_NS: Final = (NS, 300 * MS, 100 * MS, 30 * MS, 10 * MS, MS)
MODELS: Final = tuple(Model(*pair) for pair in product(QUEUES, WINDOWS_NS))
DELAYS: Final = ("feed", "order", "cancel", "reply")
# So many measured delays are kept of each kind, evenly over all of them in order of size.
SAMPLES_MAX: Final = 4096
SAMPLES_MIN: Final = 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted.

    Args:
        model: Whose fills were closest.
        shares: By model, the share of fills that only one of the two has.
        delays: By DELAYS, (n,) ns; kinds of which fewer than SAMPLES_MIN were measured are missing.
        too_few: How many of those were.
        windows: How many it was fitted on.
    """

    model: Model
    shares: Mapping[Model, float]
    delays: Mapping[str, NDArray[np.int64]]
    too_few: Mapping[str, int]
    windows: int


def split(tapes: Sequence[OwnTape]) -> tuple[list[OwnTape], list[OwnTape]]:
    """Windows to fit on and others to show it on: every other one, by time, with all its coins.

    Raises:
        InputError: There are fewer than two in which anything was filled.
    """
    filled = [tape for tape in tapes if any(order.fills for order in tape.orders)]
    starts = sorted({tape.market.start_ns for tape in filled})
    if len(starts) < 2:
        raise InputError(
            f"a calibration needs two windows with fills, to fit and to show, had {len(starts)}"
        )
    fitted = set(starts[::2])
    filled.sort(key=lambda tape: (tape.market.start_ns, tape.market.slug))
    parts: tuple[list[OwnTape], list[OwnTape]] = [], []
    for tape in filled:
        parts[tape.market.start_ns not in fitted].append(tape)
    return parts


def recorded_delays(orders: Sequence[OwnOrder]) -> Delays:
    """Arrivals as the venue told them, and where it did not, the median of those that it did."""
    found = measured(orders)
    order_ns, cancel_ns = (
        int(np.median(found[name])) if len(found[name]) else 0 for name in ("order", "cancel")
    )
    return Delays(order_ns=order_ns, cancel_ns=cancel_ns, is_recorded=True)


def feed_delays(tapes: Sequence[PackedTape]) -> NDArray[np.int64]:
    """From the venue's stamp of each frame to our receipt, ns; the venue stamps milliseconds."""
    found = []
    for tape in tapes:
        rows = tape.rows[(tape.rows["flags"] & ROW_LOCAL != 0) & (tape.rows["recv_ns"] > 0)]
        found.append(rows["recv_ns"] - rows["exch_ns"])
    return np.maximum(np.concatenate(found), 0) if found else np.empty(0, dtype=np.int64)


def calibrate(tapes: Sequence[OwnTape], feed: NDArray[np.int64]) -> Calibration:
    """Fit a venue model to windows of a run.

    Args:
        feed: Delays of the feed in them, ns.
    """
    orders = [order for tape in tapes for order in tape.orders]
    recorded, real = recorded_delays(orders), actual(tapes)
    clusters, _ = clusters_of(tapes)
    shares = {
        model: distance(clusters, real, simulated(tapes, model, recorded), real).share.value
        for model in MODELS
    }
    delays = {"feed": feed, **measured(orders)}
    return Calibration(
        model=min(shares, key=lambda model: shares[model]),
        shares=shares,
        delays={
            name: _thinned(values) for name, values in delays.items() if len(values) >= SAMPLES_MIN
        },
        too_few={name: len(values) for name, values in delays.items() if len(values) < SAMPLES_MIN},
        windows=len(tapes),
    )


def calibrated(found: Calibration, configured: Delays) -> Delays:
    """Delays of a run with a calibration: of what too few were measured, as configured."""
    return Delays(
        order_ns=found.delays.get("order", configured.order_ns),
        cancel_ns=found.delays.get("cancel", configured.cancel_ns),
    )


def _thinned(values: NDArray[np.int64]) -> NDArray[np.int64]:
    ordered = np.sort(values)
    if len(ordered) <= SAMPLES_MAX:
        return ordered
    places = np.linspace(0, len(ordered) - 1, SAMPLES_MAX).round().astype(np.int64)
    return ordered[places]


# As files


def write_calibration(path: Path, found: Calibration, source: str) -> Path:
    """Write a configuration that runs with what was fitted, and the delays beside it.

    Args:
        path: Of the TOML file; the delays are in ``<name>.delays.npz`` beside it.
        source: What it was fitted to.

    Returns:
        Where the delays are.

    Raises:
        InputError: A file cannot be written.
    """
    beside = path.with_suffix(".delays.npz")
    queue, queue_n = parse_queue(found.model.queue)
    lines = [
        f"# Fitted to {found.windows} windows of {source}.",
        "[venue]",
        f'queue = "{queue}"',
        f"prob_n = {queue_n}",
        f"match_window_ms = {found.model.match_ns / MS}",
        f"delays = {json.dumps(str(beside), ensure_ascii=False)}",
    ]
    for name, values in found.delays.items():
        lines.append(f"{name}_latency_ms = {np.median(values) / 1e6:.6f}  # median")
    lines += [f"# {name}: {n} measured, too few" for name, n in found.too_few.items()]
    try:
        with beside.open("wb") as file:
            np.savez(file, **found.delays)  # type: ignore[arg-type]
        path.write_text("\n".join(lines) + "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    return beside


def read_delays(path: Path) -> dict[str, NDArray[np.int64]]:
    """Read measured delays, by DELAYS.

    Raises:
        InputError: There is no such file, or it holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: np.ascontiguousarray(file[name]) for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: expected measured delays, cannot be read: {error}") from error
    for name, values in found.items():
        is_sound = values.dtype == np.int64 and values.ndim == 1 and len(values) > 0
        if name not in DELAYS or not is_sound or values.min() < 0:
            raise InputError(
                f"{path}: expected int64 ns of at least 0 for {', '.join(DELAYS)}, found {name}"
                f" of {values.dtype}"
            )
    return found
