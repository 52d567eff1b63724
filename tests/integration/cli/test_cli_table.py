import json

from gco_stream_reconciler.sandbox.table import Writer
from tests.integration.cli.commands import Commands


async def test_a_table_that_is_made_passes_its_check(writer: Writer) -> None:
    command = Commands(writer.table)
    missing = await command("table", "check")
    assert (missing.code, "does not exist" in missing.sentence) == (1, True)
    made = await command("table", "create")
    assert (made.code, made.err) == (0, "")
    document = json.loads((await command("table", "check", "-o", "json")).out)
    assert document["verdict"] == "ok"
    assert [check["name"] for check in document["checks"]] == ["table", "key", "stream"]


async def test_a_table_that_is_there_is_left_as_it_is(writer: Writer) -> None:
    writer.create_table(stream=False)
    command = Commands(writer.table)
    ended = await command("table", "create")
    assert (ended.code, "exists already" in ended.sentence) == (1, True)
    checked = await command("table", "check")
    assert checked.code == 1
    assert "StreamViewType=NEW_AND_OLD_IMAGES" in checked.out


async def test_an_empty_table_has_a_header_and_a_hint(writer: Writer) -> None:
    writer.create_table()
    ended = await Commands(writer.table)("status")
    assert ended.code == 0
    assert ended.out.startswith("NAME")
    assert "endpoint deploy" in ended.sentence
