"""A cluster as planning sees it: carries plans out on plain objects, at once and without a server."""

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
from gco_stream_reconciler.planning.adoption import absorbed
from gco_stream_reconciler.planning.observed import Observed


@dataclass
class PlannedCluster:
    """holds: kinds whose deletion waits for `release` (finalizers, foreground deletion)."""

    objects: dict[ObjectRef, dict[str, Any]] = field(default_factory=dict)
    holds: frozenset[str] = frozenset()
    history: list[Action] = field(default_factory=list)
    now: float = 1_800_000_000.0
    _marks: dict[str, set[str]] = field(default_factory=dict)
    _uids: Any = field(default_factory=lambda: itertools.count(1))

    def observed(self, *, fetched: bool = False, **changes: Any) -> Observed:
        """What the cache holds; `fetched`: as if every object of these names had been read by name too."""
        refs = frozenset(self.objects) if fetched else frozenset()
        return Observed(objects=copy.deepcopy(self.objects), fetched=refs, **changes)

    def execute(self, plan: Plan) -> None:
        """Carry out every stage."""
        for action in plan.actions:
            self.history.append(action)
            match action:
                case Apply():
                    self._apply(action.ref, action.manifest)
                case SetReplicas():
                    self._scale(action)
                case Delete():
                    self._delete(action)
                case Annotate():
                    self._annotate(action)
                case AbsorbManagers():
                    self._absorb(action)

    def _apply(self, ref: ObjectRef, manifest: Mapping[str, Any]) -> None:
        wanted = copy.deepcopy(dict(manifest))
        live = self.objects.get(ref)
        if live is None:
            wanted["metadata"].update(uid=f"uid-{next(self._uids)}", generation=1)
            if ref.kind == "Deployment":
                wanted["spec"].setdefault("replicas", 1)
                wanted["status"] = {}
            self.objects[ref] = wanted
            return
        assert "deletionTimestamp" not in live["metadata"], (
            f"{ref} is being deleted and must not be applied to"
        )
        if ref.kind == "Deployment":
            wanted["spec"].setdefault("replicas", live["spec"]["replicas"])
            wanted["spec"].setdefault("template", live["spec"]["template"])
        marks = self._marks.get(live["metadata"]["uid"], set())
        kept_marks = {
            name: text for name, text in live["metadata"].get("annotations", {}).items() if name in marks
        }
        wanted["metadata"]["annotations"].update(kept_marks)
        changed = wanted["spec"] != live["spec"]
        kept = {key: live["metadata"][key] for key in ("uid", "generation")}
        wanted["metadata"].update(kept)
        wanted["metadata"]["generation"] += changed
        if "status" in live:
            wanted["status"] = live["status"]
        self.objects[ref] = wanted

    def _scale(self, action: SetReplicas) -> None:
        live = self.objects[action.ref]
        assert live["metadata"]["uid"] == action.uid
        if live["spec"]["replicas"] != action.replicas:
            live["spec"]["replicas"] = action.replicas
            live["metadata"]["generation"] += 1

    def _annotate(self, action: Annotate) -> None:
        live = self.objects[action.ref]
        assert live["metadata"]["uid"] == action.uid
        annotations = live["metadata"].setdefault("annotations", {})
        for name in self._marks.get(action.uid, set()):
            annotations.pop(name, None)
        annotations.update(action.annotations)
        self._marks[action.uid] = set(action.annotations)

    def _absorb(self, action: AbsorbManagers) -> None:
        live = self.objects[action.ref]
        assert live["metadata"]["uid"] == action.uid
        fields = absorbed(live["metadata"].get("managedFields", []), live["apiVersion"])
        if fields is not None:
            live["metadata"]["managedFields"] = fields

    def _delete(self, action: Delete) -> None:
        live = self.objects[action.ref]
        assert live["metadata"]["uid"] == action.uid, "a deletion names the incarnation that was seen"
        if action.ref.kind in self.holds:
            live["metadata"]["deletionTimestamp"] = datetime.fromtimestamp(self.now, UTC).isoformat()
        else:
            del self.objects[action.ref]

    def release(self, kind: str) -> None:
        """The finalizers of a kind's objects are done."""
        for ref in [ref for ref, obj in self.objects.items() if ref.kind == kind]:
            if "deletionTimestamp" in self.objects[ref]["metadata"]:
                del self.objects[ref]

    def make_ready(
        self, *, name: str | None = None, ready: int | None = None, updated: int | None = None
    ) -> None:
        """The Deployments' controller has caught up; by default every Pod is updated and ready. name: only this one."""
        for ref, obj in self.objects.items():
            if ref.kind == "Deployment" and name in (None, ref.name):
                wanted = obj["spec"]["replicas"]
                obj["status"] = {
                    "observedGeneration": obj["metadata"]["generation"],
                    "replicas": wanted,
                    "updatedReplicas": wanted if updated is None else updated,
                    "readyReplicas": wanted if ready is None else ready,
                }

    def kinds(self) -> set[str]:
        """Kinds that stand."""
        return {ref.kind for ref in self.objects}
