"""What the client makes of an API server's own answers, rather than of scripted ones."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from gco_stream_reconciler import errors
from gco_stream_reconciler.kube.client import KubeClient
from gco_stream_reconciler.kube.configuration import found_configuration
from gco_stream_reconciler.kube.events import EventRecorder
from gco_stream_reconciler.kube.leases import LeaseApi
from gco_stream_reconciler.kube.objects import KubeObjects
from gco_stream_reconciler.kube.watch import KindClient
from gco_stream_reconciler.settings import KubernetesSettings
from tests.doubles.scripted_api_server import client_of
from tests.grounds.cluster import Cluster

pytestmark = pytest.mark.every_ground

LABELS = {"app": "a", "gco.io/type": "inference"}
PORT = {"port": 80, "targetPort": 8000, "protocol": "TCP"}


def service(api: Cluster, name: str = "a", **port: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": api.namespace, "labels": LABELS},
        "spec": {"selector": {"app": name}, "ports": [{**PORT, **port}]},
    }


@contextlib.asynccontextmanager
async def client(api: Cluster) -> AsyncIterator[KubeClient]:
    async with client_of(found_configuration(api.kubeconfig, environ={})) as found:
        yield found


@contextlib.asynccontextmanager
async def objects(api: Cluster) -> AsyncIterator[KubeObjects]:
    async with client(api) as found:
        yield KubeObjects(found, KubernetesSettings(), random=random.Random(1), may_write=lambda: True)


async def test_an_apply_makes_changes_and_repeats_without_writing(api: Cluster) -> None:
    async with objects(api) as kube:
        assert await kube.get("Service", api.namespace, "a") is None
        made = await kube.apply(service(api))
        changed = await kube.apply(service(api, port=81))
        again = await kube.apply(service(api, port=81))
        assert made["metadata"]["uid"] == changed["metadata"]["uid"]
        assert made["metadata"]["resourceVersion"] != changed["metadata"]["resourceVersion"]
        assert again == changed == await kube.get("Service", api.namespace, "a")


TEXTS = {
    "of-every-day": "Grüße, \U0001f600, 你好",
    "of-json": 'a "b" \\ \\u0041 \t\r\n <&> /',
    "of-yaml": "- {a: 'b'} # [*c] !d\n---\n~",
    "control-characters": "".join(map(chr, range(0xA0))),
    "next-line": " a  \x85  b\x85\x85",
    "separators": "  \u2028  a  \u2029  \u2029  \u2028\x85 b",
    "byte-order-marks": "\ufeffa\ufeff",
    "noncharacters": "\ufdd0\ufffe\uffff\U0001fffe\U0010ffff",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_a_text_stays_as_it_is_on_its_way_into_the_cluster(api: Cluster, text: str) -> None:
    container = {
        "name": "c",
        "image": "i",
        "env": [{"name": "A", "value": text}],
        "args": [text],
        "command": [text],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "a", "namespace": api.namespace, "labels": LABELS, "annotations": {"a": text}},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
        },
    }
    async with objects(api) as kube:
        (made,) = (await kube.apply(deployment))["spec"]["template"]["spec"]["containers"]
        assert ascii(made["env"][0]["value"]) == ascii(text)
        assert (made["args"], made["command"]) == ([text], [text])
        stands = await kube.get("Deployment", api.namespace, "a") or {}
        assert stands["metadata"]["annotations"]["a"] == text


async def test_what_an_apply_cannot_hold_is_refused_before_it_is_sent(api: Cluster) -> None:
    async with objects(api) as kube:
        for value in ("a\ud800", 2**64):
            odd = service(api)
            odd["metadata"]["annotations"] = {"a": value}
            with pytest.raises(
                errors.InvalidObjectError, match=r"not sent: .+; correct what the endpoint's spec"
            ):
                await kube.apply(odd)


async def test_an_apply_without_force_is_refused_what_another_owns(api: Cluster) -> None:
    async with objects(api) as kube:
        await kube.apply(service(api))
        with pytest.raises(errors.ConflictError):
            await kube.apply(service(api, targetPort=9000), field_manager="other", force=False)


async def test_an_object_that_breaks_the_rules_is_invalid(api: Cluster) -> None:
    async with objects(api) as kube:
        with pytest.raises(errors.InvalidObjectError, match=r"ports\[0\]\.port"):
            await kube.apply(service(api, port=70000))
        with pytest.raises(errors.InvalidObjectError, match="field not declared in schema"):
            await kube.apply(service(api, porte=1))


async def test_a_missing_namespace_is_told_from_a_missing_object(api: Cluster) -> None:
    async with objects(api) as kube:
        elsewhere = service(api)
        elsewhere["metadata"]["namespace"] = f"{api.namespace}-not-there"
        with pytest.raises(errors.NamespaceNotFoundError):
            await kube.apply(elsewhere)


async def test_only_the_incarnation_that_was_meant_is_deleted(api: Cluster) -> None:
    async with objects(api) as kube:
        made = await kube.apply(service(api))
        other = "00000000-0000-4000-8000-000000000000"
        for uid, left in ((other, True), (made["metadata"]["uid"], False)):
            assert await kube.delete("Service", api.namespace, "a", uid=uid, propagation="Background") is None
            assert (await kube.get("Service", api.namespace, "a") is not None) == left


async def test_a_list_in_pages_and_the_watch_after_it_miss_nothing(api: Cluster) -> None:
    async with objects(api) as kube, client(api) as connection:
        kind = KindClient(
            connection, "Service", api.namespace, list_timeout_seconds=5, random=random.Random(1)
        )
        for name in ("a", "b", "c"):
            await kube.apply(service(api, name))
        first = await kind.list_page(2)
        second = await kind.list_page(2, first.continue_token)
        assert [item["metadata"]["name"] for item in (*first.items, *second.items)] == ["a", "b", "c"]
        assert second.continue_token is None
        changes = asyncio.create_task(_changes(kind, second.resource_version, 2))
        await kube.apply(service(api, "d"))
        made = await kube.get("Service", api.namespace, "a") or {}
        await kube.delete(
            "Service", api.namespace, "a", uid=made["metadata"]["uid"], propagation="Background"
        )
        assert await changes == [("ADDED", "d"), ("DELETED", "a")]


async def _changes(kind: KindClient, version: str, count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async with asyncio.timeout(20), contextlib.aclosing(kind.watch(version, 30)) as events:
        async for event in events:
            if event.type in ("ADDED", "MODIFIED", "DELETED"):
                found.append((event.type, event.object["metadata"]["name"]))
            if len(found) == count:
                break
    return found


async def test_a_lease_is_made_once_and_replaced_by_whoever_read_it_last(api: Cluster) -> None:
    async with client(api) as connection:
        leases = LeaseApi(connection, namespace=api.namespace, timeout_seconds=5)
        assert await leases.get("leader") is None
        made = await leases.create({"metadata": {"name": "leader"}, "spec": {"holderIdentity": "x"}})
        with pytest.raises(errors.AlreadyExistsError):
            await leases.create({"metadata": {"name": "leader"}, "spec": {"holderIdentity": "y"}})
        renewed = await leases.replace({**made, "spec": {"holderIdentity": "z"}})
        with pytest.raises(errors.ConflictError):
            await leases.replace({**made, "spec": {"holderIdentity": "late"}})
        assert await leases.get("leader") == renewed


async def test_an_event_that_is_said_twice_becomes_a_series(api: Cluster) -> None:
    async with objects(api) as kube, client(api) as connection:
        made = await kube.apply(service(api))
        recorder = EventRecorder(
            connection,
            instance="gco-stream-reconciler/pod-1",
            clock=asyncio.get_running_loop().time,
            wall_clock=lambda: datetime.now(UTC),
            random=random.Random(1),
            log=structlog.get_logger(),
        )
        regarding = {
            "apiVersion": "v1", "kind": "Service", "name": "a", "namespace": api.namespace,
            "uid": made["metadata"]["uid"],
        }  # fmt: skip
        for _ in range(2):
            await recorder.record(regarding=regarding, reason="Tested", action="Test", note="twice")
        (event,) = (await api.request("GET", api.path("Event")))["items"]
        assert (event["reason"], event["note"], event["series"]["count"]) == ("Tested", "twice", 2)
