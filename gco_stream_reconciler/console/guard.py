"""What holds for every request, whatever it asks for: the host, the method, the headers, and an answer to every error."""

import json
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.console.hosts import is_ours
from gco_stream_reconciler.errors import ReconcilerError

_READING = ("GET", "HEAD")
HEADERS = {
    # Nothing inline and nothing from elsewhere: what an endpoint's name or error says is text, whatever it says.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class RequestRefusedError(Exception):
    """A request that gets a sentence instead of what it asked for."""

    def __init__(self, status: HTTPStatus, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


def guard(log: FilteringBoundLogger) -> Middleware:
    """The middleware around every handler, unknown paths included."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            _check(request)
            response = await handler(request)
        except RequestRefusedError as refusal:
            response = _sentence(request, refusal.status, str(refusal), refusal.headers)
        except web.HTTPException as error:
            response = _sentence(request, HTTPStatus(error.status), _unknown(error), {})
        except ReconcilerError as error:
            log.warning("console_request_failed", path=request.path, error=str(error))
            response = _sentence(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), {})
        except Exception:
            log.exception("console_request_failed_by_a_bug", path=request.path)
            said = "This page could not be made; the controller's log says why."
            response = _sentence(request, HTTPStatus.INTERNAL_SERVER_ERROR, said, {})
        response.headers.update(HEADERS)
        return response

    return guarded


def _check(request: web.Request) -> None:
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 or not is_ours(hosts[0], own_address=_own_address(request)):
        raise RequestRefusedError(
            HTTPStatus.MISDIRECTED_REQUEST,
            "This listener answers to localhost only: use http://localhost and the port, "
            "for instance through kubectl port-forward.",
        )
    if request.method not in _READING:
        raise RequestRefusedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "This listener only reads; changes go through the table.",
            Allow=", ".join(_READING),
        )


def _own_address(request: web.Request) -> str:
    found = request.transport.get_extra_info("sockname") if request.transport else None
    return str(found[0]) if isinstance(found, tuple) else ""


def _unknown(error: web.HTTPException) -> str:
    return "There is nothing at this path." if error.status == HTTPStatus.NOT_FOUND else error.reason


def _sentence(
    request: web.Request, status: HTTPStatus, sentence: str, headers: dict[str, str]
) -> web.Response:
    if request.path.startswith(("/debug/", "/fragment/")):
        body = json.dumps({"error": sentence}, ensure_ascii=False) + "\n"
        return web.Response(status=status, text=body, content_type="application/json", headers=headers)
    return web.Response(status=status, text=sentence + "\n", content_type="text/plain", headers=headers)
