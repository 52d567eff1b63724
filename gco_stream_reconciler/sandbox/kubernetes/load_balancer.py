"""The Application Load Balancer: what it routes, who answers, and all that ever changed."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gco_stream_reconciler.sandbox.kubernetes.ready_pods import ReadyPods
from gco_stream_reconciler.sandbox.kubernetes.routing import Model, Place, Target, routed, targets

What = Literal["load balancer", "route", "health", "error"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something changed at a loop time.

    what: `load balancer` (text: `created` or `deleted`), `route` (of `path`: targets, None for no route any more),
    `health` (text: `healthy` or `unhealthy`, as Global Accelerator sees the Region), `error` (text: the group's, empty
    when it is mended).
    """

    at: float
    what: What
    text: str = ""
    path: str = ""
    targets: tuple[Target, ...] | None = None


class LoadBalancer:
    """Routes as they were programmed last, to the Pods that are ready now.

    Invariants: `unhealthy_region()` is `routing.is_unhealthy(routes())`; the last `route` change of a path is its route.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ready = ReadyPods()
        self._programmed: Model = {}
        self._paths: defaultdict[Place, set[str]] = defaultdict(set)
        self._empty: set[tuple[str, Place]] = set()
        self._noted: dict[str, tuple[Target, ...] | None] = {}
        self._health = "healthy"
        self.exists = False
        self.group_error: str | None = None
        self.changes: list[Change] = []

    # --- What a test asks -------------------------------------------------------------------------------------

    def routes(self) -> dict[str, list[Target]]:
        """Path → (service, weight in percent, ready Pods); an empty list answers 503."""
        return routed(self._programmed, self._ready.count)

    def unhealthy_region(self) -> bool:
        """Whether Global Accelerator sends this Region no traffic: a target group has no ready Pod, at any weight."""
        return bool(self._empty)

    def history(self, what: What, path: str | None = None) -> list[Change]:
        """The changes of one sort, of one path or all."""
        return [each for each in self.changes if each.what == what and path in (None, each.path)]

    # --- What happens to it -----------------------------------------------------------------------------------

    def turn(self, pod: Place, labels: Mapping[str, str], *, ready: bool) -> None:
        """A Pod became ready or ceased to be."""
        self._recounted(self._ready.add_pod(pod, labels) if ready else self._ready.drop_pod(pod))

    def select(self, service: Place, selector: Mapping[str, str] | None) -> None:
        """A Service has a selector; None: it is gone, and nothing is registered in its target groups."""
        if selector is None:
            self._ready.drop_service(service)
        else:
            self._ready.put_service(service, selector)
        self._recounted([service])

    def program(self, model: Model) -> None:
        """Route like this from now on."""
        before, self._programmed = self._programmed, model
        changed = [path for path in {**before, **model} if before.get(path) != model.get(path)]
        for path in changed:
            for forward in before.get(path, ()):
                self._paths[forward.service].discard(path)
                self._empty.discard((path, forward.service))
            for forward in model.get(path, ()):
                self._paths[forward.service].add(path)
            self._note_route(path)
        self._check_health(forward.service for path in changed for forward in model.get(path, ()))

    def set_exists(self, exists: bool) -> None:
        """It was made or deleted."""
        if exists != self.exists:
            self.exists = exists
            self._note("load balancer", "created" if exists else "deleted")

    def set_error(self, problem: str | None) -> bool:
        """What is wrong with the group; returns whether that is new."""
        if problem == self.group_error:
            return False
        self.group_error = problem
        self._note("error", problem or "")
        return True

    # --- Steps ------------------------------------------------------------------------------------------------

    def _recounted(self, services: Iterable[Place]) -> None:
        used = [service for service in services if self._paths.get(service)]
        for path in sorted({path for service in used for path in self._paths[service]}):
            self._note_route(path)
        self._check_health(used)

    def _note_route(self, path: str) -> None:
        forwards = self._programmed.get(path)
        found = None if forwards is None else tuple(targets(forwards, self._ready.count))
        if path not in self._noted or self._noted[path] != found:
            self._noted[path] = found
            self.changes.append(Change(self._now(), "route", path=path, targets=found))

    def _check_health(self, services: Iterable[Place]) -> None:
        for service in services:
            groups = {(path, service) for path in self._paths[service]}
            if self._ready.count(service):
                self._empty -= groups
            else:
                self._empty |= groups
        health = "unhealthy" if self._empty else "healthy"
        if health != self._health:
            self._health = health
            self._note("health", health)

    def _note(self, what: What, text: str) -> None:
        self.changes.append(Change(self._now(), what, text))
