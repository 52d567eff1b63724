import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gco_stream_reconciler.errors import PermissionDeniedError
from gco_stream_reconciler.informer.informers import Informers
from gco_stream_reconciler.informer.objects import Change
from gco_stream_reconciler.informer.ports import KindClient
from tests.doubles.kind_client import FakeKind

pytestmark = pytest.mark.looptime


def now() -> float:
    return asyncio.get_running_loop().time()


class SilentObserver:
    """Measures nothing."""

    def listed(self, kind: str, namespace: str, objects: int, seconds: float) -> None:
        pass

    def watch_ended(self, kind: str, namespace: str, reason: str) -> None:
        pass

    def failed(self, kind: str, namespace: str, error: str) -> None:
        pass


class Cluster:
    """Two kinds in two namespaces."""

    def __init__(self) -> None:
        self.kinds = {
            (kind, namespace): FakeKind(clock=now, kind=kind, namespace=namespace)
            for kind in ("Deployment", "Service")
            for namespace in ("one", "two")
        }
        self.changes: list[Change] = []
        clients: dict[tuple[str, str], KindClient] = dict(self.kinds.items())
        self.informers = Informers(
            clients,
            on_change=self.changes.append,
            clock=now,
            random=random.Random(1),
            observer=SilentObserver(),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Informers]:
        task = asyncio.create_task(self.informers.run())
        try:
            yield self.informers
            assert not task.done(), task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def synced(informers: Informers) -> bool:
    return all(view.synced for view in informers.views())


def names(found: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str, str]]:
    return sorted((kind, obj["metadata"]["namespace"], obj["metadata"]["name"]) for kind, obj in found)


async def test_equal_labels_of_objects_of_two_kinds_are_one_object() -> None:
    cluster = Cluster()
    for kind in ("Deployment", "Service"):
        cluster.kinds[kind, "one"].put("x")
    async with cluster.running() as informers:
        await informers.wait_synced()
        deployment, service = (informers.get(kind, "one", "x") for kind in ("Deployment", "Service"))
        assert deployment is not None
        assert service is not None
        assert deployment["metadata"]["labels"] is service["metadata"]["labels"]


async def test_an_endpoints_objects_are_found_across_kinds_and_namespaces() -> None:
    cluster = Cluster()
    cluster.kinds["Deployment", "one"].put("x")
    cluster.kinds["Deployment", "one"].put("x-canary")
    cluster.kinds["Service", "one"].put("x")
    cluster.kinds["Service", "two"].put("x")
    cluster.kinds["Service", "two"].put("y")
    async with cluster.running() as informers:
        await informers.wait_synced()
        assert names(informers.for_endpoint("x")) == [
            ("Deployment", "one", "x"),
            ("Deployment", "one", "x-canary"),
            ("Service", "one", "x"),
            ("Service", "two", "x"),
        ]
        assert informers.endpoint_keys() == {"x", "x-canary", "y"}
        assert informers.get("Service", "two", "y") is not None
        assert informers.get("Service", "one", "y") is None
        with pytest.raises(KeyError):
            informers.get("Secret", "one", "x")


async def test_nothing_is_synced_before_everything_is() -> None:
    cluster = Cluster()
    cluster.kinds["Service", "two"].list_faults.append(lambda: asyncio.sleep(20))
    async with cluster.running() as informers:
        await asyncio.sleep(19)
        assert not synced(informers)
        assert informers.stale(now())
        await asyncio.sleep(2)
        assert synced(informers)
        assert not informers.stale(now())


async def test_a_namespace_that_is_refused_holds_up_no_other_and_shows() -> None:
    cluster = Cluster()
    cluster.kinds["Deployment", "two"].list_faults.extend([PermissionDeniedError("403")] * 1_000)
    async with cluster.running() as informers:
        await asyncio.sleep(600)
        cluster.kinds["Deployment", "one"].put("x")
        await asyncio.sleep(0.1)
        assert names(informers.for_endpoint("x")) == [("Deployment", "one", "x")]
        assert not synced(informers)
        assert informers.stale(now())
        refused = [view for view in informers.views() if view.last_error]
        assert [(view.kind, view.namespace, view.synced, view.stale) for view in refused] == [
            ("Deployment", "two", False, True)
        ]


async def test_our_own_writes_are_visible_and_announced_once() -> None:
    cluster = Cluster()
    server = cluster.kinds["Deployment", "one"]
    async with cluster.running() as informers:
        await informers.wait_synced()
        answer = server.put("x")
        informers.write_through(answer)
        assert names(informers.for_endpoint("x")) == [("Deployment", "one", "x")]
        await asyncio.sleep(1)
        server.delete("x")
        informers.forget("Deployment", "one", "x", answer["metadata"]["uid"])
        assert informers.for_endpoint("x") == []
        await asyncio.sleep(1)
        assert [change.kind for change in cluster.changes] == ["added", "deleted"]


async def test_writes_to_what_nobody_watches_are_left_out() -> None:
    cluster = Cluster()
    informers = cluster.informers
    informers.write_through(FakeKind(clock=now, kind="Lease", namespace="one").put("x"))
    informers.write_through(FakeKind(clock=now, kind="Service", namespace="three").put("x"))
    informers.forget("Service", "three", "x", "uid")
    assert (informers.for_endpoint("x"), cluster.changes) == ([], [])


async def test_every_reflector_is_a_task_with_a_name_of_its_own() -> None:
    cluster = Cluster()
    async with cluster.running() as informers:
        await informers.wait_synced()
        running = {task.get_name() for task in asyncio.all_tasks()}
        assert {f"reflector {kind} {namespace}" for kind, namespace in cluster.kinds} <= running


async def test_a_crash_of_one_ends_all() -> None:
    cluster = Cluster()
    cluster.kinds["Service", "one"].put("x")

    def refuse(change: Change) -> None:
        raise ValueError("listener")

    informers = Informers(
        dict(cluster.kinds.items()),
        on_change=refuse,
        clock=now,
        random=random.Random(1),
        observer=SilentObserver(),
    )
    with pytest.raises(ExceptionGroup) as caught:
        await informers.run()
    assert caught.group_contains(ValueError, match="listener")
    assert all(server.open_watches == 0 for server in cluster.kinds.values())
