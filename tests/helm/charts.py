"""The chart rendered by Helm's own engine, without a cluster."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "gco-stream-reconciler"
DOCS = ROOT / "docs" / "deploy"
RELEASE = "reconciler"
NAMESPACE = "gco-system"

LEAST: dict[str, Any] = {
    "region": "us-east-1",
    "image": {"repository": "registry.example/gco-stream-reconciler"},
}
"""What every installation must say."""

Object = dict[str, Any]


def values(overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The least values with others laid over them, map by map, as Helm lays files over each other."""
    return _merged(LEAST, overrides or {})


def everything() -> dict[str, Any]:
    """Values that switch on every object that can stand beside the others."""
    return values(
        {
            "extraNamespaces": ["team-a", "team-b"],
            "networkPolicy": {"enabled": True},
            "monitoring": {
                "serviceMonitor": {"enabled": True},
                "prometheusRule": {"enabled": True},
                "dashboard": {"enabled": True},
            },
        }
    )


def example(region: str) -> dict[str, Any]:
    """The example values of a Region."""
    read: dict[str, Any] = yaml.safe_load((CHART / "examples" / f"{region}.yaml").read_text("utf-8"))
    return read


def render(
    given: Mapping[str, Any] | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
) -> list[Object]:
    """Every object of a release."""
    return list(_objects(texts(given, release=release, namespace=namespace)))


def texts(
    given: Mapping[str, Any] | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
) -> dict[str, str]:
    """What each template gives, NOTES.txt included."""
    with helm.Chart.load(CHART) as chart:
        wanted = dict(values() if given is None else given)
        chart.validate_schema(wanted)
        rendered: dict[str, str] = chart.render(wanted, name=release, namespace=namespace, is_install=True)
        return rendered


def only(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The one object of a kind (and name)."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def pod(objects: list[Object]) -> Object:
    """The Pod's spec."""
    spec: Object = only(objects, "Deployment")["spec"]["template"]["spec"]
    return spec


def environment(objects: list[Object]) -> dict[str, str]:
    """The controller's environment variables."""
    return {each["name"]: each["value"] for each in pod(objects)["containers"][0]["env"]}


def _objects(rendered: Mapping[str, str]) -> Iterator[Object]:
    for path, text in rendered.items():
        if path.endswith((".yaml", ".yml")):
            yield from (each for each in yaml.safe_load_all(text) if each)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both_maps = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both_maps else value
    return merged
