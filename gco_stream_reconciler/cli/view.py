"""How the demo looks: one table that lives while the story runs, plain lines where nobody watches."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console, Group
from rich.table import Table

from gco_stream_reconciler.cli.stage import HOME, Stage, Step
from gco_stream_reconciler.endpoints.model import RegionStatus

_RECENT = 6


def picture(stage: Stage, statuses: Mapping[str, RegionStatus], depth: int) -> Group:
    """Table, cluster and queue of the home Region at this moment, and the last steps."""
    endpoints = Table(title=f"Endpoints in {HOME}", title_justify="left")
    for column in (
        "endpoint",
        "table: state",
        "exposure",
        "cluster: ready/wanted",
        "image",
        "requests go to",
    ):
        endpoints.add_column(column)
    for name, status in statuses.items():
        deployment = stage.deployment(name) or {}
        shares = ", ".join(f"{service} {weight} %" for service, weight in stage.served(name).items())
        endpoints.add_row(
            name,
            str(status.state),
            status.exposure or "-",
            _replicas(deployment),
            _image(deployment),
            shares or "-",
        )
    return Group(endpoints, f"queue depth {depth}", *(line(step) for step in stage.steps[-_RECENT:]))


def line(step: Step) -> str:
    """One step for a person."""
    return f"{step.seconds * 1000:7.0f} ms  {step.done}: {step.followed}"


def summarise(console: Console, steps: Sequence[Step]) -> None:
    """Every step with its time, and the usual and the longest one."""
    table = Table(title="From the write in the table to the change in the cluster", title_justify="left")
    table.add_column("milliseconds", justify="right")
    table.add_column("written")
    table.add_column("followed")
    for step in steps:
        table.add_row(f"{step.seconds * 1000:.0f}{'*' if step.waits else ' '}", step.done, step.followed)
    console.print(table)
    console.print("* a rule's own waiting time is in it", markup=False)
    times = [step.seconds * 1000 for step in steps if not step.waits]
    console.print(f"{len(times)} other changes: median {median(times):.0f} ms, longest {max(times):.0f} ms")


def what_runs(
    *,
    kubeconfig: Path,
    table_url: str,
    http_port: int | None,
    cluster_url: str,
    debug_port: int | None,
    programs: Path,
    left_out: Sequence[str] = (),
) -> str:
    """Where everything is that `--serve` keeps running, as lines to copy into another shell.

    `programs` is the folder of this program, `left_out` names the variables of its shell that would lead elsewhere. Each
    of the commands names its server, so that none of them can reach a cluster or an account of the reader's own; the
    exports do the same for what is typed after them.
    """
    credentials = "AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox"
    forgetting = f"  unset {' '.join(left_out)}\n" if left_out else ""
    return f"""\
Everything keeps running; Ctrl-C ends it. In another shell:
{forgetting}  kubectl --kubeconfig {kubeconfig} get deployments,services,ingresses,hpa
  {credentials} aws --region {HOME} --endpoint-url {table_url} dynamodb scan --table-name gco-inference-endpoints
  curl -s http://127.0.0.1:{http_port}/metrics | grep ^workqueue_depth
For commands of your own, gco-stream-reconciler's among them:
  export KUBECONFIG={kubeconfig} AWS_ENDPOINT_URL={table_url}
  export {credentials} REGION={HOME} PATH={programs}:$PATH
API server: {cluster_url}
Operator's page: http://127.0.0.1:{debug_port}/"""


def _replicas(deployment: Mapping[str, Any]) -> str:
    if not deployment:
        return "-"
    ready = (deployment.get("status") or {}).get("readyReplicas", 0)
    return f"{ready}/{deployment['spec']['replicas']}"


def _image(deployment: Mapping[str, Any]) -> str:
    if not deployment:
        return "-"
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition("/")[2]
