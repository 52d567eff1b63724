"""Hook of mkdocs: pages of the site that stand outside docs/, with links that work here and on a git host alike."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]

OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "helm/gco-stream-reconciler/README.md": "chart.md",
}
"""Path in the repository → page of the site."""

_SOURCES = {page: source for source, page in OUTSIDE.items()}
_LINK = re.compile(r"\[(?P<text>[^]\[]*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages from outside."""
    for source, page in OUTSIDE.items():
        path = ROOT / source
        if path.exists():
            files.append(File.generated(config, page, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: Any, files: Files) -> str:  # noqa: ARG001 - mkdocs' names
    """Turn links within the repository into links within the site."""
    return rewritten(markdown, page.file.src_uri)


def rewritten(markdown: str, page: str) -> str:
    """A page's text; `page` is its path in the site.

    A link to a file of the repository that is no part of the site becomes its bare text. One to a file that does not exist
    stays, so that the build refuses it.
    """
    source = _SOURCES.get(page, f"docs/{page}")

    def replaced(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["target"]))
        place = _place(target)
        if place is None:
            return link["text"] if target != ".." and (ROOT / target).exists() else link[0]
        relative = posixpath.relpath(place, posixpath.dirname(page) or ".")
        return f"[{link['text']}]({relative}{link['anchor'] or ''})"

    return _LINK.sub(replaced, markdown)


def _place(target: str) -> str | None:
    """Where the site has a file of the repository, None where it has it not."""
    if target in OUTSIDE:
        return OUTSIDE[target]
    if target == "README.md":
        return "index.md"
    if not target.startswith("docs/"):
        return None
    # A folder is shown by its README, as a git host does.
    inside = target.removeprefix("docs/")
    return f"{inside}/README.md" if (ROOT / target).is_dir() else inside
