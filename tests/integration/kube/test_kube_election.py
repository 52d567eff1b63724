"""The elector over HTTP: what LeaseApi and LeaderElector expect of each other."""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from gco_stream_reconciler import errors
from gco_stream_reconciler.kube.leases import LeaseApi
from gco_stream_reconciler.leadership.elector import LeaderElector
from gco_stream_reconciler.settings import LeadershipSettings
from tests.doubles.lease_server import LeaseServer
from tests.doubles.scripted_api_server import client_of, refuses, scripted_server

NAME = "inference-monitor-leader"
DETAILS = {"name": NAME, "group": "coordination.k8s.io", "kind": "leases"}
QUICK = LeadershipSettings(lease_seconds=3, renew_deadline_seconds=2, renew_interval_seconds=0.2)


class Unmeasured:
    def leading(self, leads: bool) -> None: ...

    def renewed(self, seconds: float) -> None: ...

    def failed(self, operation: str) -> None: ...


def leases_over_http(store: LeaseServer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """GET, POST and PUT of one Lease, as the API server answers them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            lease: Any = store.get(NAME)
            if request.method != "GET":
                body = json.loads(await request.read())
                lease = store.create(body) if request.method == "POST" else store.replace(body)
        except errors.AlreadyExistsError:
            return await refuses(409, "AlreadyExists", "already exists", DETAILS)(request)
        except errors.ConflictError:
            return await refuses(409, "Conflict", "the object has been modified", DETAILS)(request)
        if lease is None:
            return await refuses(404, "NotFound", "not found", DETAILS)(request)
        return web.json_response(lease)

    return answer


async def test_two_replicas_elect_one_and_hand_over_over_http() -> None:
    working: list[str] = []
    store = LeaseServer()
    async with scripted_server(leases_over_http(store)) as server, client_of(server.url) as client:

        def start(name: str) -> asyncio.Task[None]:
            async def lead() -> None:
                working.append(name)
                try:
                    await asyncio.Event().wait()
                finally:
                    working.remove(name)

            elector = LeaderElector(
                leases=LeaseApi(client, namespace="rec", timeout_seconds=2),
                identity=f"gco-stream-reconciler/{name}",
                settings=QUICK,
                clock=asyncio.get_running_loop().time,
                wall_clock=lambda: datetime.now(UTC),
                random=random.Random(name),
                observer=Unmeasured(),
            )
            return asyncio.create_task(elector.run(lead))

        async def until_works(name: str) -> None:
            async with asyncio.timeout(20):
                while working != [name]:
                    await asyncio.sleep(0.02)

        first = start("a")
        await until_works("a")
        second = start("b")
        await asyncio.sleep(1.5)
        assert working == ["a"]
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        assert store.leases[NAME]["spec"]["holderIdentity"] == ""
        await until_works("b")
        second.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await second
    spec = store.leases[NAME]["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"], spec["leaseDurationSeconds"]) == ("", 1, 1)
    assert store.leases[NAME]["kind"] == "Lease"
