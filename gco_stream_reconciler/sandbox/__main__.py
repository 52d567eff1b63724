"""`python -m gco_stream_reconciler.sandbox`: the embedded AWS and API server as a process of their own."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from gco_stream_reconciler.sandbox.aws import AwsServer
from gco_stream_reconciler.sandbox.kubernetes.server import KubernetesServer
from gco_stream_reconciler.sandbox.table import Writer


async def _serve(port: int, aws: AwsServer, folder: Path, namespace: str, *, table: bool) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with KubernetesServer(port=port) as cluster:
        cluster.store.add_namespace(namespace)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(cluster.kubeconfig()), "utf-8")
        if table:
            await asyncio.to_thread(Writer(aws.url).create_table)
        where = {"kubernetes": cluster.url, "aws": aws.url, "kubeconfig": str(kubeconfig)}
        sys.stdout.write(json.dumps(where) + "\n")
        sys.stdout.flush()
        await stopping.wait()


def main() -> None:
    """Serve until SIGTERM or SIGINT; the first line of standard output says where."""
    parser = argparse.ArgumentParser(prog="python -m gco_stream_reconciler.sandbox", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="of the API server; 0 takes any free one")
    parser.add_argument("--aws-port", type=int, default=0, help="of AWS; 0 takes any free one")
    parser.add_argument("--namespace", default="gco-inference", help="a namespace to make")
    parser.add_argument("--table", action="store_true", help="make the endpoint table, with its stream")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, AwsServer(port=options.aws_port) as aws:
        asyncio.run(_serve(options.port, aws, Path(folder), options.namespace, table=options.table))


if __name__ == "__main__":
    main()
