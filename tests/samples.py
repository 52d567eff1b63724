"""Items as the command line writes them, good and malformed, for every suite."""

import json
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data"


def sample_items() -> list[dict[str, Any]]:
    """Well-formed items in DynamoDB JSON."""
    items: list[dict[str, Any]] = json.loads((_DATA / "endpoints.json").read_text("utf-8"))
    return items


def sample_item(name: str) -> dict[str, Any]:
    """One well-formed item by its endpoint's name."""
    return next(item for item in sample_items() if item["endpoint_name"]["S"] == name)


def malformed_items() -> list[tuple[str, dict[str, Any]]]:
    """Why an item must be refused, and the item."""
    cases = json.loads((_DATA / "malformed.json").read_text("utf-8"))
    return [(case["why"], case["item"]) for case in cases]
