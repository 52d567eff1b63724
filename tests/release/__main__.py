"""`python -m tests.release SOURCE BUILT`: look into the wheel and the sdist. Exit code 1 where something is wrong."""

import sys
from pathlib import Path

from tests.release.distributions import DATA, package_files, problems, version_of


def main() -> int:
    """Returns the exit code."""
    source, built = (Path(argument) for argument in sys.argv[1:])
    if found := problems(source, built):
        sys.stderr.write("".join(f"{problem}\n" for problem in found))
        return 1
    files, data = len(package_files(source)), len(DATA)
    sys.stdout.write(
        f"{version_of(source)}: all {files} files of the package, {data} of them data; the licence\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
