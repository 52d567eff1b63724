"""Whose key a change in the cluster queues."""

from typing import Any

from gco_stream_reconciler.informer.objects import Change


def made_for(name: str, endpoint: str) -> dict[str, Any]:
    """A Deployment under a name, made for an endpoint."""
    labels = {"app": name, "gco.io/type": "inference", "gco.io/endpoint": endpoint}
    return {"kind": "Deployment", "metadata": {"name": name, "namespace": "n", "uid": "u", "labels": labels}}


def test_the_end_of_a_canary_wakes_the_endpoint_that_waits_for_its_name() -> None:
    change = Change("deleted", made_for("x-canary", endpoint="x"), None)
    assert {"x", "x-canary"} <= set(change.endpoint_keys())


def test_the_end_of_an_endpoint_wakes_the_one_whose_canary_waits_for_its_name() -> None:
    change = Change("deleted", made_for("x-canary", endpoint="x-canary"), None)
    assert {"x", "x-canary"} <= set(change.endpoint_keys())
