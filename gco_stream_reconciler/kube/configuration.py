"""Which API server, with which credentials: a kubeconfig that was asked for, the Pod's service account, KUBECONFIG."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from kubernetes_asyncio.client import Configuration
from kubernetes_asyncio.config import load_kube_config
from kubernetes_asyncio.config.config_exception import ConfigException
from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader
from kubernetes_asyncio.config.kube_config import KubeConfigMerger

from gco_stream_reconciler.errors import ConfigurationError

LoadConfiguration = Callable[[], Awaitable[Any]]
"""Loads a kubernetes_asyncio Configuration, fresh at every call; raises ConfigurationError."""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_VARIABLE = "KUBECONFIG"
_DEFAULT_KUBECONFIG = "~/.kube/config"
# An exec plugin (aws eks get-token) may hang on its own network.
_LOAD_SECONDS = 30.0


def found_configuration(
    kubeconfig: str = "", *, environ: Mapping[str, str] = os.environ, service_account: Path = SERVICE_ACCOUNT
) -> LoadConfiguration:
    """The configuration of `kubeconfig`, and of nothing else, where one is given: as for kubectl, it wins in a Pod too.

    Without it that of the Pod this runs in; outside a cluster that of KUBECONFIG (default ~/.kube/config). The service
    account's token file is read again every minute: the kubelet rotates it.
    """

    async def load() -> Any:
        if kubeconfig:
            return await _from_kubeconfig(
                kubeconfig, not_there=f"no kubeconfig at {kubeconfig}; correct --kubeconfig"
            )
        configuration = Configuration()
        loader = InClusterConfigLoader(
            token_filename=str(service_account / "token"),
            cert_filename=str(service_account / "ca.crt"),
            environ=dict(environ),
        )
        try:
            loader.load_and_set(configuration)
        except (ConfigException, OSError) as error:
            paths = environ.get(_VARIABLE) or _DEFAULT_KUBECONFIG
            return await _from_kubeconfig(
                paths,
                not_there=f"no Kubernetes configuration: not in a cluster ({error}) and no kubeconfig at {paths}; "
                "run in a Pod with a service account, or set KUBECONFIG (aws eks update-kubeconfig writes one)",
            )
        return configuration

    return load


async def _from_kubeconfig(paths: str, *, not_there: str) -> Any:
    files = _existing(paths)
    if not files:
        raise ConfigurationError(not_there)
    if missing := _missing_plugin(files):
        raise ConfigurationError(f"kubeconfig {paths}: {missing}; install it, or correct exec.command")
    configuration = Configuration()
    try:
        async with asyncio.timeout(_LOAD_SECONDS):
            await load_kube_config(
                config_file=os.pathsep.join(files),
                client_configuration=configuration,
                persist_config=False,
            )
    except TimeoutError as error:
        raise ConfigurationError(
            f"kubeconfig {paths}: its credential plugin gave no answer within {_LOAD_SECONDS:g} s; run it by hand"
        ) from error
    except Exception as error:  # the loader lets KeyError, TypeError, YAML and plugin errors out
        raise ConfigurationError(
            f"kubeconfig {paths} cannot be used: {type(error).__name__}: {error}; `kubectl version` tells more"
        ) from error
    return configuration


def _missing_plugin(files: list[str]) -> str | None:
    """What to say of a credential plugin that is not there; None for one that is, and where none is asked for.

    Looked for before it is run, since uvloop's error does not name it.
    """
    try:
        config = KubeConfigMerger(os.pathsep.join(files)).config
        user = config["contexts"].get_with_name(config["current-context"])["context"]["user"]
        plugin = config["users"].get_with_name(user)["user"]["exec"]
        command = str(plugin["command"])
        environment = {each["name"]: each["value"] for each in plugin.safe_get("env") or ()}
    except Exception:  # noqa: BLE001 - without a plugin there is nothing to find; what is malformed the loader says
        return None
    # The plugin's own PATH counts, as for the loader that runs it.
    if shutil.which(command, path=environment.get("PATH")):
        return None
    return f"the credential plugin {command!r} of user {user!r} cannot be found or may not be run"


def _existing(paths: str) -> list[str]:
    files = (_at_home(Path(path)) for path in paths.split(os.pathsep) if path)
    return [str(file) for file in files if file is not None and file.is_file()]


def _at_home(path: Path) -> Path | None:
    """The path with its `~` resolved; None for a user who has no home."""
    try:
        return path.expanduser()
    except RuntimeError:
        return None
