"""An item of the table, decoded."""

from collections.abc import Mapping
from typing import Any

from gco_stream_reconciler.endpoints import checks
from gco_stream_reconciler.endpoints.fingerprint import spec_fingerprint
from gco_stream_reconciler.endpoints.model import DesiredState, Endpoint, RegionStatus
from gco_stream_reconciler.endpoints.spec import decode_spec
from gco_stream_reconciler.endpoints.status import decode_region_status
from gco_stream_reconciler.endpoints.values import Reading, RefusedError, plain

DEFAULT_NAMESPACE = "gco-inference"
_CANARY_NAME_LIMIT = 63 - len("-canary")
_OUR_LABELS = frozenset({"app", "project", "app.kubernetes.io/managed-by"})
_OUR_PREFIX = "gco.io/"


def decode_endpoint(item: Mapping[str, Any]) -> Endpoint:
    """Decode an item (attribute name → attribute value in DynamoDB JSON) as far as it can be. Never raises."""
    reading = Reading()
    fields = {key: plain(value) for key, value in item.items()}
    name = fields.get("endpoint_name")
    name = name if isinstance(name, str) else ""
    reading.take({"endpoint_name": name}, "endpoint_name", checks.name, "")
    spec = decode_spec(fields.get("spec"), reading)
    if spec is not None and spec.canary is not None and len(name) > _CANARY_NAME_LIMIT:
        # Not a problem of the name: objects stand under it already, and they are to be watched and deleted.
        reading.refuse(
            "spec.canary",
            name,
            f"endpoint_name must have at most {_CANARY_NAME_LIMIT} characters with a canary",
        )
        spec = None
    state = reading.take(fields, "desired_state", checks.one_of(*DesiredState), DesiredState.DEPLOYING.value)
    return Endpoint(
        name=name,
        desired_state=None if _refused(reading, "desired_state") else DesiredState(state),
        target_regions=_target_regions(fields.get("target_regions"), reading),
        namespace=_usable(reading, fields, "namespace", checks.namespace, DEFAULT_NAMESPACE),
        spec=spec,
        spec_hash=spec_fingerprint(item.get("spec")),
        ingress_path=_usable(reading, fields, "ingress_path", checks.ingress_path, f"/inference/{name}"),
        created_at=_text(fields.get("created_at")),
        updated_at=_text(fields.get("updated_at")),
        region_status=_region_status(item.get("region_status")),
        region_status_is_map=isinstance(fields.get("region_status"), dict),
        labels=_labels(fields.get("labels"), reading),
        created_by=_text(fields.get("created_by")),
        reconcile_requested_at=_text(fields.get("reconcile_requested_at")),
        problems=tuple(reading.problems),
        warnings=tuple(reading.warnings),
    )


def _refused(reading: Reading, path: str) -> bool:
    return any(problem.field == path for problem in reading.problems)


def _usable(
    reading: Reading, fields: Mapping[str, Any], key: str, check: checks.TextCheck, default: str
) -> str | None:
    value = reading.take(fields, key, check, default)
    return None if _refused(reading, key) else value


def _target_regions(raw: Any, reading: Reading) -> tuple[str, ...] | None:
    if not isinstance(raw, list):
        reading.refuse(
            "target_regions", raw, "is required" if raw is None else "must be a list of Region names"
        )
        return None
    for index, region in enumerate(raw):
        if not isinstance(region, str) or not region:
            reading.refuse(f"target_regions[{index}]", region, "must be a Region name")
            return None
    return tuple(dict.fromkeys(raw))


def _region_status(value: Any) -> dict[str, RegionStatus]:
    entries = value.get("M") if isinstance(value, Mapping) else None
    if not isinstance(entries, Mapping):
        return {}
    decoded = {str(region): decode_region_status(entry) for region, entry in entries.items()}
    return {region: status for region, status in decoded.items() if status is not None}


def _labels(raw: Any, reading: Reading) -> dict[str, str]:
    """A person's labels for the Deployment. A bad one costs a warning, not the endpoint."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        reading.warnings.append("labels: not a map, not used")
        return {}
    found = {}
    for key, value in sorted(raw.items()):
        shown = ascii(key)[1:-1][:80]
        if key in _OUR_LABELS or key.startswith(_OUR_PREFIX):
            reading.warnings.append(f"labels[{shown}]: set by the controller, not used")
            continue
        try:
            found[checks.label_key(key)] = checks.label_value(value)
        except RefusedError as refusal:
            reading.warnings.append(f"labels[{shown}]: {refusal}, not used")
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
