"""Taking a dead canary's share off the Ingress of a refused endpoint (rules 9 and 14). No spec is needed.

What is applied is the Ingress as it stands, with the primary's Service in the place of the weighted forward.
"""

from collections.abc import Mapping
from typing import Any

from gco_stream_reconciler.manifests import names
from gco_stream_reconciler.manifests.ingress import ANNOTATION_WEIGHTS, WEIGHTED_ACTION
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.service import SERVICE_PORT
from gco_stream_reconciler.planning import canary as canaries
from gco_stream_reconciler.planning.actions import CHANGED, Apply, Notice
from gco_stream_reconciler.planning.observed import KubeObject, ready_replicas
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.standing_ingress import absorbing, as_it_stands
from gco_stream_reconciler.planning.upkeep import NOTHING, Upkeep

_REASONS = (CHANGED, "the canary has no ready Pod and the item is refused")


def plan_narrowing(situation: Situation) -> Upkeep:
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
    unread = situation.unread(asked)
    if unread:
        return Upkeep(reads=unread)
    apply = Apply(ref, _narrowed(ingress, situation.endpoint.name), _REASONS)
    text = f"the canary takes 0 % of the requests (before: {weight} %): it has no ready Pod"
    notice = Notice(ref, "CanaryWeightChanged", text, warning=True)
    stages = (absorbing(situation, ref, ingress), (apply,))
    return Upkeep(tuple(stage for stage in stages if stage), notices=(notice,))


def _both_serve(situation: Situation) -> bool:
    return (
        situation.standing("Service") is not None
        and situation.standing("Service", role=Role.CANARY) is not None
        and ready_replicas(situation.standing("Deployment", role=Role.CANARY)) > 0
    )


def _narrowed(live: KubeObject, name: str) -> Mapping[str, Any]:
    manifest = as_it_stands(live)
    meta, spec = manifest["metadata"], manifest["spec"]
    meta["labels"].pop(names.LABEL_CANARY, None)
    meta["annotations"].pop(ANNOTATION_WEIGHTS, None)
    return {**manifest, "spec": {**spec, "rules": [_rule(rule, name) for rule in spec.get("rules") or ()]}}


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
