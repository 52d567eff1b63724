"""`python -m gco_stream_reconciler.sandbox`: a cluster and a table to try the controller on, until SIGTERM or SIGINT.

Prints one JSON line: {"kubernetes": url, "aws": url, "kubeconfig": path, "table": name, "environment": {...}}.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from gco_stream_reconciler.sandbox.aws import AwsServer
from gco_stream_reconciler.sandbox.foreign import FOREIGN
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import TABLE, Writer


def main() -> int:
    """Serve; returns the exit code."""
    parser = argparse.ArgumentParser(prog="gco_stream_reconciler.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of the Kubernetes API (0: any free one)")
    parser.add_argument("--aws-port", type=int, default=0, help="port of AWS (0: any free one)")
    parser.add_argument("--namespace", default="gco-inference", help="namespace to make")
    parser.add_argument("--table", default=TABLE, help="table to make, with a stream; empty for none")
    parser.add_argument("--ready-delay", type=float, default=0.2, help="seconds until a Pod is ready")
    for name in FOREIGN:
        os.environ.pop(name, None)
    try:
        return asyncio.run(_serve(parser.parse_args()))
    except (OSError, RuntimeError) as error:
        print(f"sandbox: {error}", file=sys.stderr)  # noqa: T201 - this is the command's output
        return 1


async def _serve(options: argparse.Namespace) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    aws = AwsServer(port=options.aws_port)
    kubernetes = KubernetesServer(port=options.port, ready_delay_seconds=options.ready_delay)
    with tempfile.TemporaryDirectory(prefix="gco-sandbox-") as folder:
        try:
            await asyncio.to_thread(aws.__enter__)
            async with kubernetes:
                kubernetes.store.add_namespace(options.namespace)
                if options.table:
                    await asyncio.to_thread(Writer(aws.url, table=options.table).create_table)
                kubeconfig = Path(folder) / "kubeconfig"
                kubeconfig.write_text(json.dumps(kubernetes.kubeconfig(options.namespace)), "utf-8")
                ready = {
                    "kubernetes": kubernetes.url,
                    "aws": aws.url,
                    "kubeconfig": str(kubeconfig),
                    "table": options.table,
                    "environment": {**aws.environment(), "KUBECONFIG": str(kubeconfig)},
                }
                print(json.dumps(ready), flush=True)  # noqa: T201 - this is the command's output
                await stop.wait()
        finally:
            await asyncio.to_thread(aws.__exit__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
