"""Gamma, the catalogue: events, markets and series by slug, id or filter (markets-5m notes 2).

Read for everybody and never cached, but with the fault ``gamma_stale`` a query is answered from
the past. Filters that no window could differ in (sports, liquidity, locale) are ignored.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from polymm.exchange.faults import Fault
from polymm.exchange.server.answers import json_response
from polymm.exchange.server.gamma_records import (
    TAGS,
    Record,
    event_number,
    event_record,
    event_reference,
    market_record,
    series_number,
    series_reference,
    series_slug,
)
from polymm.exchange.server.glances import Glance, Glances
from polymm.exchange.server.hall import Hall

PREFIX = "/gamma"
PAGE_SIZE = 20
PAGE_SIZE_MAX = 100
FLAGS = {"true": True, "1": True, "false": False, "0": False}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def gamma_routes(hall: Hall, glances: Glances) -> list[web.RouteDef]:
    """Routes under ``/gamma``."""
    gamma = _Gamma(hall, glances)
    routes: dict[str, Callable[[web.Request], Any]] = {
        "/events": gamma.events,
        "/events/keyset": gamma.events_keyset,
        "/events/slug/{slug}": gamma.event,
        "/events/{id}": gamma.event,
        "/events/{id}/tags": gamma.tags,
        "/markets": gamma.markets,
        "/markets/keyset": gamma.markets_keyset,
        "/markets/slug/{slug}": gamma.market,
        "/markets/{id}": gamma.market,
        "/markets/{id}/tags": gamma.tags,
        "/series": gamma.all_series,
        "/series/{id}": gamma.series,
        "/tags": gamma.tags,
        "/tags/slug/{slug}": gamma.tag,
        "/tags/{id}": gamma.tag,
    }
    return [web.get(f"{PREFIX}{path}", _errors_told(handler)) for path, handler in routes.items()]


class _Invalid(Exception):
    """A query that cannot be understood."""


class _Unknown(Exception):
    """Nothing is of that slug or id."""


def _errors_told(
    handler: Callable[[web.Request], Any],
) -> Callable[[web.Request], Any]:
    """Write Gamma's own two kinds of error."""

    async def told(request: web.Request) -> web.StreamResponse:
        try:
            answer: web.StreamResponse = await handler(request)
        except _Unknown as error:
            body = {"type": "not found error", "error": f"{error} not found"}
            return json_response(body, status=404)
        except _Invalid as error:
            return json_response({"type": "validation error", "error": str(error)}, status=422)
        return answer

    return told


class _Gamma:
    def __init__(self, hall: Hall, glances: Glances) -> None:
        self._hall = hall
        self._glances = glances
        self._coins = tuple(hall.settings.windows.coins)

    # One record

    async def market(self, request: web.Request) -> web.Response:
        now_ns, glance = self._named(request, lambda glance: str(glance.listing.number))
        return json_response(self._market(glance, now_ns))

    async def event(self, request: web.Request) -> web.Response:
        now_ns, glance = self._named(request, lambda glance: event_number(glance.listing))
        return json_response(event_record(glance, now_ns, self._coins))

    def _named(
        self, request: web.Request, number_of: Callable[[Glance], str]
    ) -> tuple[int, Glance]:
        """The market that slug or id of the path names, and of when it is told."""
        now_ns, glances = self._told()
        key, value = next(iter(request.match_info.items()))
        for glance in glances:
            if value == (glance.listing.market.slug if key == "slug" else number_of(glance)):
                return now_ns, glance
        raise _Unknown(key)

    # Lists

    async def markets(self, request: web.Request) -> web.Response:
        now_ns, glances = self._told()
        # The plain list leaves closed markets out unless it is asked for them.
        found = _filtered(request, glances, {"id": _market_number}, closed=False)
        first, size = _offset_page(request)
        shown = found[first : first + size]
        return json_response([self._market(glance, now_ns) for glance in shown])

    async def events(self, request: web.Request) -> web.Response:
        now_ns, glances = self._told()
        found = self._filtered_events(request, glances)
        first, size = _offset_page(request)
        shown = found[first : first + size]
        return json_response([event_record(glance, now_ns, self._coins) for glance in shown])

    async def markets_keyset(self, request: web.Request) -> web.Response:
        now_ns, glances = self._told()
        found = _filtered(request, glances, {"id": _market_number}, closed=False)
        shown, cursor = _keyset_page(request, found)
        return json_response({"markets": [self._market(g, now_ns) for g in shown]} | cursor)

    async def events_keyset(self, request: web.Request) -> web.Response:
        now_ns, glances = self._told()
        shown, cursor = _keyset_page(request, self._filtered_events(request, glances))
        records = [event_record(glance, now_ns, self._coins) for glance in shown]
        return json_response({"events": records} | cursor)

    def _filtered_events(self, request: web.Request, glances: list[Glance]) -> list[Glance]:
        facts: dict[str, Callable[[Glance], set[str]]] = {
            "id": lambda glance: {event_number(glance.listing)},
            "series_id": lambda glance: {str(series_number(glance.listing, self._coins))},
        }
        return _filtered(request, glances, facts, closed=None)

    # Series and tags

    async def all_series(self, request: web.Request) -> web.Response:
        slugs = set(_asked_values(request, "slug"))
        found = [record for record in self._series() if not slugs or record["slug"] in slugs]
        first, size = _offset_page(request)
        return json_response(found[first : first + size])

    async def series(self, request: web.Request) -> web.Response:
        for record in self._series():
            if record["id"] == request.match_info["id"]:
                return json_response(record)
        raise _Unknown("id")

    def _series(self) -> list[Record]:
        """Every series with its events, which are without their markets here."""
        by_slug: dict[str, Record] = {}
        for glance in self._told()[1]:
            listing = glance.listing
            record = by_slug.setdefault(
                series_slug(listing), {**series_reference(listing, self._coins), "events": []}
            )
            if glance.winner is None:
                record["events"].append(event_reference(listing))
        return list(by_slug.values())

    async def tags(self, _: web.Request) -> web.Response:
        return json_response(list(TAGS))

    async def tag(self, request: web.Request) -> web.Response:
        key, value = next(iter(request.match_info.items()))
        for tag in TAGS:
            if tag[key] == value:
                return json_response(tag)
        raise _Unknown(key)

    # What is told

    def _told(self) -> tuple[int, list[Glance]]:
        """All markets by their end, and the time as of which they are told."""
        now_ns = self._hall.now_ns()
        stale_ns = self._hall.faults.delay_ns(Fault.GAMMA_STALE)
        told_ns = now_ns - stale_ns
        past = self._glances.at(told_ns) if stale_ns else self._glances.now()
        by_end = sorted(past.values(), key=lambda g: (g.listing.market.end_ns, g.listing.number))
        return told_ns, by_end

    def _market(self, glance: Glance, now_ns: int) -> Record:
        events = [event_reference(glance.listing)]
        return market_record(glance, now_ns) | {"events": events}


def _market_number(glance: Glance) -> set[str]:
    return {str(glance.listing.number)}


# What filters choose by, as the query names it; markets and events differ in ``id`` only.
_FACTS: dict[str, Callable[[Glance], set[str]]] = {
    "slug": lambda glance: {glance.listing.market.slug},
    "condition_ids": lambda glance: {glance.listing.condition_id},
    "clob_token_ids": lambda glance: set(glance.listing.pool.tokens),
    "position_ids": lambda glance: set(glance.listing.pool.tokens),
    "version": lambda glance: {glance.listing.version},
    "tag_slug": lambda _: {tag["slug"] for tag in TAGS},
    "tag_id": lambda _: {tag["id"] for tag in TAGS},
}
_TIMES: dict[str, Callable[[Glance], int]] = {
    "end_date": lambda glance: glance.listing.market.end_ns,
    "start_date": lambda glance: glance.listing.accepts_from_ns,
    "start_time": lambda glance: glance.listing.market.start_ns,
}


def _filtered(
    request: web.Request,
    found: list[Glance],
    more_facts: dict[str, Callable[[Glance], set[str]]],
    *,
    closed: bool | None,
) -> list[Glance]:
    """Choose by the query; ``closed`` counts where the query does not say."""
    if _flag(request, "active", True) is False or _flag(request, "archived", False):
        return []
    is_closed = _flag(request, "closed", closed)
    if is_closed is not None:
        found = [glance for glance in found if (glance.winner is not None) is is_closed]
    for key, facts in (_FACTS | more_facts).items():
        values = set(_asked_values(request, key))
        if values:
            found = [glance for glance in found if facts(glance) & values]
    for key, time_ns in _TIMES.items():
        low_ns, high_ns = _time(request, f"{key}_min"), _time(request, f"{key}_max")
        if low_ns is not None:
            found = [glance for glance in found if time_ns(glance) >= low_ns]
        if high_ns is not None:
            found = [glance for glance in found if time_ns(glance) <= high_ns]
    # Whatever order is asked for: by the end, which is also that of any other date of a window.
    return found[::-1] if _flag(request, "ascending", True) is False else found


def _asked_values(request: web.Request, key: str) -> list[str]:
    """All values of a key, given by repeating it or with commas."""
    return [part for value in request.query.getall(key, []) for part in value.split(",") if part]


def _flag(request: web.Request, key: str, default: bool | None) -> bool | None:
    text = request.query.get(key)
    if text is None:
        return default
    if text.lower() not in FLAGS:
        raise _Invalid(f"{key} must be true or false")
    return FLAGS[text.lower()]


def _time(request: web.Request, key: str) -> int | None:
    text = request.query.get(key)
    if text is None:
        return None
    try:
        # The plus of an offset that nobody escaped arrives as a blank.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise _Invalid(f"{key} must be an ISO time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1) * 1_000


def _count(request: web.Request, key: str, default: int) -> int:
    text = request.query.get(key, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _Invalid(f"{key} must be a whole number, not below 0")
    return int(text)


def _offset_page(request: web.Request) -> tuple[int, int]:
    size = min(_count(request, "limit", PAGE_SIZE), PAGE_SIZE_MAX)
    return _count(request, "offset", 0), size


def _keyset_page(request: web.Request, found: list[Glance]) -> tuple[list[Glance], dict[str, str]]:
    """The page behind ``after_cursor``, the number of the last market shown, and the next cursor.

    Should that market be gone meanwhile, the page starts at the beginning again: nothing is missed.
    """
    size = max(1, min(_count(request, "limit", PAGE_SIZE), PAGE_SIZE_MAX))
    last = _count(request, "after_cursor", 0)
    numbers = [glance.listing.number for glance in found]
    first = numbers.index(last) + 1 if last in numbers else 0
    shown = found[first : first + size]
    if first + size >= len(found):
        return shown, {}
    return shown, {"next_cursor": str(shown[-1].listing.number)}
