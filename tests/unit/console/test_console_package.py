import tomllib
from fnmatch import fnmatch
from pathlib import Path

import gco_stream_reconciler.console

FOLDER = Path(gco_stream_reconciler.console.__file__).parent
ROOT = FOLDER.parents[1]


def test_the_pages_files_are_part_of_the_package_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["gco_stream_reconciler"]
    for file in (FOLDER / "static").iterdir():
        assert any(fnmatch(file.name, pattern.removeprefix("**/")) for pattern in patterns), file.name


def test_the_page_needs_nothing_from_elsewhere() -> None:
    for file in (FOLDER / "static").iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//cdn" not in text
        assert "http:" not in text
        assert "https:" not in text
