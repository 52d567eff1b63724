"""The settings of this program that show in a Pod template, and their record on the Deployment (rule 15)."""

import json
from dataclasses import dataclass
from typing import Any, Self

from gco_stream_reconciler.settings import LifecycleSettings

_LONGEST_RECORD = 10_000
_LONGEST_LIMIT_SECONDS = 2_000_000_000
"""With its margin, what the API server still takes for a progress deadline."""


@dataclass(frozen=True, slots=True)
class TemplateSettings:
    """As in LifecycleSettings, where they are described."""

    startup_limit_seconds: int
    model_sync_image: str
    root_path_images: tuple[str, ...]

    @classmethod
    def of(cls, settings: LifecycleSettings) -> Self:
        """Those of the present."""
        return cls(settings.startup_limit_seconds, settings.model_sync_image, settings.root_path_images)

    def encoded(self) -> str:
        """The annotation's value."""
        fields = {
            "model_sync_image": self.model_sync_image,
            "root_path_images": self.root_path_images,
            "startup_limit_seconds": self.startup_limit_seconds,
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def decode(text: str | None) -> TemplateSettings | None:
    """The annotation's meaning; None for none, and for one that somebody has edited beyond reading."""
    if text is None or len(text) > _LONGEST_RECORD:
        return None
    try:
        raw = json.loads(text)
        return TemplateSettings(
            _limit(raw["startup_limit_seconds"]),
            _text(raw["model_sync_image"]),
            _texts(raw["root_path_images"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _limit(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _LONGEST_LIMIT_SECONDS:
        raise ValueError("no number of seconds that was ever a limit")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("no text that was ever a setting")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return tuple(_text(each) for each in value)
