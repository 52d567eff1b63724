"""The files that go with the documentation, and the image's: valid, and of one mind with each other."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hcl2
import pytest
import yaml
from cfnlint.api import lint_file

from tests.helm.charts import DOCS, LEAST, RELEASE, ROOT, only, render

DOCKER = ROOT / "docker"
LOCKS = ("requirements.lock", "requirements-sandbox.lock", "requirements-dev.lock")


class _Tagged(yaml.SafeLoader):
    """Reads `!Sub x` as x, and the like."""


def _plain(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]


_Tagged.add_multi_constructor("!", _plain)


def template(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load((DOCS / name).read_text("utf-8"), _Tagged)  # noqa: S506 - a SafeLoader
    return read


def terraform(name: str) -> dict[str, Any]:
    read: dict[str, Any] = hcl2.loads((DOCS / name).read_text("utf-8"))
    return read


@pytest.mark.parametrize("name", ["table.yaml", "controller-role.yaml"])
def test_cloudformation_is_valid(name: str) -> None:
    assert [str(match) for match in lint_file(DOCS / name)] == []


@pytest.mark.parametrize("name", ["table.tf", "controller-role.tf"])
def test_terraform_is_valid_syntax_and_uses_what_it_declares_itself(name: str) -> None:
    assert terraform(name)["resource"]
    text = (DOCS / name).read_text("utf-8")
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(declared(text, "variable"))
    # Every data source is used, and every one that is used is there.
    assert set(re.findall(r"\bdata\.(\w+\.\w+)", text)) == set(declared(text, "data"))
    made = set(declared(text, "resource"))
    assert set(re.findall(r"(?<![.\w])(aws_\w+\.\w+)", text)) <= made


def test_terraforms_files_can_stand_in_one_module() -> None:
    texts = [path.read_text("utf-8") for path in sorted(DOCS.glob("*.tf"))]
    assert len(texts) == 2
    for kind in ("variable", "data", "resource", "output"):
        found = [name for text in texts for name in declared(text, kind)]
        assert len(found) == len(set(found)), kind


def declared(text: str, kind: str) -> list[str]:
    """Names of the blocks of a kind, with their type where they have one, as `type.name`."""
    labels = re.findall(rf'^{kind} "(\w+)"(?: "(\w+)")?', text, re.MULTILINE)
    return [".".join(each for each in found if each) for found in labels]


def test_terraform_fills_every_place_of_the_policy() -> None:
    filled = re.search(r"templatefile\([^{]+\{(.*?)\}\)", _without_paths("controller-role.tf"), re.DOTALL)
    assert filled
    places = set(re.findall(r"\$\{(\w+)\}", (DOCS / "controller-policy.json").read_text("utf-8")))
    assert set(re.findall(r"^\s+(\w+)\s*=", filled[1], re.MULTILINE)) == places


def test_the_page_fills_every_place_of_the_policy() -> None:
    places = set(re.findall(r"\$\{(\w+)\}", (DOCS / "controller-policy.json").read_text("utf-8")))
    lines = re.findall(r"^\$ export (.+)$", (DOCS / "install.md").read_text("utf-8"), re.MULTILINE)
    assert {name for line in lines for name in re.findall(r"(\w+)=", line)} == places


def _without_paths(name: str) -> str:
    return (DOCS / name).read_text("utf-8").replace("${path.module}/", "")


def test_the_cdk_snippet_is_python() -> None:
    functions = {
        node.name
        for node in ast.walk(ast.parse((DOCS / "table-cdk.py").read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert {"add_stream", "with_stream"} <= functions


def test_every_description_of_the_table_protects_it() -> None:
    home, second = template("table.yaml")["Resources"]["Endpoints"]["Properties"]["Replicas"]
    for replica in (home, second[1]):
        assert replica["DeletionProtectionEnabled"] is True
        assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    (table,) = terraform("table.tf")["resource"]
    (described,) = (part for made in table.values() for part in made.values())
    assert described["deletion_protection_enabled"] is True
    assert described["point_in_time_recovery"][0]["enabled"] is True
    (replica,) = (
        block["content"][0]
        for each in described["dynamic"]
        for name, block in each.items()
        if "replica" in name
    )
    assert replica["deletion_protection_enabled"] is True
    assert replica["point_in_time_recovery"] is True
    arguments = {
        keyword.arg: ast.unparse(keyword.value)
        for node in ast.walk(ast.parse((DOCS / "table-cdk.py").read_text("utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
    }
    assert arguments["deletion_protection"] == "True"
    assert arguments["point_in_time_recovery_enabled"] == "True"


def test_every_description_of_the_table_asks_for_both_images() -> None:
    view = "NEW_AND_OLD_IMAGES"
    properties = template("table.yaml")["Resources"]["Endpoints"]["Properties"]
    assert properties["StreamSpecification"] == {"StreamViewType": view}
    assert f'stream_view_type = "{view}"' in (DOCS / "table.tf").read_text("utf-8")
    assert view in (DOCS / "table-cdk.py").read_text("utf-8")
    assert f"StreamViewType={view}" in (DOCS / "install.md").read_text("utf-8")


def test_cloudformations_policy_is_the_documented_one() -> None:
    policies = template("controller-role.yaml")["Resources"]["Role"]["Properties"]["Policies"]
    text = json.dumps(policies[0]["PolicyDocument"])
    for long, short in (("${AWS::Partition}", "${Partition}"), ("${AWS::AccountId}", "${AccountId}")):
        text = text.replace(long, short)
    documented = json.loads((DOCS / "controller-policy.json").read_text("utf-8"))
    by_name = {"StreamRegion": "${StreamRegion}", "HomeRegion": "${HomeRegion}"}
    found = json.loads(text)
    for statement in found["Statement"]:
        equals = statement["Condition"]["StringEquals"]
        equals["aws:RequestedRegion"] = by_name[equals["aws:RequestedRegion"]]
    assert found == documented


def test_roles_are_for_the_service_account_that_the_chart_makes_by_default() -> None:
    account = only(render(LEAST, release=RELEASE), "ServiceAccount")["metadata"]
    parameters = template("controller-role.yaml")["Parameters"]
    assert parameters["ServiceAccount"]["Default"] == account["name"]
    assert parameters["Namespace"]["Default"] == account["namespace"]
    assert f'"{account["name"]}"' in (DOCS / "controller-role.tf").read_text("utf-8")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


# --- Image --------------------------------------------------------------------------------------------------------


def test_hadolint_and_shellcheck_find_nothing_in_the_images_files() -> None:
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [DOCKER / "lint"], env={"PATH": tools}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def stages() -> list[str]:
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    return re.split(r"^FROM ", text, flags=re.MULTILINE)


def test_the_image_is_pinned_unprivileged_and_installs_by_hash() -> None:
    head, build, final = stages()
    assert re.search(r"^ARG BASE=python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", head, re.MULTILINE)
    assert build.startswith("${BASE} AS build\n")
    assert final.startswith("${BASE}\n")
    assert "--require-hashes -r requirements.lock" in build
    assert "USER 65532:65532" in final
    assert 'ENTRYPOINT ["gco-stream-reconciler"]' in final
    # The form without a shell: the program itself is PID 1 and gets the signals.
    assert 'CMD ["run"]' in final
    assert "HEALTHCHECK" not in final
    assert "pip install" not in final


def test_bytecode_in_the_image_does_not_depend_on_times_of_files() -> None:
    _, build, final = stages()
    for stage, folder in ((build, "/opt/venv/lib"), (final, "/usr/local/lib/python3.*")):
        assert re.search(
            rf"compileall -q --invalidation-mode unchecked-hash .*{re.escape(folder)}\s", stage
        ), folder
    for line in re.findall(r"^.*/opt/venv/bin/python install.*$", build, re.MULTILINE):
        assert "--no-compile" in line


def test_the_image_tells_what_it_is() -> None:
    labels = set(re.findall(r"org\.opencontainers\.image\.([\w.]+)=", stages()[-1]))
    assert labels == {"title", "description", "licenses", "version", "revision", "created", "base.name"}


def test_the_image_and_the_chart_agree_about_the_user() -> None:
    spec = only(render(), "Deployment")["spec"]["template"]["spec"]["securityContext"]
    assert f"USER {spec['runAsUser']}:{spec['runAsGroup']}\n" in stages()[-1]


def test_the_build_backend_is_found_in_the_lock_file() -> None:
    lock = (ROOT / "requirements-dev.lock").read_text("utf-8")
    found = re.search(
        r"^setuptools==[^\n]*\\\n(?:    --hash=sha256:\w+[ \\]*\n)+    # via", lock, re.MULTILINE
    )
    assert found, "docker/Dockerfile and Makefile take setuptools and its hashes from requirements-dev.lock"


def test_what_make_installs_comes_from_a_lock_file_the_build_backend_too() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    installed = re.findall(r"\$\(PIP\) install (.+)", makefile)
    assert len(installed) >= 5
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation" in line for line in installed)
    (extracted,) = re.findall(r"awk '.+' requirements-dev\.lock", makefile)
    assert extracted in (ROOT / "docker" / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_no_registry(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=)", text, re.MULTILINE)


def test_the_build_script_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/bash", DOCKER / "build"],
        env={"PATH": _tools(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "install one of them" in done.stderr


def _tools(folder: Path) -> str:
    """A PATH with what the script needs to get as far as choosing a builder, and no builder."""
    for name in ("dirname", "sed"):
        found = subprocess.run(
            ["/bin/bash", "-c", f"command -v {name}"], capture_output=True, text=True, check=True
        )
        (folder / name).symlink_to(found.stdout.strip())
    return str(folder)
