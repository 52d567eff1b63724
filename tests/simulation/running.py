"""What the programs of this package share."""

import os
import sys


def say(text: str) -> None:
    """One line for who started the program, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def with_fixed_hashes(module: str) -> None:
    """Start the program again unless strings hash as they do in every other run: sets of names are iterated."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], environment)  # noqa: S606 - itself
