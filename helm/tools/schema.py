"""The part of values.schema.json that follows from other files: `settings` and the names of alerts.

Everything else in it is written by hand. The program's own settings say which variables there are, of what type and
within which bounds, so that Helm refuses at install what the program would refuse at start.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from gco_stream_reconciler.settings import Settings

CHART_OWNED = frozenset(
    {
        "REGION", "CLUSTER_NAME", "INFERENCE_ENDPOINTS_TABLE_NAME", "DYNAMODB_REGION", "STREAM_REGION",
        "INFERENCE_NAMESPACE", "NAMESPACES", "LEASE_NAME", "WORKERS", "RECONCILE_INTERVAL_SECONDS", "DRAIN_SECONDS",
        "LOG_LEVEL", "LOG_FORMAT", "HTTP_PORT", "DEBUG_PORT",
    }
)  # fmt: skip
"""Variables that have a value of their own in the chart."""

OUT_OF_PLACE = frozenset({"KUBECONFIG"})
"""Variables that make no sense in a Pod."""

_KEPT = ("type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength")


def variables() -> dict[str, tuple[type[BaseSettings], str, FieldInfo]]:
    """Every environment variable of the program: its group, its field's name, the field."""
    return {name: (group, field, info) for name, group, field, info in _variables()}


def render(text: str, chart: Path) -> str:
    """The schema with its generated parts made anew."""
    schema = json.loads(text)
    schema["properties"]["settings"]["properties"] = settings_properties()
    alerts = yaml.safe_load((chart / "files" / "alerts.yaml").read_text("utf-8"))["alerts"]
    rule = schema["properties"]["monitoring"]["properties"]["prometheusRule"]["properties"]
    rule["disabled"]["items"]["enum"] = [alert["alert"] for alert in alerts]
    return json.dumps(schema, indent=2) + "\n"


def settings_properties() -> dict[str, Any]:
    """Schema of each variable that goes under `settings`."""
    return {
        name: _property(group, field, info)
        for name, (group, field, info) in sorted(variables().items())
        if name not in CHART_OWNED | OUT_OF_PLACE
    }


def _variables() -> Iterator[tuple[str, type[BaseSettings], str, FieldInfo]]:
    for settings_field in Settings.model_fields.values():
        group = settings_field.annotation
        if not (isinstance(group, type) and issubclass(group, BaseSettings)):
            raise TypeError(f"{group!r} is not a group of settings")
        for field, info in group.model_fields.items():
            alias = info.validation_alias
            if isinstance(alias, AliasChoices):
                yield str(alias.choices[0]), group, field, info


def _property(group: type[BaseSettings], field: str, info: FieldInfo) -> dict[str, Any]:
    whole: Mapping[str, Any] = group.model_json_schema(by_alias=False)["properties"][field]
    # An optional setting is unset by leaving it out, not by a null.
    real = next((each for each in whole.get("anyOf", ()) if each.get("type") != "null"), whole)
    kept = {key: real[key] for key in _KEPT if key in real}
    if kept.get("type") == "array":
        kept = {"type": "string"}  # in the environment a list is text with commas
    return {**kept, "description": info.description or ""}
