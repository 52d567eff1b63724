"""Commands without anything to talk to, and with something that is wrong."""

import json
import os
from pathlib import Path

import pytest
import yaml

from tests.doubles.scripted_api_server import scripted_server
from tests.doubles.scripted_aws import refuses
from tests.integration.cli.commands import Commands
from tests.samples import sample_item

NOTHING = Commands(
    "endpoints",
    more={
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PROFILE": None,
    },
)


def file_of(folder: Path, document: object) -> str:
    file = folder / "item.json"
    file.write_text(json.dumps(document), "utf-8")
    return str(file)


async def test_render_needs_no_connection_for_a_file(tmp_path: Path) -> None:
    file = file_of(tmp_path, {"Item": sample_item("canary-llama3")})
    ended = await NOTHING("render", "--file", file)
    kinds = [manifest["kind"] for manifest in yaml.safe_load_all(ended.out)]
    assert (ended.code, ended.err) == (0, "")
    assert kinds == ["Deployment", "Service", "Deployment", "Service", "Ingress"]
    as_json = json.loads((await NOTHING("render", "--file", file, "-o", "json")).out)
    assert [manifest["kind"] for manifest in as_json["items"]] == kinds


async def test_render_names_what_it_cannot_render_and_goes_on(tmp_path: Path) -> None:
    good = sample_item("vllm-llama3")
    bad = {**good, "endpoint_name": {"S": "bad"}, "spec": {"M": {}}}
    ended = await NOTHING("render", "--file", file_of(tmp_path, [bad, good]))
    assert ended.code == 1
    assert "bad: refused (rule 14): spec.image: is required" in ended.sentence
    assert "name: vllm-llama3" in ended.out


async def test_render_says_why_nothing_is_made_here(tmp_path: Path) -> None:
    file = file_of(tmp_path, sample_item("vllm-llama3"))
    ended = await NOTHING("render", "--file", file, "--region", "ap-south-1")
    assert (ended.code, ended.out) == (0, "")
    assert "ap-south-1 is not a target" in ended.sentence


@pytest.mark.parametrize("arguments", [["render", "--file", "/nowhere"], ["render", "-o", "xml"]])
async def test_a_wrong_file_or_format_is_a_wrong_use(arguments: list[str]) -> None:
    ended = await NOTHING(*arguments)
    assert ended.code == 2
    assert ended.sentence


@pytest.mark.parametrize("arguments", [["render", "--file", "x"], ["diff"], ["explain", "x"], ["doctor"]])
async def test_commands_about_a_cluster_need_its_region(arguments: list[str]) -> None:
    ended = await NOTHING(*arguments, REGION=None)
    assert ended.code == 2
    assert "REGION" in ended.sentence


async def test_commands_about_the_table_take_any_of_its_regions_names() -> None:
    none = dict.fromkeys(("REGION", "DYNAMODB_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"))
    ended = await NOTHING("status", **none)
    assert (ended.code, "DYNAMODB_REGION" in ended.sentence) == (2, True)
    for name in none:
        assert (await NOTHING("reconcile", "x", **{**none, name: "eu-west-1"})).code == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["endpoint", "stop", "x"],
        ["reconcile", "x"],
        ["table", "check"],
        ["table", "create"],
        ["render"],
    ],
)
async def test_a_table_that_does_not_answer_is_said_in_one_sentence(arguments: list[str]) -> None:
    ended = await NOTHING(*arguments)
    assert ended.code == 4
    assert "check the network path to AWS" in ended.sentence


@pytest.mark.parametrize("arguments", [["status"], ["endpoint", "stop", "x"], ["doctor"], ["table", "check"]])
async def test_missing_credentials_are_said_in_one_sentence(arguments: list[str]) -> None:
    ended = await NOTHING(*arguments, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert ended.code == 2
    assert "no AWS credentials" in ended.sentence


async def test_a_missing_permission_is_named() -> None:
    async with scripted_server(refuses("AccessDeniedException", "not you")) as aws:
        ended = await NOTHING("endpoint", "stop", "x", AWS_ENDPOINT_URL=aws.url)
    assert ended.code == 1
    assert "dynamodb:GetItem" in ended.sentence


async def test_the_installed_command_ends_with_its_code_and_without_a_traceback() -> None:
    ended = await NOTHING.process("status")
    assert ended.code == 4
    assert ended.sentence
    wrong = await NOTHING.process("endpoint", "fly", "x")
    assert (wrong.code, "see `" in wrong.sentence) == (2, True)
