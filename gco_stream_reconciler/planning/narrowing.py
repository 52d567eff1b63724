"""Taking a dead canary's share off the Ingress of a refused endpoint (rules 9 and 14). No spec is needed.

What is applied is the Ingress as it stands, with the primary's Service in the place of the weighted forward. The mark
of what was applied last is left out, so the next spec that is accepted is applied whatever it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.ingress import ANNOTATION_WEIGHTS, WEIGHTED_ACTION
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.service import SERVICE_PORT
from gco_stream_reconciler.planning import canary as canaries
from gco_stream_reconciler.planning.actions import AbsorbManagers, Action, Apply, Notice, ObjectRef
from gco_stream_reconciler.planning.desired import ANNOTATION_APPLIED
from gco_stream_reconciler.planning.observed import KubeObject, metadata, ready_replicas, uid
from gco_stream_reconciler.planning.ownership import Owner
from gco_stream_reconciler.planning.situation import Situation

_REASONS = ("wanted state changed", "the canary has no ready Pod and the item is refused")
_LABELS = frozenset(
    {
        names.LABEL_APP,
        names.LABEL_PROJECT,
        names.LABEL_TYPE,
        names.LABEL_MANAGED_BY,
        names.LABEL_ENDPOINT,
        names.LABEL_ROLE,
    }
)
# What an Ingress of ours is annotated with; an annotation of somebody else's under these prefixes keeps its owner.
_PREFIXES = ("alb.ingress.kubernetes.io/", "gco.io/")
_SPEC = ("ingressClassName", "rules")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """reads: what must be read by name before the traffic is taken away; then there is nothing else."""

    stages: tuple[tuple[Action, ...], ...] = ()
    reads: tuple[ObjectRef, ...] = ()
    notices: tuple[Notice, ...] = ()


NOTHING = Narrowing()


def plan_narrowing(situation: Situation) -> Narrowing:
    """Give all requests to the primary where the canary that has a share of them cannot serve it.

    Also where the primary's Service is missing, which a refused item does not make again: a weighted forward that names a
    missing Service is an error for every Ingress of the load balancer, a single backend for this endpoint alone.
    """
    ingress = situation.standing("Ingress")
    weight = canaries.weight_on(ingress, situation.endpoint.name)
    if ingress is None or weight is None or _both_serve(situation):
        return NOTHING
    ref = situation.ref("Ingress")
    asked = (ref, situation.ref("Service"), *canaries.refs(situation))
    unread = tuple(each for each in asked if each not in situation.observed.fetched)
    if unread:
        return Narrowing(reads=unread)
    takes_over = situation.owner(ingress) is Owner.PREDECESSOR
    absorbing: tuple[Action, ...] = (AbsorbManagers(ref, uid(ingress)),) if takes_over else ()
    apply = Apply(ref, _narrowed(ingress, situation.endpoint.name), _REASONS)
    text = f"the canary takes 0 % of the requests (before: {weight} %): it has no ready Pod"
    notice = Notice(ref, "CanaryWeightChanged", text, warning=True)
    return Narrowing(tuple(stage for stage in (absorbing, (apply,)) if stage), notices=(notice,))


def _both_serve(situation: Situation) -> bool:
    return (
        situation.standing("Service") is not None
        and situation.standing("Service", role=Role.CANARY) is not None
        and ready_replicas(situation.standing("Deployment", role=Role.CANARY)) > 0
    )


def _narrowed(live: KubeObject, name: str) -> Mapping[str, Any]:
    """The manifest; with the UID it cannot make an Ingress that has gone meanwhile."""
    meta, spec = metadata(live), live["spec"]
    labels = {key: text for key, text in (meta.get("labels") or {}).items() if key in _LABELS}
    annotations = {
        key: text
        for key, text in (meta.get("annotations") or {}).items()
        if key.startswith(_PREFIXES) and key not in (ANNOTATION_WEIGHTS, ANNOTATION_APPLIED)
    }
    kept = {key: spec[key] for key in _SPEC if key in spec}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": uid(live),
            "labels": labels,
            "annotations": annotations,
        },
        "spec": {**kept, "rules": [_rule(rule, name) for rule in spec.get("rules") or ()]},
    }


def _rule(rule: Mapping[str, Any], name: str) -> dict[str, Any]:
    http = rule.get("http")
    if not http:
        return dict(rule)
    paths = [_path(path, name) for path in http.get("paths") or ()]
    return {**rule, "http": {**http, "paths": paths}}


def _path(path: Mapping[str, Any], name: str) -> dict[str, Any]:
    service = (path.get("backend") or {}).get("service") or {}
    if service.get("name") != WEIGHTED_ACTION:
        return dict(path)
    return {**path, "backend": {"service": {"name": name, "port": {"number": SERVICE_PORT}}}}
