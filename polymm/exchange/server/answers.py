"""How routes answer: JSON, and refusals in the venue's form."""

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from polymm.exchange.refusals import Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request that is answered with a refusal; raised by any route, written by one middleware."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


def json_response(
    body: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type="application/json"
    )


def refusal_response(refusal: Refusal) -> web.Response:
    """Write a refusal as the venue does."""
    body: dict[str, object] = {"error": refusal.text}
    headers = {}
    if refusal.code:
        body["code"] = refusal.code
    if refusal.retry_after_s is not None:
        body["retry_after_seconds"] = refusal.retry_after_s
        headers["Retry-After"] = str(refusal.retry_after_s)
    return json_response(body, status=refusal.status, headers=headers)


@web.middleware
async def refusals_told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into answers, and unknown paths into the venue's JSON."""
    try:
        return await handler(request)
    except Refused as refused:
        return refusal_response(refused.refusal)
    except ConnectionResetError:
        return web.Response()  # whoever asked is gone: nobody will read it
    except web.RequestPayloadError:
        return json_response({"error": "bad request"}, status=400)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return json_response({"error": error.reason.lower()}, status=error.status)
