"""Where an endpoint's Pods are reached: the port that they listen on, and the path that says they are well.

The Service sends requests to one port and the load balancer's health check asks for one path, while Pods of two templates
stand side by side during a rollout. So both follow the Pods, not the spec (rule 11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gco_stream_reconciler.planning.adoption import standing_health_path, standing_port

ANNOTATION_REACH = "gco.io/pods-reached-at"
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Reach:
    """port: of the Service's target. health_path: of the load balancer's health check."""

    port: int
    health_path: str

    def encoded(self) -> str:
        """The annotation's value, on the Service."""
        return f"{self.port} {self.health_path}"


def decode_reach(text: str | None) -> Reach | None:
    """The annotation's meaning; None for none, and for one that somebody has edited beyond reading."""
    port, _, path = (text or "").partition(" ")
    if not (
        port.isascii() and port.isdigit() and len(port) <= len(str(_HIGHEST_PORT)) and path.startswith("/")
    ):
        return None
    return Reach(int(port), path) if 1 <= int(port) <= _HIGHEST_PORT else None


def reach_of(deployment: Mapping[str, Any], otherwise: Reach) -> Reach:
    """Where the Pods of a Deployment's template are reached; what it does not say is as `otherwise`."""
    port, path = standing_port(deployment), standing_health_path(deployment)
    return Reach(otherwise.port if port is None else port, otherwise.health_path if path is None else path)
