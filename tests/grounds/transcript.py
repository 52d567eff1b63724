"""What a run tells of the recorded exchanges: how many were answered as recorded, and what was left out of the comparison."""

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

PROPERTY = "recorded exchange"
"""Of a test that compares one; its value is the ground that was asked."""

LEFT_OUT = (
    ("UIDs, resourceVersions, times, cluster addresses", "they differ from run to run"),
    ("what controllers write: status, revision, their managedFields", "they are paused, so that answers have an order"),
    ("discovery of kinds that the sandbox lacks, storage version hashes", "the controller and kubectl ask for neither"),
)  # fmt: skip


def lines(reports: Iterable[tuple[str, pytest.TestReport]]) -> Iterator[str]:
    """The report; nothing where no exchange was compared. reports: outcome and report of each test."""
    compared: Counter[str] = Counter()
    equal: Counter[str] = Counter()
    for outcome, report in reports:
        for name, ground in report.user_properties:
            if name == PROPERTY and outcome in ("passed", "failed"):
                compared[str(ground)] += 1
                equal[str(ground)] += outcome == "passed"
    for ground, count in sorted(compared.items()):
        yield f"contract: {equal[ground]} of {count} exchanges recorded from kube-apiserver 1.36 answered alike by: {ground}"
    if compared:
        yield from (f"contract: left out: {what} ({why})" for what, why in LEFT_OUT)
