"""AWS on loopback: moto's server in a process of its own, so that its work does not share our interpreter."""

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Self

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_CALL_SECONDS = 5.0
_END_SECONDS = 5.0
# No proxy knows this machine's loopback.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class AwsServer:
    """DynamoDB and its streams. Use as a context manager; `url` tells where. Entering blocks until it answers."""

    def __init__(self, *, port: int = 0) -> None:
        self._port = port or _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it answers; raises RuntimeError when it does not."""
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
            [sys.executable, "-m", "gco_stream_reconciler.sandbox.moto_child", str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            code = self._process.poll()
            if code is not None or time.monotonic() > deadline:
                self.__exit__()
                problem = "did not answer in time" if code is None else f"ended with {code}"
                raise RuntimeError(
                    f"moto's server on port {self._port} {problem}; is the extra `sandbox` installed, the port free?"
                )
            time.sleep(_POLL_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def environment(self) -> dict[str, str]:
        """What makes a process that has none of `foreign.FOREIGN` talk to it, and never to the real one."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def reset(self) -> None:
        """Forget every table."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310 - our own URL
        with _DIRECTLY.open(request, timeout=_CALL_SECONDS):
            pass

    def _answers(self) -> bool:
        try:
            with _DIRECTLY.open(f"{self.url}/moto-api/data.json", timeout=_CALL_SECONDS):
                return True
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
