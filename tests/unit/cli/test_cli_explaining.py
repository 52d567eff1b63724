from dataclasses import replace

from gco_stream_reconciler.cli.explaining import Explanation, explained
from gco_stream_reconciler.endpoints.model import Canary, DesiredState, Endpoint, Problem, RegionStatus
from gco_stream_reconciler.planning.plan import plan
from gco_stream_reconciler.planning.rivals import NO_RIVALS, Claim, Rivals
from gco_stream_reconciler.planning.situation import PlanSettings, Situation
from tests.doubles.planned_cluster import PlannedCluster
from tests.doubles.planning_story import DEPLOYMENT, SETTINGS, endpoint, running, settle


def explain(
    item: Endpoint, cluster: PlannedCluster, settings: PlanSettings = SETTINGS, rivals: Rivals = NO_RIVALS
) -> Explanation:
    """With every possible object looked at by name, as the command does."""
    observed = cluster.observed()
    situation = Situation(item, observed, cluster.now, settings, rivals)
    observed = replace(observed, fetched=frozenset((*situation.possible_refs(), *observed.objects)))
    situation = replace(situation, observed=observed)
    return explained(situation, plan(item, observed, cluster.now, settings, rivals))


def says(found: Explanation, about: str) -> list[tuple[int | None, str]]:
    return [(each.rule, each.says) for each in found.findings if each.about == about]


def test_a_running_endpoint_is_explained_rule_by_rule() -> None:
    found = explain(*running())
    assert says(found, "exposure") == [
        (1, "exposed, all requests go to the primary: exposed before, and the watchdog does not object")
    ]
    assert says(found, "watchdog") == [(2, "not counting: a Pod is ready")]
    assert says(found, "replicas") == [(3, "2 by spec.replicas; 2 in the cluster")]
    assert says(found, "template") == [(15, "revision 1, the newest")]
    assert says(found, "rollout")[0][1].startswith("complete:")
    assert not found.steps


def test_a_new_endpoint_waits_for_its_first_ready_pod() -> None:
    cluster = PlannedCluster()
    item, _ = settle(endpoint(), cluster, ready=False)
    found = explain(item, cluster)
    why = "not exposed: no Pod is ready yet; its Service is first named when one is"
    assert says(found, "exposure") == [(1, why)]


def test_what_would_be_done_is_told_with_its_reasons() -> None:
    found = explain(endpoint(), PlannedCluster())
    assert [(step.stage, step.action, step.target, step.reasons) for step in found.steps] == [
        (1, "apply", "Deployment gco-inference/llama", ("absent",)),
        (1, "apply", "Service gco-inference/llama", ("absent",)),
    ]


def test_the_watchdogs_clock_is_told() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    ((rule, text),) = says(explain(item, cluster), "watchdog")
    assert rule == 2
    assert text.startswith("no Pod is ready; after 300 s the Ingress goes; time alone changes this in")


def test_why_the_watchdog_does_not_count_is_told() -> None:
    cluster = PlannedCluster()
    waiting, _ = settle(endpoint(), cluster, ready=False)
    assert says(explain(waiting, cluster), "watchdog") == [(2, "not counting: it is not exposed")]
    item, cluster = running()
    assert item.spec is not None
    nothing = replace(item, spec=replace(item.spec, replicas=0), spec_hash="b" * 12)
    assert says(explain(nothing, cluster), "watchdog") == [(2, "not counting: it is to run 0 replicas")]


def test_the_canarys_readiness_and_traffic_are_told() -> None:
    canary = Canary(image="vllm/vllm-openai:v2", weight=25, replicas=1)
    item, cluster = running()
    assert item.spec is not None
    wanted = replace(item, spec=replace(item.spec, canary=canary), spec_hash="b" * 12)
    waiting, _ = settle(wanted, cluster, ready=False)
    ((_, text),) = says(explain(waiting, cluster), "canary")
    assert text.startswith("takes nothing (wanted 25 %): no Pod of its present template is ready")
    ready, _ = settle(wanted, cluster)
    ((_, text),) = says(explain(ready, cluster), "canary")
    assert text == "takes 25 %: ready, 1 of 1 ready, its Service stands"


def test_regions_that_are_awaited_are_named() -> None:
    ((rule, text),) = says(explain(*running()), "awaited")
    assert (rule, text) == (7, "promotion to running waits for eu-west-1 (no report yet)")
    item, cluster = running()
    gone = replace(item, desired_state=DesiredState.DELETED)
    assert says(explain(gone, cluster), "awaited")[0][0] == 5


def test_a_malformed_item_is_refused_by_rule_14() -> None:
    item = replace(endpoint(), spec=None, problems=(Problem("spec.image", "", "is required"),))
    ((rule, text),) = says(explain(item, PlannedCluster()), "refused")
    assert (rule, text.split(";")[0]) == (14, "spec.image: is required")


def test_an_object_of_somebody_elses_is_refused_by_rule_12() -> None:
    foreign = {"kind": "Deployment", "metadata": {"name": "llama", "namespace": "gco-inference", "uid": "1"}}
    cluster = PlannedCluster(objects={DEPLOYMENT: foreign})
    ((rule, text),) = says(explain(endpoint(), cluster), "refused")
    assert rule == 12
    assert text.startswith("Deployment gco-inference/llama: exists and was not made for this endpoint")


def test_the_name_of_an_older_endpoints_canary_is_refused_by_rule_9() -> None:
    host = Claim("llama", "gco-inference", "2025-01-01T00:00:00Z", "/inference/llama", has_canary=True)
    found = explain(endpoint(name="llama-canary"), PlannedCluster(), rivals=Rivals(canary_host=host))
    assert says(found, "refused")[0][0] == 9


def test_a_refused_endpoint_without_objects_has_nothing_on_the_load_balancer_to_tell_of() -> None:
    item = replace(endpoint(), spec=None, problems=(Problem("spec.image", "", "is required"),))
    found = explain(item, PlannedCluster())
    assert says(found, "exposure") == says(found, "watchdog") == []


def test_of_a_refused_endpoint_that_runs_exposure_and_the_watchdogs_clock_are_told() -> None:
    item, cluster = running()
    cluster.make_ready(ready=0)
    item, _ = settle(item, cluster, ready=False)
    broken = replace(item, spec=None, problems=(Problem("spec.image", "", "is required"),))
    found = explain(broken, cluster)
    assert says(found, "exposure") == [(1, "exposed, as its Ingress stands; 0 Pods are ready")]
    ((rule, text),) = says(found, "watchdog")
    assert rule == 2
    assert text.startswith("no Pod is ready; after 300 s the Ingress goes; time alone changes this in")


def test_a_refused_endpoint_that_was_never_exposed_is_said_to_get_no_ingress() -> None:
    cluster = PlannedCluster()
    item, _ = settle(endpoint(), cluster, ready=False)
    broken = replace(item, spec=None, problems=(Problem("spec.image", "", "is required"),))
    ((_, text),) = says(explain(broken, cluster), "exposure")
    assert text == "not exposed: it has no Ingress, and gets none while it is refused; 0 Pods are ready"


def test_of_a_namespace_that_is_not_served_no_watchdog_is_promised() -> None:
    item, cluster = running()
    found = explain(item, cluster, replace(SETTINGS, namespaces=("elsewhere",)))
    ((rule, text),) = says(found, "refused")
    assert rule == 14
    assert text.endswith("; what runs stays as it is")
    assert says(found, "watchdog") == []


def test_an_endpoint_whose_namespace_was_changed_is_explained_where_its_objects_stand() -> None:
    settings = replace(SETTINGS, namespaces=(*SETTINGS.namespaces, "other"))
    item, cluster = running()
    moved = replace(item, namespace="other")
    found = explain(moved, cluster, settings)
    ((rule, text),) = says(found, "refused")
    assert rule == 14
    assert "a namespace cannot change" in text
    assert says(found, "exposure")[0][1].startswith("exposed, as its Ingress stands; 2 Pods are ready")


def test_a_stop_and_a_removed_region_are_told_with_what_is_left() -> None:
    item, cluster = running()
    stopped = replace(item, desired_state=DesiredState.STOPPED)
    assert says(explain(stopped, cluster), "stop")[0][0] == 3
    removed = replace(item, target_regions=("eu-west-1",))
    ((rule, text),) = says(explain(removed, cluster), "removed")
    assert rule == 6
    assert "Deployment gco-inference/llama" in text


def test_a_region_that_never_was_a_target_does_nothing() -> None:
    item = replace(endpoint(), target_regions=("eu-west-1",))
    assert says(explain(item, PlannedCluster()), "elsewhere")[0][0] == 6


def test_a_report_about_an_earlier_spec_is_called_so() -> None:
    item = replace(
        endpoint(), region_status={"us-east-1": RegionStatus("running", 2, 2, observed_spec="old")}
    )
    ((_, text),) = says(explain(item, PlannedCluster()), "reported")
    assert text == "running, 2/2 ready, about an earlier spec"
