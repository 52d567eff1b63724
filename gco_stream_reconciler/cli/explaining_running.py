"""Why an endpoint that is wanted running stands as it does, rule by rule. Pure."""

from collections.abc import Iterator

from gco_stream_reconciler.cli.explaining_refusal import refusal_findings
from gco_stream_reconciler.cli.findings import Finding, iso, watchdog_finding
from gco_stream_reconciler.endpoints.images import resolve_image
from gco_stream_reconciler.manifests.names import NEWEST_TEMPLATE_REVISION, Role
from gco_stream_reconciler.manifests.template_settings import TemplateSettings
from gco_stream_reconciler.planning import canary as canaries
from gco_stream_reconciler.planning.canary_removal import ANNOTATION_RELEASED
from gco_stream_reconciler.planning.observed import (
    KubeObject,
    annotation,
    live_replicas,
    metadata,
    pod_refusal,
    ready_replicas,
    rollout_is_complete,
    rollout_is_stalled,
)
from gco_stream_reconciler.planning.refusing import refusal
from gco_stream_reconciler.planning.report import waiting_reasons
from gco_stream_reconciler.planning.running import Intent, decide
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.watchdog import Verdict


def running_findings(situation: Situation) -> Iterator[Finding]:
    """What every rule says now. The endpoint has no problems."""
    refused = refusal(situation)
    if refused is not None:
        yield from refusal_findings(situation, refused)
        return
    intent = decide(situation)
    yield _exposure(situation, intent)
    yield watchdog_finding(situation, intent.watch, wanted_replicas=intent.replicas)
    yield _replicas(situation, intent)
    yield _rollout(situation, intent)
    yield from _canary(situation, intent)
    yield from _image(situation, intent)
    yield _template(situation, intent)


def _exposure(situation: Situation, intent: Intent) -> Finding:
    standing = situation.standing("Ingress")
    ready = ready_replicas(situation.live("Deployment"))
    since = None if standing is None else metadata(standing).get("creationTimestamp")
    if intent.route.exposed:
        weight = intent.route.canary_weight
        split = "all requests go to the primary" if weight is None else f"the canary takes {weight} %"
        why = (
            "exposed before, and the watchdog does not object"
            if standing is not None
            else f"{ready} Pods are ready"
        )
        return Finding(1, "exposure", f"exposed, {split}: {why}", since)
    if intent.replicas == 0:
        why = "it is to run 0 replicas"
    elif intent.watch.verdict is not Verdict.NO_OBJECTION:
        why = f"the watchdog objects: {intent.watch.verdict.value}"
    elif situation.standing("Service") is None:
        why = "its Service does not stand yet"
    else:
        why = "no Pod is ready yet; its Service is first named when one is"
    return Finding(1, "exposure", f"not exposed: {why}", since)


def _replicas(situation: Situation, intent: Intent) -> Finding:
    live = live_replicas(situation.live("Deployment"))
    auto = intent.spec.autoscaling
    if auto is None:
        return Finding(3, "replicas", f"{intent.replicas} by spec.replicas; {live} in the cluster")
    bounds = f"{auto.min_replicas} to {auto.max_replicas}"
    return Finding(3, "replicas", f"the autoscaler decides ({bounds}); {live} in the cluster")


def _rollout(situation: Situation, intent: Intent) -> Finding:
    deployment = situation.live("Deployment")
    if deployment is None:
        return Finding(8, "rollout", "the Deployment does not stand yet")
    figures = _figures(deployment, intent.replicas)
    if rollout_is_complete(deployment, intent.replicas):
        return Finding(8, "rollout", f"complete: {figures}", _condition_since(deployment))
    refused = pod_refusal(deployment)
    if refused is not None:
        return Finding(8, "rollout", f"Pods are refused: {refused}; {figures}", _condition_since(deployment))
    if rollout_is_stalled(deployment):
        pods = waiting_reasons(situation.observed.pods or ()) or "no Pod says why"
        return Finding(8, "rollout", f"stalled: {pods}; {figures}", _condition_since(deployment))
    return Finding(8, "rollout", f"not complete: {figures}", _condition_since(deployment))


def _figures(deployment: KubeObject, wanted: int) -> str:
    status = deployment.get("status") or {}
    seen = int(status.get("observedGeneration") or 0) >= int(metadata(deployment).get("generation") or 0)
    counts = (
        f"{status.get('updatedReplicas') or 0} of {status.get('replicas') or 0} Pods have the present template, "
        f"{ready_replicas(deployment)} of {wanted} ready"
    )
    return counts if seen else f"{counts}; the cluster has not looked at the last change yet"


def _condition_since(deployment: KubeObject) -> str | None:
    for condition in (deployment.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Progressing":
            since = condition.get("lastUpdateTime") or condition.get("lastTransitionTime")
            return str(since) if since else None
    return None


def _canary(situation: Situation, intent: Intent) -> Iterator[Finding]:
    refused = canaries.refusal(situation)
    if refused is not None:
        yield Finding(9, "canary", refused)
    elif intent.canary is not None:
        backend, weight = intent.canary.backend, intent.route.canary_weight
        ready = ready_replicas(situation.live("Deployment", role=Role.CANARY))
        state = "ready" if backend.ready else "no Pod of its present template is ready"
        stands = "its Service stands" if backend.stands else "its Service does not stand"
        traffic = (
            f"takes {weight} %" if weight is not None else f"takes nothing (wanted {intent.canary.weight} %)"
        )
        yield Finding(9, "canary", f"{traffic}: {state}, {ready} of {intent.canary.replicas} ready, {stands}")
    elif any(situation.live(kind, role=Role.CANARY) for kind in ("Deployment", "Service")):
        service = situation.live("Service", role=Role.CANARY)
        released = None if service is None else annotation(service, ANNOTATION_RELEASED)
        settle = situation.settings.lifecycle.canary_settle_seconds
        says = f"being removed: its traffic first, its Pods {settle:g} s later"
        yield Finding(9, "canary", says, _iso_of(released))


def _image(situation: Situation, intent: Intent) -> Iterator[Finding]:
    spec = intent.spec
    found = resolve_image(spec.image, situation.settings.region, spec.region_image_uris)
    if found.rewritten_from is not None:
        yield Finding(10, "image", f"{found.image}, rewritten from {found.rewritten_from}")
    elif found.image != spec.image:
        yield Finding(10, "image", f"{found.image}, by spec.region_image_uris")


def _template(situation: Situation, intent: Intent) -> Finding:
    template = intent.template
    if template.kept is not None:
        paths = ", ".join(template.kept.paths)
        return Finding(
            15, "template", f"inference_monitor's is kept until the spec changes; differs at {paths}"
        )
    present = TemplateSettings.of(situation.settings.lifecycle)
    if template.revision != NEWEST_TEMPLATE_REVISION:
        why = "kept, so that no Pod restarts"
    elif template.recorded not in (None, present):
        why = "the newest, with the settings that it was made with, so that no Pod restarts"
    else:
        why = "the newest"
    return Finding(15, "template", f"revision {template.revision}, {why}")


def _iso_of(text: str | None) -> str | None:
    try:
        return None if text is None else iso(float(text))
    except (ValueError, OverflowError, OSError):
        return None
