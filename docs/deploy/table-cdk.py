# ruff: noqa: INP001 - a snippet to copy, not a module of a package
"""CDK: give the table that GCO's stack makes a stream, and replicas where wanted.

GCO declares the table without a stream. In the stack's code, where it says

    table = dynamodb.Table(self, "InferenceEndpointsTable", ...)

either add the arguments of `with_stream` there, or call `add_stream(table)` on the construct afterwards.
"""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct


def add_stream(table: dynamodb.Table) -> None:
    """Switch the stream on for a table of somebody else's construct: an update without replacement."""
    resource = table.node.default_child
    if isinstance(resource, dynamodb.CfnGlobalTable):
        raise TypeError(
            f"{table.node.path} is a TableV2: give it dynamo_stream=StreamViewType.NEW_AND_OLD_IMAGES where it is made"
        )
    if not isinstance(resource, dynamodb.CfnTable):
        raise TypeError(f"{table.node.path} is no table of CloudFormation's")
    resource.stream_specification = dynamodb.CfnTable.StreamSpecificationProperty(
        stream_view_type="NEW_AND_OLD_IMAGES"
    )


def with_stream(scope: Construct, replicas: list[str]) -> dynamodb.Table:
    """The same table declared with a stream, and as a global table where `replicas` names further Regions.

    Recovery to a point in time and deletion protection are the home table's: this construct gives replicas neither, so
    switch them on there by hand (table.yaml and table.tf do it by themselves).
    """
    return dynamodb.Table(
        scope,
        "InferenceEndpointsTable",
        table_name="gco-inference-endpoints",
        partition_key=dynamodb.Attribute(name="endpoint_name", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        removal_policy=RemovalPolicy.RETAIN,
        deletion_protection=True,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
        replication_regions=replicas or None,
    )


class EndpointsStack(Stack):
    """A stack of its own, for a table that GCO does not make."""

    def __init__(self, scope: Construct, name: str, *, replicas: list[str], **arguments: object) -> None:
        super().__init__(scope, name, **arguments)
        self.table = with_stream(self, replicas)
