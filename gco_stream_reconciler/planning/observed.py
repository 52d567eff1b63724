"""What is known of an endpoint's objects when a plan is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from gco_stream_reconciler.masking import environment_values, readable, without_a_policys_words
from gco_stream_reconciler.planning.actions import ObjectRef

KubeObject: TypeAlias = Mapping[str, Any]

STALE_LOOK_AGAIN_SECONDS = 10.0
"""What a stale cache holds up is looked at again after this long: that the cache is well again wakes no key."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The cluster as seen for one endpoint.

    objects: from the cache, replaced by what a read by name gave in this pass.
    fetched: refs read by name in this pass; one that is not in `objects` is confirmed to be absent.
    pods: the Pods of the Deployment, or None if they were not listed.
    stale: the cache has been out of touch with the API server; on its word nothing is deleted, nor said to run.
    """

    objects: Mapping[ObjectRef, KubeObject] = field(default_factory=dict)
    fetched: frozenset[ObjectRef] = frozenset()
    pods: Sequence[KubeObject] | None = None
    stale: bool = False

    def get(self, ref: ObjectRef) -> KubeObject | None:
        """The object, or None if it is not known to exist."""
        return self.objects.get(ref)

    def is_unknown(self, ref: ObjectRef) -> bool:
        """Whether an object of this name may exist unseen: the cache holds only what carries our type label."""
        return ref not in self.objects and ref not in self.fetched


def metadata(obj: KubeObject) -> Mapping[str, Any]:
    """The object's metadata."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def uid(obj: KubeObject) -> str:
    """The object's UID."""
    return str(metadata(obj).get("uid", ""))


def annotation(obj: KubeObject, name: str) -> str | None:
    """An annotation's value, or None."""
    return (metadata(obj).get("annotations") or {}).get(name)


def is_deleting(obj: KubeObject) -> bool:
    """Whether the object only waits for its finalizers (rule 4: missing for "wanted", existing for "gone")."""
    return "deletionTimestamp" in metadata(obj)


def deleting_since(obj: KubeObject) -> float | None:
    """When its deletion began, in epoch seconds."""
    return _moment(obj, "deletionTimestamp")


def made_at(obj: KubeObject) -> float | None:
    """When the API server made it, in epoch seconds."""
    return _moment(obj, "creationTimestamp")


def _moment(obj: KubeObject, key: str) -> float | None:
    stamp = metadata(obj).get(key)
    return datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) else None


def ready_replicas(deployment: KubeObject | None) -> int:
    """Ready Pods of a Deployment; 0 for one that does not exist."""
    return int(_status(deployment).get("readyReplicas") or 0)


def live_replicas(deployment: KubeObject | None) -> int:
    """`spec.replicas` as it stands in the cluster; 0 for a Deployment that does not exist."""
    if deployment is None:
        return 0
    return int((deployment.get("spec") or {}).get("replicas", 1))


def running_replicas(deployment: KubeObject | None) -> int:
    """Pods that the Deployment still has, ready or not."""
    return int(_status(deployment).get("replicas") or 0)


def rollout_is_complete(deployment: KubeObject, wanted_replicas: int) -> bool:
    """Whether every Pod is of the current template and enough of them are ready.

    The conditions of `kubectl rollout status`: the controller has seen this generation, all wanted Pods are
    updated, and no Pod of an older template is left (it would count as ready).
    """
    status = _status(deployment)
    updated = int(status.get("updatedReplicas") or 0)
    total = int(status.get("replicas") or 0)
    return (
        _is_seen(deployment)
        and updated >= wanted_replicas
        and total <= updated
        and ready_replicas(deployment) >= wanted_replicas
    )


def updated_is_ready(deployment: KubeObject) -> bool:
    """Whether a ready Pod of the current template is certain: there are more ready Pods than Pods of older templates."""
    status = _status(deployment)
    updated = int(status.get("updatedReplicas") or 0)
    older = int(status.get("replicas") or 0) - updated
    return _is_seen(deployment) and updated > 0 and ready_replicas(deployment) > older


def rollout_is_stalled(deployment: KubeObject) -> bool:
    """Whether the Deployment has passed its progress deadline."""
    condition = _condition(deployment, "Progressing", status="False")
    return condition is not None and condition.get("reason") == "ProgressDeadlineExceeded"


def pod_refusal(deployment: KubeObject | None) -> str | None:
    """Why its Pods cannot be made (a quota, Pod Security, a policy), as one line without values of the environment.

    The condition ReplicaFailure has what admission answered, at once; the progress deadline passes much later. None also
    where the condition is certainly about an older template: where the cluster has not looked at the last change, and
    where the present template has all its Pods. The condition of an older ReplicaSet stands while the newest has none
    (getReplicaFailures of the Deployment controller), so a policy may quote an environment that is not known any more.
    """
    condition = _condition(deployment, "ReplicaFailure", status="True")
    if deployment is None or condition is None or not _is_seen(deployment):
        return None
    if int(_status(deployment).get("updatedReplicas") or 0) >= live_replicas(deployment):
        return None
    said = without_a_policys_words(str(condition.get("message") or ""))
    return readable(said, environment_values(deployment)) or "the Deployment does not say why"


def _condition(deployment: KubeObject | None, kind: str, *, status: str) -> Mapping[str, Any] | None:
    for condition in _status(deployment).get("conditions") or ():
        if condition.get("type") == kind and condition.get("status") == status:
            found: Mapping[str, Any] = condition
            return found
    return None


def _is_seen(deployment: KubeObject) -> bool:
    """Whether the Deployment's status speaks of its present generation."""
    return int(_status(deployment).get("observedGeneration") or 0) >= int(
        metadata(deployment).get("generation") or 0
    )


def _status(deployment: KubeObject | None) -> Mapping[str, Any]:
    found = (deployment or {}).get("status")
    return found if isinstance(found, dict) else {}
