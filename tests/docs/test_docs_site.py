"""The site: it builds strictly, strictness finds what it must, and a reader's browser fetches nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from docs.tools.outside import OUTSIDE, rewritten
from tests.docs.pages import DOCS, ROOT, pages

SVG = "{http://www.w3.org/2000/svg}"


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(config), "--site-dir", str(site)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT / "mkdocs.yml", folder)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_in_the_site_that_builds_without_a_warning(site: Path) -> None:
    expected = {path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")}
    expected |= {
        Path(page).with_suffix(".html") for source, page in OUTSIDE.items() if (ROOT / source).exists()
    }
    found = {path.relative_to(site) for path in site.rglob("*.html")} - {Path("404.html")}
    assert {path.with_name("index.html") if path.stem == "README" else path for path in expected} == found


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", path.read_text("utf-8"))
        assert tags
        assert [tag for tag in tags if re.search(r'(?:src|href)="?(?:https?:)?//', tag)] == [], path.name


def test_a_broken_link_a_missing_anchor_and_a_page_without_a_place_end_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(
        "# A\n\n[gone](gone.md) [no anchor](other.md#gone) [folder](folder)\n", "utf-8"
    )
    (docs / "other.md").write_text("# B\n", "utf-8")
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: docs\nhooks: []\nextra_css: []\nnav: [index.md]\n",
        "utf-8",
    )
    built = build(config, tmp_path / "site")
    assert built.returncode != 0
    for said in ("'gone.md'", "other.md#gone", "'folder'", "not included in the"):
        assert said in built.stderr, built.stderr


def test_links_of_pages_from_outside_work_in_the_site_and_links_out_of_it_become_text() -> None:
    assert rewritten("[a](docs/cli.md#output)", "contributing.md") == "[a](cli.md#output)"
    assert rewritten("[a](docs/adr)", "contributing.md") == "[a](adr/README.md)"
    assert rewritten("[a](../CONTRIBUTING.md)", "index.md") == "[a](contributing.md)"
    assert (
        rewritten("[a](../../helm/gco-stream-reconciler/README.md)", "deploy/install.md")
        == "[a](../chart.md)"
    )
    assert rewritten("[a](pyproject.toml)", "contributing.md") == "a"
    assert rewritten("[a](absent.md)", "contributing.md") == "[a](absent.md)"
    assert rewritten("[a](https://example.com/docs/b.md)", "index.md") == "[a](https://example.com/docs/b.md)"
    assert rewritten("[a](#here)", "index.md") == "[a](#here)"


def test_every_diagram_is_drawn_for_light_and_dark_described_self_contained_and_shown() -> None:
    shown = {
        name
        for path in pages()
        for name in re.findall(r"!\[[^]]{20,}\]\(diagrams/([\w-]+\.svg)\)", path.read_text("utf-8"))
    }
    drawn = sorted((DOCS / "diagrams").glob("*"))
    assert {path.name for path in drawn} == shown
    for path in drawn:
        text = path.read_text("utf-8")
        root = ET.fromstring(text)  # noqa: S314 - our own file
        assert (root.findtext(f"{SVG}title") or "").strip()
        assert (root.findtext(f"{SVG}desc") or "").strip()
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"href|<script|<foreignObject|@import|url\((?!#)", text), path.name
