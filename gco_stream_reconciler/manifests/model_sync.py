"""Model storage: the shared volume, and the init container that copies a model from S3 onto it."""

from typing import Any

from gco_stream_reconciler.endpoints.model import EndpointSpec
from gco_stream_reconciler.manifests.context import ManifestContext

VOLUME = "model-storage"
MOUNT_PATH = "/models"
CLAIM = "efs-claim"
_PREDECESSOR_IMAGE = "amazon/aws-cli:latest"

# Constant text: what a user gives arrives in the environment, has passed a grammar and is only ever used quoted. The
# marker names the source and is written last, so a partial copy never counts as complete, and `set -e` fails the container
# on a failed copy.
SYNC_SCRIPT = """\
set -eu
marker="$MODEL_DESTINATION/.gco-model-sync-complete"
if [ -f "$marker" ] && [ "$(cat "$marker")" = "$MODEL_SOURCE" ]; then
  echo "model is already complete"
  exit 0
fi
mkdir -p "$MODEL_DESTINATION"
rm -f "$marker"
aws s3 sync --only-show-errors "$MODEL_SOURCE" "$MODEL_DESTINATION"
printf %s "$MODEL_SOURCE" > "$marker"
"""


def needs_storage(spec: EndpointSpec) -> bool:
    """Whether the Pods mount the shared volume."""
    return spec.model_path is not None or spec.model_source is not None


def volume() -> dict[str, Any]:
    """The Pod's volume."""
    return {"name": VOLUME, "persistentVolumeClaim": {"claimName": CLAIM}}


def mount() -> dict[str, Any]:
    """Where a container finds it."""
    return {"name": VOLUME, "mountPath": MOUNT_PATH}


def init_container(
    endpoint_name: str, spec: EndpointSpec, context: ManifestContext, *, revision: int
) -> dict[str, Any] | None:
    """The container that copies an S3 model before the server starts, or None where there is nothing to copy."""
    source = spec.model_source
    if source is None or not source.startswith("s3://"):
        return None
    destination = f"{MOUNT_PATH}/{endpoint_name}"
    container = {
        "name": "model-sync",
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}},
        "volumeMounts": [mount()],
    }
    if revision == 0:
        # The source has passed a grammar without any character that a shell would read.
        line = (
            f'if [ -d {destination} ] && [ "$(ls -A {destination})" ]; then echo "Model already cached"; '
            f"else aws s3 sync {source} {destination}; fi"
        )
        return {**container, "image": _PREDECESSOR_IMAGE, "command": ["/bin/sh", "-c", line]}
    return {
        **container,
        "image": context.template_settings.model_sync_image,
        "command": ["/bin/sh", "-c", SYNC_SCRIPT],
        "env": [
            {"name": "MODEL_SOURCE", "value": source},
            {"name": "MODEL_DESTINATION", "value": destination},
        ],
    }
