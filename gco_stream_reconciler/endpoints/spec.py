"""The `spec` map of an item: what to run."""

from collections.abc import Callable, Mapping
from typing import Any

from gco_stream_reconciler.endpoints import checks
from gco_stream_reconciler.endpoints.model import (
    Autoscaling,
    AutoscalingMetric,
    Canary,
    EndpointSpec,
    Toleration,
)
from gco_stream_reconciler.endpoints.values import Reading, RefusedError

_KNOWN = frozenset(
    {
        "image", "port", "replicas", "gpu_count", "gpu_type", "health_check_path", "env", "resources", "command",
        "args", "model_path", "model_source", "accelerator", "node_selector", "tolerations", "capacity_type",
        "autoscaling", "region_image_uris", "canary",
    }
)  # fmt: skip
_MANY = 100_000
_DEFAULT_METRIC = AutoscalingMetric("cpu", 70)


def decode_spec(raw: Any, reading: Reading) -> EndpointSpec | None:
    """The spec, or None after noting every problem of it. `raw` is plain Python, None where the item has none."""
    if not isinstance(raw, dict):
        # Whatever else it is may hold the environment, whose values are secrets: it is not shown.
        reading.refuse("spec", None, "is required" if raw is None else "must be a map")
        return None
    before = len(reading.problems)
    unknown = sorted(set(raw) - _KNOWN)
    if unknown:
        reading.warnings.append(f"spec fields not known and not used: {', '.join(map(ascii, unknown[:10]))}")
    spec = _read(raw, reading)
    return spec if len(reading.problems) == before else None


def _read(raw: Mapping[str, Any], reading: Reading) -> EndpointSpec:
    def take(key: str, check: Callable[[Any], Any], default: Any = None) -> Any:
        return reading.take(raw, key, check, default, prefix="spec.")

    if raw.get("image") is None:
        reading.refuse("spec.image", None, "is required")
    resources = take("resources", checks.a_map, {})
    return EndpointSpec(
        image=take("image", checks.image, ""),
        port=take("port", checks.whole_number(1, 65535), 8000),
        replicas=take("replicas", checks.whole_number(0, _MANY), 1),
        gpu_count=take("gpu_count", checks.whole_number(0, 1000), 1),
        gpu_type=take("gpu_type", checks.label_value) or None,
        health_check_path=take("health_check_path", checks.health_path, "/health"),
        env=_environment(raw.get("env"), reading),
        resource_requests=_quantities(resources, "requests", reading),
        resource_limits=_quantities(resources, "limits", reading),
        command=_arguments(raw, "command", reading),
        args=_arguments(raw, "args", reading),
        model_path=take("model_path", checks.model_path),
        model_source=take("model_source", checks.model_source),
        accelerator=take("accelerator", checks.one_of("nvidia", "neuron"), "nvidia"),
        node_selector=_labels(take("node_selector", checks.a_map, {}), "spec.node_selector", reading),
        tolerations=_tolerations(raw.get("tolerations"), reading),
        capacity_type=take("capacity_type", checks.one_of("spot", "on-demand")),
        autoscaling=_autoscaling(take("autoscaling", checks.a_map), reading),
        region_image_uris=_images(take("region_image_uris", checks.a_map, {}), reading),
        canary=_canary(take("canary", checks.a_map), reading),
    )


def _environment(raw: Any, reading: Reading) -> dict[str, str]:
    """The environment. Values are secrets, and so may be what stands in a name's place: neither is shown."""
    found: dict[str, str] = {}
    if raw is not None and not isinstance(raw, dict):
        reading.refuse("spec.env", None, "must be a map")
        return found
    for number, (key, value) in enumerate(sorted((raw or {}).items()), 1):
        shown = f"name {number}"
        try:
            shown = checks.env_name(key)
            found[key] = checks.scalar_text(value)
        except RefusedError as refusal:
            reading.refuse(f"spec.env[{shown}]", None, str(refusal))
    return found


def _arguments(raw: Mapping[str, Any], key: str, reading: Reading) -> tuple[str, ...]:
    try:
        return checks.strings(raw[key]) if raw.get(key) is not None else ()
    except RefusedError as refusal:
        reading.refuse(f"spec.{key}", None, str(refusal))  # arguments hold tokens too
        return ()


def _quantities(resources: Mapping[str, Any], key: str, reading: Reading) -> dict[str, str] | None:
    empty: Mapping[str, Any] = {}
    raw = reading.take(resources, key, checks.a_map, empty, prefix="spec.resources.")
    found = {}
    for resource, value in sorted(raw.items()):
        try:
            found[checks.resource_name(resource)] = checks.quantity(value)
        except RefusedError as refusal:
            reading.refuse(f"spec.resources.{key}[{ascii(resource)[1:-1]}]", value, str(refusal))
    return found or None


def _labels(raw: Mapping[str, Any], path: str, reading: Reading) -> dict[str, str]:
    found = {}
    for key, value in sorted(raw.items()):
        try:
            found[checks.label_key(key)] = checks.label_value(value)
        except RefusedError as refusal:
            reading.refuse(f"{path}[{ascii(key)[1:-1]}]", value, str(refusal))
    return found


def _images(raw: Mapping[str, Any], reading: Reading) -> dict[str, str]:
    return {
        region: reading.take(raw, region, checks.image, "", prefix="spec.region_image_uris.")
        for region in sorted(raw)
    }


def _tolerations(raw: Any, reading: Reading) -> tuple[Toleration, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        reading.refuse("spec.tolerations", raw, "must be a list of maps")
        return ()
    found = (_toleration(item, f"spec.tolerations[{index}]", reading) for index, item in enumerate(raw))
    return tuple(toleration for toleration in found if toleration is not None)


def _toleration(raw: Any, path: str, reading: Reading) -> Toleration | None:
    if not isinstance(raw, dict):
        reading.refuse(path, raw, "must be a map")
        return None

    def take(key: str, check: Callable[[Any], Any], default: Any = "") -> Any:
        return reading.take(raw, key, check, default, prefix=f"{path}.")

    seconds = "tolerationSeconds" if "tolerationSeconds" in raw else "toleration_seconds"
    toleration = Toleration(
        key=take("key", checks.label_key),
        operator=take("operator", checks.one_of("Equal", "Exists")),
        value=take("value", checks.label_value),
        effect=take("effect", checks.one_of("", "NoSchedule", "PreferNoSchedule", "NoExecute")),
        toleration_seconds=take(seconds, checks.whole_number(0, 2**31), None),
    )
    if not toleration.key and toleration.operator != "Exists":
        reading.refuse(
            f"{path}.operator", toleration.operator or None, "must be Exists where no key is given"
        )
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        reading.refuse(f"{path}.{seconds}", toleration.toleration_seconds, "goes with effect NoExecute only")
    if toleration.operator == "Exists" and toleration.value:
        reading.refuse(f"{path}.value", toleration.value, "must be empty where operator is Exists")
    return toleration


def _autoscaling(raw: Mapping[str, Any] | None, reading: Reading) -> Autoscaling | None:
    if raw is None or not reading.take(
        raw, "enabled", checks.truth, default=False, prefix="spec.autoscaling."
    ):
        return None
    count = checks.whole_number(0, _MANY)
    least = reading.take(raw, "min_replicas", count, 1, prefix="spec.autoscaling.")
    most = reading.take(raw, "max_replicas", count, 10, prefix="spec.autoscaling.")
    if max(1, least) > most:
        reading.refuse(
            "spec.autoscaling.max_replicas", most, f"must not be below min_replicas ({max(1, least)})"
        )
    return Autoscaling(least, most, _metrics(raw.get("metrics"), reading) or (_DEFAULT_METRIC,))


def _metrics(raw: Any, reading: Reading) -> tuple[AutoscalingMetric, ...]:
    if raw is None:
        return ()
    if not isinstance(raw, list):
        reading.refuse("spec.autoscaling.metrics", raw, "must be a list of maps")
        return ()
    found: dict[str, AutoscalingMetric] = {}
    for index, item in enumerate(raw):
        path = f"spec.autoscaling.metrics[{index}]"
        if not isinstance(item, dict):
            reading.refuse(path, item, "must be a map")
        elif item.get("type") in ("cpu", "memory"):
            target = reading.take(item, "target", checks.whole_number(1, 10_000), 70, prefix=f"{path}.")
            found.setdefault(item["type"], AutoscalingMetric(item["type"], target))
        else:
            reading.warnings.append(f"{path}: metric type not known and not used")
    return tuple(found.values())


def _canary(raw: Mapping[str, Any] | None, reading: Reading) -> Canary | None:
    if raw is None:
        return None
    if raw.get("image") is None:
        reading.refuse("spec.canary.image", None, "is required")
    return Canary(
        image=reading.take(raw, "image", checks.image, "", prefix="spec.canary."),
        weight=reading.take(raw, "weight", checks.whole_number(1, 99), 10, prefix="spec.canary."),
        replicas=reading.take(raw, "replicas", checks.whole_number(1, _MANY), 1, prefix="spec.canary."),
    )
