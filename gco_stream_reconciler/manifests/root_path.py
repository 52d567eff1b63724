"""The `--root-path` argument, and the health path that follows from it.

A server behind a path-routing load balancer sees requests under the endpoint's path. vLLM wants to be told; its probes
are then answered under that prefix too. Primary and canary are reached under the same path, so both follow the
primary's image.
"""

from gco_stream_reconciler.endpoints.images import image_is
from gco_stream_reconciler.endpoints.model import Endpoint
from gco_stream_reconciler.manifests.context import ManifestContext, ingress_path_of, spec_of

FLAG = "--root-path"
_PREDECESSOR_IMAGES = ("vllm", "text-generation-inference", "tgi")


def arguments(endpoint: Endpoint, context: ManifestContext, *, revision: int) -> list[str]:
    """The container's args, with the root path where the image takes one and neither command nor args decide."""
    spec = spec_of(endpoint)
    args = list(spec.args)
    if spec.command or _given(args) is not None:
        return args
    if revision == 0:
        return (
            [*args, FLAG, f"/inference/{endpoint.name}"]
            if image_is(spec.image, _PREDECESSOR_IMAGES)
            else args
        )
    if image_is(spec.image, context.template_settings.root_path_images):
        return [*args, FLAG, ingress_path_of(endpoint)]
    return args


def health_path(endpoint: Endpoint, context: ManifestContext, *, revision: int) -> str:
    """Where probes and load balancer ask: the spec's path, under the root path whenever the args hold one."""
    args = arguments(endpoint, context, revision=revision)
    return prefixed(spec_of(endpoint).health_check_path, args)


def prefixed(path: str, args: list[str]) -> str:
    """A path of a server that was started with these args."""
    prefix = _given(args)
    return path if prefix is None else f"{prefix.rstrip('/')}{path}"


def _given(args: list[str]) -> str | None:
    for index, argument in enumerate(args):
        if argument.startswith(f"{FLAG}="):
            return argument.removeprefix(f"{FLAG}=")
        if argument == FLAG:
            return args[index + 1] if index + 1 < len(args) else ""
    return None
