"""Requests and limits where the spec gives only one of them: the API server refuses a request above its limit."""

from typing import Any

import pytest

from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.template import pod_template
from tests.doubles.planning_story import SETTINGS, endpoint


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        ({}, {"cpu": "1", "memory": "4Gi"}, {"cpu": "4", "memory": "16Gi"}),
        ({"resource_limits": {"memory": "2Gi"}}, {"cpu": "1", "memory": "2Gi"}, {"memory": "2Gi"}),
        ({"resource_limits": {"cpu": "500m"}}, {"cpu": "500m", "memory": "4Gi"}, {"cpu": "500m"}),
        ({"resource_requests": {"memory": "64Gi"}}, {"memory": "64Gi"}, {"cpu": "4", "memory": "64Gi"}),
        (
            {"resource_requests": {"cpu": "8"}, "resource_limits": {"cpu": "4"}},
            {"cpu": "8"},
            {"cpu": "4"},
        ),  # a spec that contradicts itself is refused by the API server, with its reason
    ],
)
@pytest.mark.parametrize("revision", [0, 1])
def test_a_default_gives_way_to_what_the_spec_says(
    given: dict[str, Any], requests: dict[str, str], limits: dict[str, str], revision: int
) -> None:
    item = endpoint(spec_changes={"gpu_count": 0, **given})
    template = pod_template(item, SETTINGS.context, role=Role.PRIMARY, revision=revision)
    assert template["spec"]["containers"][0]["resources"] == {"requests": requests, "limits": limits}
