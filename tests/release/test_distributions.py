import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from gco_stream_reconciler import __version__
from tests.helm.charts import ROOT
from tests.release.distributions import DATA, PACKAGE, package_files, problems, version_of

STEM = f"{PACKAGE}-1.2.3"
METADATA = "Name: gco-stream-reconciler\nVersion: 1.2.3\nLicense-Expression: Apache-2.0\n"
PACKAGED = (f"{PACKAGE}/__init__.py", *(f"{PACKAGE}/{name}" for name in DATA))
WHEEL = (
    *PACKAGED,
    *(
        f"{STEM}.dist-info/{name}"
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")
    ),
)
SDIST = (*PACKAGED, "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg")


def checked(
    folder: Path, wheel: Iterable[str] = WHEEL, sdist: Iterable[str] = SDIST, metadata: str = METADATA
) -> list[str]:
    """What is said of a wheel and an sdist with these files, made from a source that has all of them."""
    source, built = folder / "source", folder / "built"
    built.mkdir()
    for name in PACKAGED:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text('__version__ = "1.2.3"\n', "utf-8")
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl", "w") as archive:
        for name in wheel:
            archive.writestr(name, metadata)
    with tarfile.open(built / f"{STEM}.tar.gz", "w:gz") as archive:
        for name in sdist:
            member = tarfile.TarInfo(f"{STEM}/{name}")
            member.size = len(metadata)
            archive.addfile(member, io.BytesIO(metadata.encode()))
    return problems(source, built)


def test_a_complete_release_is_accepted(tmp_path: Path) -> None:
    assert checked(tmp_path) == []


@pytest.mark.parametrize("name", [*DATA, "__init__.py"])
def test_a_wheel_without_a_file_of_the_package_is_refused(tmp_path: Path, name: str) -> None:
    path = f"{PACKAGE}/{name}"
    found = checked(tmp_path, wheel=[each for each in WHEEL if each != path])
    assert found == [f"{STEM}-py3-none-any.whl lacks {path}"]


def test_an_sdist_with_tests_is_refused(tmp_path: Path) -> None:
    found = checked(tmp_path, sdist=[*SDIST, "tests/test_x.py"])
    assert found == [f"{STEM}.tar.gz holds tests/test_x.py, which does not belong there"]


def test_a_release_without_the_licence_is_refused(tmp_path: Path) -> None:
    found = checked(
        tmp_path,
        wheel=[name for name in WHEEL if "LICENSE" not in name],
        sdist=[name for name in SDIST if name != "LICENSE"],
    )
    assert len(found) == 2
    assert all("LICENSE" in each for each in found)


def test_metadata_with_another_version_are_refused(tmp_path: Path) -> None:
    found = checked(tmp_path, metadata=METADATA.replace("1.2.3", "1.2.4"))
    assert [each.split(": ")[1] for each in found] == ["Version is 1.2.4, not 1.2.3"] * 2


def test_another_name_than_the_versions_is_refused(tmp_path: Path) -> None:
    assert checked(tmp_path) == []
    (tmp_path / "built" / f"{STEM}.tar.gz").rename(tmp_path / "built" / f"{PACKAGE}-1.2.4.tar.gz")
    assert problems(tmp_path / "source", tmp_path / "built")[0].startswith("built were")


def test_the_version_read_from_the_source_is_the_programs() -> None:
    assert version_of(ROOT) == __version__


def test_the_data_of_the_package_are_all_known() -> None:
    other = {name for name in package_files(ROOT) if not name.endswith((".py", ".pyi"))}
    assert other == {f"{PACKAGE}/{name}" for name in DATA}
