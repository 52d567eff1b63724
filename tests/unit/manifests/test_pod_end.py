"""How a Pod begins and ends among its neighbours: no variables of other Services, and a drain before its end."""

from typing import Any

import pytest

from gco_stream_reconciler.endpoints.model import Canary
from gco_stream_reconciler.manifests.names import Role
from gco_stream_reconciler.manifests.template import pod_template
from tests.doubles.planning_story import SETTINGS, endpoint


def pod(revision: int, role: Role = Role.PRIMARY) -> dict[str, Any]:
    canary = Canary(image="vllm/vllm-openai:next", weight=10, replicas=1)
    item = endpoint(spec_changes={"canary": canary})
    spec: dict[str, Any] = pod_template(item, SETTINGS.context, role=role, revision=revision)["spec"]
    return spec


@pytest.mark.parametrize("role", Role)
def test_other_endpoints_services_put_no_variables_into_a_container(role: Role) -> None:
    """VLLM_PORT of a Service named vllm ends every vLLM server of the namespace; thousands of Services end any container."""
    assert pod(1, role)["enableServiceLinks"] is False


@pytest.mark.parametrize("role", Role)
def test_a_pod_that_ends_goes_on_serving_until_the_load_balancer_has_let_go_of_it(role: Role) -> None:
    ending = pod(1, role)
    drain = ending["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert drain >= 10, "the load balancer's controller takes seconds to deregister a target"
    assert ending["terminationGracePeriodSeconds"] - drain >= 30, "what is on its way may end"


def test_the_predecessors_template_stays_as_it_was() -> None:
    ending = pod(0)
    assert "enableServiceLinks" not in ending
    assert "terminationGracePeriodSeconds" not in ending
    assert "lifecycle" not in ending["containers"][0]
