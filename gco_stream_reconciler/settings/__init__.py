"""Settings: frozen, grouped, validated, with units in their names.

Each group reads its own environment variables; the names of the predecessor keep working. A value passed to the
constructor (a command-line flag) wins over the environment. Relations between settings are checked when they are
put together, and a refusal names both sides.
"""

from gco_stream_reconciler.settings.cluster import LEDGER_NAME, KubernetesSettings, LeadershipSettings
from gco_stream_reconciler.settings.endpoints import LifecycleSettings, OrphanSettings
from gco_stream_reconciler.settings.loading import Settings, load_settings, variables
from gco_stream_reconciler.settings.place import PlaceSettings
from gco_stream_reconciler.settings.telemetry import TelemetrySettings
from gco_stream_reconciler.settings.work import MINIMUM_RESYNC_SECONDS, ControllerSettings, StreamSettings

__all__ = [
    "LEDGER_NAME",
    "MINIMUM_RESYNC_SECONDS",
    "ControllerSettings",
    "KubernetesSettings",
    "LeadershipSettings",
    "LifecycleSettings",
    "OrphanSettings",
    "PlaceSettings",
    "Settings",
    "StreamSettings",
    "TelemetrySettings",
    "load_settings",
    "variables",
]
