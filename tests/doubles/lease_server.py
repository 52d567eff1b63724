"""Leases in memory, with the API server's optimistic concurrency, behind connections that can fail."""

import asyncio
import contextlib
import copy
import itertools
from collections.abc import Mapping
from typing import Any

from gco_stream_reconciler.errors import AlreadyExistsError, ConflictError, NotFoundError, UnavailableError


class LeaseServer:
    """One namespace's Leases. `writes` counts what has changed them."""

    def __init__(self) -> None:
        self.leases: dict[str, dict[str, Any]] = {}
        self.writes = 0
        self._versions = itertools.count(1)

    def get(self, name: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.leases.get(name))

    def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        name = lease["metadata"]["name"]
        if name in self.leases:
            raise AlreadyExistsError(f"{name} exists")
        return self._store(lease)

    def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        name = lease["metadata"]["name"]
        if name not in self.leases:
            raise NotFoundError(f"{name} not found")
        if lease["metadata"]["resourceVersion"] != self.leases[name]["metadata"]["resourceVersion"]:
            raise ConflictError(f"{name} has been modified")
        return self._store(lease)

    def edit(self, name: str, **spec: Any) -> None:
        """As a person would, or the predecessor."""
        lease = copy.deepcopy(self.leases.get(name) or {"metadata": {"name": name}, "spec": {}})
        lease["spec"].update(spec)
        self._store(lease)

    def annotate(self, name: str) -> None:
        self._store(self.leases[name])

    def _store(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        self.writes += 1
        stored = copy.deepcopy(dict(lease))
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        self.leases[stored["metadata"]["name"]] = stored
        return copy.deepcopy(stored)


class Connection:
    """A client's way to the server: it may be slow, refused, or lead nowhere, in either direction."""

    def __init__(self, server: LeaseServer) -> None:
        self.server = server
        self.delay_there = 0.01
        self.delay_back = 0.01
        self.cut_there = False
        self.cut_back = False
        self.refuses: Exception | None = None
        self.ignores_cancellation = False

    async def get(self, name: str) -> dict[str, Any] | None:
        await self._there()
        answer = self.server.get(name)
        await self._back()
        return answer

    async def create(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        await self._there()
        answer = self.server.create(lease)
        await self._back()
        return answer

    async def replace(self, lease: Mapping[str, Any]) -> dict[str, Any]:
        await self._there()
        answer = self.server.replace(lease)
        await self._back()
        return answer

    def break_off(self) -> None:
        self.cut_there = self.cut_back = True

    def heal(self) -> None:
        self.cut_there = self.cut_back = False
        self.refuses = None

    async def _there(self) -> None:
        await asyncio.sleep(self.delay_there)
        if self.refuses is not None:
            raise self.refuses
        await self._hang_while(cut=self.cut_there)

    async def _back(self) -> None:
        await asyncio.sleep(self.delay_back)
        await self._hang_while(cut=self.cut_back)

    async def _hang_while(self, *, cut: bool) -> None:
        if not cut:
            return
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if not self.ignores_cancellation:
                raise
            await self._minute_whatever_happens()
        else:
            raise UnavailableError("connection reset")

    async def _minute_whatever_happens(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + 60
        while loop.time() < end:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(end - loop.time())
