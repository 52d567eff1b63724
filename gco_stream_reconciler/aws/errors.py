"""botocore's exceptions as our own."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    EndpointProviderError,
    EndpointVariantError,
    HTTPClientError,
    InvalidConfigError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
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

CHECK_THE_NETWORK = "check the network path to AWS (DNS, proxy, VPC endpoint)"
"""What to do where no answer comes."""

_Meaning = tuple[type[ReconcilerError], str]

_THROTTLED: _Meaning = (ThrottledError, "it is tried again, raise the capacity or the quota if it lasts")
_DENIED: _Meaning = (PermissionDeniedError, "allow {action} in the controller's IAM policy")
_UNKNOWN: _Meaning = (PermissionDeniedError, "check the credentials, their Region and this machine's clock")
# Temporary credentials are renewed, so an expired token heals.
_EXPIRED: _Meaning = (UnavailableError, "it is tried again, check the credentials if it lasts")
_BROKEN: _Meaning = (UnavailableError, "it is tried again, see the AWS Health Dashboard if it lasts")
_TIMED_OUT: _Meaning = (UnavailableError, f"it is tried again, {CHECK_THE_NETWORK} if it lasts")
# Nothing was written. The condition of each write is checked anew when it is tried again.
_CONFLICT: _Meaning = (
    UnavailableError,
    "another write to the item was under way, it is tried again and its condition decides",
)
_OTHER: _Meaning = (TerminalError, "it will fail again until the table or the request changes")

# What botocore takes for throttling (botocore/retries/standard.py).
_THROTTLING = (
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
)
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_MEANINGS: Mapping[str, _Meaning] = {
    **dict.fromkeys(_THROTTLING, _THROTTLED),
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "UnauthorizedOperation": _DENIED,
    "NotAuthorized": _DENIED,
    "InvalidSignatureException": _UNKNOWN,
    "UnrecognizedClientException": _UNKNOWN,
    "InvalidClientTokenId": _UNKNOWN,
    "MissingAuthenticationToken": _UNKNOWN,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "InternalServerError": _BROKEN,
    "InternalFailure": _BROKEN,
    "ServiceUnavailable": _BROKEN,
    "RequestTimeout": _TIMED_OUT,
    "RequestTimeoutException": _TIMED_OUT,
    "ReplicatedWriteConflictException": _CONFLICT,
    "TransactionConflictException": _CONFLICT,
    "ItemCollectionSizeLimitExceededException": _OTHER,
    "ConditionalCheckFailedException": (
        ConditionFailedError,
        "somebody else has changed the item, read it again",
    ),
    "ExpiredIteratorException": (ExpiredIteratorError, "take another iterator"),
    "TrimmedDataAccessException": (TrimmedDataError, "changes were lost, read the whole table"),
}
_MISCONFIGURED = (ProfileNotFound, ConfigNotFound, ConfigParseError, InvalidConfigError)
_SERVER_ERROR = 500
_NOT_FOUND = "ResourceNotFoundException"


def is_known(code: str) -> bool:
    """Whether this program knows the error code of AWS."""
    return code in _MEANINGS or code == _NOT_FOUND


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
            f"no AWS credentials for {action}: give the Pod a role (EKS Pod Identity or IRSA), or set AWS_PROFILE"
        ) from error
    except SSOError as error:
        raise ConfigurationError(f"{action} on {where}: {error}; run `aws sso login`") from error
    except _MISCONFIGURED as error:
        raise ConfigurationError(
            f"{action} on {where}: {error}; correct AWS_PROFILE or the file that AWS_CONFIG_FILE names"
        ) from error
    except CredentialRetrievalError as error:
        raise UnavailableError(
            f"{action} on {where}: {error}; it is tried again, check the Pod's role, what hands out its credentials "
            "and this machine's clock if it lasts"
        ) from error
    except (EndpointProviderError, EndpointVariantError) as error:
        raise ConfigurationError(
            f"{action} on {where}: {error}; correct REGION, AWS_USE_DUALSTACK_ENDPOINT or AWS_USE_FIPS_ENDPOINT"
        ) from error
    except NoRegionError as error:
        raise ConfigurationError("no AWS Region: set REGION") from error
    except (BotoConnectionError, HTTPClientError, OSError) as error:
        raise UnavailableError(f"{action} on {where}: {error}; {CHECK_THE_NETWORK}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"{action} on {where}: {type(error).__name__}: {error}") from error


def _of_response(
    response: Mapping[str, Any], action: str, where: str, missing: type[ReconcilerError]
) -> ReconcilerError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)
    if code == _NOT_FOUND:
        return _not_found(missing, action, where)
    kind, remedy = _MEANINGS.get(code) or (_BROKEN if status >= _SERVER_ERROR or status == 0 else _OTHER)
    text = f"{action} on {where}: {code}: {response.get('Error', {}).get('Message', '')}"
    return kind(f"{text}; {remedy.format(action=action)}")


def _not_found(missing: type[ReconcilerError], action: str, where: str) -> ReconcilerError:
    if missing is TableNotFoundError:
        return TableNotFoundError(
            f"{where} does not exist (asked with {action}): check INFERENCE_ENDPOINTS_TABLE_NAME, DYNAMODB_REGION, "
            "STREAM_REGION and the account of the credentials"
        )
    return missing(f"{where} does not exist any more (asked with {action})")


STREAM_GONE = ShardNotFoundError
"""What a ResourceNotFoundException means to a call about a stream or shard."""
