"""What the rendered objects promise."""

from collections.abc import Mapping
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from gco_stream_reconciler import __version__
from gco_stream_reconciler.settings import load_settings
from tests.helm.charts import (
    NAMESPACE,
    ROOT,
    Object,
    environment,
    everything,
    example,
    only,
    pod,
    render,
    texts,
    values,
)
from tests.helm.operator_schemas import SCHEMAS

KUBERNETES = ("1.31", "1.34", "1.37")
OPERATOR_KINDS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
"""Custom resources: no schema of Kubernetes' own, but one of ours."""

LONG = "a-release-with-a-name-of-exactly-fifty-three-letters-"[:52] + "x"


def names(objects: list[Object]) -> set[tuple[str, str, str]]:
    return {(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in objects}


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(
    "given",
    [values(), everything(), example("us-east-1"), example("eu-west-1")],
    ids=["least", "everything", "us-east-1", "eu-west-1"],
)
def test_every_object_is_valid_in_three_versions_of_kubernetes(given: dict[str, Any], version: str) -> None:
    native = [each for each in render(given) if each["kind"] not in OPERATOR_KINDS]
    assert len(native) >= 8
    for each in native:
        kubernetes_validate.validate(each, version, strict=True)


MONITOR = {
    "enabled": True,
    "interval": "1m30s",
    "scrapeTimeout": "10s",
    "labels": {"release": "stack"},
    "relabelings": [{"action": "labeldrop", "regex": "endpoint"}],
    "metricRelabelings": [{"sourceLabels": ["__name__"], "action": "drop", "regex": "python_.*"}],
}


@pytest.mark.parametrize(
    "given",
    [
        everything(),
        example("us-east-1"),
        example("eu-west-1"),
        values({"monitoring": {"serviceMonitor": MONITOR, "prometheusRule": {"enabled": True}}}),
        values({"monitoring": {"podMonitor": MONITOR}}),
    ],
    ids=["everything", "us-east-1", "eu-west-1", "service-monitor", "pod-monitor"],
)
def test_the_operators_objects_have_the_fields_that_it_knows_and_needs(given: dict[str, Any]) -> None:
    custom = [each for each in render(given) if each["kind"] in OPERATOR_KINDS]
    assert custom
    for each in custom:
        jsonschema.validate(each, SCHEMAS[each["kind"]])


def test_all_of_the_operators_kinds_have_a_schema_that_is_one() -> None:
    assert set(SCHEMAS) == set(OPERATOR_KINDS)
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("given", [values(), everything(), example("eu-west-1")], ids=["least", "all", "eu"])
def test_everything_is_namespaced_and_labelled_as_one_release(given: dict[str, Any]) -> None:
    objects = render(given)
    assert not {each["kind"] for each in objects} & {"ClusterRole", "ClusterRoleBinding", "Namespace"}
    assert len(names(objects)) == len(objects)
    for each in objects:
        assert each["metadata"]["namespace"]
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "reconciler"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"


def test_the_default_is_these_objects() -> None:
    name = "reconciler-gco-stream-reconciler"
    assert names(render()) == {
        ("ServiceAccount", NAMESPACE, name),
        ("Deployment", NAMESPACE, name),
        ("Service", NAMESPACE, name),
        ("PodDisruptionBudget", NAMESPACE, name),
        ("Role", "gco-inference", name),
        ("RoleBinding", "gco-inference", name),
        ("Role", "gco-inference", f"{name}-leader"),
        ("RoleBinding", "gco-inference", f"{name}-leader"),
    }


def test_the_container_may_do_nothing_that_it_need_not() -> None:
    spec = pod(render())
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for key in ("hostNetwork", "hostPID", "hostIPC", "volumes"):
        assert key not in spec
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_the_sizing_table_begins_with_the_charts_own_resources() -> None:
    resources = pod(render())["containers"][0]["resources"]
    request, limit = resources["requests"], resources["limits"]
    assert "cpu" not in limit
    row = f"| {request['cpu']}, {request['memory']} | no CPU limit, {limit['memory']} |"
    assert row in (ROOT / "docs" / "performance.md").read_text("utf-8")


def test_two_replicas_hand_over_without_a_gap() -> None:
    objects = render()
    deployment = only(objects, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    spec = deployment["template"]["spec"]
    drain = load_settings(region="us-east-1").controller.drain_seconds
    assert spec["terminationGracePeriodSeconds"] > drain + 5
    spreads = spec["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spreads] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    for each in spreads:
        assert each["labelSelector"]["matchLabels"] == deployment["selector"]["matchLabels"]
    budget = only(objects, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment["selector"]


def test_recreate_stands_alone_where_the_api_server_refuses_a_rolling_update_beside_it() -> None:
    def strategy(**given: Any) -> Any:
        return only(render(values({"updateStrategy": given})), "Deployment")["spec"]["strategy"]

    # Helm merges maps, so the default's rollingUpdate stands beside a type that is given alone.
    assert strategy(type="Recreate") == {"type": "Recreate"}
    assert strategy(rollingUpdate=None) == {"type": "RollingUpdate"}
    assert strategy(rollingUpdate={"maxSurge": "50%"}) == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0},
    }


def test_a_single_replica_has_no_disruption_budget() -> None:
    assert not [each for each in render(values({"replicas": 1})) if each["kind"] == "PodDisruptionBudget"]


def test_probes_and_service_meet_the_port_that_the_program_listens_on() -> None:
    objects = render(values({"ports": {"http": 9999}}))
    container = pod(objects)["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": 9999, "protocol": "TCP"}]
    assert environment(objects)["HTTP_PORT"] == "9999"
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert only(objects, "Service")["spec"]["ports"][0]["targetPort"] == "http"


def test_selectors_choose_the_pods_of_this_release_and_keep_their_labels() -> None:
    given = values(
        {
            "commonLabels": {"app.kubernetes.io/name": "stolen", "team": "a"},
            "podLabels": {"app.kubernetes.io/instance": "stolen", "tier": "control"},
            "monitoring": {"serviceMonitor": {"enabled": True}},
            "networkPolicy": {"enabled": True},
        }
    )
    objects = render(given)
    deployment = only(objects, "Deployment")["spec"]
    wanted = {"app.kubernetes.io/name": "gco-stream-reconciler", "app.kubernetes.io/instance": "reconciler"}
    assert deployment["selector"]["matchLabels"] == wanted
    labels = deployment["template"]["metadata"]["labels"]
    assert labels.items() >= wanted.items()
    assert (labels["team"], labels["tier"]) == ("a", "control")
    assert only(objects, "Service")["spec"]["selector"] == wanted
    assert only(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == wanted
    service = only(objects, "Service")["metadata"]["labels"]
    assert service.items() >= only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()


def test_a_pods_annotation_of_the_chart_can_be_replaced() -> None:
    def annotations(**given: str) -> Any:
        text = texts(values({"podAnnotations": given}))["gco-stream-reconciler/templates/deployment.yaml"]
        assert text.count("kubectl.kubernetes.io/default-container:") == 1
        return yaml.safe_load(text)["spec"]["template"]["metadata"]["annotations"]

    key = "kubectl.kubernetes.io/default-container"
    assert annotations() == {key: "controller"}
    assert annotations(note="a") == {key: "controller", "note": "a"}
    assert annotations(**{key: "proxy"}) == {key: "proxy"}


def test_a_new_version_of_the_chart_alone_restarts_no_pod() -> None:
    labels = only(render(), "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert not {"helm.sh/chart", "app.kubernetes.io/version"} & labels.keys()


@pytest.mark.parametrize(
    ("given", "release", "name"),
    [
        ({}, "gco-stream-reconciler", "gco-stream-reconciler"),
        ({"nameOverride": "sync"}, "prod", "prod-sync"),
        ({"fullnameOverride": "sync"}, "prod", "sync"),
        ({}, LONG, LONG[:52]),
    ],
)
def test_names_can_be_chosen_and_stay_within_what_kubernetes_takes(
    given: Mapping[str, Any], release: str, name: str
) -> None:
    objects = render(values({**everything(), **given}), release=release)
    assert only(objects, "Deployment")["metadata"]["name"] == name
    assert all(len(each["metadata"]["name"]) <= 63 for each in objects)


def test_digest_wins_over_tag_and_the_chart_version_is_the_default_tag() -> None:
    digest = "sha256:" + "a" * 64
    repository = values()["image"]["repository"]

    def image(**given: str) -> str:
        found: str = pod(render(values({"image": given})))["containers"][0]["image"]
        return found

    assert image() == f"{repository}:{__version__}"
    assert image(tag="1.2") == f"{repository}:1.2"
    assert image(tag="1.2", digest=digest) == f"{repository}@{digest}"


def test_two_regions_differ_where_they_must() -> None:
    home, away = (environment(render(example(region))) for region in ("us-east-1", "eu-west-1"))
    assert home["REGION"] == "us-east-1"
    assert "DYNAMODB_REGION" not in home
    assert (away["REGION"], away["DYNAMODB_REGION"], away["STREAM_REGION"]) == (
        "eu-west-1",
        "us-east-1",
        "eu-west-1",
    )


def test_the_program_accepts_the_environment_that_the_chart_gives_it() -> None:
    for given in (values(), everything(), example("us-east-1"), example("eu-west-1")):
        by_name = environment(render(given))
        settings = load_settings(
            **{field: by_name[name] for name, field in FIELDS.items() if name in by_name}
        )
        assert settings.place.region == given["region"]
        assert settings.controller.workers == 16


FIELDS = {
    "REGION": "region", "DYNAMODB_REGION": "dynamodb_region", "STREAM_REGION": "stream_region",
    "INFERENCE_ENDPOINTS_TABLE_NAME": "table_name", "INFERENCE_NAMESPACE": "namespace", "NAMESPACES": "extra_namespaces",
    "WORKERS": "workers", "RECONCILE_INTERVAL_SECONDS": "resync_seconds", "DRAIN_SECONDS": "drain_seconds",
    "LOG_LEVEL": "log_level", "LOG_FORMAT": "log_format", "HTTP_PORT": "http_port", "LEASE_NAME": "lease_name",
}  # fmt: skip


def test_irsa_is_an_annotation_and_pod_identity_needs_none() -> None:
    assert "annotations" not in only(render(), "ServiceAccount")["metadata"]
    found = only(render(example("eu-west-1")), "ServiceAccount")["metadata"]["annotations"]
    assert found["eks.amazonaws.com/role-arn"].endswith(":role/gco-stream-reconciler-eu-west-1")


def test_the_network_policy_lets_out_only_names_tls_and_credentials() -> None:
    policy = only(render(everything()), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert [{port["port"] for port in rule["ports"]} for rule in policy["egress"]] == [{53}, {443}, {80}]
    assert "to" not in policy["egress"][0]
    for rule in policy["egress"][1:]:
        assert all("ipBlock" in peer for peer in rule["to"])


def test_the_network_policy_lets_out_the_same_over_ipv4_and_ipv6() -> None:
    policy = only(render(everything()), "NetworkPolicy")["spec"]
    named, credentials = ({peer["ipBlock"]["cidr"] for peer in rule["to"]} for rule in policy["egress"][1:])
    assert named == {"0.0.0.0/0", "::/0"}
    # EKS Pod Identity's agent and the instance metadata.
    assert credentials == {"169.254.170.23/32", "fd00:ec2::23/128", "169.254.169.254/32", "fd00:ec2::254/128"}


def test_extras_reach_the_pod_and_extra_objects_are_templates() -> None:
    given = values(
        {
            "extraEnv": [{"name": "AWS_USE_FIPS_ENDPOINT", "value": "true"}],
            "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
            "extraVolumes": [{"name": "tmp", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a mount in a Pod
            "imagePullSecrets": [{"name": "pull"}],
            "tolerations": [{"operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "extraObjects": [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-a"}},
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.region }}-b\n",
            ],
        }
    )  # fmt: skip
    objects = render(given)
    spec = pod(objects)
    container = spec["containers"][0]
    assert container["env"][-1] == {"name": "AWS_USE_FIPS_ENDPOINT", "value": "true"}
    assert container["envFrom"] == [{"configMapRef": {"name": "more"}}]
    assert container["volumeMounts"][0]["mountPath"] == spec["volumes"][0]["name"].join(["/", ""])
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    configs = {each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"}
    assert configs == {"reconciler-a", "us-east-1-b"}


def test_nothing_of_the_rest_is_made_unless_asked_for() -> None:
    off = values(
        {
            "serviceAccount": {"create": False, "name": "there"},
            "rbac": {"create": False},
            "service": {"enabled": False},
            "podDisruptionBudget": {"enabled": False},
            "topologySpreadConstraints": [],
        }
    )
    objects = render(off)
    assert [each["kind"] for each in objects] == ["Deployment"]
    assert pod(objects)["serviceAccountName"] == "there"
    assert "topologySpreadConstraints" not in pod(objects)
    assert yaml.safe_dump(objects)
