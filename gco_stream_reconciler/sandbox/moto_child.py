"""The child process that runs moto's server: `python -m gco_stream_reconciler.sandbox.moto_child PORT`.

It ends with its parent, however that ends: its standard input is a pipe that only the parent holds open.
"""

import os
import sys
import threading


def main(port: str) -> None:
    """Serve until standard input ends."""
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    # Imported late, so that a parent that is gone already is noticed during the import, which takes a second.
    from moto.server import main as serve  # noqa: PLC0415

    serve(["-H", "127.0.0.1", "-p", port])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
