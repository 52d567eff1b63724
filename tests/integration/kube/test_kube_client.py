import asyncio
import datetime as dt
import ipaddress
import json
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kubernetes_asyncio.client import Configuration

from gco_stream_reconciler.errors import (
    ConfigurationError,
    InvalidObjectError,
    PermissionDeniedError,
    UnavailableError,
)
from gco_stream_reconciler.kube.configuration import found_configuration
from tests.doubles.fixed_configuration import fixed_configuration
from tests.doubles.scripted_api_server import client_of, nothing, raw_server, refuses, says, scripted_server

PATH = "/apis/apps/v1/namespaces/rec/deployments/a"
OBJECT = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "a"}}
UNAUTHORIZED = refuses(401, "Unauthorized", "Unauthorized")


async def test_a_read_sends_its_query_and_credentials_and_returns_the_object() -> None:
    async with (
        scripted_server(says(OBJECT)) as server,
        client_of(fixed_configuration(server.url, token="t")) as client,
    ):
        assert await client.request("GET", PATH, query={"a": "x y&z", "n": 1}, timeout_seconds=5) == OBJECT
        assert client.host == server.url
    asked = server.asked[0]
    assert (asked.method, asked.path, asked.query) == ("GET", PATH, {"a": "x y&z", "n": "1"})
    assert asked.headers["Authorization"] == "Bearer t"
    assert asked.headers["User-Agent"].startswith("gco-stream-reconciler/")


async def test_a_write_tells_the_api_server_its_deadline_and_content_type() -> None:
    async with scripted_server(says(OBJECT)) as server, client_of(server.url) as client:
        await client.request(
            "PATCH", PATH, body={"a": 1}, content_type="application/x+yaml", timeout_seconds=4
        )
        await client.request("PUT", PATH, body={"a": 1}, timeout_seconds=0.5)
    first, second = server.asked
    assert (first.query, first.headers["Content-Type"], first.body) == (
        {"timeout": "4000ms"},
        "application/x+yaml",
        {"a": 1},
    )
    assert (second.query, second.headers["Content-Type"]) == ({"timeout": "500ms"}, "application/json")


async def test_no_answer_is_unavailable_after_the_deadline() -> None:
    async with scripted_server(nothing) as server, client_of(server.url) as client:
        with pytest.raises(UnavailableError, match=r"no answer within 0\.2 s") as caught:
            await client.request("GET", PATH, timeout_seconds=0.2)
    assert isinstance(caught.value.__cause__, TimeoutError)


async def test_a_body_that_stops_coming_is_unavailable_after_the_deadline() -> None:
    async with (
        raw_server(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"a', silent=True) as url,
        client_of(url) as client,
    ):
        with pytest.raises(UnavailableError, match="no answer within"):
            await client.request("GET", PATH, timeout_seconds=0.2)


async def test_a_refused_connection_is_unavailable() -> None:
    async with raw_server() as url:
        pass
    async with client_of(url) as client:
        with pytest.raises(UnavailableError, match="ClientConnectorError"):
            await client.request("GET", PATH, timeout_seconds=5)


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"items": [',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"items": [\r\n',
    ],
)
async def test_an_answer_that_breaks_off_is_unavailable(sent: bytes, *, reset: bool) -> None:
    async with raw_server(sent, reset=reset) as url, client_of(url) as client:
        with pytest.raises(UnavailableError) as caught:
            await client.request("GET", PATH, timeout_seconds=5)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "body", ['{"kind": "DeploymentList", "items": [{"meta', "<html>log in</html>", "", "[]", "null", "{}"]
)
async def test_a_200_without_a_kubernetes_object_is_unavailable(body: str) -> None:
    async with scripted_server(says(body)) as server, client_of(server.url) as client:
        with pytest.raises(UnavailableError, match=r"not JSON|not a Kubernetes object"):
            await client.request("GET", PATH, timeout_seconds=5)


async def test_a_redirect_is_not_followed() -> None:
    async with (
        scripted_server(says(OBJECT)) as elsewhere,
        scripted_server(says("", 302, Location=f"{elsewhere.url}/x")) as server,
        client_of(server.url) as client,
    ):
        with pytest.raises(UnavailableError, match="answered 302"):
            await client.request("GET", PATH, timeout_seconds=5)
        assert elsewhere.asked == []


async def test_a_refusal_does_not_quote_a_workload_s_environment() -> None:
    body = {"spec": {"containers": [{"env": [{"name": "T", "value": "hf_abcdef"}]}]}}
    async with (
        scripted_server(refuses(422, "Invalid", "Invalid value: hf_abcdef")) as server,
        client_of(server.url) as client,
    ):
        with pytest.raises(InvalidObjectError, match=r"Invalid value: \*\*\*"):
            await client.request("PATCH", PATH, body=body, timeout_seconds=5)


@pytest.mark.parametrize("secret", ["pä\"ss'wörd", "long-secret-" * 20])
async def test_an_answer_that_is_no_json_does_not_tell_a_workload_s_environment(secret: str) -> None:
    body = {"spec": {"containers": [{"env": [{"name": "T", "value": secret}]}]}}
    page = f"<html><body>What came in: {json.dumps(secret, ensure_ascii=False)}".encode()
    async with (
        raw_server(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + page) as url,
        client_of(url) as client,
    ):
        with pytest.raises(UnavailableError, match=r'not JSON: <html><body>What came in: "\*\*\*"$'):
            await client.request("PATCH", PATH, body=body, timeout_seconds=5)


async def test_a_cancelled_call_is_cancelled() -> None:
    async with scripted_server(nothing) as server, client_of(server.url) as client:
        task = asyncio.create_task(client.request("GET", PATH, timeout_seconds=20))
        await server.was_asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_closed_client_says_so() -> None:
    client = client_of("http://127.0.0.1:1")
    async with client:
        pass
    with pytest.raises(UnavailableError, match="closed"):
        await client.request("GET", PATH, timeout_seconds=1)


# --- Credentials that expire ------------------------------------------------------------------------------


class Credentials:
    """Loads a new token each time, as an exec plugin does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.loads = 0
        self.seconds = 0.0
        self.fails = False

    async def __call__(self) -> Any:
        self.loads += 1
        await asyncio.sleep(self.seconds)
        if self.fails:
            raise ConfigurationError("the plugin is not there")
        configuration = Configuration(host=self.url)
        configuration.api_key["BearerToken"] = f"Bearer token-{self.loads}"
        return configuration


def accepts(token: str) -> Any:
    async def answer(request: Any) -> Any:
        accepted = request.headers["Authorization"] == f"Bearer {token}"
        return await (says(OBJECT) if accepted else UNAUTHORIZED)(request)

    return answer


async def test_refused_credentials_are_loaded_anew_once_for_all_calls() -> None:
    async with scripted_server(accepts("token-2")) as server:
        credentials = Credentials(server.url)
        credentials.seconds = 0.05
        async with client_of(credentials) as client:
            calls = [client.request("GET", PATH, timeout_seconds=5) for _ in range(20)]
            assert await asyncio.gather(*calls) == [OBJECT] * 20
    assert credentials.loads == 2


async def test_credentials_refused_again_are_a_missing_permission_and_not_loaded_in_a_loop() -> None:
    now = 100.0
    async with scripted_server(UNAUTHORIZED) as server:
        credentials = Credentials(server.url)
        async with client_of(credentials, clock=lambda: now) as client:
            for _ in range(5):
                with pytest.raises(PermissionDeniedError, match="credentials are not accepted"):
                    await client.request("GET", PATH, timeout_seconds=5)
            assert credentials.loads == 2
            now += 11
            with pytest.raises(PermissionDeniedError):
                await client.request("GET", PATH, timeout_seconds=5)
            assert credentials.loads == 3


async def test_credentials_that_cannot_be_loaded_now_may_be_later() -> None:
    now = 100.0
    async with scripted_server(accepts("token-3")) as server:
        credentials = Credentials(server.url)
        async with client_of(credentials, clock=lambda: now) as client:
            credentials.fails = True
            for _ in range(3):
                with pytest.raises(UnavailableError, match="the plugin is not there"):
                    await client.request("GET", PATH, timeout_seconds=5)
            assert credentials.loads == 2
            credentials.fails = False
            now += 11
            assert await client.request("GET", PATH, timeout_seconds=5) == OBJECT


async def test_a_slow_plugin_is_not_stopped_by_the_deadline_of_the_call_that_noticed() -> None:
    async with scripted_server(accepts("token-2")) as server:
        credentials = Credentials(server.url)
        async with client_of(credentials) as client:
            credentials.seconds = 0.3
            with pytest.raises(UnavailableError, match="no answer within"):
                await client.request("GET", PATH, timeout_seconds=0.1)
            assert await client.request("GET", PATH, timeout_seconds=5) == OBJECT
    assert credentials.loads == 2


async def test_a_client_closes_while_credentials_are_being_loaded() -> None:
    async with scripted_server(UNAUTHORIZED) as server:
        credentials = Credentials(server.url)
        async with client_of(credentials) as client:
            credentials.seconds = 60
            with pytest.raises(UnavailableError):
                await client.request("GET", PATH, timeout_seconds=0.1)


# --- Where the configuration comes from -------------------------------------------------------------------


def pod(tmp_path: Path, tls: "Certificates", port: str) -> tuple[Path, dict[str, str]]:
    account = tmp_path / "serviceaccount"
    account.mkdir()
    (account / "ca.crt").write_bytes(tls.ca)
    (account / "token").write_text("old\n")
    return account, {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}


class Certificates:
    """A CA without key identifiers, as older EKS clusters have, and a server certificate of it."""

    def __init__(self, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes")])
        start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        ca = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        server_key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        server_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kube-apiserver")])
        server = (
            x509.CertificateBuilder(
                name, server_name, server_key.public_key(), 2, start, start + dt.timedelta(days=9)
            )
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        self.ca = ca.public_bytes(pem)
        file = tmp_path / "server.pem"
        plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(server.public_bytes(pem) + server_key.private_bytes(pem, *plain))
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(file)


async def test_in_a_pod_the_service_account_is_used_and_its_rotated_token_found(tmp_path: Path) -> None:
    tls = Certificates(tmp_path)
    async with scripted_server(accepts("new"), tls=tls.context) as server:
        account, environ = pod(tmp_path, tls, server.url.rpartition(":")[2])
        environ |= {"KUBECONFIG": kubeconfig(tmp_path, "http://127.0.0.1:1", "{}")}
        load = found_configuration(environ=environ, service_account=account)
        async with client_of(load) as client:
            (account / "token").write_text("new\n")
            assert await client.request("GET", PATH, timeout_seconds=5) == OBJECT
    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer old", "Bearer new"]


async def test_a_server_of_another_ca_is_not_spoken_to(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    tls, other = Certificates(tmp_path), Certificates(tmp_path / "other")
    async with scripted_server(says(OBJECT), tls=tls.context) as server:
        account, environ = pod(tmp_path, other, server.url.rpartition(":")[2])
        async with client_of(found_configuration(environ=environ, service_account=account)) as client:
            with pytest.raises(UnavailableError, match="Certificate"):
                await client.request("GET", PATH, timeout_seconds=5)
    assert server.asked == []


def kubeconfig(tmp_path: Path, url: str, user: str) -> str:
    file = tmp_path / "config"
    file.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: k, user: u}}}}]
clusters: [{{name: k, cluster: {{server: "{url}"}}}}]
users: [{{name: u, user: {user}}}]
"""
    )
    return str(file)


def plugin(tmp_path: Path, output: str, code: int = 0) -> str:
    file = tmp_path / "plugin"
    file.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {code}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return f"{{exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: {file}}}}}"


CREDENTIAL = '{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": "%s"}}'


@pytest.mark.parametrize("others", [{}, {"KUBECONFIG": "/nowhere"}, {"KUBECONFIG": "its own"}], ids=str)
async def test_a_kubeconfig_that_was_asked_for_wins_over_the_pod_and_the_variable(
    tmp_path: Path, others: dict[str, str]
) -> None:
    tls = Certificates(tmp_path)
    async with (
        scripted_server(says(OBJECT), tls=tls.context) as pods,
        scripted_server(says(OBJECT)) as asked_for,
    ):
        account, environ = pod(tmp_path, tls, pods.url.rpartition(":")[2])
        file = kubeconfig(tmp_path, asked_for.url, "{}")
        environ |= {name: value.replace("its own", file) for name, value in others.items()}
        load = found_configuration(file, environ=environ, service_account=account)
        async with client_of(load) as client:
            assert await client.request("GET", PATH, timeout_seconds=5) == OBJECT
    assert pods.asked == []


async def test_a_kubeconfig_that_was_asked_for_and_is_not_there_leads_to_no_other_cluster(
    tmp_path: Path,
) -> None:
    tls = Certificates(tmp_path)
    account, environ = pod(tmp_path, tls, "1")
    environ |= {"KUBECONFIG": kubeconfig(tmp_path, "http://127.0.0.1:1", "{}")}
    load = found_configuration(str(tmp_path / "none"), environ=environ, service_account=account)
    with pytest.raises(ConfigurationError, match=r"no kubeconfig at .*none; correct --kubeconfig"):
        await load()


async def test_outside_a_cluster_a_kubeconfig_with_a_plugin_is_used_and_run_again_when_refused(
    tmp_path: Path,
) -> None:
    async with scripted_server(accepts("new")) as server:
        file = kubeconfig(tmp_path, server.url, plugin(tmp_path, CREDENTIAL % "old"))
        async with client_of(found_configuration(environ={"KUBECONFIG": file})) as client:
            plugin(tmp_path, CREDENTIAL % "new")
            assert await client.request("GET", PATH, timeout_seconds=30) == OBJECT


async def test_without_any_configuration_the_remedy_is_named(tmp_path: Path) -> None:
    load = found_configuration(environ={"KUBECONFIG": str(tmp_path / "none")})
    with pytest.raises(ConfigurationError, match=r"not in a cluster .* set KUBECONFIG"):
        async with client_of(load):
            pass


@pytest.mark.parametrize(
    "text", ["", "not: [yaml", "[]", "current-context: c", "apiVersion: v1\nclusters: []"]
)
async def test_a_malformed_kubeconfig_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=str(file)):
        await found_configuration(str(file), environ={})()


async def test_a_failing_plugin_is_named(tmp_path: Path) -> None:
    file = kubeconfig(tmp_path, "http://127.0.0.1:1", plugin(tmp_path, "", code=3))
    with pytest.raises(ConfigurationError, match="process returned 3"):
        await found_configuration(file, environ={})()


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_plugin_that_is_not_there_is_named_once(
    tmp_path: Path,
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    caplog: pytest.LogCaptureFixture,
) -> None:
    exec_ = "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: nosuchaws}}"
    file = kubeconfig(tmp_path, "http://127.0.0.1:1", exec_)
    with (
        asyncio.Runner(loop_factory=loop_factory) as runner,
        pytest.raises(
            ConfigurationError, match=rf"kubeconfig {file}: .* 'nosuchaws' of user 'u' .* install it"
        ),
    ):
        runner.run(found_configuration(file, environ={})())
    assert caplog.messages == []


def test_a_plugin_is_looked_for_where_the_kubeconfig_says(tmp_path: Path) -> None:
    plugin(tmp_path, CREDENTIAL % "new")
    exec_ = (
        "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: plugin, "
        f"env: [{{name: PATH, value: '{tmp_path}:/usr/bin:/bin'}}]}}}}"
    )
    file = kubeconfig(tmp_path, "http://127.0.0.1:1", exec_)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        loaded = runner.run(found_configuration(file, environ={})())
    assert loaded.api_key["BearerToken"] == "Bearer new"


async def test_a_missing_ca_file_is_a_configuration_error(tmp_path: Path) -> None:
    async def load() -> Any:
        return Configuration(host="https://127.0.0.1:1", ssl_ca_cert=str(tmp_path / "none"))

    with pytest.raises(ConfigurationError, match="certificates"):
        async with client_of(load):
            pass
