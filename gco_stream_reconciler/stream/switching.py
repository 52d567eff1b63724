"""How a table's stream is switched on and off: commands, for the messages that ask for it. Pure."""

NEW_AND_OLD = "NEW_AND_OLD_IMAGES"
"""The view that shows what a change changed."""


def enabling(table_name: str) -> str:
    """The command that enables the stream."""
    return (
        f"aws dynamodb update-table --table-name {table_name} "
        f"--stream-specification StreamEnabled=true,StreamViewType={NEW_AND_OLD}"
    )


def disabling(table_name: str) -> str:
    """The command that disables it."""
    return f"aws dynamodb update-table --table-name {table_name} --stream-specification StreamEnabled=false"
