"""A real API server: a running one, or etcd and kube-apiserver started on loopback as envtest starts them.

Nothing but those two runs: `tests.grounds.workloads` plays the controllers that an endpoint's life needs.
"""

import base64
import contextlib
import json
import os
import ssl
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.grounds.certificates import write_certificates
from tests.grounds.leash import free_port, on_a_leash

TOKEN = "tests"
PROGRAMS = ("etcd", "kube-apiserver")
_START_SECONDS = 90.0
_CALL_SECONDS = 5.0
_REVISIONS = 3


def why_no_real_api_server(environ: Mapping[str, str] = os.environ) -> str | None:
    """Why there is none, None where there is one."""
    if environ.get("TEST_KUBECONFIG"):
        return None
    assets = environ.get("KUBEBUILDER_ASSETS")
    if not assets:
        return "set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver, or TEST_KUBECONFIG to a kubeconfig"
    missing = [name for name in PROGRAMS if not os.access(Path(assets) / name, os.X_OK)]
    return f"KUBEBUILDER_ASSETS has no program {' and no '.join(missing)}" if missing else None


@contextlib.contextmanager
def real_api_server(environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """A kubeconfig of the one that TEST_KUBECONFIG reaches, or of one of our own out of KUBEBUILDER_ASSETS."""
    if given := environ.get("TEST_KUBECONFIG"):
        yield Path(given).resolve()
        return
    assets = Path(environ["KUBEBUILDER_ASSETS"]).resolve()
    with tempfile.TemporaryDirectory(prefix="api-server-") as name:
        folder = Path(name)
        with _etcd(assets, folder) as etcd, _kube_apiserver(assets, folder, etcd) as url:
            kubeconfig = folder / "kubeconfig"
            kubeconfig.write_text(json.dumps(_kubeconfig(url, folder / "ca.crt")), "utf-8")
            yield kubeconfig


@contextlib.contextmanager
def _etcd(assets: Path, folder: Path) -> Iterator[str]:
    url, peers = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    command = [
        str(assets / "etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--unsafe-no-fsync",
    ]
    log = folder / "etcd.log"
    with on_a_leash(command, log=log, answers=lambda: _ok(f"{url}/health"), start_seconds=_START_SECONDS):
        _grow_older(url)
        yield url


def _grow_older(etcd: str) -> None:
    """Let the first revisions pass, so that the API server starts with versions that are too old to watch from."""
    key = base64.b64encode(b"age").decode()
    for _ in range(_REVISIONS):
        body = json.dumps({"key": key, "value": ""}).encode()
        request = urllib.request.Request(f"{etcd}/v3/kv/put", data=body, method="POST")  # noqa: S310 - our own URL
        urllib.request.urlopen(request, timeout=_CALL_SECONDS).close()  # noqa: S310 - our own URL


@contextlib.contextmanager
def _kube_apiserver(assets: Path, folder: Path, etcd: str) -> Iterator[str]:
    write_certificates(folder)
    (folder / "tokens.csv").write_text(f'{TOKEN},tests,tests,"system:masters"\n', "utf-8")
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    command = [
        str(assets / "kube-apiserver"),
        f"--etcd-servers={etcd}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'server.crt'}",
        f"--tls-private-key-file={folder / 'server.key'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        f"--service-account-issuer={url}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--allow-privileged=true",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
    ]
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    with on_a_leash(
        command,
        log=folder / "kube-apiserver.log",
        answers=lambda: _ok(f"{url}/readyz", trust),
        start_seconds=_START_SECONDS,
    ):
        yield url


def _kubeconfig(url: str, authority: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "real", "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": "tests", "user": {"token": TOKEN}}],
        "contexts": [{"name": "real", "context": {"cluster": "real", "user": "tests"}}],
        "current-context": "real",
    }


def _ok(url: str, trust: ssl.SSLContext | None = None) -> bool:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310 - our own URL
    try:
        urllib.request.urlopen(request, timeout=_CALL_SECONDS, context=trust).close()  # noqa: S310 - our own URL
    except OSError:
        return False
    return True
