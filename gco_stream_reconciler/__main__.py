"""Where the command `gco-stream-reconciler` and `python -m gco_stream_reconciler` begin."""

import os
import signal
import sys


def main() -> None:
    """Run the command line; from its first moment on the controller can be stopped.

    As PID 1 of a container a process gets no signal that it does not handle, and the imports take a second: without
    this the kubelet would wait out its grace period for a pod that is deleted meanwhile.
    """
    if sys.argv[1:2] == ["run"]:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    from gco_stream_reconciler.cli.main import main as run_command_line  # noqa: PLC0415 - after the handler

    run_command_line()


if __name__ == "__main__":
    main()
