"""What a wheel and an sdist must hold: the package as it is in the source, the licence, and nothing else."""

import re
import tarfile
import zipfile
from collections.abc import Iterable
from email import message_from_string
from email.message import Message
from pathlib import Path

PACKAGE = "gco_stream_reconciler"
# What the code reads at run time or a type checker looks for; a wheel without them installs and fails later.
DATA = (
    "py.typed",
    "console/static/console.css",
    "console/static/console.js",
    "console/static/icon.svg",
    "planning/structure.json",
    "sandbox/kubernetes/schemas.json",
)
_WHEEL_INFO = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
_SDIST_INFO = ("LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg")


def problems(source: Path, built: Path) -> list[str]:
    """Sentences about the one wheel and the one sdist in the folder `built`; empty where both are right."""
    version = version_of(source)
    stem = f"{PACKAGE}-{version}"
    wheel, sdist = built / f"{stem}-py3-none-any.whl", built / f"{stem}.tar.gz"
    names = {path.name for path in built.iterdir()}
    if names != {wheel.name, sdist.name}:
        return [f"built were {sorted(names)}, expected {wheel.name} and {sdist.name}"]
    package = package_files(source)
    return [
        *(f"{PACKAGE}/{name} is not in the source" for name in DATA if f"{PACKAGE}/{name}" not in package),
        *_of_wheel(wheel, package, stem, version),
        *_of_sdist(sdist, package, stem, version),
    ]


def version_of(source: Path) -> str:
    """The version where it is stated, without importing anything."""
    text = (source / PACKAGE / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no __version__ in {PACKAGE}/__init__.py")
    return found[1]


def package_files(source: Path) -> set[str]:
    """Every file below the package's folder, bytecode apart."""
    return {
        path.relative_to(source).as_posix()
        for path in (source / PACKAGE).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def _of_wheel(wheel: Path, package: set[str], stem: str, version: str) -> Iterable[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        yield from _different(wheel, names, package | {f"{stem}.dist-info/{name}" for name in _WHEEL_INFO})
        metadata = archive.read(f"{stem}.dist-info/METADATA").decode()
    yield from _of_metadata(wheel, message_from_string(metadata), version)


def _of_sdist(sdist: Path, package: set[str], stem: str, version: str) -> Iterable[str]:
    with tarfile.open(sdist) as archive:
        names = {member.name.removeprefix(f"{stem}/") for member in archive if member.isfile()}
        information = archive.extractfile(f"{stem}/PKG-INFO")
        metadata = information.read().decode() if information else ""
    # What the build backend writes for itself.
    found = {name for name in names if not name.startswith(f"{PACKAGE}.egg-info/")}
    yield from _different(sdist, found, package | set(_SDIST_INFO))
    yield from _of_metadata(sdist, message_from_string(metadata), version)


def _different(file: Path, found: set[str], wanted: set[str]) -> Iterable[str]:
    yield from (f"{file.name} lacks {name}" for name in sorted(wanted - found))
    yield from (f"{file.name} holds {name}, which does not belong there" for name in sorted(found - wanted))


def _of_metadata(file: Path, metadata: Message, version: str) -> Iterable[str]:
    wanted = {"Name": "gco-stream-reconciler", "Version": version, "License-Expression": "Apache-2.0"}
    for key, value in wanted.items():
        if metadata[key] != value:
            yield f"{file.name}: {key} is {metadata[key]}, not {value}"
