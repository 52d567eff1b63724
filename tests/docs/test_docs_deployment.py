"""The commands of the deployment pages name what there is: the chart's objects, files, parameters, places to fill in."""

import re

import helm_python as helm
import pytest
import yaml

from gco_stream_reconciler.aws.session import open_clients
from gco_stream_reconciler.settings import load_settings
from tests.docs.pages import DOCS, ROOT, blocks, pages, prose
from tests.helm.charts import NAMESPACE, environment, example, only, pod, render, texts

INSTALL = DOCS / "deploy" / "install.md"
SETTINGS = load_settings(region="us-east-1")


def typed() -> str:
    """Every command of every page, one a line however it is wrapped."""
    found = [re.sub(r" *\\\n *", " ", block) for path in pages() for block in blocks(path, of="console")]
    spans = [span.replace("\n", " ") for path in pages() for span in re.findall(r"`([^`]+)`", prose(path))]
    return "\n".join((*found, *(span for span in spans if re.match(r"(?:kubectl|helm|aws) ", span))))


def test_kubectl_is_given_names_of_the_charts_objects_and_of_the_lease() -> None:
    objects = render(example("us-east-1"))
    for kind in ("Deployment", "Service"):
        named = set(re.findall(rf"\b{kind.lower()}/(reconciler\S*)", typed()))
        assert named <= {only(objects, kind)["metadata"]["name"]}
    labels = only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert set(re.findall(r"-l app\.kubernetes\.io/name=(\S+)", typed())) == {
        labels["app.kubernetes.io/name"]
    }
    assert set(re.findall(r"get lease (\S+)", typed())) == {SETTINGS.leadership.lease_name}


def test_kubectl_and_helm_are_given_the_namespaces_of_release_and_endpoints() -> None:
    named = set(re.findall(r"(?:kubectl|helm) -n (\S+)|--namespace (gco-\S+)", typed()))
    assert {one or other for one, other in named} == {NAMESPACE, SETTINGS.place.namespace}


def test_ports_that_are_forwarded_are_those_of_the_container() -> None:
    ports = {
        str(each["containerPort"]) for each in pod(render(example("us-east-1")))["containers"][0]["ports"]
    }
    forwarded = {
        port for found in re.findall(r"port-forward \S+ ([\d ]+)", typed()) for port in found.split()
    }
    assert forwarded == ports | {str(SETTINGS.telemetry.debug_port)}


def test_files_in_commands_exist() -> None:
    named = re.findall(r"(?<=[ <])((?:helm|docs|docker|tests|\.ci)/[\w./-]+)", typed())
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_image_that_is_pushed_is_the_one_that_is_built_into_the_repository_that_is_made() -> None:
    built, pushed, made = (
        re.findall(rf"{command} (\S+)", typed())
        for command in (r"docker/build", r"docker push", r"create-repository .*--repository-name")
    )
    assert built == pushed
    assert [image.partition("/")[2].partition(":")[0] for image in built] == made


def test_the_refusal_that_is_shown_is_the_charts_own() -> None:
    with pytest.raises(helm.HelmError) as refused:
        texts({**example("us-east-1"), "resyncSeconds": 9})
    shown = next(block for block in blocks(INSTALL, of="text") if "resyncSeconds" in block)
    assert str(refused.value).strip() in shown


def test_the_role_is_deployed_with_parameters_that_its_template_has_and_all_that_have_no_default() -> None:
    text = (DOCS / "deploy" / "controller-role.yaml").read_text("utf-8")
    declared = yaml.safe_load(text.partition("Resources:")[0])["Parameters"]
    given = re.search(r"--parameter-overrides (.+)", typed())
    assert given is not None
    names = set(re.findall(r"(\w+)=", given[1]))
    required = {name for name, each in declared.items() if "Default" not in each}
    assert required <= names <= declared.keys()


def test_every_place_of_the_policy_is_exported_before_it_is_filled_in() -> None:
    places = set(re.findall(r"\$\{(\w+)\}", (DOCS / "deploy" / "controller-policy.json").read_text("utf-8")))
    (block,) = (block for block in blocks(INSTALL, of="console") if "envsubst" in block)
    assert set(re.findall(r"(\w+)=", block)) == places


async def test_the_urls_for_private_subnets_are_taken_by_chart_and_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (block,) = blocks(INSTALL, of="yaml")
    given = environment(render({**example("eu-west-1"), **yaml.safe_load(block)}))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    place = load_settings().place
    assert place.home_table_endpoint_url
    assert place.stream_endpoint_url
    async with open_clients(place):
        pass  # which refuses an endpoint of AWS in another Region
