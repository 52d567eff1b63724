"""How changes are followed and work is done."""

from typing import Self

from pydantic import Field, model_validator

from gco_stream_reconciler.settings.group import Group, variable


class StreamSettings(Group):
    """How the change stream is polled (AWS: at most 5 GetRecords a second and shard)."""

    idle_poll_seconds: float = Field(
        default=0.25,
        ge=0.05,
        le=10,
        validation_alias=variable("STREAM_IDLE_POLL_SECONDS"),
        description="time from one read to the next after an empty page",
    )
    minimum_poll_seconds: float = Field(
        default=0.25,
        ge=0.05,
        le=10,
        validation_alias=variable("STREAM_MINIMUM_POLL_SECONDS"),
        description="shortest time between two reads of a shard",
    )
    audit_seconds: float = Field(
        default=30,
        gt=0,
        le=30,
        validation_alias=variable("STREAM_AUDIT_SECONDS"),
        description="longest time between two full listings of the shards",
    )
    bind_timeout_seconds: float = Field(
        default=5,
        gt=0,
        validation_alias=variable("STREAM_BIND_TIMEOUT_SECONDS"),
        description="how long one shard may hold up the start",
    )


MINIMUM_RESYNC_SECONDS = 60.0


class ControllerSettings(Group):
    """Workers, retries, resync."""

    workers: int = Field(
        default=16,
        ge=1,
        le=256,
        validation_alias=variable("WORKERS"),
        description="endpoints reconciled at the same time",
    )
    resync_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=variable("RECONCILE_INTERVAL_SECONDS"),
        description="time between two full resyncs; below 60 it is raised to 60",
    )
    backoff_initial_seconds: float = Field(
        default=1,
        gt=0,
        validation_alias=variable("BACKOFF_INITIAL_SECONDS"),
        description="first retry of a failing endpoint",
    )
    backoff_maximum_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=variable("BACKOFF_MAXIMUM_SECONDS"),
        description="slowest retry of a failing endpoint",
    )
    drain_seconds: float = Field(
        default=20,
        gt=0,
        validation_alias=variable("DRAIN_SECONDS"),
        description="how long workers may finish at shutdown",
    )

    @property
    def effective_resync_seconds(self) -> float:
        """The interval used: GCO's own manifest ships 15 s, which a polling controller needed and this one does not."""
        return max(self.resync_seconds, MINIMUM_RESYNC_SECONDS)

    @model_validator(mode="after")
    def _backoff_grows(self) -> Self:
        if self.backoff_maximum_seconds < self.backoff_initial_seconds:
            raise ValueError("BACKOFF_MAXIMUM_SECONDS must not be below BACKOFF_INITIAL_SECONDS")
        return self
