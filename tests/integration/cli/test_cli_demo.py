"""`demo` where something that it needs is not there, and where something is that it does not need."""

import asyncio
import os
import re
import signal
from pathlib import Path

from gco_stream_reconciler.cli.stage import REGIONS
from tests.doubles.scripted_api_server import nothing, scripted_server
from tests.integration.cli.commands import Commands

_SECONDS = 60.0
_STEP = re.compile(r" *\d+ ms  .+: .+")


async def test_without_the_sandboxs_packages_the_remedy_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "moto.py").write_text("raise ModuleNotFoundError(\"No module named 'moto'\")", "utf-8")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    ended = await Commands("endpoints", more={"PYTHONPATH": path}).process("demo")
    assert ended.code == 1
    assert "is the extra `sandbox` installed" in ended.sentence


async def test_whatever_the_callers_environment_leads_to_the_demo_talks_to_its_own_servers_alone() -> None:
    async with scripted_server(nothing) as elsewhere:
        host, _, port = elsewhere.url.removeprefix("http://").partition(":")
        surroundings = {
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT": port,
            "HTTP_PROXY": elsewhere.url,
            "http_proxy": elsewhere.url,
            "AWS_ENDPOINT_URL_DYNAMODB": elsewhere.url,
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": elsewhere.url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            "AWS_PROFILE": "of-nobody",
            # Settings of a controller elsewhere: another table, and what would be refused.
            "STREAM_REGION": "ap-south-1",
            "NAMESPACES": "elsewhere",
            "LEASE_SECONDS": "1",
        }
        code, shown, logged = await _first_step(Commands("another-table", more=surroundings))
    assert elsewhere.asked == []
    assert (code, shown[-1]) == (0, "stopped")
    for region in REGIONS:
        won = [line for line in logged if "leadership_won" in line and f"region={region}" in line]
        assert len(won) == 1, logged


async def _first_step(commands: Commands) -> tuple[int | None, list[str], list[str]]:
    """Let the story begin, for which both controllers must lead, and interrupt it.

    Returns the exit code, and the lines on standard output and standard error.
    """
    process = await commands.started("demo", "--logs")
    assert process.stdout is not None
    shown: list[str] = []
    try:
        async with asyncio.timeout(_SECONDS):
            while not (shown and _STEP.fullmatch(shown[-1])):
                line = await process.stdout.readline()
                assert line, (shown, await process.communicate())
                shown.append(line.decode().rstrip())
            process.send_signal(signal.SIGINT)
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, [*shown, *out.decode().splitlines()], err.decode().splitlines()
