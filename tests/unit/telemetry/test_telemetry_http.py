"""The probe server over real HTTP on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.telemetry.health import Check, Health, Reason
from gco_stream_reconciler.telemetry.http import ProbeServer

LOOPBACK = "127.0.0.1"
REASON = Reason("stream", 'a shard said "no"\nfor 40 s', "check the table's stream")


def failing() -> list[Reason]:
    return [REASON]


def well() -> list[Reason]:
    return []


def server(
    alive: tuple[Check, ...] = (),
    ready: tuple[Check, ...] = (),
    registry: CollectorRegistry | None = None,
    port: int = 0,
) -> ProbeServer:
    health = Health(alive=alive, ready=ready)
    return ProbeServer(health=health, registry=registry or CollectorRegistry(), port=port, host=LOOPBACK)


@asynccontextmanager
async def asking(probes: ProbeServer) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(10)
    async with probes, aiohttp.ClientSession(f"http://{LOOPBACK}:{probes.port}", timeout=timeout) as session:
        yield session


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
async def test_a_pod_is_probed_at_its_address_be_it_of_ipv4_or_ipv6(address: str) -> None:
    everywhere = ProbeServer(health=Health((), ()), registry=CollectorRegistry(), port=0)
    async with (
        everywhere,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
        session.get(f"http://{address}:{everywhere.port}/healthz") as answer,
    ):
        assert answer.status == 200


async def test_a_port_that_is_taken_at_any_address_is_told_with_the_setting() -> None:
    def everywhere(port: int) -> ProbeServer:
        return ProbeServer(health=Health((), ()), registry=CollectorRegistry(), port=port)

    async with everywhere(0) as first:
        with pytest.raises(
            ConfigurationError, match=r"cannot listen on any address port \d+: .*; set HTTP_PORT"
        ):
            async with everywhere(first.port):
                pass


async def test_a_probe_without_reasons_is_ok() -> None:
    async with asking(server(alive=(well,), ready=(well, well))) as session:
        for path in ("/healthz", "/readyz"):
            async with session.get(path) as answer:
                assert answer.status == 200
                assert await answer.json() == {"ok": True, "reasons": []}


async def test_a_replica_that_is_not_ready_says_why_as_json_and_lives() -> None:
    async with asking(server(alive=(well,), ready=(well, failing))) as session:
        async with session.get("/readyz") as answer:
            assert answer.status == 503
            assert answer.content_type == "application/json"
            said = await answer.json()
        assert said["ok"] is False
        assert said["reasons"] == [{"part": REASON.part, "problem": REASON.problem, "remedy": REASON.remedy}]
        async with session.get("/healthz") as answer:
            assert answer.status == 200


async def test_every_part_that_is_not_ready_is_named() -> None:
    probes = server(ready=(failing, lambda: [Reason("cache", "not listed yet", "wait")]))
    async with asking(probes) as session, session.get("/readyz") as answer:
        assert [reason["part"] for reason in (await answer.json())["reasons"]] == ["stream", "cache"]


async def test_a_hung_process_fails_its_liveness() -> None:
    async with asking(server(alive=(failing,))) as session, session.get("/healthz") as answer:
        assert answer.status == 503


async def test_the_checks_are_asked_anew_at_every_probe() -> None:
    said: list[Reason] = [REASON]
    async with asking(server(ready=(lambda: said,))) as session:
        async with session.get("/readyz") as answer:
            assert answer.status == 503
        said.clear()
        async with session.get("/readyz") as answer:
            assert answer.status == 200


async def test_a_check_that_is_broken_itself_does_not_pass() -> None:
    def broken() -> list[Reason]:
        raise RuntimeError("a bug")

    async with asking(server(ready=(broken,))) as session:
        async with session.get("/readyz") as answer:
            assert answer.status == 500
        async with session.get("/healthz") as answer:
            assert answer.status == 200


async def test_metrics_are_shown_in_the_text_format_of_prometheus() -> None:
    registry = CollectorRegistry()
    Counter("gco_things", "Things", registry=registry).inc(2)
    async with asking(server(registry=registry)) as session, session.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        text = await answer.text()
    assert "# TYPE gco_things_total counter" in text
    assert "gco_things_total 2.0" in text


async def test_other_paths_and_methods_are_refused() -> None:
    async with asking(server()) as session:
        async with session.get("/") as answer:
            assert answer.status == 404
        async with session.post("/readyz") as answer:
            assert answer.status == 405


async def test_a_taken_port_is_told_with_the_setting_to_change() -> None:
    async with server() as first:
        with pytest.raises(ConfigurationError, match=f"cannot listen on .* port {first.port}: .*HTTP_PORT"):
            async with server(port=first.port):
                pass


async def test_the_port_is_free_again_afterwards() -> None:
    async with server() as first:
        port = first.port
    async with server(port=port) as second:
        assert second.port == port
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(LOOPBACK, port)
