"""What else lives in a cluster: a Deployment's controller with its kubelet, and the load balancer's controller."""

import asyncio
import copy
from typing import Any, Self

from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError
from gco_stream_reconciler.sandbox.kubernetes.store import Event, Store

Object = dict[str, Any]

_MANAGER = "kube-controller-manager"
INGRESS_FINALIZER = "ingress.k8s.aws/resources"


class ClusterSimulation:
    """Makes replicas ready after a delay, never for an image whose tag contains `broken`; holds Ingresses in deletion.

    Invariant: `_pods` holds, for each Deployment's UID, how many Pods of which template are ready.
    """

    def __init__(self, store: Store, *, ready_delay_seconds: float, ingress_delete_seconds: float) -> None:
        self._store = store
        self._ready_delay = ready_delay_seconds
        self._ingress_delay = ingress_delete_seconds
        self._settled: dict[str, tuple[str, int]] = {}
        self._rolling: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for name, react in (("Deployment", self._deployment), ("Ingress", self._ingress)):
            self._start(self._follow(name, react), name=f"sandbox {name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, coroutine: Any, *, name: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _follow(self, kind: str, react: Any) -> None:
        past, watcher = self._store.watch(BY_NAME[kind], 0)
        for event in past:
            react(event)
        while True:
            react(await watcher.events.get())

    # --- Deployments ------------------------------------------------------------------------------------------

    def _deployment(self, event: Event) -> None:
        obj, uid = event.obj, event.obj["metadata"]["uid"]
        if event.type == "DELETED":
            self._settled.pop(uid, None)
            return
        if "deletionTimestamp" in obj["metadata"]:
            self._start(self._finish_deletion(obj), name=f"sandbox delete {uid}")
            return
        status = obj.get("status") or {}
        if status.get("observedGeneration") == obj["metadata"]["generation"] and uid not in self._rolling:
            return
        if event.old is not None and event.old["metadata"]["generation"] == obj["metadata"]["generation"]:
            return
        running = self._rolling.pop(uid, None)
        if running is not None:
            running.cancel()
        self._rolling[uid] = self._start(self._roll_out(obj), name=f"sandbox roll out {uid}")

    async def _roll_out(self, obj: Object) -> None:
        """Old Pods stay ready until new ones are; a broken image never gets there."""
        uid, spec = obj["metadata"]["uid"], obj["spec"]
        wanted, template = spec["replicas"], str(spec["template"])
        old_template, old_ready = self._settled.get(uid, (template, 0))
        same = old_template == template
        kept = min(old_ready, wanted) if same else old_ready
        surge = wanted if same else kept + min(1, wanted)
        self._report(obj, ready=kept, updated=wanted if same else min(1, wanted), total=surge)
        if kept != wanted or not same:
            await asyncio.sleep(self._ready_delay)
            if _is_broken(spec) and wanted:
                return
        self._settled[uid] = (template, wanted)
        self._rolling.pop(uid, None)
        self._report(obj, ready=wanted, updated=wanted, total=wanted)

    def _report(self, obj: Object, *, ready: int, updated: int, total: int) -> None:
        meta = obj["metadata"]
        kind = BY_NAME["Deployment"]
        try:
            live = self._store.get(kind, meta["namespace"], meta["name"])
        except RefusedError:
            return
        if live["metadata"]["uid"] != meta["uid"]:
            return
        new = copy.deepcopy(live)
        new["metadata"].pop("resourceVersion")
        status: Object = {"observedGeneration": live["metadata"]["generation"], "replicas": total}
        status.update({"updatedReplicas": updated} if updated else {})
        status.update({"readyReplicas": ready, "availableReplicas": ready} if ready else {})
        new["status"] = status
        self._store.replace(
            kind, meta["namespace"], meta["name"], new, manager=_MANAGER, subresource="status"
        )

    async def _finish_deletion(self, obj: Object) -> None:
        await asyncio.sleep(self._ready_delay / 4)
        kept = [name for name in obj["metadata"].get("finalizers", ()) if name != "foregroundDeletion"]
        self._store.set_finalizers(obj, kept)

    # --- Ingresses --------------------------------------------------------------------------------------------

    def _ingress(self, event: Event) -> None:
        meta = event.obj["metadata"]
        if event.type == "DELETED":
            return
        finalizers = meta.get("finalizers", [])
        if "deletionTimestamp" in meta:
            if INGRESS_FINALIZER in finalizers:
                self._start(self._deregister(event.obj), name=f"sandbox deregister {meta['name']}")
        elif INGRESS_FINALIZER not in finalizers:
            self._store.set_finalizers(event.obj, [*finalizers, INGRESS_FINALIZER])

    async def _deregister(self, obj: Object) -> None:
        await asyncio.sleep(self._ingress_delay)
        kept = [name for name in obj["metadata"]["finalizers"] if name != INGRESS_FINALIZER]
        self._store.set_finalizers(obj, kept)


def _is_broken(spec: Object) -> bool:
    return any(
        "broken" in str(container.get("image", "")).rpartition(":")[2]
        for container in spec["template"]["spec"].get("containers", ())
    )
