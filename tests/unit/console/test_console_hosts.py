import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.console.hosts import is_ours


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8081",
        "localhost.:8081",
        "127.0.0.1",
        "127.0.0.1:9000",
        "127.8.8.8:80",
        "[::1]",
        "[::1]:8081",
        "[::ffff:127.0.0.1]:80",
        "10.1.2.3:8081",
        "localhost:",
    ],
)
def test_loopback_and_the_own_address_are_ours_on_any_port(host: str) -> None:
    assert is_ours(host, own_address="10.1.2.3")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8081",
        "localhost.evil.example",
        "evil.localhost.example",
        "localhost@evil.example",
        "localhost:80@evil.example",
        "localhost evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "10.1.2.4",
        "10.1.2.3.evil.example",
        "0.0.0.0",  # noqa: S104 - a Host header
        "::1",
        "[::1",
        "[::1]evil",
        "[127.0.0.1]",
        "[localhost]",
        "2130706433",
        "0x7f000001",
        "127.1",
        "localhost:80:80",
        "localhost:abc",
        "localhost:٣",
        "loc\u0430lhost",
    ],
)
def test_whatever_may_be_somebody_elses_is_not_ours(host: str) -> None:
    assert not is_ours(host, own_address="10.1.2.3")


def test_the_own_address_is_recognised_in_every_spelling() -> None:
    assert is_ours("[fd00:0::5]:1", own_address="fd00::5")
    assert is_ours("10.0.0.5", own_address="::ffff:10.0.0.5")


def test_an_unknown_own_address_makes_no_other_address_ours() -> None:
    assert not is_ours("10.0.0.5", own_address="")
    assert not is_ours("", own_address="")


@given(st.text())
def test_no_host_header_raises(host: str) -> None:
    assert is_ours(host, own_address="10.0.0.1") in (True, False)
