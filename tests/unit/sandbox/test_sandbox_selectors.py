import pytest

from gco_stream_reconciler.sandbox.kubernetes.selectors import matcher

POD = {
    "metadata": {
        "name": "a",
        "namespace": "ns",
        "labels": {"app": "web", "tier": "front", "gco.io/type": "x"},
    },
    "spec": {"nodeName": "n1"},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ("", True), ("app=web", True), ("app==web", True), ("app!=web", False), ("app!=other", True), ("none!=x", True),
        ("app", True), ("none", False), ("!none", True), ("!app", False), ("app in (web, other)", True), ("app in (other)", False),
        ("app notin (other)", True), ("none notin (x)", True), ("none in (x)", False), ("app=web,tier=front", True),
        ("app=web,tier=back", False), ("app in (a,web),tier in (front,b)", True), ("gco.io/type=x", True), ("app=", False),
    ],
)  # fmt: skip
def test_a_label_selector_selects(labels: str, selected: bool) -> None:
    assert matcher(labels, "", "Pod")(POD) == selected


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("metadata.name=a", True), ("metadata.name=b", False), ("metadata.name!=b", True), ("metadata.namespace=ns", True),
        ("status.phase=Running,spec.nodeName=n1", True), ("status.phase==Pending", False), ("spec.restartPolicy=", True),
    ],
)  # fmt: skip
def test_a_field_selector_selects(fields: str, selected: bool) -> None:
    assert matcher("", fields, "Pod")(POD) == selected


def test_events_are_selected_by_what_they_are_about_under_both_names() -> None:
    event = {"metadata": {"name": "e"}, "regarding": {"kind": "Pod", "name": "a"}}
    assert matcher("", "involvedObject.name=a,involvedObject.kind=Pod", "Event")(event)
    assert not matcher("", "regarding.name=b", "Event")(event)


@pytest.mark.parametrize(
    ("labels", "fields"), [("=", ""), ("!", ""), ("a b", ""), ("", "spec.replicas=1"), ("", "x")]
)
def test_a_selector_that_cannot_be_read_is_an_error(labels: str, fields: str) -> None:
    with pytest.raises(ValueError, match=r"parse requirement|field selector"):
        matcher(labels, fields, "Deployment")
