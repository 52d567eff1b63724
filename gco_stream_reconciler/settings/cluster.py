"""Calls to the API server, and the Lease that is kept there."""

from typing import Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from gco_stream_reconciler.kubernetes_names import SUBDOMAIN
from gco_stream_reconciler.settings.group import Group, variable

LEDGER_NAME = "gco-stream-reconciler-cleanups"
"""A Lease of this name carries the ledger of clean-ups; the leader's needs another.

The Role must allow get and patch on it by this name, and create on Leases.
"""


_KUBECONFIG = "KUBECONFIG"


class KubernetesSettings(Group):
    """Calls to the API server.

    `kubeconfig` is the flag alone, which counts in a Pod too. The variable is for `kube.configuration` to read, which
    knows whether this is a Pod.
    """

    kubeconfig: str = Field(
        default="",
        validation_alias=variable(_KUBECONFIG),
        description="kubeconfig outside a cluster; the flag counts in a Pod too",
    )
    call_timeout_seconds: float = Field(
        default=30,
        gt=0,
        validation_alias=variable("K8S_API_TIMEOUT"),
        description="deadline of one read from the API server, its quick retries included",
    )
    write_timeout_seconds: float = Field(
        default=4,
        gt=0,
        validation_alias=variable("K8S_WRITE_TIMEOUT_SECONDS"),
        description="deadline of one write; shorter than lease minus renew deadline",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then every variable but KUBECONFIG."""
        return init_settings, _OtherVariables(settings_cls)


class _OtherVariables(EnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name != _KUBECONFIG}


class LeadershipSettings(Group):
    """Lease election, with client-go's figures."""

    lease_name: str = Field(
        default="inference-monitor-leader",
        validation_alias=variable("LEASE_NAME"),
        description="the Lease; the predecessor's name by default",
    )
    lease_seconds: float = Field(
        default=15,
        ge=1,
        validation_alias=variable("LEASE_SECONDS"),
        description="how long an unrenewed lease binds others; a whole number",
    )
    renew_deadline_seconds: float = Field(
        default=10,
        gt=0,
        validation_alias=variable("LEASE_RENEW_DEADLINE_SECONDS"),
        description="the leader gives up after this long without a renewal",
    )
    renew_interval_seconds: float = Field(
        default=2,
        gt=0,
        validation_alias=variable("LEASE_RENEW_INTERVAL_SECONDS"),
        description="time between renewals",
    )
    predecessor_grace_seconds: float = Field(
        default=120,
        ge=0,
        validation_alias=variable("LEASE_PREDECESSOR_GRACE_SECONDS"),
        description="a holder that is not one of ours is waited out this long, unchanged",
    )

    @field_validator("lease_name")
    @classmethod
    def _can_be_the_leaders_lease(cls, value: str) -> str:
        if SUBDOMAIN.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no name of a Lease: lower-case letters, digits, - and . between them, at most 253 characters"
            )
        if value == LEDGER_NAME:
            raise ValueError(f"{value} is the name of the ledger of clean-ups; choose another")
        return value

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
