"""Table C: signing. All contenders sign the same orders; signatures are compared before timing."""

from collections.abc import Callable, Mapping
from typing import Protocol

from benches.agreement import DisagreementError
from benches.peers import order_roster as roster
from benches.report import Table
from benches.timing import Contender, Sample, Skipped, measure


class Pace(Protocol):
    """The part of an `Effort` that table C takes; see benches.runner."""

    @property
    def rounds(self) -> int:
        """Rounds a table."""

    @property
    def slice_ns(self) -> int:
        """Least time a contender runs in one round."""


QUOTES = 32
PIECES = 5  # tables of this module, for the progress bar


def check_signatures(quotes: list[roster.Quote]) -> None:
    """Hold polymm's signatures against the official client's, where it is installed.

    Raises:
        DisagreementError: Names the first quote on which they differ.
    """
    for quote in quotes:
        ours = roster.ours().sign(quote).signature
        try:
            theirs = roster.clob_signature(quote)
        except ModuleNotFoundError:
            return  # The table names it as skipped.
        if ours != theirs:
            raise DisagreementError(f"{quote}: polymm signs {ours}, the client {theirs}")


def order_tables(pace: Pace, *, seed: int, tick: Callable[[], object]) -> list[Table]:
    """Measure signing, the whole request, its header and keccak-256."""

    def timed(rows: roster.Rows) -> tuple[dict[str, Sample], list[Skipped]]:
        ready = [row for row in rows if isinstance(row, Contender)]
        with roster.own_backend():
            samples = measure(
                ready, rounds=pace.rounds, seed=seed, slice_ns=pace.slice_ns, tick=tick
            )
        return samples, [row for row in rows if isinstance(row, Skipped)]

    quotes = roster.draw_quotes(QUOTES, seed)
    check_signatures(quotes[:4])
    signed, skipped = timed(roster.order_rows(quotes, whole=False))
    ready, _ = timed(roster.order_rows(quotes, whole=True))
    envelopes = roster.ours().envelopes
    bodies = [envelopes.body(roster.ours().sign(quote), post_only=True) for quote in quotes]
    headers, headers_skipped = timed(roster.header_rows(bodies))
    order_hash, keccak_skipped = timed(roster.keccak_rows(384))
    digest_hash, _ = timed(roster.keccak_rows(66))
    return [
        Table(
            title="C. one order: price and size -> signed / -> request body and headers",
            base=roster.POLYMM,
            columns={"signed": signed, "bytes ready": ready},
            skipped=skipped,
        ),
        Table(
            title=f"C. L2 header over a body of {len(bodies[0])} B",
            base=roster.HEADER_POLYMM,
            columns={"call": headers},
            skipped=headers_skipped,
        ),
        Table(
            title="C. keccak-256",
            base=roster.KECCAK_POLYMM,
            columns={"384 B": order_hash, "66 B": digest_hash},
            skipped=keccak_skipped,
        ),
    ]


def figures(tables: list[Table]) -> Mapping[str, Mapping[str, Sample]]:
    """The columns that goals look at."""
    orders, headers, _ = tables
    return {**orders.columns, "header": headers.columns["call"]}
