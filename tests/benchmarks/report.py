"""Figures, the goals that they are held to, and the report of a run."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `at_most` or `at_least` is its goal; without either it only informs."""

    case: str
    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.at_most is not None:
            return f"≤ {_number(self.at_most)}"
        return "" if self.at_least is None else f"≥ {_number(self.at_least)}"


@dataclass(slots=True)
class Report:
    """Everything that a run found. `conditions`: what the figures depend on. `details`: series, counts, paths."""

    conditions: dict[str, Any] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def value(self, case: str, name: str) -> float | None:
        """A figure that was measured earlier in this run."""
        return next((each.value for each in self.figures if (each.case, each.name) == (case, name)), None)

    def text(self) -> str:
        """For people: conditions, one line a figure, what is missed."""
        lines = [f"{key}: {value}" for key, value in self.conditions.items()]
        rows = [
            (each.case, each.name, _number(each.value), each.unit, each.goal, _verdict(each), each.note)
            for each in self.figures
        ]
        header = ("case", "figure", "value", "unit", "goal", "", "note")
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        lines.append("")
        for row in [header, *rows]:
            cells = [
                cell.rjust(width) if column in (2, 4) else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        lines.append("")
        lines += [f"case {case} failed: {why}" for case, why in self.failures.items()]
        judged = [each for each in self.figures if each.met is not None]
        missed = [f"{each.case}: {each.name}" for each in judged if not each.met]
        lines.append(f"{len(judged) - len(missed)} of {len(judged)} goals met" + _listed(missed))
        return "\n".join(lines) + "\n"

    def save(self, folder: Path) -> None:
        """Write `report.txt` and `report.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.txt").write_text(self.text(), "utf-8")
        whole = {
            "conditions": self.conditions,
            "figures": [{**asdict(each), "met": each.met} for each in self.figures],
            "failures": self.failures,
            "details": self.details,
        }
        (folder / "report.json").write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed (nearest rank); NaN for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _verdict(figure: Figure) -> str:
    return {True: "met", False: "MISSED", None: ""}[figure.met]


def _listed(missed: Sequence[str]) -> str:
    return "; missed: " + ", ".join(missed) if missed else ""


def _number(value: float) -> str:
    if math.isnan(value):
        return "none"
    if value >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 1 else f"{value:.4g}"
