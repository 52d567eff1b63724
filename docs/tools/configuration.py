"""docs/configuration.md, from the program's own settings."""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from gco_stream_reconciler.cli.main import run
from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.settings import Settings, load_settings

CHART = Path(__file__).parents[2] / "helm" / "gco-stream-reconciler" / "README.md"

GROUPS = {
    "place": (
        "Place",
        (
            "Whose cluster, whose table. `REGION` has no default on purpose: a wrong one would clean a cluster out "
            "([rule 6](lifecycle.md)). [Several Regions](deploy/global-tables.md) tells which Region goes where, "
            "[Private subnets](deploy/install.md#private-subnets) when a URL is needed."
        ),
    ),
    "lifecycle": ("Endpoints", "What the [rules](lifecycle.md) are tuned by."),
    "orphans": (
        "Clean-ups",
        "What nobody gave a delete command for: objects without an item, and endpoints of a Region that was removed (rule 13).",
    ),
    "stream": (
        "Stream",
        "AWS allows five GetRecords a second and shard, of all readers together; [each one costs](performance.md#aws-calls-a-month).",
    ),
    "controller": ("Queue, workers, resync", "How much at a time, how often, how long."),
    "kubernetes": ("API server", "Where it is, and deadlines of its calls."),
    "leadership": (
        "Leader",
        "The election, with client-go's figures ([ADR 2](adr/0002-own-leader-election.md)).",
    ),
    "telemetry": ("Logs and listeners", "What a replica tells, and where."),
}
"""Group → title and what it is about."""

REFUSED: tuple[Mapping[str, Any], ...] = (
    {"lease_seconds": 12},
    {"lease_seconds": 15, "renew_deadline_seconds": 15},
    {"lease_seconds": 12.5},
    {"renew_deadline_seconds": 2, "renew_interval_seconds": 2},
    {"backoff_initial_seconds": 10, "backoff_maximum_seconds": 5},
    {"http_port": 8080, "debug_port": 8080},
    {"read_table_endpoint_url": "https://vpce-1.test"},
    {"stream_endpoint_url": "vpce-1.test"},
    {"workers": 0, "log_level": "LOUD"},
)
"""Settings that contradict each other or their bounds, by field."""

_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_TYPES = {"str": "text", "int": "whole number", "float": "number", "bool": "`true`, `false`"}

_HEAD = """\
# Configuration

Every setting is an environment variable; some are flags of `gco-stream-reconciler run` too, and a flag wins. An empty
variable counts as absent. The chart has a value of its own for some ("in the chart"); every other goes under its
`settings`, by the variable's name. Written by `make docs` from the program's own settings; do not edit.

[Operators' commands](cli.md#where-it-looks) read the same variables. Only `REGION` is required.
"""

_TAIL = """\
## From elsewhere
Credentials and their Region are found as every AWS SDK finds them: EKS Pod Identity, IRSA, `AWS_PROFILE`,
`AWS_ACCESS_KEY_ID`. `AWS_ENDPOINT_URL` sends calls to another server, as the demo's, whatever their Region; the
settings above that end in `_ENDPOINT_URL` count before it. `AWS_USE_DUALSTACK_ENDPOINT` and `AWS_USE_FIPS_ENDPOINT`
choose among AWS's own endpoints. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` count for calls to AWS and to the API server;
in a Pod its address is one of the cluster's services, so `NO_PROXY` needs their CIDR, such as `172.20.0.0/16`. In a Pod
the service account leads to the API server and `KUBECONFIG` is not read; `--kubeconfig` wins over both.
"""


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_groups(), *_refusals(), _TAIL])


def fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Group, name and definition of every setting."""
    for name, group in groups().items():
        for field, info in group.model_fields.items():
            yield name, field, info


def groups() -> dict[str, type[BaseSettings]]:
    """The groups of settings by their names. Raises TypeError for a setting that stands in no group."""
    found = {}
    for name, info in Settings.model_fields.items():
        if not (isinstance(info.annotation, type) and issubclass(info.annotation, BaseSettings)):
            raise TypeError(f"{name} is not a group of settings")
        found[name] = info.annotation
    return found


def variable(info: FieldInfo) -> str:
    """The environment variable of a setting."""
    if not isinstance(info.validation_alias, AliasChoices):
        raise TypeError(f"{info} has no environment variable")
    return str(info.validation_alias.choices[0])


def flags() -> dict[str, str]:
    """Field → flag of `run`."""
    return {name: f"--{name.replace('_', '-')}" for name in inspect.signature(run).parameters}


def chart_values() -> dict[str, str]:
    """Variable → value of the chart that sets it, from the chart's README."""
    rows = re.findall(r"^\| `([\w.]+)` \|.*\(`([A-Z_]+)`\)", CHART.read_text("utf-8"), re.MULTILINE)
    return {name: value for value, name in rows}


def _groups() -> Iterator[str]:
    for name, group in groups().items():
        title, about = GROUPS[name]
        yield f"## {title}"
        yield about
        yield ""
        yield "| variable | meaning | default | allowed | flag | in the chart |"
        yield "|---|---|---|---|---|---|"
        yield from (_row(field, info) for field, info in group.model_fields.items())
        yield ""


def _row(field: str, info: FieldInfo) -> str:
    name = variable(info)
    flag, value = flags().get(field), chart_values().get(name)
    cells = (
        f"`{name}`",
        (info.description or "").replace("|", "\\|"),
        _default(info),
        _allowed(field, info),
        f"`{flag}`" if flag else "-",
        f"`{value}`" if value else "-" if name == "KUBECONFIG" else "`settings`",
    )
    return f"| {' | '.join(cells)} |"


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "**required**"
    value = info.default
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ", ".join(value)
    if isinstance(value, float):
        value = f"{value:g}"
    return "-" if value in ("", None) else f"`{value}`"


def _allowed(field: str, info: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(limit, name):g}"
        for limit in info.metadata
        for name, sign in _BOUNDS.items()
        if getattr(limit, name, None) is not None
    ]
    unit = "seconds" if field.endswith("_seconds") else _type(info.annotation)
    return ", ".join((unit, *bounds))


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    if get_origin(annotation) is UnionType:
        return _type(next(each for each in get_args(annotation) if each is not NoneType))
    if get_origin(annotation) is tuple:
        return "text, commas between"
    return _TYPES[annotation.__name__]


def _refusals() -> Iterator[str]:
    yield "## What is refused"
    yield "At the start, in one line that names every refused setting; exit code 2. The chart's schema knows types and bounds and"
    yield "refuses what is outside of them at install already."
    yield ""
    yield "| set | answer |"
    yield "|---|---|"
    names = {field: variable(info) for _, field, info in fields()}
    for given in REFUSED:
        shown = " ".join(f"`{names[field]}={value}`" for field, value in given.items())
        yield f"| {shown} | {refusal(given)} |"
    yield ""


def refusal(given: Mapping[str, Any]) -> str:
    """What the program answers to settings, by field. Raises ValueError where it takes them."""
    try:
        load_settings(region="us-east-1", **given)
    except ConfigurationError as error:
        return str(error).removeprefix("settings refused: ")
    raise ValueError(f"{given} is not refused")
