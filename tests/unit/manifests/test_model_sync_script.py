"""The script of the init container, run by a shell with an `aws` that plays along."""

import os
import subprocess
from pathlib import Path

import pytest

from gco_stream_reconciler.manifests.model_sync import SYNC_SCRIPT

MARKER = ".gco-model-sync-complete"
SOURCE = "s3://models/llama"
COPIES = '#!/bin/sh\necho "$@" >> "$CALLS"\nprintf weights > "$5/weights"\n'
FAILS_HALF_WAY = '#!/bin/sh\necho "$@" >> "$CALLS"\nprintf wei > "$5/weights"\nexit 1\n'


class Pod:
    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.calls = folder / "calls"
        self._aws = folder / "bin" / "aws"
        self._aws.parent.mkdir()
        self.calls.touch()

    def starts(self, aws: str, source: str = SOURCE) -> int:
        self._aws.write_text(aws)
        self._aws.chmod(0o755)
        environment = {
            "PATH": f"{self._aws.parent}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "MODEL_SOURCE": source,
            "MODEL_DESTINATION": str(self.models),
        }
        return subprocess.run(["/bin/sh", "-c", SYNC_SCRIPT], env=environment, check=False).returncode

    def copies(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def test_a_complete_copy_is_marked_and_not_made_again(pod: Pod) -> None:
    assert pod.starts(COPIES) == 0
    assert (pod.models / MARKER).read_text() == SOURCE
    assert pod.starts(COPIES) == 0
    assert pod.copies() == [f"s3 sync --only-show-errors {SOURCE} {pod.models}"]


def test_a_failed_copy_fails_the_container_and_does_not_count_as_complete(pod: Pod) -> None:
    """Flaws of the predecessor: a failed sync exits 0, a partial copy counts as cached."""
    assert pod.starts(FAILS_HALF_WAY) != 0
    assert not (pod.models / MARKER).exists()
    assert pod.starts(COPIES) == 0
    assert (pod.models / "weights").read_text() == "weights"


def test_another_source_is_copied_and_its_failure_unmarks_the_old_one(pod: Pod) -> None:
    assert pod.starts(COPIES) == 0
    assert pod.starts(FAILS_HALF_WAY, "s3://models/other") != 0
    assert not (pod.models / MARKER).exists()
    assert pod.starts(COPIES, "s3://models/other") == 0
    assert (pod.models / MARKER).read_text() == "s3://models/other"


def test_what_a_user_gives_is_never_read_by_the_shell(pod: Pod, tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    assert pod.starts(COPIES, f"s3://x$(touch {trap});touch {trap}`touch {trap}` && touch {trap}") == 0
    assert not trap.exists()
