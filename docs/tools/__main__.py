"""Write the generated pages, or tell which of them are out of date."""

import sys
from pathlib import Path

from docs.tools import configuration, metrics

DOCS = Path(__file__).parents[1]


def generated() -> dict[Path, str]:
    """Every generated page with what it should hold."""
    return {DOCS / "configuration.md": configuration.render(), DOCS / "metrics.md": metrics.render()}


def stale() -> list[Path]:
    """Pages that are not what they should be."""
    return [
        path for path, text in generated().items() if not path.exists() or path.read_text("utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Entry point; returns the exit code."""
    outdated = stale()
    if arguments == ["--check"]:
        for path in outdated:
            sys.stderr.write(f"{path.name} is out of date: make docs\n")
        return 1 if outdated else 0
    for path, text in generated().items():
        path.write_text(text, "utf-8")
    sys.stderr.write(f"written anew: {', '.join(path.name for path in outdated) or 'nothing'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
