import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gco_stream_reconciler.cli import edits
from gco_stream_reconciler.cli.changing import changed
from gco_stream_reconciler.cli.ending import code_of
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.errors import ConditionFailedError
from gco_stream_reconciler.sandbox.table import Writer
from tests.integration.cli.commands import REGION, Commands, written

IMAGE = "vllm/vllm-openai:v1"


@pytest.fixture
def command(writer: Writer) -> Commands:
    writer.create_table()
    return Commands(writer.table)


@pytest.fixture
def llama(writer: Writer, command: Commands) -> str:
    writer.deploy(
        "llama", {"image": IMAGE, "replicas": 2, "env": {"TOKEN": "hunter2"}}, [REGION, "eu-west-1"]
    )
    return "llama"


def report(writer: Writer, name: str, region: str, state: str, **more: str) -> None:
    """What a Region's controller would write."""
    spec_hash = decode_endpoint(written(writer, name)).spec_hash
    fields = {"state": state, "observed_spec": spec_hash, **more}
    item = written(writer, name)
    statuses = {**item.get("region_status", {}).get("M", {})}
    statuses[region] = {"M": {key: {"S": value} for key, value in fields.items()}}
    writer.put({**item, "region_status": {"M": statuses}})


async def test_deploy_writes_what_gcos_command_line_writes(writer: Writer, command: Commands) -> None:
    ended = await command(
        "endpoint", "deploy", "new", "-i", IMAGE, "-r", REGION, "-r", "eu-west-1", "--replicas", "2",
        "-e", "TOKEN=hunter2", "--gpu-count", "0",
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    item = written(writer, "new")
    now = item["created_at"]["S"]
    writer.deploy(
        "twin",
        {"image": IMAGE, "replicas": 2, "gpu_count": 0, "env": {"TOKEN": "hunter2"}},
        [REGION, "eu-west-1"],
    )
    twin = written(writer, "twin")
    twin |= {"endpoint_name": {"S": "new"}, "ingress_path": {"S": "/inference/new"}}
    assert item == {**twin, "created_at": {"S": now}, "updated_at": {"S": now}}


async def test_deploy_does_not_replace_an_endpoint(writer: Writer, command: Commands, llama: str) -> None:
    before = written(writer, llama)
    ended = await command("endpoint", "deploy", llama, "-i", "other:1", "-r", REGION)
    assert ended.code == 3
    assert "exists already" in ended.sentence
    assert written(writer, llama) == before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-i", "not an image", "-r", REGION], "spec.image"),
        (["-r", REGION], "spec.image: is required"),
        (["-i", IMAGE, "-r", REGION, "--port", "99999"], "spec.port"),
        (["-i", IMAGE, "-r", REGION, "-e", "hunter2"], "--env takes NAME=VALUE"),
        (["-i", IMAGE, "-r", REGION, "-f", "/nowhere.json"], "cannot be used as a spec"),
    ],
)
async def test_deploy_writes_nothing_that_the_controller_would_refuse(
    writer: Writer, command: Commands, flags: list[str], said: str
) -> None:
    ended = await command("endpoint", "deploy", "new", *flags)
    assert ended.code == 2
    assert said in ended.sentence
    assert "hunter2" not in ended.sentence
    assert writer.get("new") is None


async def test_deploy_takes_a_spec_from_a_file(writer: Writer, command: Commands, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(
        json.dumps({"image": IMAGE, "autoscaling": {"enabled": True, "min_replicas": 2}}), "utf-8"
    )
    ended = await command("endpoint", "deploy", "new", "-r", REGION, "-f", str(file), "--label", "team=a")
    assert ended.code == 0
    endpoint = decode_endpoint(written(writer, "new"))
    assert endpoint.spec is not None
    assert endpoint.spec.autoscaling is not None
    assert (endpoint.spec.autoscaling.min_replicas, endpoint.labels) == (2, {"team": "a"})


@pytest.mark.parametrize(
    ("of_file", "flags", "said"),
    [
        ({"env": ["TOKEN=hunter2"]}, ["--env", "X=y"], "spec.env"),
        ({"autoscaling": ["cpu"]}, ["--max-replicas", "20"], "spec.autoscaling"),
        ({"autoscaling": {"min_replicas": 3}}, ["--max-replicas", "2"], "must not be below min_replicas"),
    ],
)
async def test_what_a_file_and_flags_make_together_is_refused_in_one_sentence(
    writer: Writer, command: Commands, tmp_path: Path, of_file: dict[str, Any], flags: list[str], said: str
) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"image": IMAGE, **of_file}), "utf-8")
    ended = await command("endpoint", "deploy", "new", "-r", REGION, "-f", str(file), *flags)
    assert ended.code == 2
    assert said in ended.sentence
    assert "hunter2" not in ended.sentence
    assert writer.get("new") is None


async def test_states_replicas_and_images_are_written_as_gcos_command_line_does(
    writer: Writer, command: Commands, llama: str
) -> None:
    def wanted() -> Any:
        return written(writer, llama)["desired_state"]["S"]

    def spec(field: str) -> Any:
        return written(writer, llama)["spec"]["M"].get(field)

    created = written(writer, llama)["updated_at"]["S"]
    assert (await command("endpoint", "stop", llama)).out == "llama: stopping (was deploying)\n"
    assert wanted() == "stopped"
    assert (await command("endpoint", "start", llama)).out == "llama: starting (was stopped)\n"
    assert wanted() == "running"
    assert (await command("endpoint", "scale", llama, "--replicas", "4")).out == "llama: 4 replicas (was 2)\n"
    assert (spec("replicas"), wanted()) == ({"N": "4"}, "running")
    await command("endpoint", "update-image", llama, "vllm/vllm-openai:v2")
    assert (spec("image"), wanted()) == ({"S": "vllm/vllm-openai:v2"}, "deploying")
    await command("endpoint", "canary", llama, "vllm/vllm-openai:v3", "--weight", "20")
    assert spec("canary")["M"]["weight"] == {"N": "20"}
    await command("endpoint", "rollback", llama)
    assert (spec("canary"), spec("image")) == (None, {"S": "vllm/vllm-openai:v2"})
    await command("endpoint", "canary", llama, "vllm/vllm-openai:v3")
    await command("endpoint", "promote", llama)
    assert (spec("canary"), spec("image")) == (None, {"S": "vllm/vllm-openai:v3"})
    assert spec("env") == {"M": {"TOKEN": {"S": "hunter2"}}}
    assert written(writer, llama)["updated_at"]["S"] > created


async def test_a_deletion_is_asked_about_and_cannot_be_taken_back(
    writer: Writer, command: Commands, llama: str
) -> None:
    asked = await command("endpoint", "delete", llama)
    assert asked.code == 2
    assert "--yes" in asked.sentence
    assert written(writer, llama)["desired_state"] == {"S": "deploying"}
    assert (await command("endpoint", "delete", llama, "--yes")).code == 0
    assert written(writer, llama)["desired_state"] == {"S": "deleted"}
    again = await command("endpoint", "start", llama)
    assert (again.code, "being deleted" in again.sentence) == (1, True)


async def test_json_prints_the_item_without_its_secrets(command: Commands, llama: str) -> None:
    ended = await command("endpoint", "scale", llama, "--replicas", "0", "-o", "json")
    item = json.loads(ended.out)
    assert item["spec"]["replicas"] == 0
    assert item["spec"]["env"] == {"TOKEN": "[redacted]"}
    assert "hunter2" not in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["stop"],
        ["scale", "--replicas", "1"],
        ["update-image", "a:1"],
        ["promote"],
        ["delete", "--yes"],
        ["wait"],
    ],
)
async def test_an_unknown_endpoint_is_said_with_the_command_that_lists_them(
    command: Commands, arguments: list[str]
) -> None:
    verb, *rest = arguments
    ended = await command("endpoint", verb, "nobody", *rest)
    assert ended.code == 3
    assert "gco-stream-reconciler status" in ended.sentence


async def test_what_changed_between_read_and_write_is_not_overwritten(
    writer: Writer, command: Commands, llama: str
) -> None:
    """The other write comes after the read: where the edit is made from what was read."""

    def late(item: edits.Item, now: str) -> edits.Edit:
        writer.update_image(llama, "vllm/vllm-openai:v9")
        return edits.update_image(item, "vllm/vllm-openai:v2", now)

    with pytest.raises(ConditionFailedError, match="changed by somebody else") as lost:
        await changed(llama, late, writer.table, REGION)
    assert code_of(lost.value) == 5
    assert written(writer, llama)["spec"]["M"]["image"] == {"S": "vllm/vllm-openai:v9"}


async def test_a_forgotten_region_holds_nothing_up_any_more(
    writer: Writer, command: Commands, llama: str
) -> None:
    report(writer, llama, REGION, "running")
    ended = await command("endpoint", "forget-region", llama, "eu-west-1", "--yes")
    assert ended.out == "llama: eu-west-1 is marked as gone; Regions left: us-east-1\n"
    endpoint = decode_endpoint(written(writer, llama))
    assert endpoint.target_regions == (REGION,)
    assert endpoint.region_status["eu-west-1"].state == "deleted"
    assert "forgotten by" in (endpoint.region_status["eu-west-1"].message or "")
    shown = json.loads((await command("status", llama, "-o", "json")).out)
    assert shown["awaited"] == []


async def test_a_region_that_is_unknown_or_not_confirmed_is_not_forgotten(
    writer: Writer, command: Commands, llama: str
) -> None:
    before = written(writer, llama)
    assert (await command("endpoint", "forget-region", llama, "eu-west-1")).code == 2
    unknown = await command("endpoint", "forget-region", llama, "mars", "--yes")
    assert (unknown.code, "eu-west-1, us-east-1" in unknown.sentence) == (1, True)
    assert written(writer, llama) == before


async def test_reconcile_asks_every_region_to_look_again(
    writer: Writer, command: Commands, llama: str
) -> None:
    before = written(writer, llama)
    assert (await command("reconcile", llama)).code == 0
    after = written(writer, llama)
    assert after.pop("reconcile_requested_at")["S"] > before["updated_at"]["S"]
    assert after == before


class TestWait:
    async def test_it_ends_when_every_region_runs_the_spec(
        self, writer: Writer, command: Commands, llama: str
    ) -> None:
        report(writer, llama, REGION, "running")
        waiting = asyncio.create_task(command("endpoint", "wait", llama, "--timeout", "30"))
        await asyncio.sleep(0.1)
        report(writer, llama, "eu-west-1", "running")
        ended = await waiting
        assert (ended.code, ended.out) == (0, "llama: running\n")
        assert "llama us-east-1: running" in ended.err

    async def test_time_that_is_over_says_who_is_missing(
        self, writer: Writer, command: Commands, llama: str
    ) -> None:
        report(writer, llama, REGION, "running")
        ended = await command("endpoint", "wait", llama, "--timeout", "0")
        assert ended.code == 6
        assert "eu-west-1: no report yet" in ended.err
        assert "explain llama" in ended.err

    async def test_an_error_ends_it_with_the_reason(
        self, writer: Writer, command: Commands, llama: str
    ) -> None:
        report(writer, llama, REGION, "error", error="spec.image: no such thing")
        ended = await command("endpoint", "wait", llama, "--timeout", "30")
        assert ended.code == 1
        assert "us-east-1 reports an error: spec.image: no such thing" in ended.err

    async def test_one_region_alone_can_be_waited_for(
        self, writer: Writer, command: Commands, llama: str
    ) -> None:
        report(writer, llama, REGION, "running")
        ended = await command("endpoint", "wait", llama, "--in", REGION, "-o", "json")
        assert json.loads(ended.out)["regions"][0]["reached"] is True

    async def test_a_purged_item_is_deleted(self, writer: Writer, command: Commands, llama: str) -> None:
        await command("endpoint", "delete", llama, "--yes")
        waiting = asyncio.create_task(
            command("endpoint", "wait", llama, "--for", "deleted", "--timeout", "30")
        )
        await asyncio.sleep(0.1)
        writer.remove(llama)
        assert (await waiting).out == "llama: deleted\n"
