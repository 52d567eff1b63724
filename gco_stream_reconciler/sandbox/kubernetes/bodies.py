"""Reading what a client sends. Pure.

The API server reads an apply as YAML 1.1 even where it looks like JSON. For almost every body that is the same, but not
beyond ASCII: YAML has no control characters and no halves of a surrogate pair, and folds U+0085, U+2028 and U+2029 as line
ends. PyYAML, a sibling of the API server's library, does the same with those.
"""

import json
import re
from typing import Any

import yaml

from gco_stream_reconciler.sandbox.kubernetes import statuses

_APPLY = "application/apply-patch+yaml"
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def parsed(raw: bytes, content_type: str) -> Any:
    """The value of a body; None for an empty one. Raises RefusedError 400 or 415."""
    if not raw:
        return None
    if content_type == _PROTOBUF:
        raise statuses.wrong_media(["application/json", "application/yaml"])
    try:
        if "yaml" in content_type and not _is_read_alike(raw):
            return yaml.load(raw, _Yaml)  # noqa: S506 - a SafeLoader
        return json.loads(raw, parse_constant=_refused)
    except yaml.YAMLError as error:
        raise statuses.bad_request(_refusal(error, content_type)) from error
    except ValueError as error:
        raise statuses.bad_request(f"the body cannot be read: {error}") from error
    except RecursionError as error:
        raise statuses.bad_request("the body cannot be read: exceeded max depth") from error


def _is_read_alike(raw: bytes) -> bool:
    """Whether a YAML reader makes the same of it as a JSON reader, in a fraction of the time."""
    return (
        raw.lstrip()[:1] in (b"{", b"[")
        and raw.isascii()
        and b"\x7f" not in raw
        and not _SURROGATE_ESCAPE.search(raw)
    )


def _refusal(error: yaml.YAMLError, content_type: str) -> str:
    """In the API server's words, as far as an apply goes."""
    if isinstance(error, yaml.reader.ReaderError):
        unprintable = error.reason == "special characters are not allowed"
        problem = "control characters are not allowed" if unprintable else "invalid Unicode character"
    else:
        problem = str(getattr(error, "problem", None) or error)
    where = (
        "error decoding YAML: error converting YAML to JSON"
        if content_type == _APPLY
        else "the body cannot be read"
    )
    return f"{where}: yaml: {problem}"


def _refused(constant: str) -> None:
    raise ValueError(f"invalid value {constant}")


class _Yaml(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a time is a string, 1e16 is a number; which cannot grow by aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read here")
        return super().compose_node(parent, index)

    def compose_scalar_node(self, anchor: Any) -> Any:
        node = super().compose_scalar_node(anchor)
        if _SURROGATE.search(node.value):
            raise yaml.YAMLError("found invalid Unicode character escape code")
        return node


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+\Z"),
    [*"-+.0123456789"],
)
