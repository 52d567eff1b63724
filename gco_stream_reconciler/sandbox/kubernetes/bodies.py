"""Reading what a client sends. Pure."""

import json
from typing import Any

import yaml

from gco_stream_reconciler.sandbox.kubernetes import statuses

_PROTOBUF = "application/vnd.kubernetes.protobuf"


def parsed(raw: bytes, content_type: str) -> Any:
    """The value of a body; None for an empty one. Raises RefusedError 400 or 415."""
    if not raw:
        return None
    if content_type == _PROTOBUF:
        raise statuses.wrong_media(["application/json", "application/yaml"])
    try:
        if "yaml" in content_type and raw.lstrip()[:1] not in (b"{", b"["):
            return yaml.load(raw, _Yaml)  # noqa: S506 - a SafeLoader
        return json.loads(raw, parse_constant=_refused)
    except (ValueError, yaml.YAMLError) as error:
        raise statuses.bad_request(f"the body cannot be read: {error}") from error
    except RecursionError as error:
        raise statuses.bad_request("the body cannot be read: exceeded max depth") from error


def _refused(constant: str) -> None:
    raise ValueError(f"invalid value {constant}")


class _Yaml(yaml.SafeLoader):
    """YAML in which a time is a string, as Kubernetes reads it, and which cannot grow by aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read here")
        return super().compose_node(parent, index)


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
