"""The index of ready Pods against the definition of a selector."""

from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.sandbox.kubernetes.ready_pods import Place, ReadyPods

NAMES = st.sampled_from("abc")
LABELS = st.dictionaries(st.sampled_from(["app", "tier", "team"]), st.sampled_from("xy"), max_size=3)
PLACES = st.tuples(st.sampled_from(["one", "two"]), NAMES)
STEPS = st.one_of(
    st.tuples(st.just("ready"), PLACES, LABELS),
    st.tuples(st.just("unready"), PLACES, st.none()),
    st.tuples(st.just("service"), PLACES, LABELS),
    st.tuples(st.just("no service"), PLACES, st.none()),
)


@given(st.lists(STEPS, max_size=30))
def test_a_service_has_the_ready_pods_that_its_selector_selects(
    steps: list[tuple[str, Place, dict[str, str]]],
) -> None:
    index = ReadyPods()
    pods: dict[Place, dict[str, str]] = {}
    services: dict[Place, dict[str, str]] = {}

    def expected(service: Place) -> frozenset[Place]:
        selector = services.get(service) or {}
        return frozenset(
            pod
            for pod, labels in pods.items()
            if selector and pod[0] == service[0] and selector.items() <= labels.items()
        )

    for what, place, labels in steps:
        before = {service: expected(service) for service in services}
        told: list[Place] | None = None
        match what:
            case "ready":
                told = index.add_pod(place, labels)
                pods.setdefault(place, labels)
            case "unready":
                told = index.drop_pod(place)
                pods.pop(place, None)
            case "service":
                index.put_service(place, labels)
                services[place] = labels
            case _:
                index.drop_service(place)
                services.pop(place, None)
        assert {service: index.pods(service) for service in services} == {
            service: expected(service) for service in services
        }
        assert all(index.pods(service) == expected(service) for service in services)
        if told is not None:
            assert sorted(told) == sorted(
                service for service in services if before[service] != expected(service)
            )


def test_a_service_that_is_not_there_has_no_pods() -> None:
    assert ReadyPods().pods(("one", "a")) == frozenset()
