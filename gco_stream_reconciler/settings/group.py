"""What every group of settings has in common."""

from typing import Any

from pydantic import AliasChoices
from pydantic_settings import BaseSettings, SettingsConfigDict


def variable(name: str) -> AliasChoices:
    """The environment variable of a field."""
    return AliasChoices(name)


class Group(BaseSettings):
    """A frozen group whose fields can be given by name or by environment variable."""

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, extra="ignore", case_sensitive=True, env_ignore_empty=True
    )


def split(value: Any) -> Any:
    """Turn `a, b` into ("a", "b"); leave anything else to validation."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value
