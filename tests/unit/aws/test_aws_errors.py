"""The meaning of the errors that AWS states for the operations of the policy, as botocore's own model lists them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from botocore.session import get_session

from gco_stream_reconciler.aws.errors import is_known, own_errors
from gco_stream_reconciler.errors import (
    ConditionFailedError,
    ReconcilerError,
    RetryableError,
    TerminalError,
    ThrottledError,
    UnavailableError,
)

POLICY = Path(__file__).parents[3] / "docs" / "deploy" / "controller-policy.json"


def operations() -> Iterator[OperationModel]:
    """What the controller may ask for, which is what it asks for."""
    statements = json.loads(POLICY.read_text("utf-8"))["Statement"]
    allowed = {action.removeprefix("dynamodb:") for each in statements for action in each["Action"]}
    session = get_session()
    models = [session.get_service_model(name) for name in ("dynamodb", "dynamodbstreams")]
    for operation in sorted(allowed):
        yield next(model.operation_model(operation) for model in models if operation in model.operation_names)


OPERATIONS = tuple(operations())


def meaning(code: str, *, status: int = 400, action: str = "dynamodb:UpdateItem") -> ReconcilerError:
    answer = {
        "Error": {"Code": code, "Message": "a reason"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(ReconcilerError) as caught, own_errors(action, "table endpoints in us-east-1"):
        raise ClientError(answer, action)  # type: ignore[arg-type]  # the parts that are read
    return caught.value


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_error_of_an_operation_has_a_meaning(operation: OperationModel) -> None:
    shapes = operation.error_shapes
    assert shapes
    assert [shape.name for shape in shapes if not is_known(shape.name)] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_the_service_says_may_be_tried_again_is_tried_again(operation: OperationModel) -> None:
    retryable = [shape.name for shape in operation.error_shapes if "retryable" in shape.metadata]
    assert [code for code in retryable if not isinstance(meaning(code), RetryableError)] == []


def test_the_service_says_of_a_conflict_between_regions_that_it_may_be_tried_again() -> None:
    found = {
        shape.name
        for each in OPERATIONS
        for shape in each.error_shapes
        if shape.metadata.get("retryable") is not None
    }
    assert found == {"ReplicatedWriteConflictException"}


@pytest.mark.parametrize("code", ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
def test_what_botocore_takes_for_throttling_is_throttling(code: str) -> None:
    assert type(meaning(code)) is ThrottledError


@pytest.mark.parametrize("code", TransientRetryableChecker._TRANSIENT_ERROR_CODES)
def test_what_botocore_takes_for_transient_is_tried_again_soon(code: str) -> None:
    assert isinstance(meaning(code), UnavailableError | ThrottledError)


@pytest.mark.parametrize("code", ["ReplicatedWriteConflictException", "TransactionConflictException"])
@pytest.mark.parametrize("status", [400, 409])
def test_a_conflict_of_writes_is_tried_again_soon_and_is_no_lost_condition(code: str, status: int) -> None:
    error = meaning(code, status=status)
    assert type(error) is UnavailableError
    assert "tried again" in str(error)


def test_a_lost_condition_and_a_refused_request_are_not_tried_again() -> None:
    assert type(meaning("ConditionalCheckFailedException")) is ConditionFailedError
    assert type(meaning("ItemCollectionSizeLimitExceededException")) is TerminalError
    assert type(meaning("ValidationException")) is TerminalError
