"""All reflectors of a cluster, and one view on their caches."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gco_stream_reconciler.informer.compaction import ValuePool
from gco_stream_reconciler.informer.objects import Change
from gco_stream_reconciler.informer.ports import KindClient, ReflectorObserver, Uniform
from gco_stream_reconciler.informer.reflector import Reflector

Place: TypeAlias = tuple[str, str]
"""Kind and namespace."""


class ReflectorEndedError(RuntimeError):
    """A reflector's task ended by itself, which is a bug."""


@dataclass(frozen=True, slots=True)
class ReflectorView:
    """One reflector at one moment, for readiness and debug pages. `stale_for_seconds` is infinite before the first list."""

    kind: str
    namespace: str
    state: str
    synced: bool
    stale: bool
    stale_for_seconds: float
    objects: int
    resource_version: str | None
    last_error: str | None


class Informers:
    """One reflector for each kind and namespace.

    `on_change` gets every difference between two states of an object, those of the first listings (all `added`)
    included, before `wait_synced` returns.
    """

    def __init__(
        self,
        clients: Mapping[Place, KindClient],
        *,
        on_change: Callable[[Change], None],
        clock: Callable[[], float],
        random: Uniform,
        observer: ReflectorObserver,
    ) -> None:
        pool = ValuePool()
        self._on_change = on_change
        self._clock = clock
        self._reflectors: dict[Place, Reflector] = {
            (kind, namespace): Reflector(
                kind=kind,
                namespace=namespace,
                client=client,
                on_change=on_change,
                clock=clock,
                random=random,
                observer=observer,
                pool=pool,
            )
            for (kind, namespace), client in clients.items()
        }

    async def run(self) -> None:
        """Run every reflector, for ever; the first that crashes ends all, with its error in an ExceptionGroup."""
        async with asyncio.TaskGroup() as group:
            for (kind, namespace), reflector in self._reflectors.items():
                group.create_task(_for_ever(reflector), name=f"reflector {kind} {namespace}")

    # --- Reading ----------------------------------------------------------------------------------------------

    def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None. Raises KeyError for a kind and namespace that nobody watches."""
        return self._reflectors[kind, namespace].cache.get(namespace, name)

    def for_endpoint(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        """Kind and object of everything that may belong to an endpoint."""
        return [
            (kind, obj)
            for (kind, _), reflector in self._reflectors.items()
            for obj in reflector.cache.by_endpoint(key)
        ]

    def endpoint_keys(self) -> set[str]:
        """Every endpoint that some object may belong to."""
        keys: set[str] = set()
        for reflector in self._reflectors.values():
            keys.update(reflector.cache.endpoint_keys())
        return keys

    async def wait_synced(self) -> None:
        """Return once every first listing is in its cache and announced. The caller sets the deadline."""
        for reflector in self._reflectors.values():
            await reflector.synced.wait()

    def stale(self, now: float) -> bool:
        """Whether some cache has been out of touch with the API server, or was never filled."""
        return any(reflector.is_stale(now) for reflector in self._reflectors.values())

    def views(self) -> list[ReflectorView]:
        """Every reflector, for readiness and debug pages."""
        now = self._clock()
        return [
            ReflectorView(
                kind=reflector.kind,
                namespace=reflector.namespace,
                state=type(reflector.state).__name__,
                synced=reflector.synced.is_set(),
                stale=reflector.is_stale(now),
                stale_for_seconds=reflector.stale_for(now),
                objects=len(reflector.cache),
                resource_version=reflector.cache.resource_version,
                last_error=reflector.last_error,
            )
            for reflector in self._reflectors.values()
        ]

    def objects_by_kind(self) -> dict[str, int]:
        """How many objects the caches hold, of all namespaces."""
        counts: dict[str, int] = {}
        for (kind, _), reflector in self._reflectors.items():
            counts[kind] = counts.get(kind, 0) + len(reflector.cache)
        return counts

    # --- Our own writes ---------------------------------------------------------------------------------------

    def write_through(self, obj: dict[str, Any]) -> None:
        """Take the API server's answer to our own write; announces the difference. Unwatched kinds are left out.

        Raises MalformedAnswerError.
        """
        reflector = self._reflectors.get(
            (obj.get("kind", ""), (obj.get("metadata") or {}).get("namespace", ""))
        )
        if reflector is not None:
            self._announce(reflector.cache.write_through(obj))

    def forget(self, kind: str, namespace: str, name: str, uid: str) -> None:
        """Drop an incarnation that the API server has confirmed gone; announces it. Unwatched kinds are left out."""
        reflector = self._reflectors.get((kind, namespace))
        if reflector is not None:
            self._announce(reflector.cache.forget(namespace, name, uid))

    def _announce(self, change: Change | None) -> None:
        if change is not None:
            self._on_change(change)


async def _for_ever(reflector: Reflector) -> None:
    await reflector.run()
    raise ReflectorEndedError(
        f"the reflector of {reflector.kind} in {reflector.namespace} ended; this is a bug"
    )
