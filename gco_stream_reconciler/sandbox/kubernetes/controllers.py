"""What else lives in a cluster: the Deployments' controller with the kubelets, and the load balancer's controller."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from gco_stream_reconciler.sandbox.kubernetes.history import Event
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.objects import Key
from gco_stream_reconciler.sandbox.kubernetes.rollouts import (
    Replica,
    is_broken,
    pod_of,
    revision_of,
    status_of,
    step,
)
from gco_stream_reconciler.sandbox.kubernetes.store import Store

Object = dict[str, Any]

_MANAGER = "kube-controller-manager"
_REVISION = "deployment.kubernetes.io/revision"
_FOREGROUND = "foregroundDeletion"
INGRESS_FINALIZER = "ingress.k8s.aws/resources"
_LOAD_BALANCER = {"loadBalancer": {"ingress": [{"hostname": "sandbox.elb.amazonaws.com"}]}}


@dataclass(slots=True, eq=False)
class _Workload:
    """The replicas of one Deployment. generation: the one that `revision` belongs to. progress_at: loop time."""

    key: Key
    replicas: list[Replica] = field(default_factory=list)
    templates: dict[str, Object] = field(default_factory=dict)
    generation: int = 0
    revision: str = ""
    number: int = 0
    progress_at: float = 0.0
    deadline: asyncio.TimerHandle | None = None
    due: bool = False


class ClusterSimulation:
    """Makes replicas ready after a delay, never for an image whose tag contains `broken`; holds Ingresses in deletion.

    Invariant: a Deployment's Pods in the store are the replicas here.
    """

    def __init__(
        self, store: Store, *, ready_delay_seconds: float, ingress_delete_seconds: float, pods: bool = True
    ) -> None:
        self._store = store
        self._ready_delay = ready_delay_seconds
        self._ingress_delay = ingress_delete_seconds
        self._pods = pods
        self._workloads: dict[str, _Workload] = {}
        self._failing: set[tuple[str, str]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._store.listen(self._heard)
        for kind in ("Deployment", "Ingress"):
            for obj in self._store.of_kind(BY_NAME[kind], None):
                self._heard(Event("ADDED", 0, obj, None))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    # --- What a test does -------------------------------------------------------------------------------------

    def fail(self, namespace: str, deployment: str) -> None:
        """Let the Pods of a Deployment crash: none is ready until `heal`."""
        self._failing.add((namespace, deployment))
        for workload in self._of(namespace, deployment):
            for replica in workload.replicas:
                self._turn(workload, replica, ready=False)

    def heal(self, namespace: str, deployment: str) -> None:
        """Let them become ready again, after the usual delay."""
        self._failing.discard((namespace, deployment))
        for workload in self._of(namespace, deployment):
            for replica in workload.replicas:
                self._later(self._ready_delay, self._become_ready, workload, replica)

    def _of(self, namespace: str, name: str) -> list[_Workload]:
        key = ("Deployment", namespace, name)
        return [workload for workload in self._workloads.values() if workload.key == key]

    # --- Events -----------------------------------------------------------------------------------------------

    def _later(self, seconds: float, action: Callable[..., None], *args: Any) -> asyncio.TimerHandle | None:
        if self._loop is None:
            return None

        def act() -> None:
            self._timers.discard(timer)
            action(*args)

        timer = self._loop.call_later(seconds, act)
        self._timers.add(timer)
        return timer

    def _heard(self, event: Event) -> None:
        if self._loop is None:
            return
        kind = event.obj["kind"]
        if kind == "Deployment":
            self._deployment(event)
        elif kind == "Ingress":
            self._ingress(event)
        elif kind == "Pod" and event.type == "DELETED":
            self._pod_gone(event.obj)

    def _deployment(self, event: Event) -> None:
        meta = event.obj["metadata"]
        if event.type == "DELETED":
            workload = self._workloads.pop(meta["uid"], None)
            if workload is not None:
                self._later(0, self._end, workload, list(workload.replicas))
            return
        key = ("Deployment", meta["namespace"], meta["name"])
        workload = self._workloads.setdefault(meta["uid"], _Workload(key))
        if workload.generation != meta["generation"] and not workload.due:
            self._due(workload)

    def _due(self, workload: _Workload) -> None:
        """Look at a Deployment soon; not within the write that it comes from."""
        if not workload.due:
            workload.due = True
            self._later(0, self._sync, workload)

    # --- Deployments ------------------------------------------------------------------------------------------

    def _live(self, workload: _Workload) -> Object | None:
        found = self._store.objects.get(workload.key)
        current = None if found is None else self._workloads.get(found["metadata"]["uid"])
        return found if current is workload else None

    def _sync(self, workload: _Workload) -> None:
        workload.due = False
        live = self._live(workload)
        if live is None:
            return
        if "deletionTimestamp" in live["metadata"]:
            self._later(self._ready_delay / 4, self._finish_deletion, workload)
            workload.generation = live["metadata"]["generation"]
            return
        self._adopt_spec(workload, live)
        make, end = step(workload.replicas, live["spec"], workload.revision)
        self._end(workload, end)
        for _ in range(make):
            self._make(workload, live)
        if make or end:
            self._progressed(workload, live)
        self._report(workload)
        if end and not make:
            self._due(workload)

    def _adopt_spec(self, workload: _Workload, live: Object) -> None:
        generation, template = live["metadata"]["generation"], live["spec"]["template"]
        if generation == workload.generation:
            return
        workload.generation = generation
        revision = revision_of(template)
        if revision != workload.revision:
            workload.revision, workload.number = revision, workload.number + 1
            self._progressed(workload, live)
        workload.templates[revision] = template

    def _make(self, workload: _Workload, live: Object) -> None:
        template = workload.templates[workload.revision]
        name = f"{live['metadata']['name']}-{workload.revision}-{uuid.uuid4().hex[:5]}"
        replica = Replica(name, workload.revision, is_broken(template))
        workload.replicas.append(replica)
        self._show(workload, replica, live)
        self._later(self._ready_delay, self._become_ready, workload, replica)

    def _end(self, workload: _Workload, replicas: list[Replica]) -> None:
        for replica in replicas:
            workload.replicas.remove(replica)
            pod = self._store.objects.get(("Pod", workload.key[1], replica.name))
            if pod is not None:
                self._store.delete(BY_NAME["Pod"], workload.key[1], replica.name)

    def _become_ready(self, workload: _Workload, replica: Replica) -> None:
        if replica in workload.replicas and workload.key[1:] not in self._failing and not replica.broken:
            self._turn(workload, replica, ready=True)

    def _turn(self, workload: _Workload, replica: Replica, *, ready: bool) -> None:
        live = self._live(workload)
        if live is None:
            return
        replica.ready = ready
        self._show(workload, replica, live)
        self._progressed(workload, live)
        self._due(workload)

    def _show(self, workload: _Workload, replica: Replica, live: Object) -> None:
        """Put a replica's Pod as the kubelet sees it."""
        if not self._pods:
            return
        old = self._store.objects.get(("Pod", workload.key[1], replica.name))
        template = workload.templates[replica.revision]
        failing = workload.key[1:] in self._failing
        pod = pod_of(live, replica, template, failing=failing, now=self._store.stamp())
        if old is not None:
            pod["metadata"] = old["metadata"]
        self._store.commit(old, pod)

    def _pod_gone(self, pod: Object) -> None:
        for owner in pod["metadata"].get("ownerReferences", ()):
            workload = self._workloads.get(owner["uid"])
            for replica in list(workload.replicas) if workload else ():
                if workload and replica.name == pod["metadata"]["name"]:
                    workload.replicas.remove(replica)
                    self._due(workload)

    def _progressed(self, workload: _Workload, live: Object) -> None:
        """Start the deadline of the rollout again."""
        if self._loop is None:
            return
        workload.progress_at = self._loop.time()
        if workload.deadline is not None:
            workload.deadline.cancel()
            self._timers.discard(workload.deadline)
        seconds = live["spec"].get("progressDeadlineSeconds", 600)
        workload.deadline = self._later(seconds, self._report, workload)

    def _report(self, workload: _Workload) -> None:
        live = self._live(workload)
        if live is None or self._loop is None or "deletionTimestamp" in live["metadata"]:
            return
        seconds = live["spec"].get("progressDeadlineSeconds", 600)
        overdue = self._loop.time() - workload.progress_at >= seconds
        now = self._store.stamp()
        status = status_of(live, workload.replicas, workload.revision, now=now, overdue=overdue)
        self._store.write_status(
            live, status, manager=_MANAGER, annotations={_REVISION: str(workload.number)}
        )

    def _finish_deletion(self, workload: _Workload) -> None:
        live = self._live(workload)
        if live is None:
            return
        self._end(workload, list(workload.replicas))
        kept = [name for name in live["metadata"].get("finalizers", ()) if name != _FOREGROUND]
        self._store.set_finalizers(live, kept)

    # --- Ingresses --------------------------------------------------------------------------------------------

    def _ingress(self, event: Event) -> None:
        if event.type == "DELETED":
            return
        meta = event.obj["metadata"]
        finalizers = meta.get("finalizers", [])
        if "deletionTimestamp" not in meta:
            if INGRESS_FINALIZER not in finalizers:
                self._later(0, self._register, event.obj)
        elif INGRESS_FINALIZER in finalizers and not _was_doomed(event):
            self._later(self._ingress_delay, self._deregister, event.obj)

    def _same(self, obj: Object) -> Object | None:
        meta = obj["metadata"]
        found = self._store.objects.get(("Ingress", meta["namespace"], meta["name"]))
        return found if found is not None and found["metadata"]["uid"] == meta["uid"] else None

    def _register(self, obj: Object) -> None:
        live = self._same(obj)
        if live is None or "deletionTimestamp" in live["metadata"]:
            return
        self._store.set_finalizers(live, [*live["metadata"].get("finalizers", ()), INGRESS_FINALIZER])
        live = self._same(obj)
        if live is not None:
            self._store.write_status(live, _LOAD_BALANCER, manager="controller")

    def _deregister(self, obj: Object) -> None:
        live = self._same(obj)
        if live is not None:
            kept = [name for name in live["metadata"].get("finalizers", ()) if name != INGRESS_FINALIZER]
            self._store.set_finalizers(live, kept)


def _was_doomed(event: Event) -> bool:
    return event.old is not None and "deletionTimestamp" in event.old["metadata"]
