"""What goes wrong while botocore gets or renews credentials."""

import contextlib
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, CredentialRetrievalError


@contextlib.contextmanager
def retrieval_errors(provider: str) -> Iterator[None]:
    """Raise botocore's CredentialRetrievalError for what is not one of its BotoCoreErrors.

    provider: where the credentials come from, such as `container-role`. A refusal by STS is a ClientError, which would
    be taken for one of the service that is asked with the credentials; renewed ones that have expired are a
    RuntimeError, and an answer that cannot be read is whatever the parser raises.
    """
    try:
        yield
    except BotoCoreError:
        raise
    except Exception as error:
        raise CredentialRetrievalError(
            provider=provider, error_msg=f"{type(error).__name__}: {error}"
        ) from error
