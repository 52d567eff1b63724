"""`python -m gco_stream_reconciler` is the same as the command `gco-stream-reconciler`."""

from gco_stream_reconciler.cli.main import main

if __name__ == "__main__":
    main()
