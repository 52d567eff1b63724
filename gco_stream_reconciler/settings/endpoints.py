"""What becomes of an endpoint: its life, and its end without a command."""

from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from gco_stream_reconciler.settings.group import Group, split, variable


class LifecycleSettings(Group):
    """What the pure planning rules are tuned by."""

    unhealthy_threshold_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=variable("INFERENCE_UNHEALTHY_THRESHOLD_SECONDS"),
        description="zero ready replicas for longer removes the Ingress",
    )
    ingress_deletion_wait_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=variable("INGRESS_DELETION_WAIT_SECONDS"),
        description="longest wait for an Ingress to be gone before a stop or deletion goes on",
    )
    canary_settle_seconds: float = Field(
        default=15,
        ge=0,
        validation_alias=variable("CANARY_SETTLE_SECONDS"),
        description="time between a canary's loss of traffic and its removal (the load balancer reports no generation)",
    )
    startup_limit_seconds: int = Field(
        default=1800,
        ge=60,
        validation_alias=variable("STARTUP_LIMIT_SECONDS"),
        description="how long a container may take to answer its health path for the first time",
    )
    root_path_images: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("vllm",),
        validation_alias=variable("ROOT_PATH_IMAGES"),
        description="image names that take --root-path, comma-separated",
    )
    model_sync_image: str = Field(
        default="public.ecr.aws/aws-cli/aws-cli:2.31.0",
        min_length=1,
        validation_alias=variable("MODEL_SYNC_IMAGE"),
        description="image of the init container that copies models",
    )

    _split_images = field_validator("root_path_images", mode="before")(split)


class OrphanSettings(Group):
    """Deleting what nobody asked to delete: objects without an item, and endpoints of a Region that was removed."""

    orphans: Literal["delete", "report"] = Field(
        default="delete",
        validation_alias=variable("ORPHANS"),
        description="delete: objects whose item is gone go, after two complete scans; report: they are only reported",
    )
    deletion_limit: int | None = Field(
        default=None,
        ge=0,
        validation_alias=variable("DELETION_LIMIT"),
        description="endpoints that may be cleaned up within an hour without a delete command (default max(5, 10 %))",
    )
