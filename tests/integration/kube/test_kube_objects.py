import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gco_stream_reconciler import errors
from gco_stream_reconciler.kube.objects import KubeObjects
from gco_stream_reconciler.settings import KubernetesSettings
from tests.doubles.scripted_api_server import (
    EXISTS,
    MISSING,
    MODIFIED,
    NO_NAMESPACE,
    TOO_MANY,
    UID_MISMATCH,
    Answer,
    ScriptedServer,
    client_of,
    nothing,
    refuses,
    says,
    scripted_server,
)

UID = "5b2b7a70-12eb-4036-8dd6-415bd06050f8"
DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
    "metadata": {"name": "b", "namespace": "rec", "uid": UID},
}
MANIFEST = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "b", "namespace": "rec"},
    "spec": {},
}
DELETED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
    "details": {"name": "b", "uid": UID},
}
UNAVAILABLE = refuses(503, "ServiceUnavailable", "apiserver is shutting down")


@asynccontextmanager
async def objects(
    *answers: Answer, write_seconds: float = 4.0, may_write: Callable[[], bool] = lambda: True
) -> AsyncIterator[tuple[KubeObjects, ScriptedServer]]:
    async with scripted_server(*answers) as server, client_of(server.url) as client:
        settings = KubernetesSettings(call_timeout_seconds=5, write_timeout_seconds=write_seconds)
        yield KubeObjects(client, settings, random=random.Random(1), may_write=may_write), server


# --- get --------------------------------------------------------------------------------------------------


async def test_an_object_is_read_by_name() -> None:
    async with objects(says(DEPLOYMENT)) as (cluster, server):
        assert await cluster.get("Deployment", "rec", "b") == DEPLOYMENT
    assert (server.asked[0].method, server.asked[0].path) == (
        "GET",
        "/apis/apps/v1/namespaces/rec/deployments/b",
    )


async def test_an_object_that_the_api_server_does_not_have_is_none() -> None:
    async with objects(MISSING) as (cluster, _):
        assert await cluster.get("Deployment", "rec", "missing") is None


@pytest.mark.parametrize(
    "answer",
    [
        says("404 page not found", 404),
        says("", 404),
        refuses(404, "NotFound", "the server could not find the resource"),
    ],
)
async def test_a_404_that_is_not_about_the_object_is_no_absence(answer: Answer) -> None:
    async with objects(answer) as (cluster, _):
        with pytest.raises(errors.UnavailableError, match="says nothing about the object"):
            await cluster.get("Deployment", "rec", "b")


# --- apply ------------------------------------------------------------------------------------------------


async def test_an_apply_is_a_forced_server_side_apply_under_our_name() -> None:
    async with objects(says(DEPLOYMENT, 201)) as (cluster, server):
        assert await cluster.apply(MANIFEST) == DEPLOYMENT
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("PATCH", "/apis/apps/v1/namespaces/rec/deployments/b")
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked.query["fieldManager"] == "gco-stream-reconciler"
    assert asked.query["force"] == "true"
    assert 0 < int(asked.query["timeout"].removesuffix("ms")) <= 4000
    assert asked.body == MANIFEST


async def test_an_apply_may_go_under_another_name_without_force() -> None:
    async with objects(says(DEPLOYMENT)) as (cluster, server):
        await cluster.apply(MANIFEST, field_manager="gco-stream-reconciler-replicas", force=False)
    assert server.asked[0].query["fieldManager"] == "gco-stream-reconciler-replicas"
    assert server.asked[0].query["force"] == "false"


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"name": "b"}},
        {"metadata": {"namespace": "rec"}},
        {"metadata": {"name": "", "namespace": "rec"}},
        {"metadata": {"name": "b/scale", "namespace": "rec"}},
        {"metadata": None},
        {"kind": "Secret"},
        {"apiVersion": "apps/v1beta1"},
    ],
)
async def test_a_manifest_that_names_no_object_of_ours_is_not_sent(change: dict[str, Any]) -> None:
    async with objects(says(DEPLOYMENT)) as (cluster, server):
        with pytest.raises(errors.InvalidObjectError):
            await cluster.apply({**MANIFEST, **change})
    assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (NO_NAMESPACE, errors.NamespaceNotFoundError),
        (MODIFIED, errors.ConflictError),
        (EXISTS, errors.AlreadyExistsError),
        (refuses(422, "Invalid", "spec.selector: field is immutable"), errors.InvalidObjectError),
        (refuses(500, "", "failed to create typed patch object (rec/b): x"), errors.InvalidObjectError),
        (refuses(403, "Forbidden", "cannot patch"), errors.PermissionDeniedError),
    ],
)
async def test_a_refusal_that_another_try_cannot_change_is_raised_at_once(
    answer: Answer, expected: type[errors.ReconcilerError]
) -> None:
    async with objects(answer) as (cluster, server):
        with pytest.raises(expected):
            await cluster.apply(MANIFEST)
    assert len(server.asked) == 1


# --- Quick retries ----------------------------------------------------------------------------------------


async def test_a_short_outage_is_bridged() -> None:
    async with objects(UNAVAILABLE, UNAVAILABLE, says(DEPLOYMENT)) as (cluster, server):
        assert await cluster.apply(MANIFEST) == DEPLOYMENT
    assert len(server.asked) == 3


async def test_a_lasting_outage_is_raised_after_few_tries() -> None:
    async with objects(UNAVAILABLE) as (cluster, server):
        with pytest.raises(errors.UnavailableError, match="shutting down"):
            await cluster.apply(MANIFEST)
    assert len(server.asked) == 4


async def test_retry_after_is_waited_for_when_it_fits() -> None:
    began = asyncio.get_running_loop().time()
    async with objects(TOO_MANY, says(DEPLOYMENT)) as (cluster, server):
        assert await cluster.get("Deployment", "rec", "b") == DEPLOYMENT
    assert asyncio.get_running_loop().time() - began >= 1
    assert len(server.asked) == 2


async def test_retry_after_that_does_not_fit_is_left_to_the_caller() -> None:
    async with objects(says("slow down", 429, **{"Retry-After": "60"})) as (cluster, server):
        with pytest.raises(errors.ThrottledError, match="slow down") as caught:
            await cluster.apply(MANIFEST)
    assert caught.value.retry_after_seconds == 60
    assert len(server.asked) == 1


async def test_the_deadline_covers_every_try() -> None:
    async with objects(UNAVAILABLE, nothing, write_seconds=0.4) as (cluster, server):
        with pytest.raises(errors.UnavailableError, match=r"no answer within 0\.[0-3]"):
            await cluster.apply(MANIFEST)
    assert len(server.asked) == 2
    assert int(server.asked[1].query["timeout"].removesuffix("ms")) < 400


# --- The lease --------------------------------------------------------------------------------------------


async def test_without_the_lease_nothing_is_written_and_reads_go_on() -> None:
    async with objects(says(DEPLOYMENT), may_write=lambda: False) as (cluster, server):
        with pytest.raises(errors.LeaseNotHeldError, match="does not hold the lease"):
            await cluster.apply(MANIFEST)
        with pytest.raises(errors.LeaseNotHeldError, match="does not hold the lease"):
            await cluster.delete("Deployment", "rec", "b", uid=UID, propagation="Background")
        assert await cluster.get("Deployment", "rec", "b") == DEPLOYMENT
    assert [asked.method for asked in server.asked] == ["GET"]


async def test_a_lease_lost_between_two_tries_stops_the_second() -> None:
    holds = True

    async def refuse_and_lose(request: Any) -> Any:
        nonlocal holds
        holds = False
        return await UNAVAILABLE(request)

    async with objects(refuse_and_lose, says(DEPLOYMENT), may_write=lambda: holds) as (cluster, server):
        with pytest.raises(errors.LeaseNotHeldError, match="does not hold the lease"):
            await cluster.apply(MANIFEST)
    assert len(server.asked) == 1


# --- delete -----------------------------------------------------------------------------------------------


async def test_a_delete_names_the_incarnation_and_the_propagation() -> None:
    async with objects(says(DELETED)) as (cluster, server):
        assert await cluster.delete("Deployment", "rec", "b", uid=UID, propagation="Background") is None
    assert (server.asked[0].method, server.asked[0].path) == (
        "DELETE",
        "/apis/apps/v1/namespaces/rec/deployments/b",
    )
    assert server.asked[0].body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": UID},
    }


async def test_a_delete_returns_the_object_that_finalizers_keep() -> None:
    metadata = {
        **DEPLOYMENT["metadata"],
        "deletionTimestamp": "2026-11-21T01:20:51Z",
        "deletionGracePeriodSeconds": 0,
        "finalizers": ["foregroundDeletion"],
    }
    async with objects(says({**DEPLOYMENT, "metadata": metadata})) as (cluster, _):
        left = await cluster.delete("Deployment", "rec", "b", uid=UID, propagation="Foreground")
    assert left is not None
    assert left["metadata"]["finalizers"] == ["foregroundDeletion"]


@pytest.mark.parametrize(
    "metadata", [{}, {"deletionTimestamp": "2026-11-21T01:20:51Z", "deletionGracePeriodSeconds": 0}]
)
async def test_the_last_state_of_an_object_that_is_gone_is_none(metadata: dict[str, Any]) -> None:
    last = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "b", "uid": UID, **metadata}}
    async with objects(says(last)) as (cluster, _):
        assert await cluster.delete("Service", "rec", "b", uid=UID, propagation="Background") is None


@pytest.mark.parametrize("answer", [MISSING, NO_NAMESPACE, UID_MISMATCH])
async def test_what_was_gone_before_or_is_another_incarnation_is_none(answer: Answer) -> None:
    async with objects(answer) as (cluster, _):
        assert await cluster.delete("Deployment", "rec", "b", uid=UID, propagation="Background") is None


async def test_any_other_conflict_of_a_delete_is_raised() -> None:
    async with objects(MODIFIED) as (cluster, _):
        with pytest.raises(errors.ConflictError):
            await cluster.delete("Deployment", "rec", "b", uid=UID, propagation="Background")


@pytest.mark.parametrize(("name", "uid"), [("b", ""), ("", UID), ("..", UID)])
async def test_a_delete_without_a_name_or_uid_is_not_sent(name: str, uid: str) -> None:
    async with objects(says(DELETED)) as (cluster, server):
        with pytest.raises(errors.InvalidObjectError):
            await cluster.delete("Deployment", "rec", name, uid=uid, propagation="Background")
    assert server.asked == []


# --- list_pods --------------------------------------------------------------------------------------------


async def test_pods_are_listed_by_label() -> None:
    pods = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "p"}}]}
    async with objects(says(pods)) as (cluster, server):
        assert await cluster.list_pods("rec", "app=a", limit=5) == [{"metadata": {"name": "p"}}]
    assert server.asked[0].path == "/api/v1/namespaces/rec/pods"
    assert server.asked[0].query == {"labelSelector": "app=a", "limit": "5"}


async def test_an_answer_without_a_list_is_no_empty_list() -> None:
    async with objects(says({"kind": "PodList", "apiVersion": "v1"})) as (cluster, _):
        with pytest.raises(errors.UnavailableError, match="no list"):
            await cluster.list_pods("rec", "app=a", 5)


async def test_a_lease_that_is_lost_between_the_check_and_the_socket_sends_nothing() -> None:
    """The process is paused there: the first check was still true."""
    answers = iter((True, False, False))
    async with objects(says(DEPLOYMENT), may_write=lambda: next(answers)) as (cluster, server):
        with pytest.raises(errors.LeaseNotHeldError, match="does not hold the lease"):
            await cluster.apply(MANIFEST)
    assert server.asked == []
