"""Credentials as botocore finds them, looked for when a call first needs them."""

import contextlib
from collections.abc import Iterator

from aiobotocore.session import AioSession
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, CredentialRetrievalError, NoCredentialsError


class CallCredentials:
    """Those of every call.

    EKS Pod Identity and other sources are asked for credentials when they are found, not when they are used. Their agent
    may come up later than this process, so a search that fails is one failed call, and the next call searches again.
    """

    def __init__(self, session: AioSession) -> None:
        self._session = session

    async def frozen(self) -> ReadOnlyCredentials:
        """Those that are valid now, renewed if need be.

        Raises NoCredentialsError, CredentialRetrievalError and other BotoCoreErrors.
        """
        with _retrieval_errors("the first source that has some"):
            credentials = await self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        with _retrieval_errors(credentials.method):
            frozen: ReadOnlyCredentials = await credentials.get_frozen_credentials()
        return frozen


@contextlib.contextmanager
def _retrieval_errors(provider: str) -> Iterator[None]:
    """Raise botocore's CredentialRetrievalError for what is not one of its BotoCoreErrors.

    A refusal by STS is a ClientError, which would be taken for one of the service that is asked with the credentials;
    renewed ones that have expired are a RuntimeError, and an answer that cannot be read is whatever the parser raises.
    """
    try:
        yield
    except BotoCoreError:
        raise
    except Exception as error:
        raise CredentialRetrievalError(
            provider=provider, error_msg=f"{type(error).__name__}: {error}"
        ) from error
