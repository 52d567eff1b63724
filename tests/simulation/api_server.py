"""The API server in memory: the sandbox's store behind a connection that can fail, for the product's own client code."""

import asyncio
import json
import marshal
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from gco_stream_reconciler.errors import UnavailableError
from gco_stream_reconciler.kube.answers import Call as NamedCall
from gco_stream_reconciler.kube.answers import error_of
from gco_stream_reconciler.sandbox.kubernetes import watches
from gco_stream_reconciler.sandbox.kubernetes.calls import Call
from gco_stream_reconciler.sandbox.kubernetes.handlers import answer
from gco_stream_reconciler.sandbox.kubernetes.history import Event
from gco_stream_reconciler.sandbox.kubernetes.kinds import BY_NAME
from gco_stream_reconciler.sandbox.kubernetes.lists import selected
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError
from tests.simulation.calls import Calls
from tests.simulation.faults import Faults, Link, never
from tests.simulation.store import SimulatedStore
from tests.simulation.story import Story

BOOKMARK_SECONDS = 60.0
SILENT_KINDS = ("Lease", "Event")
Object = dict[str, Any]


class ApiServer:
    """Carries calls out, one at a time. `actor` is whose call that is at this very moment, None for the cluster itself.
    writes: of processes; changes: by anybody. Both leave out leases and Events. forbidden: kinds that nobody may list.

    Invariant: `_events[kind]` holds every change of a kind above `_forgotten[kind]`, in order.
    """

    def __init__(self, clock: Callable[[], float], epoch: float, story: Story) -> None:
        self.store = SimulatedStore(now=lambda: datetime.fromtimestamp(epoch + clock(), UTC))
        self.actor: str | None = None
        self.writes = 0
        self.changes = 0
        self.story = story
        self._events: defaultdict[str, list[Event]] = defaultdict(list)
        self._forgotten: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        self.calls = Calls()
        self.forbidden: set[str] = set()
        self.generation = 0
        self._floor = 0
        self.store.listen(self._heard)

    def answer(self, actor: str, call: Call) -> tuple[int, Object]:
        """Carry out one call of a process."""
        if call.verb == "list" and call.kind.kind in self.forbidden:
            return 403, RefusedError(403, f"{actor} may not list {call.kind.plural}", "Forbidden").body
        self.actor = actor
        before = self.store.version
        try:
            found = answer(self.store, call)
        except RefusedError as refusal:
            return refusal.code, refusal.body
        finally:
            self.actor = None
        if self.store.version > before and call.kind.kind not in SILENT_KINDS:
            self.writes += 1
            self.story.tell(actor, f"{call.verb} {call.kind.kind} {call.name} by {call.manager}")
        return found.status, found.body

    def _heard(self, event: Event) -> None:
        kind = event.obj["kind"]
        self.changes += kind not in SILENT_KINDS
        self._events[kind].append(event)
        for waiting in self._waiting[kind]:
            waiting.set()

    def forget_history(self) -> None:
        """Compaction: older versions are too old from now on, and every watch ends."""
        for kind in list(self._events):
            self._events[kind].clear()
        self.generation += 1
        self._floor = self.store.version
        for waiters in self._waiting.values():
            for waiting in waiters:
                waiting.set()

    def forget_past(self, events_kept_seconds: float) -> None:
        """What a server that runs for days has no more: old versions and old Events; and what only this one remembers."""
        self.forget_history()
        self.calls = Calls()
        oldest = datetime.fromisoformat(self.store.stamp()) - timedelta(seconds=events_kept_seconds)
        for (kind, namespace, name), obj in list(self.store.objects.items()):
            if kind == "Event" and datetime.fromisoformat(obj["metadata"]["creationTimestamp"]) <= oldest:
                self.store.delete(BY_NAME[kind], namespace, name)
        self.store.forget(*BY_NAME)

    def hold_watches(self, link: Link) -> None:
        """A process's watches are told nothing from now on."""
        link.watches_held_at = self.store.version

    def release_watches(self, link: Link, *, suppressed: bool = False) -> None:
        """They go on with what was held back; suppressed: with the present, as if nothing had happened."""
        if suppressed and link.watches_held_at is not None:
            for kind, events in self._events.items():
                self._events[kind] = [event for event in events if event.version <= link.watches_held_at]
        link.watches_held_at = None
        for waiters in self._waiting.values():
            for waiting in waiters:
                waiting.set()

    async def watch(
        self, call: Call, since: int, seconds: float, faults: Faults, link: Link
    ) -> AsyncGenerator[bytes, None]:
        """The lines of a watch."""
        loop = asyncio.get_running_loop()
        ends, bookmark = loop.time() + seconds, loop.time() + BOOKMARK_SECONDS
        generation, kind, matches = self.generation, call.kind.kind, selected(call)
        if since < self._floor:
            yield _gone()
            return
        something = asyncio.Event()
        self._waiting[kind][something] = None
        try:
            while loop.time() < ends:
                if self.generation != generation:
                    yield _gone()
                    return
                fresh = self._newer(kind, since, link)
                if not fresh:
                    something.clear()
                    try:
                        async with asyncio.timeout_at(min(ends, bookmark)):
                            await something.wait()
                    except TimeoutError:
                        pass
                    if link.dead or loop.time() < link.cut_back_until:
                        await never()
                    if (
                        loop.time() >= bookmark
                        and not self._newer(kind, since, link)
                        and self.generation == generation
                    ):
                        bookmark = loop.time() + BOOKMARK_SECONDS
                        held = link.watches_held_at
                        since = self.store.version if held is None else max(since, held)
                        yield _line("BOOKMARK", {"kind": kind, "metadata": {"resourceVersion": str(since)}})
                    continue
                for event in fresh:
                    fault = faults.draw("watch event")
                    if fault == "cut":
                        raise UnavailableError("injected: the watch's connection was reset")
                    if fault == "freeze" or link.dead or loop.time() < link.cut_back_until:
                        await never()
                    if fault == "410":
                        yield _gone()
                        return
                    if fault == "lag":
                        await asyncio.sleep(faults.random.uniform(0.5, 30.0))
                    since = event.version
                    line = watches._shown(event, call, matches, None)
                    if line is None or fault == "drop":
                        continue
                    yield line
                    if fault == "repeat":
                        yield line
        finally:
            del self._waiting[kind][something]

    def _newer(self, kind: str, since: int, link: Link) -> list[Event]:
        events, held = self._events[kind], link.watches_held_at
        found = []
        for event in reversed(events):
            if event.version <= since:
                break
            if held is None or event.version <= held:
                found.append(event)
        return found[::-1]


def _gone() -> bytes:
    refusal = RefusedError(410, "injected: too old resource version", "Expired")
    return _line("ERROR", refusal.body)


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


_STATUS = {"429": 429, "500": 500, "503": 503, "504 after": 504}


class SimulatedKubeClient:
    """What `KubeClient` is to the code above it, for one process.

    about_to_write and has_written: told of every write of an object, around its effect.
    """

    def __init__(
        self,
        server: ApiServer,
        *,
        actor: str,
        link: Link,
        faults: Faults,
        random: Random,
        about_to_write: Callable[[str], None],
        has_written: Callable[[str], None],
    ) -> None:
        self._server = server
        self._actor = actor
        self._link = link
        self._faults = faults
        self._random = random
        self._about_to_write = about_to_write
        self._has_written = has_written

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: object = None,
        content_type: str | None = None,
        timeout_seconds: float,
        may_send: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        named = NamedCall(method, path)
        call = self._server.calls.of(method, path, query, body, content_type)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._exchange(named, call)
        except TimeoutError as error:
            raise UnavailableError(f"{named}: no answer within {timeout_seconds:g} s") from error

    async def _exchange(self, named: NamedCall, call: Call) -> dict[str, Any]:
        write = call.verb not in ("get", "list")
        silent = call.kind.kind in SILENT_KINDS
        group = "lease" if call.kind.kind == "Lease" else "kube write" if write else "kube read"
        await self._link.there()
        fault = self._faults.draw(group)
        if fault in ("429", "500", "503"):
            raise self._refusal(named, fault)
        if fault == "reset before":
            raise UnavailableError(f"{named}: injected: connection reset")
        if fault == "hang before":
            await never()
        if fault == "slow":
            await asyncio.sleep(self._random.uniform(1.0, 10.0))
        if write and not silent:
            self._about_to_write(f"{call.verb} {call.kind.kind} {call.name}")
            if self._link.dead:
                await never()
        status, answer = self._server.answer(self._actor, call)
        if write and not silent:
            self._has_written(f"{call.verb} {call.kind.kind} {call.name}")
        if fault == "reset after":
            raise UnavailableError(f"{named}: injected: connection reset after the effect")
        if fault == "hang after" or self._link.dead:
            await never()
        if fault == "504 after":
            raise self._refusal(named, fault)
        await self._link.back()
        if status >= 400:
            raise error_of(named, status, json.dumps(answer).encode())
        # What arrives is a copy, as it is on a wire. Version 2 shares nothing within it.
        found: dict[str, Any] = marshal.loads(marshal.dumps(answer, 2))  # noqa: S302 - written right here
        return found

    def _refusal(self, named: NamedCall, fault: str) -> Exception:
        status = _STATUS[fault]
        body = RefusedError(status, "injected", "").body
        return error_of(named, status, json.dumps(body).encode(), retry_after="1" if status == 429 else None)

    async def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str | int],
        open_timeout_seconds: float,
        silence_seconds: float,
    ) -> AsyncGenerator[bytes, None]:
        named = NamedCall("GET", path, watch=True)
        call = self._server.calls.of("GET", path, query, None, None)
        try:
            async with asyncio.timeout(open_timeout_seconds):
                await self._link.there()
                fault = self._faults.draw("watch open")
                if fault == "hang before":
                    await never()
                if fault == "500":
                    raise self._refusal(named, fault)
        except TimeoutError as error:
            raise UnavailableError(f"{named}: no answer within {open_timeout_seconds:g} s") from error
        yield b""
        if fault == "410":
            yield _gone()
            return
        lines = self._server.watch(
            call,
            int(call.query["resourceVersion"]),
            float(call.query["timeoutSeconds"]),
            self._faults,
            self._link,
        )
        try:
            while True:
                try:
                    async with asyncio.timeout(silence_seconds):
                        line = await anext(lines, None)
                except TimeoutError as error:
                    raise UnavailableError(f"{named}: silent for {silence_seconds:g} s") from error
                if line is None:
                    return
                yield line
        finally:
            await lines.aclose()
