"""What a person is told: messages of the status, and Kubernetes Events at the objects. No values of environments."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from gco_stream_reconciler.endpoints.images import resolve_image
from gco_stream_reconciler.endpoints.model import Exposure
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning import canary as canaries
from gco_stream_reconciler.planning import report
from gco_stream_reconciler.planning.actions import ABSENT, AbsorbManagers, Action, Apply, Delete, Notice
from gco_stream_reconciler.planning.exposure import Route
from gco_stream_reconciler.planning.observed import (
    KubeObject,
    pod_refusal,
    rollout_is_complete,
    rollout_is_stalled,
)
from gco_stream_reconciler.planning.situation import Situation
from gco_stream_reconciler.planning.template_choice import Template
from gco_stream_reconciler.planning.watchdog import Clock, Verdict, Watch

REMOVED_BY_WATCHDOG = "RemovedByWatchdog"


def messages(
    situation: Situation, template: Template, watch: Watch, exposure: Exposure, replicas: int
) -> Iterator[str]:
    """What the status of a running endpoint says beside its numbers."""
    spec, deployment = situation.endpoint.spec, situation.live("Deployment")
    if spec is not None:
        image = resolve_image(spec.image, situation.settings.region, spec.region_image_uris)
        if image.rewritten_from is not None:
            yield f"image of this Region: {image.image} (rewritten from {image.rewritten_from})"
    if template.kept is not None:
        paths = ", ".join(template.kept.paths)
        yield f"the Pod template of inference_monitor is kept until the spec changes; it differs at {paths}"
    yield from _pods(situation, deployment, replicas)
    if watch.clock is not None and watch.clock.removals:
        back = "; it is back" if exposure is Exposure.EXPOSED else ""
        yield f"{_removal_text(watch.clock)}{back}"
    refused = canaries.refusal(situation)
    if refused is not None:
        yield refused
    refused = pod_refusal(situation.live("Deployment", role=Role.CANARY))
    if refused is not None:
        yield f"canary: Pods are refused: {refused}"


def _pods(situation: Situation, deployment: KubeObject | None, replicas: int) -> Iterator[str]:
    refused = pod_refusal(deployment)
    if refused is not None:
        yield f"Pods are refused: {refused}"
    if deployment and rollout_is_stalled(deployment) and not rollout_is_complete(deployment, replicas):
        reasons = report.waiting_reasons(situation.observed.pods or ())
        if reasons or refused is None:
            yield f"rollout stalled: {reasons or 'past its progress deadline, no Pod says why'}"


def of_running(
    situation: Situation, route: Route, watch: Watch, actions: Iterable[Action]
) -> tuple[Notice, ...]:
    """Events about what the actions bring about."""
    return tuple(_of_running(situation, route, watch, tuple(actions)))


def _of_running(
    situation: Situation, route: Route, watch: Watch, actions: tuple[Action, ...]
) -> Iterator[Notice]:
    for action in actions:
        if isinstance(action, AbsorbManagers):
            yield Notice(
                action.ref, "Adopted", "taken over from inference_monitor; no Pod is restarted by it"
            )
        elif isinstance(action, Apply) and action.reasons == (ABSENT,):
            yield from _made(situation, action)
        elif isinstance(action, Delete) and action.ref.kind == "Ingress" and watch.verdict is Verdict.REMOVE:
            yield from _removed(situation, watch)
        elif isinstance(action, Delete) and situation.role(action.ref) is Role.CANARY:
            yield Notice(action.ref, "Deleted", action.reason)
    yield from _weights(situation, route)


def _made(situation: Situation, action: Apply) -> Iterator[Notice]:
    if action.ref.kind == "Ingress":
        yield Notice(
            action.ref, "Exposed", f"requests under {situation.endpoint.ingress_path} are served here"
        )
    elif action.ref.kind == "Deployment":
        yield Notice(
            action.ref, "Created", f"{situation.role(action.ref)} of endpoint {situation.endpoint.name}"
        )


def _removed(situation: Situation, watch: Watch) -> Iterator[Notice]:
    if watch.clock is not None:
        text = _removal_text(watch.clock)
        yield Notice(situation.ref("Deployment"), REMOVED_BY_WATCHDOG, text, warning=True)


def _weights(situation: Situation, route: Route) -> Iterator[Notice]:
    ingress = situation.standing("Ingress")
    before = canaries.weight_on(ingress, situation.endpoint.name) or 0
    after = route.canary_weight or 0
    if ingress is not None and route.exposed and before != after:
        text = f"the canary takes {after} % of the requests (before: {before} %)"
        yield Notice(situation.ref("Ingress"), "CanaryWeightChanged", text)


def of_refusal(
    situation: Situation, reason: str, watch: Watch, actions: Iterable[Action]
) -> tuple[Notice, ...]:
    """Events about a refused endpoint whose Deployment stands."""
    found = list(_removed(situation, watch)) if tuple(actions) else []
    if situation.live("Deployment") is not None:
        found.append(Notice(situation.ref("Deployment"), "Refused", reason, warning=True))
    return tuple(found)


def of_deletion(actions: Iterable[Action]) -> tuple[Notice, ...]:
    """Events about Deployments that are taken away."""
    return tuple(
        Notice(action.ref, "Deleted", action.reason)
        for action in actions
        if isinstance(action, Delete) and action.ref.kind == "Deployment"
    )


def _removal_text(clock: Clock) -> str:
    since = datetime.fromtimestamp(clock.unready_since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    times = "" if clock.removals == 1 else f" ({clock.removals} times)"
    return f"watchdog: no lasting readiness since {since}; the Ingress was taken away{times}"
