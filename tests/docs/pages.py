"""The documentation's files, for the tests beside this one."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OUTSIDE = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "helm/gco-stream-reconciler/README.md",
)

_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every page, also those that stand outside docs/."""
    return [*sorted(DOCS.rglob("*.md")), *(path for name in OUTSIDE if (path := ROOT / name).exists())]


def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", path.read_text("utf-8"))


def blocks(path: Path, *, of: str) -> list[str]:
    """The blocks of code of a language."""
    return re.findall(rf"^ *```{of}\n(.*?)^ *```$", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
