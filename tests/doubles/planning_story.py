"""Stories of one endpoint, carried out on a planned cluster: what is done, in which order, what is said."""

from dataclasses import replace
from typing import Any

from gco_stream_reconciler.endpoints.model import (
    Autoscaling,
    AutoscalingMetric,
    DesiredState,
    Endpoint,
    EndpointSpec,
    RegionStatus,
)
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.planning.actions import ObjectRef, Plan
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.rivals import NO_RIVALS, Rivals
from gco_stream_reconciler.planning.situation import PlanSettings
from gco_stream_reconciler.settings import LifecycleSettings
from tests.doubles.planned_cluster import PlannedCluster

REGION = "us-east-1"
NAMESPACE = "gco-inference"
SETTINGS = PlanSettings(
    region=REGION, namespaces=(NAMESPACE,), table_id="table-1", lifecycle=LifecycleSettings()
)
DEPLOYMENT = ObjectRef("Deployment", NAMESPACE, "llama")
SERVICE = ObjectRef("Service", NAMESPACE, "llama")
INGRESS = ObjectRef("Ingress", NAMESPACE, "inference-llama")
AUTOSCALER = ObjectRef("HorizontalPodAutoscaler", NAMESPACE, "llama")
AUTOSCALING = Autoscaling(min_replicas=2, max_replicas=6, metrics=(AutoscalingMetric("cpu", 70),))


def endpoint(**changes: Any) -> Endpoint:
    """The item `llama`; `spec_changes` go into its spec."""
    spec_changes = changes.pop("spec_changes", {})
    spec = EndpointSpec(
        image="vllm/vllm-openai:v1", replicas=2, **{"env": {"TOKEN": "hunter2"}, **spec_changes}
    )
    base = Endpoint(
        name="llama",
        desired_state=DesiredState.DEPLOYING,
        target_regions=(REGION, "eu-west-1"),
        namespace=NAMESPACE,
        spec=spec,
        spec_hash=f"{hash(str(spec_changes)) & 0xFFFFFFFFFFFF:012x}",
        ingress_path="/inference/llama",
        created_at="2026-11-01T09:00:00+00:00",
        updated_at="2026-11-01T09:00:00+00:00",
    )
    return replace(base, **changes)


def reporting(item: Endpoint, status: RegionStatus | None) -> Endpoint:
    """The item with a report of this Region."""
    return item if status is None else replace(item, region_status={REGION: status})


def settle(
    item: Endpoint,
    cluster: PlannedCluster,
    *,
    ready: bool = True,
    rivals: Rivals = NO_RIVALS,
    settings: PlanSettings = SETTINGS,
) -> tuple[Endpoint, list[Plan]]:
    """Plan and execute until nothing changes, as the controller would; returns what is then reported."""
    plans: list[Plan] = []
    for _ in range(12):
        observed = cluster.observed()
        for _ in range(4):
            decided = plan(item, observed, cluster.now, settings, rivals)
            if not decided.reads:
                break
            observed = replace(observed, fetched=observed.fetched | set(decided.reads))
        assert not decided.reads, "a plan must be content with reads that found nothing new"
        cluster.execute(decided)
        if ready:
            cluster.make_ready()
        plans.append(decided)
        before = item
        item = reporting(item, decided.status)
        if not decided.stages and item == before:
            return item, plans
    raise AssertionError(f"no rest after 12 plans; the last one: {plans[-1]}")


def running(**changes: Any) -> tuple[Endpoint, PlannedCluster]:
    """An endpoint that runs."""
    cluster = PlannedCluster()
    item, _ = settle(endpoint(**changes), cluster)
    cluster.history.clear()
    return item, cluster


def reported(item: Endpoint) -> RegionStatus:
    """What this Region reports."""
    return item.region_status[REGION]


def done(cluster: PlannedCluster) -> list[str]:
    """What was done, in order; a canary's objects are marked."""
    canary = f"llama-{Role.CANARY}"
    return [
        f"{type(action).__name__} {'canary ' if action.ref.name == canary else ''}{action.ref.kind}"
        for action in cluster.history
    ]
