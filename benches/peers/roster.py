"""Who takes part in tables A and F, made late so that a missing package is one row.

Factories import what they need when they are called. ``contenders_or_skipped`` turns the missing
package of one of them into a `Skipped` row; nothing else is caught.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from benches.peers.books import BookContender, DictBook, KeptBestBook, Loaded, Simd
from benches.timing import Contender, Skipped
from benches.workload import Workload

POLYMM = "polymm"
POLYMM_READ = "polymm, best bid and ask read as Python ints"
POLYMM_LANE = "polymm, lane attached"
SORTED_JSON = "json + SortedDict (poly-maker style)"
SIMD_PARSE = "pysimdjson parse only"

MakeBooks = Callable[[Workload], BookContender]
Rows = list[Contender | Skipped]


def _json_dict(workload: Workload) -> BookContender:
    return Loaded(workload, DictBook, json.loads)


def _json_sorted(workload: Workload) -> BookContender:
    from benches.peers.sorted_books import SortedDictBook

    return Loaded(workload, SortedDictBook, json.loads)


def _orjson_dict(workload: Workload) -> BookContender:
    import orjson

    return Loaded(workload, DictBook, orjson.loads)


def _orjson_sorted(workload: Workload) -> BookContender:
    import orjson

    from benches.peers.sorted_books import SortedDictBook

    return Loaded(workload, SortedDictBook, orjson.loads)


def _orjson_kept(workload: Workload) -> BookContender:
    import orjson

    return Loaded(workload, KeptBestBook, orjson.loads)


def _msgspec_dict(workload: Workload) -> BookContender:
    from benches.peers.typed_books import Typed

    return Typed(workload, DictBook)


def _msgspec_kept(workload: Workload) -> BookContender:
    from benches.peers.typed_books import Typed

    return Typed(workload, KeptBestBook)


def _simd_dict(workload: Workload) -> BookContender:
    import simdjson

    return Simd(workload, DictBook, simdjson.Parser().parse)


def _simd_kept(workload: Workload) -> BookContender:
    import simdjson

    return Simd(workload, KeptBestBook, simdjson.Parser().parse)


# The plain peers of docs/measuring.md: what the goals call "best plain peer" is the best of these.
BOOK_PEERS: Mapping[str, MakeBooks] = {
    "msgspec typed + dict": _msgspec_dict,
    "pysimdjson + dict": _simd_dict,
    "orjson + dict": _orjson_dict,
    "orjson + SortedDict": _orjson_sorted,
    "json + dict": _json_dict,
    SORTED_JSON: _json_sorted,
}
# The same with a kept best: the most careful form we know.
KEPT_PEERS: Mapping[str, MakeBooks] = {
    "msgspec typed + dict, best kept": _msgspec_kept,
    "pysimdjson + dict, best kept": _simd_kept,
    "orjson + dict, best kept": _orjson_kept,
}


def _pass_over(feed: Callable[[bytes], object], frames: Sequence[bytes]) -> Callable[[], None]:
    def run() -> None:
        for frame in frames:
            feed(frame)

    return run


def _book_contender(
    name: str, make: MakeBooks, workload: Workload, frames: Sequence[bytes]
) -> Contender:
    make(workload)

    def prepare() -> Callable[[], None]:
        contender = make(workload)
        for frame in workload.start:
            contender.feed(frame)
        return _pass_over(contender.feed, frames)

    return Contender(name, prepare, len(frames))


def _polymm_contender(
    name: str,
    workload: Workload,
    frames: Sequence[bytes],
    *,
    with_lane: bool = False,
    reads_best: bool = False,
) -> Contender:
    from benches.peers.ours import NOW_NS, Polymm

    contender = Polymm(workload, with_lane=with_lane)

    def prepare() -> Callable[[], None]:
        contender.start_again()
        for frame in workload.start:
            contender.feed(frame)
        feed, book, now_ns = contender.decoder.feed, contender.book, NOW_NS

        def run() -> None:
            for frame in frames:
                feed(frame, now_ns)

        def run_and_read() -> None:
            for frame in frames:
                feed(frame, now_ns)
                _ = book.best_bid_e4
                _ = book.best_ask_e4

        return run_and_read if reads_best else run

    return Contender(name, prepare, len(frames))


def _parse_contender(
    name: str, make: Callable[[], Callable[[bytes], object]], frames: Sequence[bytes]
) -> Contender:
    parse = make()
    return Contender(name, lambda: _pass_over(parse, frames), len(frames))


def _simd_parse() -> Callable[[bytes], object]:
    import simdjson

    parser = simdjson.Parser()
    return parser.parse


def _msgspec_decode() -> Callable[[bytes], object]:
    from benches.peers.typed_books import decode

    return decode


def _orjson_loads() -> Callable[[bytes], object]:
    import orjson

    return orjson.loads


PARSERS: Mapping[str, Callable[[], Callable[[bytes], object]]] = {
    SIMD_PARSE: _simd_parse,
    "msgspec typed decode only": _msgspec_decode,
    "orjson.loads only": _orjson_loads,
    "json.loads only": lambda: json.loads,
}


def contenders_or_skipped(
    makers: Mapping[str, Callable[[], Contender]],
) -> Rows:
    """Make each contender; one whose package is missing becomes a `Skipped` row."""
    rows: Rows = []
    for name, make in makers.items():
        try:
            rows.append(make())
        except ModuleNotFoundError as error:
            rows.append(Skipped(name, error.name or "unknown"))
    return rows


def book_rows(workload: Workload, frames: Sequence[bytes]) -> Rows:
    """Make the contenders of table A over one kind of frame."""
    makers: dict[str, Callable[[], Contender]] = {
        POLYMM: partial(_polymm_contender, POLYMM, workload, frames),
        POLYMM_READ: partial(_polymm_contender, POLYMM_READ, workload, frames, reads_best=True),
    }
    for name, parser in PARSERS.items():
        makers[name] = partial(_parse_contender, name, parser, frames)
    for name, make in {**KEPT_PEERS, **BOOK_PEERS}.items():
        makers[name] = partial(_book_contender, name, make, workload, frames)
    return contenders_or_skipped(makers)


def fused_rows(workload: Workload) -> Rows:
    """Make the contenders of the fused table: the same feed without and with a lane."""
    frames = workload.price_changes
    return contenders_or_skipped(
        {
            POLYMM: partial(_polymm_contender, POLYMM, workload, frames),
            POLYMM_LANE: partial(_polymm_contender, POLYMM_LANE, workload, frames, with_lane=True),
        }
    )
