"""How a table's stream is switched on and off: commands, for the messages that ask for it. Pure."""

NEW_AND_OLD = "NEW_AND_OLD_IMAGES"
"""The view that shows what a change changed."""


def enabling(table_name: str, region: str) -> str:
    """The command that enables the stream of the table in a Region."""
    return _setting(table_name, region, f"StreamEnabled=true,StreamViewType={NEW_AND_OLD}")


def disabling(table_name: str, region: str) -> str:
    """The command that disables it."""
    return _setting(table_name, region, "StreamEnabled=false")


def region_of(arn: str) -> str:
    """The Region in an ARN (`arn:partition:service:region:account:resource`), empty if it is none."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""  # noqa: PLR2004 - as many parts


def _setting(table_name: str, region: str, stream: str) -> str:
    # A table of that name may stand in the Region of the reader's shell, too.
    where = f"--region {region} " if region else ""
    return f"aws dynamodb update-table {where}--table-name {table_name} --stream-specification {stream}"
