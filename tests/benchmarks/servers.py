"""The two sides that the controller stands between: a DynamoDB emulator and an API server, each its own process."""

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import Child, free_port, listens

# Where `make dynamodb-local` puts it.
_DYNAMODB_LOCAL = ".cache/dynamodb-local"
# It stands for a service with processors of its own: a parallel collector would take the controller's. Its optimising
# compiler stays: without it, it serves no hundred changes a second.
_JAVA_OPTIONS = ("-XX:+UseSerialGC",)
_ETCD_START_SECONDS = 60.0
# envtest's way: one administrator, known by a token made for this run.
_TOKEN_GROUPS = '"system:masters"'


@dataclass(frozen=True, slots=True)
class Aws:
    """A DynamoDB emulator."""

    name: str
    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process talk to it, and never to the real one."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@dataclass(frozen=True, slots=True)
class ApiServer:
    """simulated: Deployments become ready by themselves. child: its process, None where it is somebody else's."""

    name: str
    kubeconfig: Path
    simulated: bool
    child: Child | None

    def connection(self) -> tuple[str, dict[str, str], ssl.SSLContext | None]:
        """URL, headers and TLS of the kubeconfig's current context; files and tokens only, no plugins."""
        import yaml  # noqa: PLC0415 - only where a kubeconfig is read

        config: dict[str, Any] = yaml.safe_load(self.kubeconfig.read_text("utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
        if not cluster["server"].startswith("https:"):
            return cluster["server"], headers, None
        tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
        if cluster.get("insecure-skip-tls-verify"):
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        if user.get("client-certificate"):
            tls.load_cert_chain(user["client-certificate"], user["client-key"])
        return cluster["server"], headers, tls


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


# --- DynamoDB ---------------------------------------------------------------------------------------------------


@contextmanager
def aws_server(folder: Path) -> Iterator[Aws]:
    """TEST_DYNAMODB_URL; else DynamoDB Local where Java is and it is (DYNAMODB_LOCAL_DIR); else moto."""
    given = os.environ.get("TEST_DYNAMODB_URL")
    home = Path(os.environ.get("DYNAMODB_LOCAL_DIR") or _DYNAMODB_LOCAL)
    if given:
        yield Aws("DynamoDB at TEST_DYNAMODB_URL", given.rstrip("/"))
        return
    port, java = free_port(), shutil.which("java")
    if java and (home / "DynamoDBLocal.jar").exists():
        name = "DynamoDB Local"
        command = [java, *_JAVA_OPTIONS, "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
        command += ["-inMemory", "-disableTelemetry", "-port", str(port)]
        child = Child(command, folder / "dynamodb.log", folder=home)
    else:
        name = "moto"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        child = Child(command, folder / "moto.log")
    try:
        child.wait_for("listening", lambda: listens(port))
        yield Aws(name, f"http://127.0.0.1:{port}")
    finally:
        child.end()


# --- Kubernetes -------------------------------------------------------------------------------------------------


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """TEST_KUBECONFIG; else the binaries in KUBEBUILDER_ASSETS; else the sandbox's."""
    given, assets = os.environ.get("TEST_KUBECONFIG"), os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        yield ApiServer("API server of TEST_KUBECONFIG", Path(given), simulated=False, child=None)
    elif assets:
        with _real(Path(assets), folder) as server:
            yield server
    else:
        with _sandbox(folder) as server:
            yield server


@contextmanager
def _sandbox(folder: Path) -> Iterator[ApiServer]:
    log = folder / "sandbox.log"
    log.unlink(missing_ok=True)
    child = Child([sys.executable, "-m", "gco_stream_reconciler.sandbox", "--table", ""], log)
    try:
        child.wait_for("its line", lambda: "kubeconfig" in log.read_text("utf-8"))
        ready = json.loads(log.read_text("utf-8").splitlines()[-1])
        yield ApiServer("sandbox API server", Path(ready["kubeconfig"]), simulated=True, child=child)
    finally:
        child.end()


@contextmanager
def _real(assets: Path, folder: Path) -> Iterator[ApiServer]:
    data = folder / "kube"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    client, peer, secure = free_port(), free_port(), free_port()
    token = os.urandom(16).hex()
    (data / "tokens.csv").write_text(f"{token},benchmark,benchmark,{_TOKEN_GROUPS}\n", "utf-8")
    openssl = ["openssl", "genrsa", "-out", str(data / "accounts.key"), "2048"]
    subprocess.run(openssl, check=True, capture_output=True)
    url = f"http://127.0.0.1:{client}"
    etcd = Child(
        [
            str(assets / "etcd"),
            f"--data-dir={data / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        ],
        folder / "etcd.log",
    )
    try:
        etcd.wait_for("listening", lambda: listens(client), _ETCD_START_SECONDS)
        server = Child(
            [
                str(assets / "kube-apiserver"),
                f"--etcd-servers={url}",
                "--bind-address=127.0.0.1",
                f"--secure-port={secure}",
                f"--cert-dir={data / 'certificates'}",
                f"--token-auth-file={data / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.0.0.0/16",
                "--service-account-issuer=https://benchmark",
                f"--service-account-key-file={data / 'accounts.key'}",
                f"--service-account-signing-key-file={data / 'accounts.key'}",
                "--disable-admission-plugins=ServiceAccount",
            ],
            folder / "kube-apiserver.log",
        )
        try:
            server.wait_for("listening", lambda: listens(secure))
            file = data / "kubeconfig"
            file.write_text(json.dumps(_kubeconfig(f"https://127.0.0.1:{secure}", token)), "utf-8")
            yield ApiServer("kube-apiserver", file, simulated=False, child=server)
        finally:
            server.end()
    finally:
        etcd.end()


def _kubeconfig(url: str, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bench", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "bench", "user": {"token": token}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "current-context": "bench",
    }
