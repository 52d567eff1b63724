"""Settings: frozen, grouped, validated, with units in their names.

Each group reads its own environment variables; the names of the predecessor keep working. A value passed to the
constructor (a command-line flag) wins over the environment. Relations between settings are checked when they are
put together, and a refusal names both sides.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gco_stream_reconciler.errors import ConfigurationError

MINIMUM_RESYNC_SECONDS = 60.0


def _variable(name: str) -> AliasChoices:
    return AliasChoices(name)


class _Group(BaseSettings):
    """A frozen group whose fields can be given by name or by environment variable."""

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, extra="ignore", case_sensitive=True, env_ignore_empty=True
    )


def _split(value: Any) -> Any:
    """Turn `a, b` into ("a", "b"); leave anything else to validation."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class PlaceSettings(_Group):
    """Where this process runs and where its table is.

    `region` has no default: a wrong one would empty a cluster (rule 6).
    """

    cluster_name: str = Field(
        default="", validation_alias=_variable("CLUSTER_NAME"), description="EKS cluster, in every log line"
    )
    region: str = Field(
        validation_alias=_variable("REGION"),
        min_length=1,
        description="Region whose cluster is reconciled and whose status is written",
    )
    dynamodb_region: str = Field(
        default="",
        validation_alias=_variable("DYNAMODB_REGION"),
        description="home Region of the table: all writes (default REGION)",
    )
    stream_region: str = Field(
        default="",
        validation_alias=_variable("STREAM_REGION"),
        description="Region of the stream and the reads (default DYNAMODB_REGION; a global table's users set it to REGION)",
    )
    table_name: str = Field(
        default="gco-inference-endpoints",
        validation_alias=_variable("INFERENCE_ENDPOINTS_TABLE_NAME"),
        description="the endpoint table",
    )
    namespace: str = Field(
        default="gco-inference",
        validation_alias=_variable("INFERENCE_NAMESPACE"),
        description="namespace of the endpoints and of the lease",
    )
    extra_namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        validation_alias=_variable("NAMESPACES"),
        description="further namespaces that items may name, comma-separated",
    )

    _split_namespaces = field_validator("extra_namespaces", mode="before")(_split)

    @property
    def home_region(self) -> str:
        """Region that takes every write of the table."""
        return self.dynamodb_region or self.region

    @property
    def read_region(self) -> str:
        """Region whose stream is read and whose replica answers reads."""
        return self.stream_region or self.home_region

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that an item may name, the default one first, each once."""
        return tuple(dict.fromkeys((self.namespace, *self.extra_namespaces)))


class LifecycleSettings(_Group):
    """What the pure planning rules are tuned by."""

    unhealthy_threshold_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=_variable("INFERENCE_UNHEALTHY_THRESHOLD_SECONDS"),
        description="zero ready replicas for longer removes the Ingress",
    )
    ingress_deletion_wait_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=_variable("INGRESS_DELETION_WAIT_SECONDS"),
        description="longest wait for an Ingress to be gone before a stop or deletion goes on",
    )
    canary_settle_seconds: float = Field(
        default=15,
        ge=0,
        validation_alias=_variable("CANARY_SETTLE_SECONDS"),
        description="time between a canary's loss of traffic and its removal (the load balancer reports no generation)",
    )
    startup_limit_seconds: int = Field(
        default=1800,
        ge=60,
        validation_alias=_variable("STARTUP_LIMIT_SECONDS"),
        description="how long a container may take to answer its health path for the first time",
    )
    root_path_images: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("vllm",),
        validation_alias=_variable("ROOT_PATH_IMAGES"),
        description="image names that take --root-path, comma-separated",
    )
    model_sync_image: str = Field(
        default="public.ecr.aws/aws-cli/aws-cli:2.31.0",
        min_length=1,
        validation_alias=_variable("MODEL_SYNC_IMAGE"),
        description="image of the init container that copies models",
    )

    _split_images = field_validator("root_path_images", mode="before")(_split)


class OrphanSettings(_Group):
    """Deleting what nobody asked to delete: objects without an item, and endpoints of a Region that was removed."""

    orphans: Literal["delete", "report"] = Field(
        default="delete",
        validation_alias=_variable("ORPHANS"),
        description="delete: objects whose item is gone go, after two complete scans; report: they are only reported",
    )
    deletion_limit: int | None = Field(
        default=None,
        ge=0,
        validation_alias=_variable("DELETION_LIMIT"),
        description="endpoints that may be cleaned up within an hour without a delete command (default max(5, 10 %))",
    )


class StreamSettings(_Group):
    """How the change stream is polled (AWS: at most 5 GetRecords a second and shard)."""

    idle_poll_seconds: float = Field(
        default=0.25,
        ge=0.05,
        le=10,
        validation_alias=_variable("STREAM_IDLE_POLL_SECONDS"),
        description="pause after an empty page",
    )
    minimum_poll_seconds: float = Field(
        default=0.25,
        ge=0.05,
        le=10,
        validation_alias=_variable("STREAM_MINIMUM_POLL_SECONDS"),
        description="shortest time between two reads of a shard",
    )
    audit_seconds: float = Field(
        default=30,
        gt=0,
        le=30,
        validation_alias=_variable("STREAM_AUDIT_SECONDS"),
        description="longest time between two full listings of the shards",
    )
    bind_timeout_seconds: float = Field(
        default=5,
        gt=0,
        validation_alias=_variable("STREAM_BIND_TIMEOUT_SECONDS"),
        description="how long one shard may hold up the start",
    )


class ControllerSettings(_Group):
    """Workers, retries, resync."""

    workers: int = Field(
        default=16,
        ge=1,
        le=256,
        validation_alias=_variable("WORKERS"),
        description="endpoints reconciled at the same time",
    )
    resync_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=_variable("RECONCILE_INTERVAL_SECONDS"),
        description="time between two full resyncs; below 60 it is raised to 60",
    )
    backoff_initial_seconds: float = Field(
        default=1,
        gt=0,
        validation_alias=_variable("BACKOFF_INITIAL_SECONDS"),
        description="first retry of a failing endpoint",
    )
    backoff_maximum_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias=_variable("BACKOFF_MAXIMUM_SECONDS"),
        description="slowest retry of a failing endpoint",
    )
    drain_seconds: float = Field(
        default=20,
        gt=0,
        validation_alias=_variable("DRAIN_SECONDS"),
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


class KubernetesSettings(_Group):
    """Calls to the API server."""

    kubeconfig: str = Field(
        default="", validation_alias=_variable("KUBECONFIG"), description="used outside a cluster"
    )
    call_timeout_seconds: float = Field(
        default=30,
        gt=0,
        validation_alias=_variable("K8S_API_TIMEOUT"),
        description="deadline of one read from the API server, its quick retries included",
    )
    write_timeout_seconds: float = Field(
        default=4,
        gt=0,
        validation_alias=_variable("K8S_WRITE_TIMEOUT_SECONDS"),
        description="deadline of one write; shorter than lease minus renew deadline",
    )


class LeadershipSettings(_Group):
    """Lease election, with client-go's figures."""

    lease_name: str = Field(
        default="inference-monitor-leader",
        min_length=1,
        validation_alias=_variable("LEASE_NAME"),
        description="the Lease; the predecessor's name by default",
    )
    lease_seconds: float = Field(
        default=15,
        ge=1,
        validation_alias=_variable("LEASE_SECONDS"),
        description="how long an unrenewed lease binds others; a whole number",
    )
    renew_deadline_seconds: float = Field(
        default=10,
        gt=0,
        validation_alias=_variable("LEASE_RENEW_DEADLINE_SECONDS"),
        description="the leader gives up after this long without a renewal",
    )
    renew_interval_seconds: float = Field(
        default=2,
        gt=0,
        validation_alias=_variable("LEASE_RENEW_INTERVAL_SECONDS"),
        description="time between renewals",
    )
    predecessor_grace_seconds: float = Field(
        default=120,
        ge=0,
        validation_alias=_variable("LEASE_PREDECESSOR_GRACE_SECONDS"),
        description="a holder that is not one of ours is waited out this long, unchanged",
    )

    @model_validator(mode="after")
    def _lease_outlives_renewal(self) -> Self:
        if self.lease_seconds != int(self.lease_seconds):
            raise ValueError("LEASE_SECONDS must be a whole number (coordination/v1 leaseDurationSeconds)")
        if self.lease_seconds <= self.renew_deadline_seconds:
            raise ValueError("LEASE_SECONDS must be greater than LEASE_RENEW_DEADLINE_SECONDS")
        if self.renew_deadline_seconds <= self.renew_interval_seconds * 1.2:
            raise ValueError(
                "LEASE_RENEW_DEADLINE_SECONDS must be greater than 1.2 times LEASE_RENEW_INTERVAL_SECONDS"
            )
        return self


class TelemetrySettings(_Group):
    """Logs and listeners."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias=_variable("LOG_LEVEL"), description="least severe level logged"
    )
    log_format: Literal["json", "text"] = Field(
        default="json",
        validation_alias=_variable("LOG_FORMAT"),
        description="json: one object a line; text: for a person",
    )
    http_port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        validation_alias=_variable("HTTP_PORT"),
        description="probes and metrics; 0 = any free port",
    )
    debug_port: int = Field(
        default=8081,
        ge=0,
        le=65535,
        validation_alias=_variable("DEBUG_PORT"),
        description="operator's page and debug documents; 0 = any free port",
    )
    debug_address: str = Field(
        default="127.0.0.1",
        min_length=1,
        validation_alias=_variable("DEBUG_ADDRESS"),
        description="where the operator's page listens; it has no login, so leave it on loopback",
    )
    endpoint_metrics: bool = Field(
        default=True,
        validation_alias=_variable("ENDPOINT_METRICS"),
        description="gauges with the endpoint's name as a label (two each, four with a canary); false leaves them out",
    )

    @model_validator(mode="after")
    def _one_listener_a_port(self) -> Self:
        if self.http_port == self.debug_port != 0:
            raise ValueError(
                f"HTTP_PORT and DEBUG_PORT are both {self.http_port}: give each listener its own"
            )
        return self

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value


class Settings(_Group):
    """All groups, and the relations between them."""

    place: PlaceSettings
    lifecycle: LifecycleSettings
    orphans: OrphanSettings
    stream: StreamSettings
    controller: ControllerSettings
    kubernetes: KubernetesSettings
    leadership: LeadershipSettings
    telemetry: TelemetrySettings

    @model_validator(mode="after")
    def _writes_end_before_the_lease_passes_on(self) -> Self:
        margin = self.leadership.lease_seconds - self.leadership.renew_deadline_seconds
        if self.kubernetes.write_timeout_seconds >= margin:
            raise ValueError(
                f"K8S_WRITE_TIMEOUT_SECONDS ({self.kubernetes.write_timeout_seconds:g}) must be below LEASE_SECONDS minus "
                f"LEASE_RENEW_DEADLINE_SECONDS ({margin:g}): a write must not outlive the lease it was made under"
            )
        return self


_GROUPS: tuple[tuple[str, type[_Group]], ...] = (
    ("place", PlaceSettings),
    ("lifecycle", LifecycleSettings),
    ("orphans", OrphanSettings),
    ("stream", StreamSettings),
    ("controller", ControllerSettings),
    ("kubernetes", KubernetesSettings),
    ("leadership", LeadershipSettings),
    ("telemetry", TelemetrySettings),
)


def load_settings(**flags: Any) -> Settings:
    """Read every group from the environment; a flag (field name → value, None = not given) wins over its variable.

    Raises ConfigurationError with one line per refused setting, by its environment variable's name.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    groups: dict[str, _Group] = {}
    refusals: list[str] = []
    for name, group in _GROUPS:
        values = {key: value for key, value in given.items() if key in group.model_fields}
        try:
            groups[name] = group(**values)
        except ValidationError as error:
            refusals.extend(_explain(group, error))
    if refusals:
        raise ConfigurationError("settings refused: " + "; ".join(refusals))
    try:
        return Settings(**groups)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigurationError("settings refused: " + "; ".join(_explain(Settings, error))) from error


def _explain(group: type[_Group], error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        field = group.model_fields.get(where)
        alias = field.validation_alias if field else None
        variable = str(alias.choices[0]) if isinstance(alias, AliasChoices) else where
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            message = "is required; set it in the environment or with the flag of the same name"
        lines.append(f"{variable}: {message}" if variable else message)
    return lines
