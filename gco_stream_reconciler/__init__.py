"""Event-driven controller for GCO's multi-Region inference endpoints."""

__version__ = "0.1.0"
