"""How a Deployment's replicas come and go, and what its status says of them. Pure.

https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(slots=True, eq=False)
class Replica:
    """A Pod of a Deployment. revision: hash of the template that it was made from."""

    name: str
    revision: str
    broken: bool
    ready: bool = False


def revision_of(template: Object) -> str:
    """A short name for a Pod template."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def is_broken(template: Object) -> bool:
    """Whether an image can never be pulled: its tag says so."""
    containers = (template.get("spec") or {}).get("containers") or ()
    return any("broken" in str(container.get("image", "")).rpartition(":")[2] for container in containers)


def step(replicas: Sequence[Replica], spec: Object, revision: str) -> tuple[int, list[Replica]]:
    """What a Deployment does next: how many replicas of its revision to make, and which replicas to end."""
    wanted = spec["replicas"]
    new = [replica for replica in replicas if replica.revision == revision]
    old = [replica for replica in replicas if replica.revision != revision]
    if spec["strategy"]["type"] == "Recreate":
        return (0, old) if old else (max(0, wanted - len(new)), _worst(new, len(new) - wanted))
    rolling = spec["strategy"]["rollingUpdate"]
    surge = _share(rolling["maxSurge"], wanted, math.ceil)
    unavailable = _share(rolling["maxUnavailable"], wanted, math.floor)
    if not surge and not unavailable:
        unavailable = 1
    make = max(0, min(wanted - len(new), wanted + surge - len(replicas)))
    spare = sum(replica.ready for replica in replicas) - (wanted - unavailable)
    end = _worst(new, len(new) - wanted)
    for replica in sorted(old, key=lambda each: each.ready):
        if replica.ready and spare <= 0:
            break
        spare -= replica.ready
        end.append(replica)
    return make, end


def _worst(replicas: Sequence[Replica], count: int) -> list[Replica]:
    """Those that a scale down ends first: not ready, then the youngest."""
    ranked = sorted(enumerate(replicas), key=lambda pair: (pair[1].ready, -pair[0]))
    return [replica for _, replica in ranked[: max(0, count)]]


def _share(value: Any, wanted: int, rounded: Any) -> int:
    if isinstance(value, str):
        return int(rounded(wanted * int(value.rstrip("%")) / 100))
    return int(value)


def status_of(
    deployment: Object, replicas: Sequence[Replica], revision: str, *, now: str, overdue: bool
) -> Object:
    """The status that the controller reports. overdue: the rollout did not get on within its deadline."""
    name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
    updated = sum(replica.revision == revision for replica in replicas)
    ready = sum(replica.ready for replica in replicas)
    new_ready = sum(replica.ready for replica in replicas if replica.revision == revision)
    complete = updated == wanted == len(replicas) == new_ready
    counts = {
        "replicas": len(replicas),
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, max(wanted, len(replicas)) - ready),
    }
    if ready >= wanted:
        available = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        available = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    shown = f'ReplicaSet "{name}-{revision}"'
    if complete:
        progress = ("True", "NewReplicaSetAvailable", f"{shown} has successfully progressed.")
    elif overdue:
        progress = ("False", "ProgressDeadlineExceeded", f"{shown} has timed out progressing.")
    else:
        progress = ("True", "ReplicaSetUpdated", f"{shown} is progressing.")
    before = {each["type"]: each for each in (deployment.get("status") or {}).get("conditions", ())}
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        **{field: count for field, count in counts.items() if count},
        "terminatingReplicas": 0,
        "conditions": [
            _condition("Available", available, before, now),
            _condition("Progressing", progress, before, now),
        ],
    }


def _condition(kind: str, found: tuple[str, str, str], before: dict[str, Object], now: str) -> Object:
    status, reason, message = found
    old = before.get(kind)
    same = old is not None and (old["status"], old["reason"], old["message"]) == found
    if old is not None and same:
        return old
    transition = old["lastTransitionTime"] if old is not None and old["status"] == status else now
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": transition,
        "reason": reason,
        "message": message,
    }


def labels_of(template: Object, replica: Replica) -> dict[str, str]:
    """A Pod's labels."""
    labels: dict[str, str] = (template.get("metadata") or {}).get("labels", {})
    return {**labels, "pod-template-hash": replica.revision}


def _address(replica: Replica) -> str:
    low = hashlib.sha256(replica.name.encode()).digest()
    return f"10.{128 + low[0] % 64}.{low[1]}.{low[2]}"


def pod_of(deployment: Object, replica: Replica, template: Object, *, failing: bool, now: str) -> Object:
    """The Pod object of a replica, with what the kubelet says of it."""
    meta, spec = deployment["metadata"], template["spec"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
    }
    state = _state(replica, spec, failing=failing, now=now)
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": replica.name,
            "namespace": meta["namespace"],
            "labels": labels_of(template, replica),
            "ownerReferences": [owner],
        },
        "spec": spec,
        "status": {
            "phase": "Pending" if replica.broken else "Running",
            "startTime": now,
            "podIP": _address(replica),
            "conditions": [{"type": "Ready", "status": "True" if replica.ready else "False"}],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container.get("image", ""),
                    "ready": replica.ready,
                    "started": replica.ready,
                    "restartCount": 0,
                    "state": state,
                }
                for container in spec.get("containers", ())
            ],
        },
    }


def _state(replica: Replica, spec: Object, *, failing: bool, now: str) -> Object:
    if replica.broken:
        image = spec["containers"][0].get("image", "")
        return {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
    if failing:
        return {
            "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}
        }
    return {"running": {"startedAt": now}}
