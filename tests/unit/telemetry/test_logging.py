import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from gco_stream_reconciler.settings import TelemetrySettings
from gco_stream_reconciler.telemetry.logging import configure_logging, told_of


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail_with_a_secret() -> None:
    environment = {"TOKEN": "hunter" + "2"}
    raise ValueError(f"{len(environment)} variables")


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_exception_shows_no_local_variable(form: str) -> None:
    stream = io.StringIO()
    log = configure_logging(TelemetrySettings(log_format=form), cluster="c", region="r", stream=stream)
    try:
        fail_with_a_secret()
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    assert "1 variables" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_one_event_is_one_json_line_whatever_its_values_hold() -> None:
    stream = io.StringIO()
    log = configure_logging(TelemetrySettings(), cluster="c", region="us-east-1", stream=stream)
    log.info("changed", endpoint='x\n{"event": "forged"}\x1b[31m')
    logging.getLogger("library").warning("from a library\nforged")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["region"], first["cluster_id"], first["level"]) == (
        "changed",
        "us-east-1",
        "c",
        "info",
    )
    assert (second["event"], second["level"]) == ("from a library\nforged", "warning")


def place_told(form: str, line: str) -> tuple[str, str]:
    if form == "json":
        fields = json.loads(line)
        return fields["cluster_id"], fields["region"]
    told = dict(re.findall(r"(cluster_id|region)=(\S+)", line))
    return told["cluster_id"], told["region"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_every_line_tells_cluster_and_region(form: str) -> None:
    stream = io.StringIO()
    log = configure_logging(TelemetrySettings(log_format=form), cluster="c", region="r", stream=stream)
    log.info("ours")
    structlog.get_logger().info("ours, of a module's own logger")
    logging.getLogger("library").warning("a library's")
    assert [place_told(form, line) for line in stream.getvalue().splitlines()] == [("c", "r")] * 3


@pytest.mark.parametrize("form", ["json", "text"])
async def test_each_of_two_controllers_in_one_process_tells_its_own_cluster_and_region(form: str) -> None:
    stream = io.StringIO()
    log = configure_logging(TelemetrySettings(log_format=form), cluster="", region="", stream=stream)
    turn = asyncio.Barrier(2)

    async def lower(event: str) -> None:
        await turn.wait()
        log.info(event)
        structlog.get_logger().info(event)
        await asyncio.to_thread(logging.getLogger("library").warning, event)

    async def controller(name: str) -> None:
        with told_of(cluster=f"cluster-{name}", region=name):
            async with asyncio.TaskGroup() as group:
                group.create_task(lower(f"event-{name}"))

    async with asyncio.TaskGroup() as group:
        for name in ("one", "two"):
            group.create_task(controller(name))
    lines = stream.getvalue().splitlines()
    for name in ("one", "two"):
        told = [place_told(form, line) for line in lines if f"event-{name}" in line]
        assert told == [(f"cluster-{name}", name)] * 3


def test_a_text_line_leaves_out_a_place_that_is_not_known() -> None:
    stream = io.StringIO()
    log = configure_logging(TelemetrySettings(log_format="text"), cluster="", region="r", stream=stream)
    log.info("ours")
    assert "cluster_id" not in stream.getvalue()


def test_control_characters_break_no_text_line() -> None:
    stream = io.StringIO()
    log = configure_logging(TelemetrySettings(log_format="text"), cluster="c", region="r", stream=stream)
    log.info("changed", endpoint="x\nforged\x1b[31m")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_a_failed_renewal_of_credentials_is_told_only_where_no_call_fails_for_it() -> None:
    stream = io.StringIO()
    configure_logging(TelemetrySettings(), cluster="c", region="r", stream=stream)
    for period in ("mandatory", "advisory"):
        text = "Refreshing temporary credentials failed during %s refresh period."
        logging.getLogger("aiobotocore.credentials").warning(text, period)
    (line,) = stream.getvalue().splitlines()
    assert "advisory" in line
