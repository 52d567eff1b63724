"""What Helm refuses before anything reaches a cluster, and with which words."""

from typing import Any

import helm_python as helm
import pytest

from tests.helm.charts import CHART, environment, pod, render, texts, values

REPOSITORIES = (
    "gco-stream-reconciler",
    "a/b/c",
    "a__b/c.d/e--f_g",
    "registry.example/x",
    "localhost:5000/x",
    "Registry.example:443/team-a/x",
    "[2001:db8::1]:5000/x",
    "111122223333.dkr.ecr.us-east-1.amazonaws.com/gco-stream-reconciler",
)
NO_REPOSITORIES = (
    "",
    "a:b",
    "r/x:1.2.3",
    "localhost:5000",
    "localhost:5000/x:1",
    "localhost:port/x",
    "r/x@sha256:" + "a" * 64,
    "r/x:tag with blanks",
    "https://r/x",
    "r/X",
    "r//x",
    "r/x/",
    "r/x_",
)

REFUSED_BY_SCHEMA: list[tuple[dict[str, Any], str]] = [
    ({"image": {"repository": "r/x"}}, "missing property 'region'"),
    ({"region": "us-east-1"}, "missing property 'repository'"),
    (values({"region": ""}), "'/region'"),
    (values({"region": "US East"}), "'/region'"),
    (values({"region": None}), "missing property 'region'"),
    (values({"resyncSeconds": 9}), "'/resyncSeconds': minimum: got 9, want 10"),
    (values({"resyncSeconds": "300"}), "'/resyncSeconds': got string, want number"),
    (values({"replica": 3}), "additional properties 'replica' not allowed"),
    (values({"table": {"stream": "us-east-1"}}), "'/table': additional properties 'stream' not allowed"),
    (values({"table": {"homeRegion": "useast1"}}), "'/table/homeRegion'"),
    (values({"table": {"name": "no blanks"}}), "'/table/name'"),
    (values({"workers": 0}), "'/workers'"),
    (values({"workers": 1.5}), "'/workers'"),
    (values({"workers": 257}), "'/workers'"),
    (values({"replicas": -1}), "'/replicas'"),
    (values({"endpointNamespace": "Not_A_Label"}), "'/endpointNamespace'"),
    (values({"extraNamespaces": "team-a"}), "'/extraNamespaces'"),
    (values({"extraNamespaces": ["a", "a"]}), "'/extraNamespaces'"),
    (values({"logging": {"level": "TRACE"}}), "'/logging/level'"),
    (values({"ports": {"http": 0}}), "'/ports/http'"),
    (values({"image": {"digest": "sha256:abc"}}), "'/image/digest'"),
    *((values({"image": {"repository": wrong}}), "'/image/repository'") for wrong in NO_REPOSITORIES),
    (values({"settings": {"STARTUP_LIMIT_SECOND": 60}}), "additional properties 'STARTUP_LIMIT_SECOND'"),
    (values({"settings": {"STARTUP_LIMIT_SECONDS": 5}}), "'/settings/STARTUP_LIMIT_SECONDS'"),
    (values({"settings": {"STREAM_AUDIT_SECONDS": 31}}), "'/settings/STREAM_AUDIT_SECONDS'"),
    (values({"settings": {"REGION": "us-east-1"}}), "additional properties 'REGION'"),
    (values({"serviceAccount": {"annotations": {"a": 1}}}), "'/serviceAccount/annotations/a'"),
    (values({"monitoring": {"prometheusRule": {"disabled": ["NoSuchAlert"]}}}), "'/monitoring/prometheusRule/disabled/0'"),
    (values({"extraEnv": [{"value": "x"}]}), "'/extraEnv/0': missing property 'name'"),
    (values({"networkPolicy": {"egressCidrs": ["everywhere"]}}), "'/networkPolicy/egressCidrs/0'"),
    (values({"networkPolicy": {"credentialCidrs": ["fd00:ec2::23"]}}), "'/networkPolicy/credentialCidrs/0'"),
    (values({"monitoring": {"podMonitor": {"interval": "1s1m"}}}), "'/monitoring/podMonitor/interval'"),
    (values({"podDisruptionBudget": {"maxUnavailable": 0}}), "'/podDisruptionBudget/maxUnavailable'"),
    (values({"topologySpreadConstraints": [{"topologyKey": "a"}]}), "'/topologySpreadConstraints/0'"),
]  # fmt: skip

REFUSED_BY_TEMPLATES: list[tuple[dict[str, Any], str]] = [
    ({"terminationGracePeriodSeconds": 29}, "terminationGracePeriodSeconds (29) must be at least drainSeconds (20) + 10"),
    ({"drainSeconds": 30.5}, "must be at least drainSeconds (30.5) + 10"),
    ({"ports": {"http": 9000, "debug": 9000}}, "ports.http and ports.debug must differ"),
    (
        {"monitoring": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}},
        "monitoring.serviceMonitor.enabled and monitoring.podMonitor.enabled exclude each other",
    ),
    (
        {"monitoring": {"prometheusRule": {"enabled": True}}},
        "monitoring.prometheusRule.enabled needs monitoring.serviceMonitor.enabled or monitoring.podMonitor.enabled",
    ),
    ({"lease": {"name": "gco-stream-reconciler-cleanups"}}, "is the name of the ledger of clean-ups"),
    ({"service": {"enabled": False}, "monitoring": {"serviceMonitor": {"enabled": True}}}, "needs service.enabled"),
    ({"serviceAccount": {"create": False}}, "serviceAccount.name is required"),
    ({"extraEnv": [{"name": "REGION", "value": "x"}]}, "extraEnv: REGION is set by the chart"),
    ({"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}, "extraEnv: A is"),
    (
        {"settings": {"BACKOFF_INITIAL_SECONDS": 2}, "extraEnv": [{"name": "BACKOFF_INITIAL_SECONDS", "value": "1"}]},
        "extraEnv: BACKOFF_INITIAL_SECONDS is set by the chart",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), REFUSED_BY_SCHEMA, ids=lambda value: str(value)[-60:])
def test_a_wrong_value_is_refused_with_its_name(given: dict[str, Any], words: str) -> None:
    with helm.Chart.load(CHART) as chart, pytest.raises(helm.HelmError) as refusal:
        chart.validate_schema(given)
    assert words in str(refusal.value)


@pytest.mark.parametrize(("given", "words"), REFUSED_BY_TEMPLATES, ids=lambda value: str(value)[:60])
def test_values_that_contradict_each_other_are_refused_with_both_names(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(helm.HelmError) as refusal:
        render(values(given))
    assert words in str(refusal.value)


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_a_repository_may_name_a_registry_with_its_port(repository: str) -> None:
    (container,) = pod(render(values({"image": {"repository": repository}})))["containers"]
    assert container["image"].rpartition(":")[0] == repository


def test_the_schema_names_every_value_of_the_chart() -> None:
    with helm.Chart.load(CHART) as chart:
        schema, defaults = chart.schema, chart.values
    assert schema is not None
    assert set(defaults) | {"region", "global"} == set(schema["properties"])
    for name, part in schema["properties"].items():
        if part.get("additionalProperties") is False and name != "settings":
            known = {key for key, value in defaults[name].items() if value is not None}
            assert known <= set(part["properties"]), name


def test_helm_lint_finds_nothing() -> None:
    found = helm.lint(CHART, values(), strict=True)
    assert found["errors"] == []
    # Severity 1 is information: there is no icon.
    assert [message for message in found["messages"] if message["severity"] > 1] == []


def test_numbers_reach_the_program_as_people_write_them() -> None:
    given = values(
        {
            "resyncSeconds": 1000000,
            "settings": {"STREAM_IDLE_POLL_SECONDS": 0.25, "STARTUP_LIMIT_SECONDS": 3600, "ROOT_PATH_IMAGES": "vllm,my-vllm"},
        }
    )  # fmt: skip
    found = environment(render(given))
    assert found["RECONCILE_INTERVAL_SECONDS"] == "1000000"
    assert found["STREAM_IDLE_POLL_SECONDS"] == "0.25"
    assert found["STARTUP_LIMIT_SECONDS"] == "3600"
    assert found["ROOT_PATH_IMAGES"] == "vllm,my-vllm"


def test_the_notes_name_what_is_easily_forgotten() -> None:
    def notes(**given: Any) -> str:
        return next(text for path, text in texts(values(given)).items() if path.endswith("NOTES.txt"))

    assert "Pod Identity association" in notes()
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/r"}
    assert "Pod Identity association" not in notes(serviceAccount={"annotations": role})
    assert "set table.streamRegion to us-east-1" in notes(table={"homeRegion": "eu-west-1"})
    assert "NOTE" not in notes(table={"homeRegion": "eu-west-1", "streamRegion": "us-east-1"})
    assert "nobody takes over" in notes(replicas=1)
    assert "the controller uses 60" in notes(resyncSeconds=15)
