"""The chart's README, from the comments in its values.yaml."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):")
_BEGINS = "# -- "
_LONGEST_DEFAULT = 60


class Value(NamedTuple):
    """A documented value: its path with dots, what the comment says, its default."""

    path: str
    text: str
    default: Any


def documented(text: str) -> list[Value]:
    """Every value with a `# --` comment above it, in order."""
    defaults = yaml.safe_load(text)
    return [Value(".".join(path), words, _at(defaults, path)) for path, words in _comments(text)]


def undocumented(text: str) -> list[str]:
    """Paths of values that neither have a comment nor stand below one that has."""
    known = {value.path for value in documented(text)}
    return [path for path in _leaves(yaml.safe_load(text)) if not _covered(path, known)]


def render(chart: Path) -> str:
    """The whole README."""
    rows = [
        f"| `{value.path}` | {_default(value.default)} | {value.text} |"
        for value in documented((chart / "values.yaml").read_text("utf-8"))
    ]
    introduction = (chart / "files" / "README.head.md").read_text("utf-8")
    return "\n".join([introduction, "| value | default | meaning |", "|---|---|---|", *rows, ""])


def _comments(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    parents: list[tuple[int, str]] = []
    words: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(_BEGINS):
            words = [bare.removeprefix(_BEGINS)]
        elif bare.startswith("#"):
            words = [*words, bare.removeprefix("#").strip()] if words else []
        elif match := _KEY.match(line):
            indent = len(match["indent"])
            parents = [(depth, key) for depth, key in parents if depth < indent] + [(indent, match["key"])]
            if words:
                yield tuple(key for _, key in parents), " ".join(words)
            words = []
        else:
            words = []


def _leaves(node: Any, path: str = "") -> Iterator[str]:
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path


def _covered(path: str, known: set[str]) -> bool:
    parts = path.split(".")
    return any(".".join(parts[:count]) in known for count in range(1, len(parts) + 1))


def _at(node: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def _default(value: Any) -> str:
    if value is None:
        return "required"
    text = json.dumps(value)
    return f"`{text}`" if len(text) <= _LONGEST_DEFAULT else "see values.yaml"
