"""Processes that can be killed, suspended and waited for; none outlives this one, however that ends. Linux only."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# Has the kernel kill the program when its parent dies, then becomes the program: one process, one id.
_LAUNCH = (
    "import ctypes, os, signal, sys; ctypes.CDLL(None).prctl(1, signal.SIGKILL); "
    "os.getppid() == int(sys.argv[1]) and os.execvp(sys.argv[2], sys.argv[2:])"
)


class Process:
    """A program whose output goes to a file. End it with `end`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LAUNCH, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=folder,
            )
        self.pid = self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the program still runs."""
        if self.code() is None:
            self._process.send_signal(number)

    def code(self) -> int | None:
        """Its exit code, a signal's number below zero, None while it runs."""
        return self._process.poll()

    async def ended(self, seconds: float) -> int:
        """Wait for its end. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while (code := self.code()) is None:
                await asyncio.sleep(0.02)
        return code

    async def end(self) -> None:
        """Make sure that it is gone."""
        self.signal(signal.SIGKILL)
        await asyncio.to_thread(self._process.wait)

    def tail(self) -> str:
        """The end of its output."""
        return self.log.read_text("utf-8", "replace")[-1500:]


def children_of(pid: int) -> list[int]:
    """The direct children of a process, whichever of its threads started them."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread is gone meanwhile
            found += [int(child) for child in listing.read_text("ascii").split()]
    return found


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to one process that may be gone already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
