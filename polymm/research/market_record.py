"""A market's own facts as plain values and back: they travel with tapes and recordings."""

from dataclasses import asdict, fields
from typing import Any, get_args, get_origin, get_type_hints

from polymm.domain.market import FeeSchedule, Market, SettlementRule
from polymm.errors import RecordingError


def market_record(market: Market) -> dict[str, Any]:
    """Give all facts of a market as JSON has them."""
    return asdict(market)


def market_of(record: object, where: str) -> Market:
    """Read a market's facts.

    Args:
        where: For errors.

    Raises:
        RecordingError: A fact is missing, of another type, or not known here.
    """
    found = _object(record, Market, where)
    found["fees"] = FeeSchedule(**_object(found["fees"], FeeSchedule, where))
    found["settlement"] = SettlementRule(**_object(found["settlement"], SettlementRule, where))
    return Market(**found)


def _object(record: object, kind: type, where: str) -> dict[str, Any]:
    """Check that a record has exactly a type's fields, each of its type."""
    names = {field.name for field in fields(kind)}
    if not isinstance(record, dict) or record.keys() != names:
        had = sorted(record) if isinstance(record, dict) else record
        raise RecordingError(
            f"{where}: expected the facts {sorted(names)} of a {kind.__name__}, found {had!r:.200}"
        )
    for name, hint in get_type_hints(kind).items():
        value = record[name]
        if get_origin(hint) is None and hint in (int, str, bool):
            is_good = type(value) is hint
        elif get_origin(hint) is not None:
            is_good = value in get_args(hint)
        else:
            is_good = isinstance(value, dict)
        if not is_good:
            raise RecordingError(f"{where}: expected another {name}, found {value!r:.80}")
    return dict(record)
