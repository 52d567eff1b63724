"""A stop that comes before the controller has set itself up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.kube.configuration import found_configuration

LATE_IMPORT = "structlog"
"""A package that only the command line's own modules import: when it is loaded, heavier ones are still to come."""


def test_sigterm_during_the_imports_ends_the_controller_in_order(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "gco_stream_reconciler", "run"],
        stderr=subprocess.PIPE,
        text=True,
        # Should the signal come late after all, it finds a controller that waits for its table.
        env=environment
        | {
            "REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "KUBECONFIG": str(tmp_path / "none"),
            "HTTP_PORT": "0",
            "DEBUG_PORT": "0",
        },
    )
    try:
        assert process.stderr is not None
        assert any(line.rstrip().endswith(LATE_IMPORT) for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


async def test_a_user_without_a_home_has_no_kubeconfig_there() -> None:
    load = found_configuration(environ={"KUBECONFIG": "~nobody-of-this-name/.kube/config"})
    with pytest.raises(ConfigurationError, match="no kubeconfig at ~nobody-of-this-name"):
        await load()
