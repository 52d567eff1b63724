"""Commands run as a person runs them: in this process where nothing else prints, else as a process of their own."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from gco_stream_reconciler.cli.main import app
from gco_stream_reconciler.sandbox.foreign import FOREIGN
from gco_stream_reconciler.sandbox.table import Writer

REGION = "us-east-1"
_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The only line on standard error."""
        (line,) = self.err.splitlines()
        assert line.startswith("gco-stream-reconciler: ")
        return line


@dataclass(frozen=True)
class Commands:
    """Commands about one table, and one cluster where there is one."""

    table: str
    kubeconfig: str = ""
    more: Mapping[str, str | None] | None = None

    @property
    def _environment(self) -> dict[str, str | None]:
        given = {
            **dict.fromkeys(FOREIGN),
            "INFERENCE_ENDPOINTS_TABLE_NAME": self.table,
            "REGION": REGION,
        }
        return {**given, "KUBECONFIG": self.kubeconfig or os.devnull, "NO_COLOR": "1", **(self.more or {})}

    async def __call__(self, *arguments: str, **environment: str | None) -> Ended:
        """In this process, on a thread: a command has an event loop of its own."""
        result = await asyncio.to_thread(
            CliRunner().invoke, app, list(arguments), env={**self._environment, **environment}
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    async def process(self, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL) -> Ended:
        """As a process. stdin: a file descriptor."""
        async with asyncio.timeout(_SECONDS):
            process = await self.started(*arguments, stdin=stdin)
            try:
                out, err = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def started(
        self, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL
    ) -> asyncio.subprocess.Process:
        """A process that goes on; the caller ends it."""
        set_here = {key: value for key, value in self._environment.items() if value is not None}
        inherited = {key: value for key, value in os.environ.items() if key not in self._environment}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gco_stream_reconciler", *arguments,
            env={**inherited, **set_here},
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip


def written(writer: Writer, name: str) -> dict[str, Any]:
    """The item, which must be there."""
    item = writer.get(name)
    assert item is not None
    return item
