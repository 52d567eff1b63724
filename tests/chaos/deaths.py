"""A watch of the Deployments: which went, and whether somebody had asked for it."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from tests.chaos.world import NAMESPACE

_PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
_LONGEST_LINE = 2**22
# The API server's times are cut to the second.
_SECOND = 1.0
AskedFor = Callable[[str, float, float], bool]


@dataclass
class Deaths:
    """Follows one watch for the whole run. asked_for: (name, when it was made, when it went) → whether it had to go.

    `_made` has one entry for every Deployment that stands: name and when it was made, by UID.
    """

    url: str
    asked_for: AskedFor
    made: int = 0
    gone: int = 0
    wrong: list[str] = field(default_factory=list)
    breaks: int = 0
    _made: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def follow(self) -> None:
        """Watch until cancelled. A break is counted and caught up by a listing."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=60)
        async with aiohttp.ClientSession(self.url, timeout=timeout, read_bufsize=_LONGEST_LINE) as session:
            while True:
                try:
                    await self._watch(session, await self._list(session))
                except aiohttp.ClientError:
                    await asyncio.sleep(0.2)
                self.breaks += 1

    async def _list(self, session: aiohttp.ClientSession) -> str:
        async with session.get(_PATH) as response:
            listing = await response.json()
        standing = {item["metadata"]["uid"]: item for item in listing["items"]}
        for uid in set(self._made) - set(standing):
            self._went(uid, time.time())
        for item in standing.values():
            self._stands(item["metadata"])
        version: str = listing["metadata"]["resourceVersion"]
        return version

    async def _watch(self, session: aiohttp.ClientSession, version: str) -> None:
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "86400"}
        async with session.get(_PATH, params=query) as response:
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                meta = event["object"]["metadata"]
                if event["type"] == "DELETED":
                    self._went(meta["uid"], _instant(meta.get("deletionTimestamp")) or time.time())
                else:
                    self._stands(meta)

    def _stands(self, meta: Mapping[str, Any]) -> None:
        if meta["uid"] not in self._made:
            self.made += 1
            self._made[meta["uid"]] = (meta["name"], _instant(meta["creationTimestamp"]) or time.time())

    def _went(self, uid: str, at: float) -> None:
        name, made = self._made.pop(uid)
        self.gone += 1
        if not self.asked_for(name, made, at + _SECOND):
            self.wrong.append(f"{name} ({uid}), made {made:.1f}, gone {at:.1f}")


def _instant(stamp: str | None) -> float | None:
    return datetime.fromisoformat(stamp).timestamp() if stamp else None
