import pytest

from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.settings import load_settings


def test_two_listeners_on_one_port_are_refused_with_both_names() -> None:
    with pytest.raises(ConfigurationError, match="HTTP_PORT and DEBUG_PORT are both 8080"):
        load_settings(region="us-east-1", http_port=8080, debug_port=8080)


def test_any_free_port_may_be_asked_for_twice() -> None:
    telemetry = load_settings(region="us-east-1", http_port=0, debug_port=0).telemetry
    assert (telemetry.http_port, telemetry.debug_port) == (0, 0)
