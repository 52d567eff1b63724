import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gco_stream_reconciler.settings import TelemetrySettings
from gco_stream_reconciler.telemetry.logging import configure_logging


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
