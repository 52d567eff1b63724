"""A console's source in memory, and a fleet that has one of everything an operator may meet."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from gco_stream_reconciler.console.views import (
    ActionRecord,
    CanarySplit,
    DelayedKey,
    Depth,
    EndpointDetail,
    EndpointRow,
    ErrorRecord,
    FailingKey,
    KeyInProcess,
    LeadershipView,
    PlannedAction,
    PlanView,
    QueueView,
    ShardView,
    StreamView,
    WaitingKey,
)

NOW = 1_763_740_800.0
SECRET = "hunter2-in-the-environment"
FAILURE = (
    "the API server refuses Deployment gco-inference/{name}: spec.template.spec.containers[0].image: "
    "Required value"
)
SHARD = "shardId-00000001763740{number:06d}-{number:08x}"


@dataclass
class MemorySource:
    """Satisfies ConsoleSource; a test sets what it needs. `before_endpoint` runs before an endpoint is looked up."""

    rows: list[EndpointRow] = field(default_factory=list)
    details: dict[str, EndpointDetail] = field(default_factory=dict)
    queue_view: QueueView = field(default_factory=QueueView)
    stream_view: StreamView = field(default_factory=StreamView)
    leadership_view: LeadershipView = field(default_factory=lambda: LeadershipView(leads=True))
    current_depth: Depth = field(default_factory=Depth)
    before_endpoint: Callable[[], Awaitable[None]] | None = None

    def depth(self) -> Depth:
        return self.current_depth

    def queue(self) -> QueueView:
        return self.queue_view

    def endpoints(self) -> Sequence[EndpointRow]:
        return self.rows

    async def endpoint(self, name: str) -> EndpointDetail | None:
        if self.before_endpoint is not None:
            await self.before_endpoint()
        found = self.details.get(name)
        if found is None:
            row = next((row for row in self.rows if row.name == name), None)
            found = EndpointDetail(row) if row is not None else None
        return found

    def stream(self) -> StreamView:
        return self.stream_view

    def leadership(self) -> LeadershipView:
        return self.leadership_view


def fleet(size: int = 200) -> MemorySource:
    """`size` endpoints: one failing, one canary, one taken away by the watchdog, a few on their way."""
    rows = [
        EndpointRow(
            name=f"vllm-model-{number:03d}",
            namespace="gco-inference",
            desired_state="running",
            state="running",
            replicas_ready=2,
            replicas_desired=2,
            exposure="exposed",
        )
        for number in range(size)
    ]
    rows[7] = replace(
        rows[7], name="llama3-70b", canary=CanarySplit(20, 10), message="canary of v0.22.0: 1/1 ready"
    )
    rows[11] = replace(
        rows[11],
        name="mixtral-8x7b",
        state="error",
        replicas_ready=0,
        exposure="waiting",
        error=FAILURE.format(name="mixtral-8x7b"),
    )
    rows[12] = replace(
        rows[12],
        replicas_ready=0,
        exposure="removed-by-watchdog",
        message="no ready Pod for 5 minutes: ImagePullBackOff (2)",
    )
    rows[13] = replace(rows[13], state="updating", replicas_ready=1, message="rolling out v0.22.0: 1/2 ready")
    rows[14] = replace(
        rows[14],
        state="creating",
        desired_state="deploying",
        replicas_ready=0,
        exposure="waiting",
        message="waits for a node: Unschedulable (2)",
    )
    for number in (15, 16, 17):
        rows[number] = replace(
            rows[number],
            state="stopped",
            desired_state="stopped",
            replicas_ready=0,
            replicas_desired=0,
            exposure="stopped",
        )
    return MemorySource(
        rows=rows,
        details={"mixtral-8x7b": failing_detail(rows[11])},
        queue_view=busy_queue(),
        stream_view=stream(),
        leadership_view=LeadershipView(
            leads=True,
            holder="gco-stream-reconciler/gco-reconciler-7c9d8-x2x4p/3f1c",
            identity="gco-stream-reconciler/gco-reconciler-7c9d8-x2x4p/3f1c",
        ),
        current_depth=Depth(live=2, timer=1, resync=1, in_process=2),
    )


def busy_queue() -> QueueView:
    return QueueView(
        waiting=(
            WaitingKey("vllm-model-021", "LIVE", 0.2),
            WaitingKey("vllm-model-022", "LIVE", 0.1),
            WaitingKey("vllm-model-030", "TIMER", 1.4),
            WaitingKey("vllm-model-040", "RESYNC", 3.75),
        ),
        in_process=(KeyInProcess("vllm-model-013", 0.31), KeyInProcess("vllm-model-014", 0.08)),
        delayed=(DelayedKey("vllm-model-012", "TIMER", 12.0), DelayedKey("mixtral-8x7b", "TIMER", 214.0)),
        failing=(
            FailingKey(
                "mixtral-8x7b",
                6,
                FAILURE.format(name="mixtral-8x7b"),
                terminal=True,
                failing_for_seconds=1260.0,
            ),
        ),
    )


def stream() -> StreamView:
    reading = [
        ShardView(SHARD.format(number=number), "READING", None, 0.12 + number / 50, 0.0, "")
        for number in range(1, 4)
    ]
    reading[2] = replace(reading[2], lag_seconds=0.4)
    return StreamView(
        arn="arn:aws:dynamodb:us-east-1:111122223333:table/gco-inference-endpoints/stream/2025-11-21T00:00:00.000",
        polled_age_seconds=0.18,
        shards=(
            *reading,
            ShardView(SHARD.format(number=4), "WAITING", SHARD.format(number=3)),
            ShardView(SHARD.format(number=0), "DRAINED"),
        ),
    )


def failing_detail(row: EndpointRow) -> EndpointDetail:
    environment = {"HF_TOKEN": SECRET, "VLLM_LOGGING_LEVEL": "INFO"}
    container = {
        "name": "inference",
        "image": "vllm/vllm-openai:v0.22.0",
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "ports": [{"containerPort": 8000}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": row.name,
            "namespace": row.namespace,
            "labels": {"app": row.name, "env": "prod"},
        },
        "spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": 0, "replicas": 2},
    }
    target = f"Deployment {row.namespace}/{row.name}"
    failure = FAILURE.format(name=row.name)
    return EndpointDetail(
        row=row,
        desired={
            "endpoint_name": row.name,
            "desired_state": "running",
            "target_regions": ["us-east-1", "eu-west-1"],
            "spec": {"image": "", "replicas": 2, "gpu_count": 4, "env": environment},
        },
        observed={target: deployment},
        plan=PlanView(
            stages=(
                (
                    PlannedAction("apply", target, ("wanted state changed",), deployment),
                    PlannedAction("apply", f"Service {row.namespace}/{row.name}", ("spec.ports[0].port",)),
                ),
                (PlannedAction("apply", f"Ingress {row.namespace}/inference-{row.name}", ("absent",)),),
            ),
            requeue_after_seconds=240,
        ),
        why=("rule 1: not exposed, no Pod is ready yet", "rule 14: the API server refuses the Deployment"),
        actions=(
            ActionRecord(NOW - 41, "apply", target, "wanted state changed", "failed", failure),
            ActionRecord(NOW - 300, "apply", f"Service {row.namespace}/{row.name}", "absent", "done"),
        ),
        errors=tuple(ErrorRecord(NOW - age, failure) for age in (41, 63, 80)),
    )
