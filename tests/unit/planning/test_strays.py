"""Which endpoint an object counts for, and who made what is left alone."""

from typing import Any

import pytest

from gco_stream_reconciler.planning.observed import Observed
from gco_stream_reconciler.planning.strays import Maker, endpoint_of, makers
from tests.doubles.planning_story import SERVICE, SETTINGS, running

TABLE = SETTINGS.table_id


def labelled(**labels: str) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": "x", "labels": labels}}


def predecessors(app: str) -> dict[str, Any]:
    return labelled(**{"app": app, "project": "gco", "gco.io/type": "inference"})


def ours(endpoint: str, app: str) -> dict[str, Any]:
    managed = "gco-stream-reconciler"
    return labelled(**{"app": app, "gco.io/endpoint": endpoint, "app.kubernetes.io/managed-by": managed})


@pytest.mark.parametrize(
    ("obj", "items", "endpoint"),
    [
        (predecessors("llama"), {"llama"}, "llama"),
        (predecessors("llama-canary"), {"llama"}, "llama"),
        (predecessors("llama-canary"), {"llama", "llama-canary"}, "llama-canary"),
        (predecessors("llama-canary"), set(), "llama"),
        (ours("llama", "llama-canary"), {"llama-canary"}, "llama"),
        (ours("llama-canary", "llama-canary"), {"llama"}, "llama-canary"),
        (labelled(app="llama", **{"gco.io/type": "inference"}), {"llama"}, None),
        (labelled(), {"llama"}, None),
        ({"kind": "Service"}, {"llama"}, None),
    ],
)
def test_an_object_counts_for_one_endpoint(
    obj: dict[str, Any], items: set[str], endpoint: str | None
) -> None:
    assert endpoint_of(obj, items) == endpoint


def made(change: dict[str, Any]) -> frozenset[Maker]:
    _, cluster = running()
    obj = cluster.objects[SERVICE]
    obj["metadata"] = {**obj["metadata"], **change}
    return makers("llama", Observed({SERVICE: obj}), TABLE, ())


def test_what_a_clean_up_takes_is_not_left_alone() -> None:
    assert made({}) == frozenset()


def test_what_was_made_from_another_table_is_left_alone() -> None:
    assert made({"annotations": {"gco.io/table-id": "table-0"}}) == {Maker.OTHER_TABLE}


def test_what_the_predecessor_made_is_left_alone() -> None:
    assert made(predecessors("llama")["metadata"] | {"name": SERVICE.name}) == {Maker.PREDECESSOR}


def test_a_strangers_object_is_not_spoken_of() -> None:
    assert made({"labels": {"app": "llama", "gco.io/type": "inference"}}) == frozenset()


def test_a_copy_of_our_labels_on_an_object_of_another_name_is_not_spoken_of() -> None:
    _, cluster = running()
    other = type(SERVICE)("Service", SERVICE.namespace, "exposed-by-hand")
    obj = {
        **cluster.objects[SERVICE],
        "metadata": {**cluster.objects[SERVICE]["metadata"], "annotations": {}},
    }
    assert makers("llama", Observed({other: obj}), TABLE, ()) == frozenset()
