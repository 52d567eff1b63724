import pytest

from gco_stream_reconciler.informer.objects import endpoint_keys


@pytest.mark.parametrize(
    ("labels", "keys"),
    [
        ({"app": "x", "gco.io/endpoint": "y"}, ("y",)),
        ({"app": "x-canary", "gco.io/endpoint": "x"}, ("x",)),
        ({"app": "x"}, ("x",)),
        ({"app": "x-canary"}, ("x-canary", "x")),
        ({"app": "x-canary-canary"}, ("x-canary-canary", "x-canary")),
        ({"app": "-canary"}, ("-canary",)),
        ({"app": ""}, ()),
        ({}, ()),
    ],
)
def test_an_object_names_its_endpoints(labels: dict[str, str], keys: tuple[str, ...]) -> None:
    assert endpoint_keys({"metadata": {"labels": labels}}) == keys


def test_an_object_without_labels_belongs_to_nobody() -> None:
    assert endpoint_keys({"metadata": {}}) == endpoint_keys({"metadata": {"labels": None}}) == ()
