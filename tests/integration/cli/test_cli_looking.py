"""`status`, `explain`, `diff`, `render` against a table and a cluster that a real controller keeps."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import yaml

from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer
from tests.integration.cli.commands import REGION, Commands
from tests.integration.running import controller, reported
from tests.samples import malformed_items, sample_item

SPEC: dict[str, Any] = {"image": "vllm/vllm-openai:v1", "replicas": 2, "env": {"TOKEN": "hunter2"}}


@pytest.fixture
def lone(writer: Writer, kubeconfig: str) -> Commands:
    """A table with an endpoint that says that it runs, and a cluster that has nothing of it."""
    writer.create_table()
    writer.deploy("llama", SPEC, [REGION])
    item = writer.get("llama")
    assert item is not None
    status = {
        "state": {"S": "running"},
        "exposure": {"S": "exposed"},
        "observed_spec": {"S": decode_endpoint(item).spec_hash},
        "replicas_ready": {"N": "2"},
        "replicas_desired": {"N": "2"},
    }
    writer.put({**item, "desired_state": {"S": "running"}, "region_status": {"M": {REGION: {"M": status}}}})
    return Commands(writer.table, kubeconfig)


@pytest.fixture
async def command(writer: Writer, kubeconfig: str) -> Commands:
    """A table with an endpoint that runs; its controller has gone, so that nothing it would do is done."""
    writer.create_table()
    writer.deploy("llama", SPEC, [REGION])
    async with controller(writer, kubeconfig):
        await reported(writer, "llama", "running")
    return Commands(writer.table, kubeconfig)


async def test_an_endpoint_from_its_deployment_to_its_end(
    writer: Writer, cluster: KubernetesServer, kubeconfig: str
) -> None:
    command = Commands(writer.table, kubeconfig)
    # What the controller logs would stand between the lines of the commands.
    with structlog.testing.capture_logs():
        assert (await command("table", "create")).code == 0
        async with controller(writer, kubeconfig):
            deployed = await command("endpoint", "deploy", "llama", "-i", "vllm/vllm-openai:v1", "-r", REGION)
            assert deployed.code == 0
            ended = await command("endpoint", "wait", "llama", "--timeout", "30")
            assert (ended.code, ended.out) == (0, "llama: running\n")
            assert (await command("endpoint", "scale", "llama", "--replicas", "3")).code == 0
            assert (await command("endpoint", "wait", "llama", "--timeout", "30")).code == 0
            shown = json.loads((await command("status", "llama", "-o", "json")).out)
            assert shown["regions"][REGION]["replicas_ready"] == 3
            assert shown["regions"][REGION]["current_spec"] is True
            explained = await command("explain", "llama")
            assert "exposed, all requests go to the primary" in explained.out
            assert "nothing to do now" in explained.out
            assert (await command("diff")).code == 0
            assert (await command("endpoint", "delete", "llama", "--yes")).code == 0
            gone = await command("endpoint", "wait", "llama", "--for", "deleted", "--timeout", "30")
            assert (gone.code, gone.out) == (0, "llama: deleted\n")
    assert not [kind for kind, _, name in cluster.store.objects if name == "llama"]


async def test_status_shows_a_row_for_each_region(lone: Commands) -> None:
    ended = await lone("status")
    header, row = ended.out.splitlines()
    assert header.split() == [
        "NAME",
        "WANTED",
        "REGION",
        "STATE",
        "READY",
        "EXPOSURE",
        "CANARY",
        "SINCE",
        "MESSAGE",
    ]
    assert row.split()[:6] == ["llama", "running", REGION, "running", "2/2", "exposed"]


async def test_status_as_yaml_and_json_say_the_same(lone: Commands) -> None:
    as_json = json.loads((await lone("status", "-o", "json")).out)
    as_yaml = yaml.safe_load((await lone("status", "-o", "yaml")).out)
    assert as_json == as_yaml
    assert as_json[0]["name"] == "llama"


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
async def test_status_shows_only_the_regions_that_were_asked_for(
    lone: Commands, writer: Writer, output: str
) -> None:
    writer.deploy("other", SPEC, ["eu-west-1", "us-west-2"])
    ended = await lone("status", "--in", "eu-west-1", "-o", output)
    assert (ended.code, ended.err) == (0, "")
    assert "eu-west-1" in ended.out
    assert not any(word in ended.out for word in (REGION, "llama"))
    if output == "table":
        assert "us-west-2" not in ended.out
    else:
        (shown,) = yaml.safe_load(ended.out)
        assert list(shown["regions"]) == ["eu-west-1"]


@pytest.mark.parametrize(
    ("arguments", "said", "out"),
    [
        ([], "note: no endpoint has Region mars; there are us-east-1", None),
        (["-o", "json"], "note: no endpoint has Region mars; there are us-east-1", []),
        (["llama", "-o", "json"], "note: llama does not have Region mars; there are us-east-1", {}),
    ],
    ids=["table", "json", "one endpoint"],
)
async def test_status_says_that_a_region_is_nobodys(
    lone: Commands, arguments: list[str], said: str, out: object
) -> None:
    ended = await lone("status", "--in", "mars", *arguments)
    assert (ended.code, ended.sentence) == (0, f"gco-stream-reconciler: {said}")
    if out is not None:
        shown = json.loads(ended.out)
        assert (shown["regions"] if "llama" in arguments else shown) == out


async def test_status_lives_with_malformed_items_and_shows_no_control_characters(
    lone: Commands, writer: Writer
) -> None:
    for number, (_, item) in enumerate(malformed_items()):
        if not isinstance(item.get("endpoint_name", {}).get("S"), str) or not item["endpoint_name"]["S"]:
            continue
        writer.put({**item, "endpoint_name": {"S": f"bad-{number}"}})
    message = {"M": {"state": {"S": "error"}, "error": {"S": "\x1b[2J gone \n next"}}}
    writer.put({**sample_item("vllm-llama3"), "region_status": {"M": {REGION: message}}})
    for output in ("table", "json", "yaml"):
        ended = await lone("status", "-o", output)
        assert ended.code == 0
        assert "\x1b" not in ended.out


async def test_explain_says_which_rule_decides_and_what_would_be_done(
    command: Commands, writer: Writer
) -> None:
    writer.scale("llama", 5)
    document = json.loads((await command("explain", "llama", "-o", "json")).out)
    findings = {each["about"]: each for each in document["findings"]}
    assert (findings["replicas"]["rule"], findings["exposure"]["rule"], findings["watchdog"]["rule"]) == (
        3,
        1,
        2,
    )
    assert findings["exposure"]["since"] is not None
    (step,) = document["steps"]
    assert (step["action"], step["target"]) == ("apply", "Deployment gco-inference/llama")
    assert document["would_report"]["state"] == "updating"


async def test_explain_names_the_rival_that_a_path_meets(command: Commands, writer: Writer) -> None:
    writer.deploy("other", SPEC, [REGION])
    item = writer.get("other")
    assert item is not None
    writer.put({**item, "ingress_path": {"S": "/inference/llama/v2"}})
    ended = await command("explain", "other")
    assert "14    refused" in ended.out
    assert "endpoint llama, which is older" in ended.out


async def test_diff_is_silent_where_nothing_differs_and_writes_nothing(
    command: Commands, writer: Writer, cluster: KubernetesServer
) -> None:
    before = (writer.get("llama"), json.dumps(sorted(map(str, cluster.store.objects.items()))))
    ended = await command("diff")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert (writer.get("llama"), json.dumps(sorted(map(str, cluster.store.objects.items())))) == before


async def test_diff_shows_what_would_change_and_no_secret(command: Commands, writer: Writer) -> None:
    spec = {**SPEC, "image": "vllm/vllm-openai:v2", "env": {"TOKEN": "hunter3"}, "args": ["--fast"]}
    writer.set_spec("llama", spec)
    ended = await command("diff", "llama")
    assert ended.code == 1
    assert "change Deployment gco-inference/llama: wanted state changed" in ended.out
    assert "-        image: vllm/vllm-openai:v1" in ended.out
    assert "+        image: vllm/vllm-openai:v2" in ended.out
    assert "[redacted, another value]" in ended.out
    assert "hunter" not in ended.out


async def test_diff_shows_a_field_that_goes(command: Commands, writer: Writer) -> None:
    writer.set_spec("llama", {key: value for key, value in SPEC.items() if key != "env"})
    ended = await command("diff", "-o", "json")
    assert ended.code == 1
    (found,) = json.loads(ended.out)
    assert "-        - name: TOKEN" in found["diff"].splitlines()


async def test_diff_ends_above_1_where_it_cannot_tell(lone: Commands) -> None:
    assert (await lone("diff", "nobody")).code == 3
    assert (await lone("diff", REGION=None)).code == 2
    assert (await lone("diff", INFERENCE_ENDPOINTS_TABLE_NAME="absent")).code == 7


async def test_render_prints_what_the_controller_applied(
    command: Commands, cluster: KubernetesServer
) -> None:
    ended = await command("render", "llama", "--show-environment")
    for manifest in yaml.safe_load_all(ended.out):
        key = (manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        live = cluster.store.objects[key]
        assert (
            live["metadata"]["annotations"]["gco.io/applied"]
            == (manifest["metadata"]["annotations"]["gco.io/applied"])
        )


async def test_render_hides_the_environment_unless_asked(command: Commands) -> None:
    assert "hunter2" not in (await command("render", "llama")).out
    assert "hunter2" in (await command("render", "llama", "--show-environment")).out


async def test_no_kubeconfig_and_no_cluster_are_said_in_one_sentence(lone: Commands) -> None:
    for verb in (["explain", "llama"], ["diff"]):
        ended = await lone(*verb, KUBECONFIG="/nowhere")
        assert ended.code == 2
        assert "KUBECONFIG" in ended.sentence


async def test_a_cluster_that_does_not_answer_is_said_in_one_sentence(
    lone: Commands, cluster: KubernetesServer, tmp_path: Path
) -> None:
    config = cluster.kubeconfig()
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    file = tmp_path / "dead"
    file.write_text(json.dumps(config), "utf-8")
    ended = await lone("explain", "llama", KUBECONFIG=str(file))
    assert ended.code == 4
    assert "127.0.0.1" in ended.sentence


async def test_a_watch_as_json_prints_the_regions_that_were_asked_for(lone: Commands, writer: Writer) -> None:
    writer.deploy("other", SPEC, ["eu-west-1", "us-west-2"])
    process = await lone.started("status", "--watch", "--interval", "0.2", "--in", "eu-west-1", "-o", "json")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = json.loads(await process.stdout.readline())
            assert (first["name"], list(first["regions"])) == ("other", ["eu-west-1"])
            writer.set_state("llama", "stopped")
            writer.set_state("other", "stopped")
            assert json.loads(await process.stdout.readline())["desired_state"] == "stopped"
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_watch_in_a_pipe_prints_a_row_when_it_changes(lone: Commands, writer: Writer) -> None:
    process = await lone.started("status", "--watch", "--interval", "0.2")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert (await process.stdout.readline()).startswith(b"NAME")
            assert b"2/2" in await process.stdout.readline()
            writer.set_state("llama", "stopped")
            assert b"stopped" in await process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
