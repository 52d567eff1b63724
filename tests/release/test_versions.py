"""gco_stream_reconciler/__init__.py states the version; what must repeat it, since it is read without Python, agrees."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from gco_stream_reconciler import __version__
from tests.helm.charts import CHART, ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_package_takes_its_version_from_the_module() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "gco_stream_reconciler.__version__"
    }


def test_the_installed_package_has_the_programs_version() -> None:
    assert metadata.version("gco-stream-reconciler") == __version__, "install the checkout anew"


def test_the_command_tells_the_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gco_stream_reconciler", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{__version__}\n"


@pytest.mark.parametrize("key", ["version", "appVersion"])
def test_the_chart_has_the_programs_version(key: str) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart[key] == __version__


def test_the_newest_entry_of_the_changelog_is_the_programs_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)
    assert next(each for each in headings if each != "Unreleased") == __version__


def test_every_entry_of_the_changelog_has_a_date_or_is_unreleased() -> None:
    for heading in re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE):
        assert heading == "[Unreleased]" or re.fullmatch(
            r"\[\d+\.\d+\.\d+\] - (unreleased|\d{4}-\d\d-\d\d)", heading
        ), heading


def test_the_documents_name_images_and_charts_of_this_version() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "helm").rglob("*.md")]
    for page in pages:
        for version in re.findall(r"gco-stream-reconciler[:@-]v?(\d+\.\d+\.\d+)", page.read_text("utf-8")):
            assert version == __version__, _place(page)


def test_the_image_has_no_version_of_its_own() -> None:
    assert "ARG VERSION=unknown\n" in (ROOT / "docker" / "Dockerfile").read_text("utf-8")


def _place(page: Path) -> str:
    return str(page.relative_to(ROOT))
