"""What a plan can ask for. Plain data; the controller executes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from gco_stream_reconciler.endpoints.model import RegionStatus

ABSENT = "absent"
"""Reason of an Apply that makes the object."""

CHANGED = "wanted state changed"
"""Reason of an Apply of something else than what was applied last."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """An object by kind, namespace and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Deployment gco-inference/llama`, as operators write it."""
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of a complete manifest, with force, as our field manager.

    `reasons` says why for a log line: ABSENT, CHANGED, or paths that drifted; never values.
    """

    ref: ObjectRef
    manifest: Mapping[str, Any]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetReplicas:
    """Apply `spec.replicas` alone, as a second field manager of ours.

    It scales a Deployment whose spec cannot be rendered, and hands the field over to an autoscaler: when our main
    manager then leaves `replicas` out, the second one still owns the value and nothing resets it to 1. Without
    `force` the call conflicts if an autoscaler has meanwhile chosen another value, which is then left alone.
    """

    ref: ObjectRef
    uid: str
    replicas: int
    force: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one incarnation of an object; another UID under the same name is not touched.

    Foreground keeps the object until its dependents (a Deployment's Pods) are gone.
    """

    ref: ObjectRef
    uid: str
    propagation: Literal["Foreground", "Background"]
    reason: str


@dataclass(frozen=True, slots=True)
class Annotate:
    """Apply annotations alone, as a field manager of their own: what is remembered with the cluster.

    annotations: all that this manager is to have on the object; what it had before and is not among them goes.
    """

    ref: ObjectRef
    uid: str
    annotations: Mapping[str, str]
    reason: str


@dataclass(frozen=True, slots=True)
class AbsorbManagers:
    """Make the fields that inference_monitor owns ours, so that those which are dropped later really go."""

    ref: ObjectRef
    uid: str


Action: TypeAlias = Apply | SetReplicas | Delete | Annotate | AbsorbManagers


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person should find in `kubectl describe` of an object once the plan is carried out (a Kubernetes Event)."""

    ref: ObjectRef
    reason: str
    text: str
    warning: bool = False


class TableWrite(StrEnum):
    """A write to the item beside our own status. Conditional, and decided again on a fresh read in the home Region."""

    PROMOTE = "desired_state deploying becomes running"
    PURGE = "the item goes"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now for one endpoint.

    reads: objects to read by name before anything can be decided; `stages` is then empty and `status` None.
    needs_pods: the Deployment's Pods are to be listed too (a stalled rollout wants its reason).
    stages: actions of a stage are independent; a stage starts when the one before has succeeded.
    beside: objects whose failure stops no later stage, only what would come later for the same object.
    status: what this Region reports once the stages have succeeded, without `last_sync`; None: nothing to say.
    requeue_after: seconds until time alone changes the plan.
    confirm_in_home: the item must be read again, consistently, in the table's home Region, and the plan made from
        that, before the first action (it destroys something on the item's word; the watchdog's removal does not).
    cleans_up: the actions delete what nobody asked to delete: of an orphan, or of a Region that is no target any more.
        They count against the limit of clean-ups (rule 13).
    notices: what is said of objects once the stages have succeeded.
    table_write: what the item itself is ripe for; None for nothing.
    """

    stages: tuple[tuple[Action, ...], ...] = ()
    beside: frozenset[ObjectRef] = frozenset()
    status: RegionStatus | None = None
    reads: tuple[ObjectRef, ...] = ()
    needs_pods: ObjectRef | None = None
    requeue_after: float | None = None
    confirm_in_home: bool = False
    cleans_up: bool = False
    notices: tuple[Notice, ...] = ()
    table_write: TableWrite | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every action, in order."""
        return tuple(action for stage in self.stages for action in stage)
