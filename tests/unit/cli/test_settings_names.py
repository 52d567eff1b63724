"""Names in settings that Kubernetes could not have, refused before anything is asked for by them."""

import pytest

from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.settings import LEDGER_NAME, load_settings

NO_LABELS = ["Bad_NS", "-a", "a-", "a.b", "a/b", "a\n", "a" * 64]
NO_SUBDOMAINS = ["Bad_Name", "-a", "a.", "a..b", "a/b", "a\n", "a" * 254]


@pytest.mark.parametrize("name", NO_LABELS)
def test_a_namespace_that_cannot_be_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("INFERENCE_NAMESPACE", name)
    with pytest.raises(
        ConfigurationError, match=r"settings refused: INFERENCE_NAMESPACE: .* is no namespace"
    ):
        load_settings(region="us-east-1")


def test_a_flag_is_refused_as_its_variable_is() -> None:
    with pytest.raises(ConfigurationError, match="INFERENCE_NAMESPACE: '' is no namespace"):
        load_settings(region="us-east-1", namespace="")


def test_a_further_namespace_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMESPACES", "team-a, Bad_x")
    with pytest.raises(ConfigurationError, match="settings refused: NAMESPACES: 'Bad_x' is no namespace"):
        load_settings(region="us-east-1")


@pytest.mark.parametrize("name", NO_SUBDOMAINS)
def test_a_lease_that_cannot_be_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("LEASE_NAME", name)
    with pytest.raises(ConfigurationError, match=r"settings refused: LEASE_NAME: .* is no name of a Lease"):
        load_settings(region="us-east-1")


def test_the_leader_does_not_take_the_lease_that_carries_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_NAME", LEDGER_NAME)
    with pytest.raises(ConfigurationError, match=f"LEASE_NAME: {LEDGER_NAME} is the name of the ledger"):
        load_settings(region="us-east-1")


def test_names_that_kubernetes_has_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCE_NAMESPACE", "1" * 63)
    monkeypatch.setenv("NAMESPACES", "a,team-b")
    monkeypatch.setenv("LEASE_NAME", "a.b-c." + "d" * 247)
    settings = load_settings(region="us-east-1")
    assert settings.place.namespaces == ("1" * 63, "a", "team-b")
    assert settings.leadership.lease_name.startswith("a.b-c.")


def test_a_kubeconfig_is_what_was_asked_for_by_flag_and_not_the_variable_that_a_pod_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/the/variable")
    monkeypatch.setenv("K8S_API_TIMEOUT", "7")
    settings = load_settings(region="us-east-1")
    assert (settings.kubernetes.kubeconfig, settings.kubernetes.call_timeout_seconds) == ("", 7)
    assert load_settings(region="us-east-1", kubeconfig="/a/flag").kubernetes.kubeconfig == "/a/flag"
