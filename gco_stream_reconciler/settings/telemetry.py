"""Logs, metrics, probes and the page."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from gco_stream_reconciler.settings.group import Group, variable


class TelemetrySettings(Group):
    """Logs and listeners."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias=variable("LOG_LEVEL"), description="least severe level logged"
    )
    log_format: Literal["json", "text"] = Field(
        default="json",
        validation_alias=variable("LOG_FORMAT"),
        description="json: one object a line; text: for a person",
    )
    http_port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        validation_alias=variable("HTTP_PORT"),
        description="probes and metrics; 0 = any free port",
    )
    debug_port: int = Field(
        default=8081,
        ge=0,
        le=65535,
        validation_alias=variable("DEBUG_PORT"),
        description="operator's page and debug documents; 0 = any free port",
    )
    debug_address: str = Field(
        default="127.0.0.1",
        min_length=1,
        validation_alias=variable("DEBUG_ADDRESS"),
        description="where the operator's page listens; it has no login, so leave it on loopback",
    )
    endpoint_metrics: bool = Field(
        default=True,
        validation_alias=variable("ENDPOINT_METRICS"),
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
