"""The sandbox where the caller's environment leads elsewhere."""

import json
import os
import subprocess
import sys

from tests.grounds.leash import free_port

_SECONDS = 60.0


def test_neither_a_proxy_nor_a_profile_of_the_callers_stands_between_the_sandbox_and_its_table() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gco_stream_reconciler.sandbox"],
        env={**os.environ, "HTTP_PROXY": nobody, "http_proxy": nobody, "AWS_PROFILE": "of-nobody"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["table"] == "gco-inference-endpoints"
        process.terminate()
        assert process.wait(_SECONDS) == 0
    finally:
        process.kill()
        process.communicate()
