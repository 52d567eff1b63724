"""The command line: `gco-stream-reconciler run` in a cluster, `demo` on a laptop."""

from gco_stream_reconciler.cli.main import main

__all__ = ["main"]
