"""What the Pods of a template answer: on which ports, and which health checks. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@dataclass(frozen=True, slots=True)
class Answers:
    """ports: numbers and names. paths: those that probes ask for. Where a template names none, everything is answered."""

    ports: frozenset[int | str] = frozenset()
    paths: frozenset[str] = frozenset()

    def is_healthy(self, port: int | str, path: str) -> bool:
        """Whether a health check on a port and path finds such a Pod well, once it is ready."""
        return (not self.ports or port in self.ports) and (not self.paths or path in self.paths)


def answers_of(template: Object) -> Answers:
    """Of a Pod template."""
    containers = (template.get("spec") or {}).get("containers") or ()
    ports: set[int | str] = set()
    for container in containers:
        for port in container.get("ports") or ():
            ports.update(port[key] for key in ("containerPort", "name") if port.get(key))
    return Answers(frozenset(ports), frozenset(path for each in containers for path in _probed(each)))


def _probed(container: Object) -> Iterator[str]:
    for name in _PROBES:
        get = (container.get(name) or {}).get("httpGet")
        if get is not None:
            yield get.get("path") or "/"
