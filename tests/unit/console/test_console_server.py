import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import structlog

from gco_stream_reconciler.console.depths import SAMPLE_SECONDS
from gco_stream_reconciler.console.server import ConsoleServer
from gco_stream_reconciler.console.views import About, Depth, EndpointRow
from gco_stream_reconciler.errors import ConfigurationError, UnavailableError
from tests.doubles.console_source import NOW, SECRET, MemorySource

if TYPE_CHECKING:
    from conftest import Console

PATHS = [
    "/",
    "/?q=llama",
    "/endpoints/mixtral-8x7b",
    "/fragment/overview",
    "/fragment/endpoints/mixtral-8x7b",
    "/debug/queue",
    "/debug/endpoints",
    "/debug/endpoints/mixtral-8x7b",
    "/debug/shards",
    "/static/console.css",
    "/static/console.js",
    "/static/icon.svg",
]
UNKNOWN = [
    "/nothing",
    "/debug",
    "/debug/",
    "/debug/endpoints/nobody",
    "/endpoints/nobody",
    "/endpoints/",
    "/static/",
    "/static/server.py",
    "/static/..%2Fserver.py",
    "/static/%2e%2e%2fserver.py",
    "/fragment/endpoints/nobody",
    "/%00",
    "/endpoints/%00",
    "/endpoints/%ff",
]


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_and_document_is_there_hardened_and_without_secrets(
    console: "Console", path: str
) -> None:
    answer = await console.ask(path)
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert SECRET not in answer.text
    kind = answer.headers["Content-Type"]
    assert kind.startswith("application/json") == path.startswith(("/debug/", "/fragment/"))


@pytest.mark.parametrize("path", ["/", "/debug/queue", "/static/console.js"])
async def test_head_answers_like_get_without_a_body(console: "Console", path: str) -> None:
    answer = await console.ask(path, method="HEAD")
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/debug/queue", "/nothing"])
async def test_every_other_method_is_refused_on_every_path(
    console: "Console", method: str, path: str
) -> None:
    answer = await console.ask(path, method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert "only reads" in answer.text


@pytest.mark.parametrize("path", UNKNOWN)
async def test_what_does_not_exist_is_said_to_be_unknown(console: "Console", path: str) -> None:
    answer = await console.ask(path)
    assert answer.status == 404
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Traceback" not in answer.text
    if path.startswith(("/debug/", "/fragment/")):
        assert answer.json["error"]


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8081"])
async def test_a_port_forward_may_use_any_port(console: "Console", host: str) -> None:
    assert (await console.ask("/debug/queue", Host=host)).status == 200


@pytest.mark.parametrize("host", ["rebound.example", "rebound.example:8081", "10.0.0.1", ""])
@pytest.mark.parametrize("path", ["/", "/debug/queue", "/static/console.js", "/nothing"])
async def test_a_name_that_may_have_been_rebound_gets_nothing_but_a_sentence(
    console: "Console", host: str, path: str
) -> None:
    answer = await console.ask(path, Host=host)
    assert answer.status == 421
    assert "localhost" in answer.text
    assert "mixtral" not in answer.text


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /debug/queue HTTP/1.0\r\n\r\n",
        b"GET /debug/queue HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /debug/queue HTTP/1.1\r\nHost: localhost\r\nHost: rebound.example\r\nConnection: close\r\n\r\n",
        b"GET http://localhost/debug/queue HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n",
    ],
)
async def test_a_request_without_exactly_one_host_of_ours_is_refused(
    console: "Console", request_bytes: bytes
) -> None:
    answer = await console.send(request_bytes)
    assert answer.split(b" ", 2)[1] in (b"421", b"400")
    assert b"mixtral" not in answer


ODD = [
    "a b",
    "a/b",
    "%41",
    "a?b#c",
    "<script>alert(1)</script>",
    "\"'&",
    "ünï",
    "日本",
    "a%2Fb",
    "{x}",
    ".x",
    "+",
]


@pytest.mark.parametrize("name", ODD)
async def test_an_endpoint_with_an_odd_name_has_its_page_and_is_shown_as_text(
    console: "Console", name: str
) -> None:
    console.source.rows.append(EndpointRow(name, state="error", error="<script>alert(2)</script>\"'"))
    link = quote(name, safe="")
    overview = await console.ask("/")
    assert f'href="/endpoints/{link}"' in overview.text
    for path in (f"/endpoints/{link}", f"/fragment/endpoints/{link}", "/", "/fragment/overview"):
        answer = await console.ask(path)
        assert answer.status == 200
        assert "<script>alert" not in answer.text
    assert (await console.ask(f"/debug/endpoints/{link}")).json["name"] == name


async def test_the_filter_works_by_its_form_alone(console: "Console") -> None:
    answer = await console.ask("/?q=mixtral")
    assert "1 of 200 endpoints" in answer.text
    assert 'href="/endpoints/mixtral-8x7b"' in answer.text
    assert "vllm-model-000" not in answer.text
    assert 'value="mixtral"' in answer.text
    found = (await console.ask("/debug/endpoints?q=mixtral")).json
    assert [row["name"] for row in found["endpoints"]] == ["mixtral-8x7b"]


async def test_a_filter_with_markup_in_it_stays_text(console: "Console") -> None:
    answer = await console.ask("/?q=" + quote('"><script>alert(1)</script>'))
    assert "<script>alert" not in answer.text
    assert "No endpoint matches." in answer.text


async def test_many_endpoints_come_page_by_page(console: "Console") -> None:
    console.source.rows = [EndpointRow(f"e-{number:05d}", state="running") for number in range(10_000)]
    first, last = await console.ask("/?q=e-"), await console.ask("/?q=e-&page=50")
    assert "Page 1 of 50" in first.text
    assert 'href="/?q=e-&amp;page=2#h-endpoints"' in first.text
    assert "e-09999" in last.text
    assert 'rel="next"' not in last.text


async def test_the_page_of_200_endpoints_and_all_it_needs_weigh_at_most_100_kilobytes(
    console: "Console",
) -> None:
    for at in range(300):
        console.source.current_depth = Depth(at % 7, at % 5, at % 90)
        console.server._take_sample(NOW - 300 + at)
    weights = [
        len((await console.ask(path)).text.encode())
        for path in ("/", "/static/console.css", "/static/console.js", "/static/icon.svg")
    ]
    assert sum(weights) <= 100_000, weights


async def test_a_follower_says_who_leads(console: "Console") -> None:
    console.source.leadership_view = replace(
        console.source.leadership_view, leads=False, holder="gco-stream-reconciler/pod-b/1"
    )
    page = await console.ask("/")
    assert "Follows pod-b" in page.text
    console.source.leadership_view = replace(console.source.leadership_view, holder="")
    assert "Nobody leads" in (await console.ask("/")).text
    console.source.leadership_view = replace(console.source.leadership_view, known=False)
    page = await console.ask("/")
    assert "The leader is not known yet" in page.text
    assert "Nobody leads" not in page.text


async def test_without_any_endpoint_the_page_says_so(console: "Console") -> None:
    console.source.rows.clear()
    assert "The table holds no endpoint" in (await console.ask("/")).text


async def test_a_table_that_cannot_be_read_is_a_sentence(console: "Console") -> None:
    async def fail() -> None:
        raise UnavailableError("the table gave no answer; check the network")

    console.source.before_endpoint = fail
    answer = await console.ask("/debug/endpoints/mixtral-8x7b")
    assert (answer.status, answer.json) == (503, {"error": "the table gave no answer; check the network"})
    assert (await console.ask("/endpoints/mixtral-8x7b")).status == 503


async def test_a_bug_behind_a_page_is_logged_and_shows_nothing_of_itself(console: "Console") -> None:
    async def fail() -> None:
        raise KeyError("hunter2")

    console.source.before_endpoint = fail
    answer = await console.ask("/endpoints/mixtral-8x7b")
    assert answer.status == 500
    assert "hunter2" not in answer.text
    assert "the controller's log says why" in answer.text
    assert any(call.kwargs.get("event") == "console_request_failed_by_a_bug" for call in console.logged.calls)
    assert (await console.ask("/")).status == 200


async def test_clients_that_read_and_write_slowly_hold_up_nobody_and_not_the_end(console: "Console") -> None:
    slow = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", console.server.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        slow.append(connection)
    half = socket.create_connection(("127.0.0.1", console.server.port))
    half.sendall(b"GET / HT")
    try:
        async with asyncio.timeout(10):
            assert (await console.ask("/debug/queue")).status == 200
        async with asyncio.timeout(10):
            await console.server.__aexit__(None, None, None)
    finally:
        for connection in (*slow, half):
            connection.close()


async def test_a_port_that_is_taken_ends_with_a_sentence_that_names_the_setting(console: "Console") -> None:
    second = ConsoleServer(
        source=MemorySource(),
        about=About(),
        port=console.server.port,
        now=lambda: NOW,
        log=structlog.get_logger(),
    )
    with pytest.raises(ConfigurationError, match="DEBUG_PORT"):
        async with second:
            pass


@pytest.mark.looptime
async def test_the_depth_is_sampled_once_a_second_for_ever() -> None:
    source = MemorySource(current_depth=Depth(live=3))
    loop = asyncio.get_running_loop()
    server = ConsoleServer(source=source, about=About(), port=0, now=loop.time, log=structlog.get_logger())
    sampler = asyncio.create_task(server.sample())
    await asyncio.sleep(400.5 * SAMPLE_SECONDS)
    samples = server._depths.samples()
    assert [sample.at for sample in samples] == list(range(101, 401))
    sampler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sampler


@pytest.mark.looptime
async def test_an_endpoint_that_cannot_be_looked_up_in_time_is_given_up() -> None:
    async def hang() -> None:
        await asyncio.sleep(3600)

    loop = asyncio.get_running_loop()
    server = ConsoleServer(
        source=MemorySource(before_endpoint=hang),
        about=About(),
        port=0,
        now=loop.time,
        log=structlog.get_logger(),
    )
    with pytest.raises(Exception, match="gave no answer within 10 s"):
        await server._look_up("a")
    assert loop.time() == 10
