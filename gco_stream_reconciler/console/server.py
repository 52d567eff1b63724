"""The second listener: the operator's page and debug JSON, read-only. Everything it shows is made elsewhere, purely."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from typing import Self
from urllib.parse import unquote

from aiohttp import web
from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.console import detail, documents, overview
from gco_stream_reconciler.console.depths import SAMPLE_SECONDS, DepthHistory, Sample
from gco_stream_reconciler.console.guard import RequestRefusedError, guard
from gco_stream_reconciler.console.plain import Json, text
from gco_stream_reconciler.console.selection import Selection, page_number, select
from gco_stream_reconciler.console.views import About, ConsoleSource, EndpointDetail
from gco_stream_reconciler.listener import Listener

_ENDPOINT_SECONDS = 10.0
_STATIC = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class ConsoleServer:
    """Use as an async context manager, and keep `sample` running beside it. `now` is epoch seconds.

    `port` 0 takes any free port; the property `port` tells which. `host` is an address or a name of this machine.
    """

    def __init__(
        self,
        *,
        source: ConsoleSource,
        about: About,
        port: int,
        now: Callable[[], float],
        log: FilteringBoundLogger,
        host: str = "127.0.0.1",
    ) -> None:
        self._source = source
        self._about = about
        self._now = now
        self._depths = DepthHistory()
        self._files = {name: (files(__package__) / "static" / name).read_bytes() for name in _STATIC}
        app = web.Application(middlewares=[guard(log)])
        app.router.add_get("/", self._overview)
        app.router.add_get("/fragment/overview", self._overview_fragment)
        app.router.add_get("/endpoints/{name:[^/]+}", self._detail)
        app.router.add_get("/fragment/endpoints/{name:[^/]+}", self._detail_fragment)
        app.router.add_get("/debug/queue", self._debug_queue)
        app.router.add_get("/debug/endpoints", self._debug_endpoints)
        app.router.add_get("/debug/endpoints/{name:[^/]+}", self._debug_endpoint)
        app.router.add_get("/debug/shards", self._debug_shards)
        app.router.add_get("/static/{file}", self._static)
        self._listener = Listener(app, host=host, port=port, setting="DEBUG_PORT")

    async def __aenter__(self) -> Self:
        """Listen. Raises ConfigurationError where the port is taken."""
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._listener.__aexit__()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._listener.port

    async def sample(self) -> None:
        """Look at the queue's depth once a second, for ever."""
        while True:
            self._take_sample(self._now())
            await asyncio.sleep(SAMPLE_SECONDS)

    def _take_sample(self, at: float) -> None:
        self._depths.add(Sample(at, self._source.depth()))

    # --- Pages --------------------------------------------------------------------------------------------------

    async def _overview(self, request: web.Request) -> web.Response:
        return _html(overview.overview_page(self._shown(request), self._about))

    async def _overview_fragment(self, request: web.Request) -> web.Response:
        return _json({"parts": dict(overview.overview_parts(self._shown(request)))})

    async def _detail(self, request: web.Request) -> web.Response:
        found = await self._look_up(_name(request))
        if found is None:
            return _html(
                detail.unknown_endpoint_page(_name(request), self._about), status=HTTPStatus.NOT_FOUND
            )
        return _html(
            detail.detail_page(
                found, self._source.queue(), self._source.leadership(), self._about, now=self._now()
            )
        )

    async def _detail_fragment(self, request: web.Request) -> web.Response:
        found = _known(await self._look_up(_name(request)))
        parts = detail.detail_parts(found, self._source.queue(), self._source.leadership(), now=self._now())
        return _json({"parts": dict(parts)})

    def _shown(self, request: web.Request) -> overview.Overview:
        return overview.Overview(
            queue=self._source.queue(),
            samples=self._depths.samples(),
            samples_kept=self._depths.kept,
            stream=self._source.stream(),
            leadership=self._source.leadership(),
            selection=self._selection(request),
            now=self._now(),
        )

    # --- JSON ---------------------------------------------------------------------------------------------------

    async def _debug_queue(self, _: web.Request) -> web.Response:
        return _json(documents.queue_document(self._source.queue(), now=self._now()))

    async def _debug_endpoints(self, request: web.Request) -> web.Response:
        found = self._selection(request)
        return _json(
            documents.endpoints_document(
                found.rows, matching=found.matching, page=found.page, pages=found.pages
            )
        )

    async def _debug_endpoint(self, request: web.Request) -> web.Response:
        found = _known(await self._look_up(_name(request)))
        return _json(documents.endpoint_document(found, self._source.queue(), now=self._now()))

    async def _debug_shards(self, _: web.Request) -> web.Response:
        return _json(
            documents.shards_document(self._source.stream(), self._source.leadership(), now=self._now())
        )

    # --- What several of them need ------------------------------------------------------------------------------

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in _STATIC:
            raise web.HTTPNotFound
        return web.Response(body=self._files[name], content_type=_STATIC[name], charset="utf-8")

    def _selection(self, request: web.Request) -> Selection:
        return select(
            self._source.endpoints(),
            query=request.query.get("q", ""),
            page=page_number(request.query.get("page", "")),
        )

    async def _look_up(self, name: str) -> EndpointDetail | None:
        try:
            async with asyncio.timeout(_ENDPOINT_SECONDS):
                return await self._source.endpoint(name)
        except TimeoutError as error:
            raise RequestRefusedError(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"The table or the cluster gave no answer within {_ENDPOINT_SECONDS:g} s; try again.",
            ) from error


def _name(request: web.Request) -> str:
    """The endpoint's name as it was written in the path's last piece; a slash in it comes as %2F."""
    return unquote(request.rel_url.raw_path.rpartition("/")[2])


def _known(found: EndpointDetail | None) -> EndpointDetail:
    if found is None:
        raise RequestRefusedError(HTTPStatus.NOT_FOUND, "No endpoint of this name is known in this Region.")
    return found


def _html(document: str, *, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    # A lone surrogate, which a path or an item can hold, is no valid UTF-8.
    body = document.encode("utf-8", "replace")
    return web.Response(status=status, body=body, content_type="text/html", charset="utf-8")


def _json(document: Json) -> web.Response:
    return web.Response(text=text(document), content_type="application/json")
