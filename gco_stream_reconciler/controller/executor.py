"""Carries a plan's actions out, stage by stage."""

import asyncio
from contextlib import nullcontext
from typing import Any

from structlog.typing import FilteringBoundLogger

from gco_stream_reconciler.controller.describing import is_drift
from gco_stream_reconciler.controller.making import Making
from gco_stream_reconciler.controller.ports import Cluster, ClusterCache, ControllerObserver, Journal
from gco_stream_reconciler.errors import ConflictError, ReconcilerError, TerminalError
from gco_stream_reconciler.manifests.names import API_VERSIONS
from gco_stream_reconciler.planning.actions import (
    ABSENT,
    AbsorbManagers,
    Action,
    Annotate,
    Apply,
    Delete,
    ObjectRef,
    Plan,
    SetReplicas,
)
from gco_stream_reconciler.planning.adoption import absorbed
from gco_stream_reconciler.planning.compare import differences
from gco_stream_reconciler.planning.ownership import FIELD_MANAGER

REPLICAS_MANAGER = "gco-stream-reconciler-replicas"
MEMORY_MANAGER = "gco-stream-reconciler-memory"


class AlteredByOthersError(TerminalError):
    """The API server's answer to an apply still differs from what was applied: something rewrites it on the way in."""


class Executor:
    """Executes plans against the cluster and keeps the cache as new as the answers."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        cache: ClusterCache,
        observer: ControllerObserver,
        log: FilteringBoundLogger,
        journal: Journal,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._observer = observer
        self._log = log
        self._journal = journal
        self._making = Making(cache)

    async def execute(self, key: str, plan: Plan) -> ReconcilerError | None:
        """Run every stage; actions of one stage run side by side, and all of them end before the stage does.

        Raises the first error of the stage that failed, terminal ones before retryable ones; later stages have then
        not begun. An error at an object that the plan has beside the others stops no stage: it is returned at the end.
        """
        failed: dict[ObjectRef, ReconcilerError] = {}
        for stage in plan.stages:
            async with asyncio.TaskGroup() as group:
                for action in stage:
                    if action.ref not in failed:
                        group.create_task(self._attempt(key, action, failed), name=f"{key}: {action.ref}")
            stopping = [error for ref, error in failed.items() if ref not in plan.beside]
            if stopping:
                raise _worst(stopping)
        return _worst(list(failed.values())) if failed else None

    async def _attempt(self, key: str, action: Action, failed: dict[ObjectRef, ReconcilerError]) -> None:
        # An error is kept, not raised: raising would cancel the writes of the same stage half-way.
        try:
            await self._run(key, action)
        except ReconcilerError as error:
            failed[action.ref] = _worst([failed[action.ref], error] if action.ref in failed else [error])
            self._journal.acted(key, action, str(error))
        else:
            self._journal.acted(key, action, "")

    async def _run(self, key: str, action: Action) -> None:
        match action:
            case Apply():
                await self._apply(key, action)
            case SetReplicas():
                await self._set_replicas(key, action)
            case Delete():
                await self._delete(key, action)
            case Annotate():
                await self._annotate(key, action)
            case AbsorbManagers():
                await self._absorb(key, action)

    async def _apply(self, key: str, action: Apply) -> None:
        held = self._making.of(action.ref, key) if ABSENT in action.reasons else nullcontext()
        with held:
            answer = await self._cluster.apply(action.manifest, field_manager=FIELD_MANAGER, force=True)
            self._cache.write_through(answer)
        self._observer.applied(action.ref.kind, "drift" if is_drift(action.reasons) else action.reasons[0])
        self._log.info(
            "object_applied", endpoint=key, object=str(action.ref), reasons=list(action.reasons[:8])
        )
        altered = differences(action.manifest, answer)
        if altered:
            raise AlteredByOthersError(
                f"{action.ref}: the API server answers the apply with other values at {', '.join(altered[:5])}; "
                "an admission webhook or policy rewrites them: exempt the namespace or change the spec"
            )

    async def _set_replicas(self, key: str, action: SetReplicas) -> None:
        manifest = {**_incarnation(action.ref, action.uid), "spec": {"replicas": action.replicas}}
        answer = await self._cluster.apply(manifest, field_manager=REPLICAS_MANAGER, force=action.force)
        self._cache.write_through(answer)
        self._log.info(
            "replicas_set",
            endpoint=key,
            object=str(action.ref),
            replicas=action.replicas,
            reason=action.reason,
        )

    async def _annotate(self, key: str, action: Annotate) -> None:
        manifest = _incarnation(action.ref, action.uid)
        manifest["metadata"]["annotations"] = dict(action.annotations)
        answer = await self._cluster.apply(manifest, field_manager=MEMORY_MANAGER, force=True)
        self._cache.write_through(answer)
        self._log.info("noted_on_object", endpoint=key, object=str(action.ref), reason=action.reason)

    async def _absorb(self, key: str, action: AbsorbManagers) -> None:
        ref = action.ref
        live = await self._cluster.get(ref.kind, ref.namespace, ref.name)
        if live is None or live["metadata"]["uid"] != action.uid:
            raise ConflictError(f"{ref}: was replaced while it was taken over; it is tried again")
        fields = absorbed(live["metadata"].get("managedFields") or (), live["apiVersion"])
        if fields is None:
            return
        answer = await self._cluster.replace_managed_fields(live, fields)
        self._cache.write_through(answer)
        self._log.info("managers_absorbed", endpoint=key, object=str(ref))

    async def _delete(self, key: str, action: Delete) -> None:
        ref = action.ref
        left = await self._cluster.delete(
            ref.kind, ref.namespace, ref.name, uid=action.uid, propagation=action.propagation
        )
        if left is None:
            self._cache.forget(ref.kind, ref.namespace, ref.name, action.uid)
        else:
            self._cache.write_through(left)
        self._observer.deleted(ref.kind)
        self._log.info("object_deleted", endpoint=key, object=str(ref), reason=action.reason)


def _worst(errors: list[ReconcilerError]) -> ReconcilerError:
    """What needs new input before what may pass."""
    return next((error for error in errors if isinstance(error, TerminalError)), errors[0])


def _incarnation(ref: ObjectRef, uid: str) -> dict[str, Any]:
    """The start of a manifest; with the UID an apply cannot create an object that went away meanwhile."""
    return {
        "apiVersion": API_VERSIONS[ref.kind],
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": uid},
    }
