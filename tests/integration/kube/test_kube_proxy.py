"""A proxy that the environment names is used for calls to the API server."""

from collections.abc import AsyncIterator
from random import Random

import pytest
import structlog
from aiohttp import web

from gco_stream_reconciler.kube.client import KubeClient
from tests.doubles.fixed_configuration import fixed_configuration

VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """A proxy that answers for every server, and what it was asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.json_response({"kind": "Status", "metadata": {}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


async def asked_for(host: str) -> None:
    clock = Random(0).random
    async with KubeClient(fixed_configuration(host), clock=clock, log=structlog.get_logger()) as client:
        await client.request("GET", "/api", timeout_seconds=5)


async def test_requests_go_through_the_proxy_of_the_environment(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, asked = proxy
    monkeypatch.setenv("http_proxy", url)
    await asked_for("http://api.cluster.test")
    assert asked == ["http://api.cluster.test/api"]
