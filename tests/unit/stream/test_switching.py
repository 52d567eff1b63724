"""The commands name the Region: the shell that they are pasted into may be another one's."""

from gco_stream_reconciler.stream.switching import disabling, enabling, region_of


def test_the_commands_name_table_and_region() -> None:
    assert enabling("endpoints", "eu-west-1") == (
        "aws dynamodb update-table --region eu-west-1 --table-name endpoints "
        "--stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
    )
    assert disabling("endpoints", "eu-west-1") == (
        "aws dynamodb update-table --region eu-west-1 --table-name endpoints --stream-specification StreamEnabled=false"
    )


def test_a_region_that_is_not_known_is_left_out() -> None:
    assert enabling("endpoints", "").startswith("aws dynamodb update-table --table-name endpoints ")


def test_the_region_stands_in_the_arns_of_tables_and_streams() -> None:
    table = "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/endpoints"
    assert region_of(table) == region_of(f"{table}/stream/2026-11-22T01:02:03.004") == "cn-north-1"
    assert region_of("") == region_of("arn:aws") == ""
