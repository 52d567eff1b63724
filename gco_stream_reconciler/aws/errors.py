"""botocore's exceptions as our own."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from gco_stream_reconciler.errors import (
    ConditionFailedError,
    ConfigurationError,
    ExpiredIteratorError,
    PermissionDeniedError,
    ReconcilerError,
    ShardNotFoundError,
    TableNotFoundError,
    TerminalError,
    ThrottledError,
    TrimmedDataError,
    UnavailableError,
)

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_THROTTLING = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "SlowDown",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "NotAuthorized",
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
    }
)
# Temporary credentials are renewed, so an expired token heals.
_EXPIRED_CREDENTIALS = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_SERVER_ERROR = 500


@contextlib.contextmanager
def own_errors(
    action: str, where: str, *, missing: type[ReconcilerError] = TableNotFoundError
) -> Iterator[None]:
    """Raise our errors for the SDK's.

    action: the IAM action, such as `dynamodb:GetItem`. where: table or stream and Region. missing: what a
    ResourceNotFoundException means here.
    """
    try:
        yield
    except ClientError as error:
        raise _of_response(error.response, action, where, missing) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise ConfigurationError(
            f"no AWS credentials for {action}: give the pod a role (EKS Pod Identity or IRSA), or set AWS_PROFILE"
        ) from error
    except NoRegionError as error:
        raise ConfigurationError("no AWS Region: set REGION") from error
    except (BotoConnectionError, HTTPClientError, OSError) as error:
        raise UnavailableError(f"{action} on {where}: {error}; check the way to AWS") from error
    except BotoCoreError as error:
        raise UnavailableError(f"{action} on {where}: {type(error).__name__}: {error}") from error


def _of_response(
    response: Mapping[str, Any], action: str, where: str, missing: type[ReconcilerError]
) -> ReconcilerError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    text = f"{action} on {where}: {code}: {response.get('Error', {}).get('Message', '')}"
    if code == "ResourceNotFoundException":
        return _not_found(missing, action, where)
    if code in _SPECIFIC:
        return _SPECIFIC[code](text)
    if code in _THROTTLING:
        return ThrottledError(text)
    if code in _DENIED:
        return PermissionDeniedError(f"{text}; allow {action} in the controller's IAM policy")
    if code in _EXPIRED_CREDENTIALS or status >= _SERVER_ERROR or status == 0:
        return UnavailableError(text)
    return TerminalError(text)


def _not_found(missing: type[ReconcilerError], action: str, where: str) -> ReconcilerError:
    if missing is TableNotFoundError:
        return TableNotFoundError(
            f"{where} does not exist (asked with {action}): check INFERENCE_ENDPOINTS_TABLE_NAME, DYNAMODB_REGION and "
            "the account of the credentials"
        )
    return missing(f"{where} does not exist any more (asked with {action})")


_SPECIFIC: Mapping[str, type[ReconcilerError]] = {
    "ConditionalCheckFailedException": ConditionFailedError,
    "ExpiredIteratorException": ExpiredIteratorError,
    "TrimmedDataAccessException": TrimmedDataError,
    "InternalServerError": UnavailableError,
    "InternalFailure": UnavailableError,
    "ServiceUnavailable": UnavailableError,
}

STREAM_GONE = ShardNotFoundError
"""What a ResourceNotFoundException means to a call about a stream or shard."""
