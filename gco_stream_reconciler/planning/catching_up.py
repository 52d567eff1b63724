"""Letting Service and Ingress of a refused endpoint follow its Pods (rules 11 and 14). No spec is needed.

A rollout that changes port or health path goes on in the cluster when the item breaks in its midst: the new Pods replace
the old, and what leads to them must go along. Where the Pods are reached stands in the Deployment.
"""

from collections.abc import Mapping
from typing import Any

from gco_stream_reconciler.manifests.ingress import ANNOTATION_HEALTH_PATH
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import desired
from gco_stream_reconciler.planning.actions import CHANGED, Action, Apply
from gco_stream_reconciler.planning.observed import KubeObject, annotation, uid, updated_is_ready
from gco_stream_reconciler.planning.ownership import Owner
from gco_stream_reconciler.planning.reach import ANNOTATION_REACH, Reach, decode_reach, reach_of
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.standing_ingress import absorbing, as_it_stands
from gco_stream_reconciler.planning.upkeep import Upkeep

_REASONS = (CHANGED, "Pods of the new template are ready and the item is refused")


def plan_catching_up(situation: Situation) -> Upkeep:
    """Move what has not followed yet though a Pod of the Deployment's present template is certainly ready.

    Only what moves is written: an edit by hand stays while the item is refused, and a Service without a record of where it
    leads was not made for a template of ours.
    """
    moved = {role: reach for role in Role if (reach := _moved(situation, role)) is not None}
    asked = [situation.ref(kind, role=role) for role in moved for kind in ("Deployment", "Service")]
    if Role.PRIMARY in moved:
        asked.append(situation.ref("Ingress"))
    unread = situation.unread(asked)
    if unread:
        return Upkeep(reads=unread)
    ingress = _ingress(situation, moved[Role.PRIMARY]) if Role.PRIMARY in moved else ()
    services = tuple(_service(situation, role, reach) for role, reach in moved.items())
    # The Services' record is what tells that something is left to do, so they come last.
    return Upkeep(tuple(stage for stage in (*ingress, services) if stage))


def _moved(situation: Situation, role: Role) -> Reach | None:
    """Where the Pods are reached by now; None where the Service leads there, or it is not certain."""
    deployment = situation.standing("Deployment", role=role)
    service = situation.standing("Service", role=role)
    if deployment is None or service is None or situation.owner(service) is not Owner.OURS:
        return None
    recorded = decode_reach(annotation(service, ANNOTATION_REACH))
    if recorded is None or not updated_is_ready(deployment):
        return None
    reach = reach_of(deployment, otherwise=recorded)
    return None if reach == recorded else reach


def _service(situation: Situation, role: Role, reach: Reach) -> Apply:
    manifest = desired.wanted_service(situation.endpoint, situation.context, role=role, reach=reach)
    ref = situation.ref("Service", role=role)
    return Apply(ref, _of_this_one(manifest, situation.observed.objects[ref]), _REASONS)


def _of_this_one(manifest: Mapping[str, Any], live: KubeObject) -> Mapping[str, Any]:
    """With the UID it cannot make a Service that has gone meanwhile."""
    return {**manifest, "metadata": {**manifest["metadata"], "uid": uid(live)}}


def _ingress(situation: Situation, reach: Reach) -> tuple[tuple[Action, ...], ...]:
    """Stages that make the load balancer's health check ask where the primary's Pods answer."""
    live, ref = situation.standing("Ingress"), situation.ref("Ingress")
    if live is None or annotation(live, ANNOTATION_HEALTH_PATH) == reach.health_path:
        return ()
    manifest = as_it_stands(live)
    manifest["metadata"]["annotations"][ANNOTATION_HEALTH_PATH] = reach.health_path
    return (absorbing(situation, ref, live), (Apply(ref, manifest, _REASONS),))
