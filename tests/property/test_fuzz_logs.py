"""Whatever an item holds, an event in the log stays one line, and no line can be forged."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.settings import TelemetrySettings
from gco_stream_reconciler.telemetry.logging import configure_logging

NASTY = st.sampled_from(
    ["\n", "\r\n", "\x1b[2J", "\x00", "\u2028", "\x85", "\x0b", "\ud800", '"}\n{"event": "forged"}']
)
FORGED = "2026-11-21T00:00:00Z [info     ] forged"
texts = st.lists(st.one_of(st.text(max_size=20), NASTY, st.just(f"\n{FORGED}")), max_size=5).map("".join)


@pytest.fixture(autouse=True, scope="module")
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class UserError(Exception):
    pass


def fail(text: str) -> None:
    raise UserError(text)


def logged(form: str, text: str) -> list[str]:
    """What comes of four events that quote a text, split as whoever reads a log splits it."""
    stream = io.StringIO()
    log: Any = configure_logging(TelemetrySettings(log_format=form), cluster="c", region="r", stream=stream)
    log.info("value", endpoint=text, reasons=[text], nested={"k": text})
    log.warning("error", error=str(UserError(text)))
    logging.getLogger("library").warning("it says %s", text)
    try:
        fail(text)
    except UserError:
        log.exception("failed", endpoint=text)
    return stream.getvalue().splitlines()


@given(texts)
def test_in_json_every_event_is_one_line_with_its_fields(text: str) -> None:
    lines = [json.loads(line) for line in logged("json", text)]
    assert [line["event"] for line in lines] == ["value", "error", f"it says {text}", "failed"]
    assert lines[0]["endpoint"] == lines[3]["endpoint"] == text
    assert lines[0]["reasons"] == [text]


@given(texts)
def test_in_text_no_line_begins_with_what_a_user_wrote(text: str) -> None:
    lines = logged("text", text)
    assert all(line.isprintable() for line in lines)
    # The lines of a traceback are indented; each other one begins with its time.
    events = [line for line in lines if not line.startswith("  ")]
    assert len(events) == 4, lines
    assert not any(line.startswith(FORGED) for line in lines)
