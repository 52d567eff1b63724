"""The Deployments' controller with the kubelets: replicas come, become ready, and go."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gco_stream_reconciler.sandbox.kubernetes.answers import Answers, answers_of
from gco_stream_reconciler.sandbox.kubernetes.history import Event
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.objects import Key
from gco_stream_reconciler.sandbox.kubernetes.rollouts import (
    Replica,
    is_broken,
    labels_of,
    pod_of,
    revision_of,
    status_of,
    step,
)
from gco_stream_reconciler.sandbox.kubernetes.store import Store
from gco_stream_reconciler.sandbox.kubernetes.timers import Timers

Object = dict[str, Any]
Turned = Callable[[str, str, Mapping[str, str], Answers, bool], None]
"""Told of a Pod that became ready or ceased to be: namespace, name, labels, what it answers, ready."""

_MANAGER = "kube-controller-manager"
_REVISION = "deployment.kubernetes.io/revision"
_FOREGROUND = "foregroundDeletion"
_MOST_REPLICAS = 1000  # The rest of a Deployment never comes, as in a cluster that is full.


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


class Deployments:
    """Makes replicas ready after a delay, never for an image whose tag contains `broken`.

    Invariant: a Deployment's Pods in the store are the replicas here, unless `pods` is False: then there are none.
    """

    def __init__(
        self, store: Store, timers: Timers, *, ready_delay_seconds: float, pods: bool, turned: Turned
    ) -> None:
        self._store = store
        self._timers = timers
        self._ready_delay = ready_delay_seconds
        self._pods = pods
        self._turned = turned
        self._workloads: dict[str, _Workload] = {}
        self._failing: set[tuple[str, str]] = set()

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
                self._timers.later(self._ready_delay, self._become_ready, workload, replica)

    def _of(self, namespace: str, name: str) -> list[_Workload]:
        key = ("Deployment", namespace, name)
        return [workload for workload in self._workloads.values() if workload.key == key]

    # --- Events -----------------------------------------------------------------------------------------------

    def heard(self, event: Event) -> None:
        """Something changed in the store."""
        if event.obj["kind"] == "Deployment":
            self._deployment(event)
        elif event.obj["kind"] == "Pod" and event.type == "DELETED":
            self._pod_gone(event.obj)

    def _deployment(self, event: Event) -> None:
        meta = event.obj["metadata"]
        if event.type == "DELETED":
            workload = self._workloads.pop(meta["uid"], None)
            if workload is not None:
                self._timers.cancel(workload.deadline)
                self._timers.later(0, self._end, workload, list(workload.replicas))
            return
        key = ("Deployment", meta["namespace"], meta["name"])
        workload = self._workloads.setdefault(meta["uid"], _Workload(key))
        if workload.generation != meta["generation"]:
            self._due(workload)

    def _due(self, workload: _Workload) -> None:
        """Look at a Deployment soon; not within the write that it comes from."""
        if not workload.due:
            workload.due = True
            self._timers.later(0, self._sync, workload)

    def _pod_gone(self, pod: Object) -> None:
        for owner in pod["metadata"].get("ownerReferences", ()):
            workload = self._workloads.get(owner["uid"])
            for replica in list(workload.replicas) if workload else ():
                if workload and replica.name == pod["metadata"]["name"]:
                    self._drop(workload, replica)
                    self._due(workload)

    # --- Steps ------------------------------------------------------------------------------------------------

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
            self._timers.later(self._ready_delay / 4, self._finish_deletion, workload)
            workload.generation = live["metadata"]["generation"]
            return
        self._adopt_spec(workload, live)
        make, end = step(workload.replicas, live["spec"], workload.revision)
        self._end(workload, end)
        make = min(make, max(0, _MOST_REPLICAS - len(workload.replicas)))
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
        self._timers.later(self._ready_delay, self._become_ready, workload, replica)

    def _end(self, workload: _Workload, replicas: list[Replica]) -> None:
        for replica in replicas:
            self._drop(workload, replica)
            pod = self._store.objects.get(("Pod", workload.key[1], replica.name))
            if pod is not None:
                self._store.delete(BY_NAME["Pod"], workload.key[1], replica.name)

    def _drop(self, workload: _Workload, replica: Replica) -> None:
        if replica in workload.replicas:
            workload.replicas.remove(replica)
            self._tell(workload, replica, ready=False)

    def _become_ready(self, workload: _Workload, replica: Replica) -> None:
        if replica in workload.replicas and workload.key[1:] not in self._failing and not replica.broken:
            self._turn(workload, replica, ready=True)

    def _turn(self, workload: _Workload, replica: Replica, *, ready: bool) -> None:
        live = self._live(workload)
        if live is None:
            return
        replica.ready = ready
        self._show(workload, replica, live)
        self._tell(workload, replica, ready=ready)
        self._progressed(workload, live)
        self._due(workload)

    def _tell(self, workload: _Workload, replica: Replica, *, ready: bool) -> None:
        template = workload.templates[replica.revision]
        labels = labels_of(template, replica)
        self._turned(workload.key[1], replica.name, labels, answers_of(template), ready)

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

    def _progressed(self, workload: _Workload, live: Object) -> None:
        """Start the deadline of the rollout again."""
        workload.progress_at = self._timers.now()
        self._timers.cancel(workload.deadline)
        seconds = live["spec"].get("progressDeadlineSeconds", 600)
        workload.deadline = self._timers.later(seconds, self._report, workload)

    def _report(self, workload: _Workload) -> None:
        live = self._live(workload)
        if live is None or not self._timers.running or "deletionTimestamp" in live["metadata"]:
            return
        seconds = live["spec"].get("progressDeadlineSeconds", 600)
        overdue = self._timers.now() - workload.progress_at >= seconds
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
