"""All groups together, and how they are read."""

from typing import Any, Self

from pydantic import AliasChoices, ValidationError, model_validator

from gco_stream_reconciler.errors import ConfigurationError
from gco_stream_reconciler.settings.cluster import KubernetesSettings, LeadershipSettings
from gco_stream_reconciler.settings.endpoints import LifecycleSettings, OrphanSettings
from gco_stream_reconciler.settings.group import Group
from gco_stream_reconciler.settings.place import PlaceSettings
from gco_stream_reconciler.settings.telemetry import TelemetrySettings
from gco_stream_reconciler.settings.work import ControllerSettings, StreamSettings


class Settings(Group):
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


_GROUPS: tuple[tuple[str, type[Group]], ...] = (
    ("place", PlaceSettings),
    ("lifecycle", LifecycleSettings),
    ("orphans", OrphanSettings),
    ("stream", StreamSettings),
    ("controller", ControllerSettings),
    ("kubernetes", KubernetesSettings),
    ("leadership", LeadershipSettings),
    ("telemetry", TelemetrySettings),
)


def variables() -> tuple[str, ...]:
    """The environment variable of every setting."""
    aliases = (info.validation_alias for _, group in _GROUPS for info in group.model_fields.values())
    return tuple(str(alias.choices[0]) for alias in aliases if isinstance(alias, AliasChoices))


def load_settings(**flags: Any) -> Settings:
    """Read every group from the environment; a flag (field name → value, None = not given) wins over its variable.

    Raises ConfigurationError with one line per refused setting, by its environment variable's name.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    groups: dict[str, Group] = {}
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


def _explain(group: type[Group], error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        field = group.model_fields.get(where)
        alias = field.validation_alias if field else None
        variable = str(alias.choices[0]) if isinstance(alias, AliasChoices) else where
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing":
            message = f"is required; set it or give --{variable.lower().replace('_', '-')}"
        lines.append(f"{variable}: {message}" if variable else message)
    return lines
