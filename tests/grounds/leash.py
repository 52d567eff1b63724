"""Servers that the tests start: none outlives the test process, however that ends.

As a program (`python leash.py COMMAND...`) it runs a command until its own standard input ends: that is a pipe which
only the parent holds open.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_POLL_SECONDS = 0.05
_END_SECONDS = 10.0


@contextlib.contextmanager
def on_a_leash(
    command: Sequence[str],
    *,
    log: Path,
    answers: Callable[[], bool],
    start_seconds: float,
    cwd: Path | None = None,
) -> Iterator[None]:
    """Run a server until the block ends; enters when it answers. Its output goes to `log`.

    Raises RuntimeError, with the end of that output, when it ends early or does not answer in time.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, __file__, *command], stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=cwd
        )
    try:
        deadline = time.monotonic() + start_seconds
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text("utf-8", errors="replace")[-2000:]
                raise RuntimeError(
                    f"{command[0]} did not answer within {start_seconds:g} s; it said:\n{tail}"
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(2 * _END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(command: Sequence[str]) -> int:
    """Run the command until it or standard input ends; returns its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_parent, args=(child,), name="parent watch", daemon=True).start()
    return child.wait()


def _end_with_parent(child: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    child.terminate()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    # The thread holds standard input, which an orderly end would wait for.
    os._exit(main(sys.argv[1:]))
