"""Counts the calls on a plain HTTP connection from outside: a relay that reads the heads of the requests it passes on."""

import asyncio
import re
from collections import Counter
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

_HEAD = re.compile(
    rb"(?:^|\n|\}|\])(GET|POST|PUT|PATCH|DELETE) (/[^ ]*) HTTP/1\.1\r\n((?:[^\r\n]+\r\n)*)", re.MULTILINE
)
_TARGET = re.compile(rb"x-amz-target: *\w+\.(\w+)", re.IGNORECASE)
_CHUNK = 2**16


class Relay:
    """Passes bytes to `target` and back. Use as an async context manager; `url` is where to connect instead.

    counts: what was called, for AWS by operation, else as method, collection and whether one object was meant.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self.counts: Counter[str] = Counter()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        with suppress(OSError):
            back_reader, back_writer = await asyncio.open_connection(self._host, self._port)
            there = asyncio.create_task(self._pass(reader, back_writer, count=True))
            back = asyncio.create_task(self._pass(back_reader, writer, count=False))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                there.cancel()
                back.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
                for each in (writer, back_writer):
                    each.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        held = b""
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            if count:
                held = self._count(held + chunk)
            await writer.drain()

    def _count(self, data: bytes) -> bytes:
        """Count the complete heads; what may be the beginning of one is kept."""
        end = 0
        for found in _HEAD.finditer(data):
            if not data[found.end() :].startswith(b"\r\n"):
                break
            self.counts[_call(found[1], found[2], found[3])] += 1
            end = found.end()
        return data[end:][-_CHUNK:]


def _call(method: bytes, target: bytes, headers: bytes) -> str:
    operation = _TARGET.search(headers)
    if operation is not None:
        return operation[1].decode()
    path, _, query = target.decode().partition("?")
    parts = path.strip("/").split("/")
    after = parts[parts.index("namespaces") + 2 :] if "namespaces" in parts else parts
    verb = "WATCH" if "watch=true" in query else method.decode()
    return f"{verb} {after[0] if after else 'namespaces'}{'/name' if len(after) > 1 else ''}"
