"""Where and how a service is asked, as botocore's models and the user's configuration say."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import UNSIGNED
from yarl import URL

from gco_stream_reconciler import __version__

# An operation of each service that needs no parameters. It is not called.
_EXAMPLES: Mapping[str, str] = {"dynamodb": "list_tables", "dynamodbstreams": "list_streams"}
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


@dataclass(frozen=True, slots=True)
class Service:
    """One service in one Region.

    target_prefix: before the operation in X-Amz-Target, such as `DynamoDB_20120810`.
    """

    url: str
    region: str
    signing_name: str
    target_prefix: str
    content_type: str
    user_agent: str

    @classmethod
    async def of(cls, session: AioSession, name: str, region: str, endpoint_url: str = "") -> "Service":
        """What a client of botocore would use. Nothing is sent.

        endpoint_url: where to ask instead; without it botocore honours AWS_ENDPOINT_URL and its per-service forms. Raises
        ValueError for what is not a URL, and BotoCoreErrors.
        """
        # Unsigned, it asks for no credentials, and so for no account, whose own endpoint is not that of the Region.
        config = AioConfig(
            user_agent_extra=f"gco-stream-reconciler/{__version__}", signature_version=UNSIGNED
        )
        # Asked for what it would use, and closed: it has not opened a connection.
        async with session.create_client(
            name, region_name=region, endpoint_url=endpoint_url or None, config=config
        ) as client:
            meta = client.meta
            model = meta.service_model
            return cls(
                # Not meta.endpoint_url: that is by an older list than the rules that calls go by, and names another
                # host for a stream over dual stack.
                url=await client.generate_presigned_url(_EXAMPLES[name]),
                region=meta.region_name,
                signing_name=model.signing_name,
                target_prefix=model.metadata["targetPrefix"],
                content_type=f"application/x-amz-json-{model.metadata['jsonVersion']}",
                user_agent=meta.config.user_agent,
            )

    @property
    def is_elsewhere(self) -> bool:
        """Whether the URL is an endpoint of AWS in another Region, which refuses what is signed for this one.

        Those name their Region. Any other host may be one for all Regions, as emulators are.
        """
        host = URL(self.url).host or ""
        return "dynamodb" in host and host.endswith(_AWS) and self.region not in host.split(".")
