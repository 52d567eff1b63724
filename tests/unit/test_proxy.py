import pytest

from gco_stream_reconciler.proxy import environment_proxy

PROXY = "http://proxy.test:3128"
# What AWS tells to set on EKS: https://repost.aws/knowledge-center/eks-http-proxy-configuration-automation
AWS_RECIPE = "172.20.0.0/16,localhost,127.0.0.1,10.0.0.0/16,169.254.169.254,.internal,s3.amazonaws.com"


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)


@pytest.mark.parametrize(
    ("host", "exempt"),
    [
        ("172.20.0.1:443", AWS_RECIPE),
        ("172.20.0.1", AWS_RECIPE),
        ("10.0.17.4:443", AWS_RECIPE),
        ("172.20.0.1:443", "localhost, 172.20.0.0/16 "),
        ("172.20.0.1:443", "172.20.0.1/16"),  # bits of the host set, which Go masks as well
        ("172.20.0.1:443", "172.20.0.1"),
        ("[fd12:3456:789a::1]:443", "172.20.0.0/16,fd12:3456:789a::/108"),
        ("[FD12:3456:789A::1]", "fd12:3456:789a::/108"),
        ("[fd12:3456:789a::1]:443", "fd12:3456:789a:0::1"),
        ("[fd12:3456:789a::1]:443", "[fd12:3456:789a::1]"),
        ("172.20.0.1:443", "172.20.0.0/160,1.2.3/24,/,,172.20.0.0/16"),  # malformed entries exempt nothing
        ("abc.gr7.us-east-1.eks.amazonaws.com", ".eks.amazonaws.com"),
        ("abc.gr7.us-east-1.eks.amazonaws.com:443", "us-east-1.eks.amazonaws.com"),
        ("api.test:6443", "api.test"),
        ("172.20.0.1:443", "*"),
        ("[fd12:3456:789a::1]:443", "*"),
        ("api.test", "*"),
    ],
)
def test_a_host_that_no_proxy_names_or_whose_network_it_names_is_reached_directly(
    host: str, exempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", exempt)
    assert environment_proxy(f"https://{host}") is None


@pytest.mark.parametrize(
    ("host", "exempt"),
    [
        ("172.21.0.1:443", AWS_RECIPE),
        ("[fd12:3456:789b::1]:443", "fd12:3456:789a::/108"),
        ("[fd12:3456:789a::1]:443", "0.0.0.0/0"),  # a network holds addresses of its own kind
        ("172.20.0.1:443", "::/0"),
        ("172.20.0.1:443", "172.20.0.0/160"),
        ("dynamodb.us-east-1.amazonaws.com", AWS_RECIPE),
        ("dynamodb.us-east-1.amazonaws.com", "0.0.0.0/0,::/0"),  # a name is not looked up
        ("172.20.0.1:443", ""),
    ],
)
def test_every_other_host_is_reached_through_the_proxy(
    host: str, exempt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", exempt)
    assert environment_proxy(f"https://{host}") == PROXY


def test_without_a_proxy_for_its_scheme_a_host_is_reached_directly() -> None:
    assert environment_proxy("http://api.test") is None
