"""Every sample rendered and compared with a file that was read by eye against the contract."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from gco_stream_reconciler import jsontext
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests import root_path
from gco_stream_reconciler.manifests.autoscaler import autoscaler
from gco_stream_reconciler.manifests.context import ManifestContext
from gco_stream_reconciler.manifests.deployment import deployment
from gco_stream_reconciler.manifests.ingress import ingress
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.service import service
from gco_stream_reconciler.settings import LifecycleSettings
from tests.samples import sample_item, sample_items

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = [
    *((item["endpoint_name"]["S"], "us-east-1", 1) for item in sample_items()),
    ("ecr-llama3", "eu-west-1", 1),
    ("canary-llama3", "eu-west-1", 1),
    ("triton-models", "us-east-1", 0),
    ("tgi-mistral", "us-east-1", 0),
    ("vllm-llama3", "us-east-1", 0),
]


def rendered(endpoint: Endpoint, region: str, revision: int) -> list[dict[str, Any]]:
    context = ManifestContext(region=region, table_id="table-1", settings=LifecycleSettings())
    assert endpoint.spec is not None
    port, path = endpoint.spec.port, root_path.health_path(endpoint, context, revision=revision)
    scaled = endpoint.spec.autoscaling is not None
    replicas = None if scaled else endpoint.spec.replicas
    objects = [
        deployment(endpoint, context, role=Role.PRIMARY, replicas=replicas, revision=revision),
        service(endpoint, context, role=Role.PRIMARY, target_port=port),
        ingress(endpoint, context, canary_weight=None, health_path=path),
    ]
    if scaled:
        objects.append(autoscaler(endpoint, context))
    canary = endpoint.spec.canary
    if canary is not None:
        objects += [
            deployment(endpoint, context, role=Role.CANARY, replicas=canary.replicas, revision=revision),
            service(endpoint, context, role=Role.CANARY, target_port=port),
            ingress(endpoint, context, canary_weight=canary.weight, health_path=path),
        ]
    return objects


@pytest.mark.parametrize(("name", "region", "revision"), CASES)
def test_the_manifests_of_a_sample_are_those_of_its_golden_file(
    name: str, region: str, revision: int
) -> None:
    objects = rendered(decode_endpoint(sample_item(name)), region, revision)
    file = GOLDEN / f"{name}.{region}.revision-{revision}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(yaml.safe_dump_all(objects, sort_keys=False), "utf-8")
    assert list(yaml.safe_load_all(file.read_text("utf-8"))) == objects


@pytest.mark.parametrize(("name", "region", "revision"), CASES)
def test_what_is_hashed_of_a_manifest_is_the_standard_library_s_text(
    name: str, region: str, revision: int
) -> None:
    for obj in rendered(decode_endpoint(sample_item(name)), region, revision):
        written = json.dumps(obj, sort_keys=True, separators=(",", ":"))
        assert jsontext.canonical(obj) == written.encode(), "a float, perhaps: its text is not promised"


@pytest.mark.parametrize(("name", "region", "revision"), CASES)
def test_no_manifest_holds_what_the_api_server_would_drop(name: str, region: str, revision: int) -> None:
    def check(value: Any, path: str) -> None:
        assert value not in (None, {}, [], ""), path
        if isinstance(value, dict):
            for key, item in value.items():
                check(item, f"{path}.{key}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                check(item, f"{path}[{index}]")

    for obj in rendered(decode_endpoint(sample_item(name)), region, revision):
        check(obj, obj["kind"])
