"""Plans carried out on a cluster in memory: order, what is sent, what becomes of failures."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest

from gco_stream_reconciler.controller.executor import AlteredByOthersError, Executor
from gco_stream_reconciler.controller.reconciler import Reconciler
from gco_stream_reconciler.controller.workers import Worker
from gco_stream_reconciler.errors import (
    ConflictError,
    InvalidObjectError,
    PermissionDeniedError,
    ReconcilerError,
    TerminalError,
    UnavailableError,
)
from gco_stream_reconciler.planning.actions import (
    AbsorbManagers,
    Action,
    Annotate,
    Apply,
    Delete,
    ObjectRef,
    Plan,
    SetReplicas,
)
from gco_stream_reconciler.workqueue.queue import WorkQueue
from tests.doubles.controller import (
    MemoryCache,
    MemoryCluster,
    NullListener,
    RecordingObserver,
    now,
    recording_log,
)
from tests.doubles.workqueue import NullQueueObserver

pytestmark = pytest.mark.looptime

NAMESPACE = "gco-inference"
DEPLOYMENT = ObjectRef("Deployment", NAMESPACE, "llama")
SERVICE = ObjectRef("Service", NAMESPACE, "llama")
CANARY = ObjectRef("Deployment", NAMESPACE, "llama-canary")
INGRESS = ObjectRef("Ingress", NAMESPACE, "inference-llama")
SPECS: dict[str, dict[str, Any]] = {
    "Deployment": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {"name": "inference", "image": "vllm:v1", "env": [{"name": "TOKEN", "value": "hunter2"}]}
                ]
            }
        },
    },
    "Service": {"ports": [{"port": 80, "protocol": "TCP"}]},
    "Ingress": {"ingressClassName": "alb"},
}


@dataclass
class Setting:
    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    cache: MemoryCache = field(default_factory=MemoryCache)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    events: list[MutableMapping[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.executor = Executor(
            cluster=self.cluster,
            cache=self.cache,
            observer=self.observer,
            log=recording_log(self.events),
            journal=NullListener(),
        )

    async def execute(
        self, *stages: tuple[Action, ...], beside: frozenset[ObjectRef] = frozenset()
    ) -> ReconcilerError | None:
        return await self.executor.execute("llama", Plan(stages=stages, beside=beside))

    def add(self, ref: ObjectRef, uid: str = "uid-0") -> None:
        self.cluster.objects[ref.kind, ref.namespace, ref.name] = {
            "apiVersion": "apps/v1",
            "kind": ref.kind,
            "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": uid},
            "spec": {},
        }


@pytest.fixture
def it() -> Setting:
    return Setting()


def apply(ref: ObjectRef, *reasons: str) -> Apply:
    manifest = {
        "apiVersion": "v1",
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": SPECS[ref.kind],
    }
    return Apply(ref, manifest, reasons or ("absent",))


def another_image(live: dict[str, Any]) -> None:
    """An admission webhook."""
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "mirror.example/vllm:v1"


# --- Order --------------------------------------------------------------------------------------------------------


async def test_the_actions_of_a_stage_run_side_by_side(it: Setting) -> None:
    it.cluster.seconds = {"Deployment": 5, "Service": 5}
    began = now()
    await it.execute((apply(DEPLOYMENT), apply(SERVICE)))
    assert now() - began == pytest.approx(5, abs=0.1)


async def test_a_stage_begins_when_the_one_before_has_ended(it: Setting) -> None:
    it.cluster.seconds = {"Deployment": 5, "Service": 1}
    await it.execute((apply(DEPLOYMENT), apply(SERVICE)), (apply(INGRESS),))
    last_end = max(when for when, _, kind in it.cluster.ended if kind != "Ingress")
    assert next(when for when, _, kind in it.cluster.began if kind == "Ingress") >= last_end == 5


async def test_a_failed_stage_is_carried_through_and_the_next_does_not_begin(it: Setting) -> None:
    it.cluster.seconds = {"Deployment": 1, "Service": 5}
    it.cluster.faults = {"Deployment": [UnavailableError("away")]}
    with pytest.raises(UnavailableError, match="away"):
        await it.execute((apply(DEPLOYMENT), apply(SERVICE)), (apply(INGRESS),))
    assert [applied["manifest"]["kind"] for applied in it.cluster.applies] == ["Service"]
    assert [kind for _, _, kind in it.cluster.began] == ["Deployment", "Service"]


async def test_what_fails_beside_the_others_stops_only_what_comes_later_for_the_same_object(
    it: Setting,
) -> None:
    it.cluster.faults = {"Deployment": [UnavailableError("away"), InvalidObjectError("no")]}
    failed = await it.execute(
        (apply(CANARY), apply(SERVICE)), (apply(CANARY), apply(INGRESS)), beside=frozenset({CANARY})
    )
    assert str(failed) == "away"
    assert [applied["manifest"]["kind"] for applied in it.cluster.applies] == ["Service", "Ingress"]
    assert [kind for _, _, kind in it.cluster.began].count("Deployment") == 1


async def test_what_stops_a_plan_is_told_before_what_failed_beside_it(it: Setting) -> None:
    it.cluster.faults = {"Deployment": [InvalidObjectError("no")], "Service": [UnavailableError("away")]}
    with pytest.raises(UnavailableError):
        await it.execute((apply(CANARY),), (apply(SERVICE),), (apply(INGRESS),), beside=frozenset({CANARY}))
    assert it.cluster.applies == []


async def test_of_two_failures_at_one_object_the_terminal_one_is_told(it: Setting) -> None:
    it.cluster.faults = {"Deployment": [UnavailableError("away"), InvalidObjectError("no")]}
    with pytest.raises(InvalidObjectError):
        await it.execute((apply(CANARY), apply(CANARY)), (apply(INGRESS),))


@pytest.mark.parametrize("slow", ["Deployment", "Service"])
async def test_what_needs_new_input_is_told_before_what_may_pass(it: Setting, slow: str) -> None:
    it.cluster.seconds = {slow: 5}
    it.cluster.faults = {
        "Deployment": [UnavailableError("away")],
        "Service": [InvalidObjectError("spec.ports is refused")],
    }
    with pytest.raises(InvalidObjectError):
        await it.execute((apply(DEPLOYMENT), apply(SERVICE)))


async def test_an_empty_plan_does_nothing(it: Setting) -> None:
    await it.execute()
    assert (it.cluster.began, it.cache.written, it.observer.seen) == ([], [], [])


async def test_a_cancelled_plan_is_cancelled(it: Setting) -> None:
    it.cluster.seconds = {"Deployment": 100}
    task = asyncio.create_task(it.execute((apply(DEPLOYMENT), apply(SERVICE)), (apply(INGRESS),)))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "Ingress" not in {kind for _, _, kind in it.cluster.began}


async def test_a_bug_is_not_taken_for_a_success(it: Setting) -> None:
    def webhook(_: dict[str, Any]) -> None:
        raise ZeroDivisionError

    it.cluster.webhook = webhook
    with pytest.raises(ExceptionGroup) as caught:
        await it.execute((apply(DEPLOYMENT),), (apply(INGRESS),))
    assert caught.group_contains(ZeroDivisionError)
    assert "Ingress" not in {kind for _, _, kind in it.cluster.began}


# --- What is sent -------------------------------------------------------------------------------------------------


async def test_an_apply_is_forced_in_our_name_and_its_answer_goes_into_the_cache(it: Setting) -> None:
    await it.execute((apply(DEPLOYMENT),))
    (sent,) = it.cluster.applies
    assert (sent["field_manager"], sent["force"]) == ("gco-stream-reconciler", True)
    assert it.cache.written == [it.cluster.objects["Deployment", NAMESPACE, "llama"]]


@pytest.mark.parametrize(
    ("reasons", "measured"),
    [
        (("absent",), "absent"),
        (("wanted state changed", "spec.replicas"), "wanted state changed"),
        (("spec.template.spec.containers[inference].env[TOKEN].value",), "drift"),
    ],
)
async def test_an_apply_is_measured_by_one_of_three_reasons_and_logged_with_its_own(
    it: Setting, reasons: tuple[str, ...], measured: str
) -> None:
    await it.execute((apply(DEPLOYMENT, *reasons),))
    assert it.observer.seen == [("applied", "Deployment", measured)]
    (event,) = it.events
    assert (event["endpoint"], event["object"]) == ("llama", "Deployment gco-inference/llama")
    assert event["reasons"] == list(reasons)
    assert "hunter2" not in str(it.events)


@pytest.mark.parametrize("force", [True, False])
async def test_replicas_are_set_alone_for_one_incarnation_in_a_name_of_their_own(
    it: Setting, force: bool
) -> None:
    it.add(DEPLOYMENT)
    await it.execute((SetReplicas(DEPLOYMENT, "uid-0", 0, force, "stopped"),))
    (sent,) = it.cluster.applies
    assert sent["manifest"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": NAMESPACE, "uid": "uid-0"},
        "spec": {"replicas": 0},
    }
    assert sent["field_manager"] != "gco-stream-reconciler"
    assert sent["force"] is force
    assert it.cache.written[0]["spec"]["replicas"] == 0


async def test_a_deletion_names_the_incarnation_and_leaves_the_cache_when_it_is_gone(it: Setting) -> None:
    it.add(SERVICE)
    await it.execute((Delete(SERVICE, "uid-0", "Background", "deleted"),))
    assert it.cluster.deletions == [
        {"kind": "Service", "name": "llama", "uid": "uid-0", "propagation": "Background"}
    ]
    assert it.cache.forgotten == [("Service", NAMESPACE, "llama", "uid-0")]
    assert it.observer.seen == [("deleted", "Service")]


async def test_an_object_that_finalizers_hold_stays_in_the_cache_as_being_deleted(it: Setting) -> None:
    it.add(DEPLOYMENT)
    it.cluster.holds = {"Deployment"}
    await it.execute((Delete(DEPLOYMENT, "uid-0", "Foreground", "deleted"),))
    assert it.cache.forgotten == []
    assert "deletionTimestamp" in it.cache.written[0]["metadata"]


async def test_another_incarnation_is_not_deleted(it: Setting) -> None:
    it.add(SERVICE, uid="uid-1")
    with pytest.raises(ReconcilerError):
        await it.execute((Delete(SERVICE, "uid-0", "Background", "deleted"),), (apply(INGRESS),))
    assert ("Service", NAMESPACE, "llama") in it.cluster.objects
    assert (it.cache.forgotten, it.observer.seen) == ([], [])


async def test_what_is_remembered_is_applied_alone_for_one_incarnation_in_a_name_of_its_own(
    it: Setting,
) -> None:
    it.add(SERVICE)
    await it.execute((Annotate(SERVICE, "uid-0", {"gco.io/since": "1"}, "no ready Pod"),))
    (sent,) = it.cluster.applies
    assert sent["manifest"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "llama",
            "namespace": NAMESPACE,
            "uid": "uid-0",
            "annotations": {"gco.io/since": "1"},
        },
    }
    assert sent["field_manager"] not in ("gco-stream-reconciler", "gco-stream-reconciler-replicas")
    assert it.cache.written[0]["metadata"]["annotations"] == {"gco.io/since": "1"}


PREDECESSORS = {
    "manager": "OpenAPI-Generator",
    "operation": "Update",
    "apiVersion": "apps/v1",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}


async def test_the_predecessors_fields_become_ours_and_others_stay_theirs(it: Setting) -> None:
    others = {**PREDECESSORS, "manager": "kubectl-edit"}
    it.add(DEPLOYMENT)
    live = it.cluster.objects["Deployment", NAMESPACE, "llama"]
    live["metadata"]["managedFields"] = [PREDECESSORS, others]
    await it.execute((AbsorbManagers(DEPLOYMENT, "uid-0"),))
    managers = [(entry["manager"], entry["operation"]) for entry in live["metadata"]["managedFields"]]
    assert managers == [("gco-stream-reconciler", "Apply"), ("kubectl-edit", "Update")]
    assert live["metadata"]["managedFields"][0]["fieldsV1"] == PREDECESSORS["fieldsV1"]
    assert it.cache.written == [live]


async def test_nothing_is_absorbed_twice_and_nothing_of_another_incarnation(it: Setting) -> None:
    it.add(DEPLOYMENT)
    await it.execute((AbsorbManagers(DEPLOYMENT, "uid-0"),))
    assert "replace" not in {operation for _, operation, _ in it.cluster.began}
    for missing in (AbsorbManagers(DEPLOYMENT, "uid-9"), AbsorbManagers(SERVICE, "uid-0")):
        with pytest.raises(ConflictError):
            await it.execute((missing,))
    assert it.cache.written == []


# --- Two endpoints want one name ----------------------------------------------------------------------------------


async def test_of_two_endpoints_that_make_one_object_at_once_only_the_first_does(it: Setting) -> None:
    it.cluster.seconds = {"Deployment": 5}
    first = asyncio.create_task(it.executor.execute("llama-canary", Plan(stages=((apply(CANARY),),))))
    await asyncio.sleep(1)
    with pytest.raises(ConflictError, match="is made for endpoint 'llama-canary' at this moment"):
        await it.execute((apply(CANARY),))
    await first
    assert len(it.cluster.applies) == 1


async def test_what_another_endpoint_has_made_since_the_plan_is_not_made_over_it(it: Setting) -> None:
    theirs = {"name": CANARY.name, "namespace": NAMESPACE, "labels": {"gco.io/endpoint": "llama-canary"}}
    it.cache.objects["llama-canary"] = [{"kind": CANARY.kind, "metadata": theirs}]
    with pytest.raises(ConflictError, match="is made for endpoint 'llama-canary'"):
        await it.execute((apply(CANARY),))
    assert it.cluster.applies == []


async def test_a_name_is_free_again_when_it_could_not_be_made(it: Setting) -> None:
    it.cluster.faults = {"Deployment": [UnavailableError("away")]}
    with pytest.raises(UnavailableError):
        await it.executor.execute("llama-canary", Plan(stages=((apply(CANARY),),)))
    await it.execute((apply(CANARY),))
    assert len(it.cluster.applies) == 1


# --- Somebody rewrites what is applied ----------------------------------------------------------------------------


async def test_an_answer_that_differs_from_what_was_applied_is_told_with_the_path_and_never_the_value(
    it: Setting,
) -> None:
    def webhook(live: dict[str, Any]) -> None:
        container = live["spec"]["template"]["spec"]["containers"][0]
        container["env"][0]["value"] = "correct horse"

    it.cluster.webhook = webhook
    with pytest.raises(AlteredByOthersError) as caught:
        await it.execute((apply(DEPLOYMENT),), (apply(INGRESS),))
    message = str(caught.value)
    assert "Deployment gco-inference/llama" in message
    assert "spec.template.spec.containers[inference].env[TOKEN].value" in message
    assert "admission webhook" in message
    assert "hunter2" not in message
    assert "correct horse" not in message
    assert isinstance(caught.value, TerminalError)


async def test_what_the_api_server_really_has_is_in_the_cache_though_somebody_rewrote_it(it: Setting) -> None:
    it.cluster.webhook = another_image
    with pytest.raises(AlteredByOthersError):
        await it.execute((apply(DEPLOYMENT),))
    (cached,) = it.cache.written
    assert cached["spec"]["template"]["spec"]["containers"][0]["image"] == "mirror.example/vllm:v1"


async def test_what_others_add_is_no_alteration(it: Setting) -> None:
    def webhook(live: dict[str, Any]) -> None:
        live["spec"]["template"]["spec"]["containers"].append({"name": "sidecar"})
        live["metadata"]["annotations"] = {"injected": "true"}

    it.cluster.webhook = webhook
    await it.execute((apply(DEPLOYMENT),))


@asynccontextmanager
async def working(it: Setting, plan: Plan) -> AsyncIterator[WorkQueue]:
    """A worker that carries the same plan out at every look, as the next look would decide it."""

    class Repeating:
        async def reconcile(self, key: str) -> float | None:
            await it.executor.execute(key, plan)
            return None

    queue = WorkQueue(name="endpoints", clock=now, random=Random(7), observer=NullQueueObserver())
    worker = Worker(
        queue=queue,
        reconciler=cast("Reconciler", Repeating()),
        observer=it.observer,
        clock=now,
        log=recording_log(it.events),
        journal=NullListener(),
        trouble=NullListener(),
    )
    # What is written through queues the key when it is news to the cache; a rewritten object is news every time.
    task = asyncio.create_task(worker.run())
    try:
        yield queue
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_object_that_is_rewritten_every_time_is_applied_slowly_and_not_in_a_circle(
    it: Setting,
) -> None:
    it.cluster.webhook = another_image
    async with working(it, Plan(stages=((apply(DEPLOYMENT),),))) as queue:
        queue.add("llama")
        await asyncio.sleep(3600)
    assert 10 <= len(it.cluster.applies) <= 30
    assert {result for result, _ in it.observer.of("reconciled")} == {"terminal"}


async def test_when_the_rewriting_ends_the_endpoint_is_well_again(it: Setting) -> None:
    it.cluster.webhook = another_image
    async with working(it, Plan(stages=((apply(DEPLOYMENT),),))) as queue:
        queue.add("llama")
        await asyncio.sleep(10)
        it.cluster.webhook = lambda _: None
        await asyncio.sleep(300)
        assert [result for result, _ in it.observer.of("reconciled")] == ["terminal", "success"]
        assert queue.snapshot().failures == {}


async def test_a_refused_permission_leaves_the_rest_of_the_stage_done(it: Setting) -> None:
    it.cluster.faults = {"Deployment": [PermissionDeniedError("allow patch on deployments")]}
    with pytest.raises(PermissionDeniedError):
        await it.execute((apply(DEPLOYMENT), apply(SERVICE)))
    assert it.observer.of("applied") == [["Service", "absent"]]
