"""The Application Load Balancer: what it routes, who answers, and what changed."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gco_stream_reconciler.sandbox.kubernetes.answers import Answers
from gco_stream_reconciler.sandbox.kubernetes.ingress_group import Changes
from gco_stream_reconciler.sandbox.kubernetes.ready_pods import ReadyPods
from gco_stream_reconciler.sandbox.kubernetes.routing import Forward, Model, Place, Target, routed, targets

_CHANGES_KEPT = 10_000
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
    """Routes as they were programmed last, to the Pods that are ready now and answer on the port and path programmed.

    Invariants: `unhealthy_region()` is `routing.is_unhealthy(routes())`; the last `route` change of a path is its route, while it is
    kept (`changes` holds the last 10,000).
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ready = ReadyPods()
        self._programmed: Model = {}
        self._paths: defaultdict[Place, set[str]] = defaultdict(set)
        self._answers: dict[Place, Answers] = {}
        self._empty: set[str] = set()
        self._noted: dict[str, tuple[Target, ...] | None] = {}
        self._health = "healthy"
        self.exists = False
        self.group_error: str | None = None
        self.changes: deque[Change] = deque(maxlen=_CHANGES_KEPT)

    # --- What a test asks -------------------------------------------------------------------------------------

    def routes(self) -> dict[str, list[Target]]:
        """Path → (service, weight in percent, healthy Pods); an empty list answers 503."""
        return routed(self._programmed, self._healthy)

    def unhealthy_region(self) -> bool:
        """Whether Global Accelerator sends this Region no traffic: a target group has no healthy Pod, at any weight."""
        return bool(self._empty)

    def history(self, what: What, path: str | None = None) -> list[Change]:
        """The changes of one sort, of one path or all."""
        return [each for each in self.changes if each.what == what and path in (None, each.path)]

    # --- What happens to it -----------------------------------------------------------------------------------

    def turn(self, pod: Place, labels: Mapping[str, str], answers: Answers, *, ready: bool) -> None:
        """A Pod became ready or ceased to be."""
        if ready:
            self._answers[pod] = answers
            self._recounted(self._ready.add_pod(pod, labels))
        else:
            self._recounted(self._ready.drop_pod(pod))
            self._answers.pop(pod, None)

    def select(self, service: Place, selector: Mapping[str, str] | None) -> None:
        """A Service has a selector; None: it is gone, and nothing is registered in its target groups."""
        if selector is None:
            self._ready.drop_service(service)
        else:
            self._ready.put_service(service, selector)
        self._recounted([service])

    def program(self, changes: Changes) -> None:
        """Route these paths like this from now on."""
        changed = [path for path, forwards in changes.items() if self._programmed.get(path) != forwards]
        for path in changed:
            for forward in self._programmed.pop(path, ()):
                self._paths[forward.service].discard(path)
            forwards = changes[path]
            if forwards is not None:
                self._programmed[path] = forwards
            for forward in forwards or ():
                self._paths[forward.service].add(path)
            self._note_route(path)
        self._check_health(changed)

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
        paths = sorted({path for service in services for path in self._paths.get(service, ())})
        for path in paths:
            self._note_route(path)
        self._check_health(paths)

    def _healthy(self, forward: Forward) -> int:
        pods = self._ready.pods(forward.service)
        return sum(self._answers[pod].is_healthy(forward.port, forward.health_path) for pod in pods)

    def _note_route(self, path: str) -> None:
        forwards = self._programmed.get(path)
        found = None if forwards is None else tuple(targets(forwards, self._healthy))
        if self._noted.get(path) != found:
            self._noted[path] = found
            if found is None:
                del self._noted[path]
            self.changes.append(Change(self._now(), "route", path=path, targets=found))

    def _check_health(self, paths: Iterable[str]) -> None:
        for path in paths:
            if any(self._healthy(forward) == 0 for forward in self._programmed.get(path, ())):
                self._empty.add(path)
            else:
                self._empty.discard(path)
        health = "unhealthy" if self._empty else "healthy"
        if health != self._health:
            self._health = health
            self._note("health", health)

    def _note(self, what: What, text: str) -> None:
        self.changes.append(Change(self._now(), what, text))
