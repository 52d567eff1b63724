"""What becomes of every call when AWS misbehaves: the class of the error, its message, and how long it takes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gco_stream_reconciler.aws.endpoint_table import CALL_SECONDS as TABLE_SECONDS
from gco_stream_reconciler.aws.streams import CALL_SECONDS as STREAM_SECONDS
from gco_stream_reconciler.errors import (
    ConditionFailedError,
    ConfigurationError,
    ExpiredIteratorError,
    LeaseNotHeldError,
    PermissionDeniedError,
    ReconcilerError,
    ShardNotFoundError,
    TableNotFoundError,
    TerminalError,
    ThrottledError,
    TrimmedDataError,
    UnavailableError,
)
from gco_stream_reconciler.retries import ATTEMPTS
from tests.doubles.scripted_api_server import Answer, scripted_server
from tests.doubles.scripted_aws import (
    ARN,
    SHARD,
    Aws,
    breaks_off,
    collected,
    connected,
    gives,
    hangs_up,
    operations,
    page,
    raw,
    refuses,
    says_nothing,
    trickles,
)

# Fake time: pauses and deadlines cost nothing, while the sockets are real.
pytestmark = pytest.mark.looptime

Call = Callable[[Aws], Awaitable[Any]]

TABLE = "table endpoints in us-east-1"
ITEM = {"endpoint_name": {"S": "llama"}}


async def write(it: Aws) -> None:
    await it.table.write_status(
        name="llama",
        region="us-east-1",
        created_at=None,
        status={"M": {"state": {"S": "running"}}},
        region_status_exists=True,
    )


TABLE_CALLS: Mapping[str, Call] = {
    "DescribeTable": lambda it: it.table.describe(),
    "GetItem": lambda it: it.table.get("llama"),
    "GetItem at home": lambda it: it.table.get_home("llama"),
    "Scan": collected,
    "UpdateItem": write,
    "UpdateItem for a promotion": lambda it: it.table.promote(ITEM),
    "DeleteItem": lambda it: it.table.purge(ITEM),
    "Scan at home": lambda it: it.table.names_at_home(),
}
STREAM_CALLS: Mapping[str, Call] = {
    "DescribeTable for the stream": lambda it: it.streams.stream_of_table(),
    "DescribeStream": lambda it: it.streams.describe_stream(ARN),
    "GetShardIterator": lambda it: it.streams.get_shard_iterator(ARN, SHARD, "LATEST"),
    "GetRecords": lambda it: it.streams.get_records("iterator"),
}
CALLS = {**TABLE_CALLS, **STREAM_CALLS}
ABOUT_THE_STREAM = {name: CALLS[name] for name in ("DescribeStream", "GetShardIterator", "GetRecords")}


def now() -> float:
    return asyncio.get_running_loop().time()


async def failures(it: Aws, calls: Mapping[str, Call] = CALLS) -> dict[str, BaseException]:
    """What each call raises; they run side by side."""
    answers = await asyncio.gather(*(call(it) for call in calls.values()), return_exceptions=True)
    named = dict(zip(calls, answers, strict=True))
    returned = {name: answer for name, answer in named.items() if not isinstance(answer, BaseException)}
    assert not returned, "these calls took the answer for a good one"
    return named


def check(found: Mapping[str, BaseException], kind: type[ReconcilerError], *said: str) -> None:
    """Each is of exactly this class, tells action and place, has its cause, and says the rest too."""
    for name, error in found.items():
        message = str(error)
        assert type(error) is kind, f"{name}: {error!r}"
        assert error.__cause__ is not None, name
        assert f"dynamodb:{name.split()[0]}" in message, name
        place = "arn:aws:dynamodb:us-east-1:" if name in ("DescribeStream", "GetShardIterator") else TABLE
        assert place in message, f"{name}: {message}"
        for text in said:
            assert text in message, f"{name}: {message}"


# --- Refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "remedy", "refusals"),
    [
        (
            ThrottledError,
            "raise the capacity",
            [
                (400, "ThrottlingException"),
                (400, "ProvisionedThroughputExceededException"),
                (400, "RequestLimitExceeded"),
                (400, "LimitExceededException"),
                (400, "ThrottledException"),
            ],
        ),
        (
            UnavailableError,
            "it is tried again",
            [(500, "InternalServerError"), (503, "ServiceUnavailable"), (500, "SomethingNew")],
        ),
        (
            UnavailableError,
            "check the network path",
            [(408, "RequestTimeout"), (400, "RequestTimeoutException")],
        ),
        (
            UnavailableError,
            "another write to the item",
            [(409, "ReplicatedWriteConflictException"), (400, "TransactionConflictException")],
        ),
        (UnavailableError, "check the credentials", [(400, "ExpiredToken"), (400, "ExpiredTokenException")]),
        (
            PermissionDeniedError,
            "check the credentials",
            [
                (400, "UnrecognizedClientException"),
                (400, "InvalidSignatureException"),
                (403, "MissingAuthenticationToken"),
            ],
        ),
        (PermissionDeniedError, "in the controller's IAM policy", [(400, "AccessDeniedException")]),
        (
            TerminalError,
            "until the table or the request changes",
            [(400, "ValidationException"), (400, "SomethingNew")],
        ),
    ],
    ids=["throttled", "unavailable", "timed out", "conflict", "expired", "unknown", "denied", "other"],
)
async def test_a_refusal_becomes_the_error_that_tells_what_to_do(
    kind: type[ReconcilerError], remedy: str, refusals: list[tuple[int, str]]
) -> None:
    async with scripted_server() as server, connected(server.url) as it:
        for status, code in refusals:
            server.answers[:] = [refuses(code, "because", status=status)]
            check(await failures(it), kind, code, "because", remedy)


async def test_a_denied_action_is_named_as_the_policy_must_name_it() -> None:
    refusal = refuses("AccessDeniedException", "User: arn:aws:sts::1:role is not authorized")
    async with scripted_server(refusal) as server, connected(server.url) as it:
        for name, error in (await failures(it)).items():
            assert f"allow dynamodb:{name.split()[0]} in the controller's IAM policy" in str(error)


async def test_a_missing_resource_is_the_table_or_the_stream_that_was_asked_for() -> None:
    refusal = refuses("ResourceNotFoundException", "Requested resource not found")
    async with scripted_server(refusal) as server, connected(server.url) as it:
        found = await failures(it)
    stream = {name: found.pop(name) for name in ABOUT_THE_STREAM}
    check(stream, ShardNotFoundError, "does not exist any more")
    check(
        found,
        TableNotFoundError,
        "does not exist",
        "INFERENCE_ENDPOINTS_TABLE_NAME",
        "DYNAMODB_REGION",
        "STREAM_REGION",
    )
    assert SHARD in str(stream["GetShardIterator"])


@pytest.mark.parametrize(
    ("code", "kind"),
    [("ExpiredIteratorException", ExpiredIteratorError), ("TrimmedDataAccessException", TrimmedDataError)],
)
async def test_a_lost_position_in_the_stream_is_told_apart_from_other_failures(
    code: str, kind: type[ReconcilerError]
) -> None:
    async with scripted_server(refuses(code)) as server, connected(server.url) as it:
        check(await failures(it, ABOUT_THE_STREAM), kind, code)


async def test_a_lost_condition_is_tried_in_its_other_form_once_and_then_told() -> None:
    refusal = refuses("ConditionalCheckFailedException", "The conditional request failed")
    async with scripted_server(refusal) as server, connected(server.url) as it:
        found = await failures(it, {"UpdateItem": write})
    check(found, ConditionFailedError, "The conditional request failed")
    updates = [asked.body["UpdateExpression"] for asked in server.asked]
    assert updates == ["SET #statuses.#region = :status", "SET #statuses = :statuses"]


# --- Answers that are none ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        raw(b"<html>Service Unavailable</html>", status=503, content_type="text/html"),
        raw(b"", status=502),
        raw(b"\xff\xfe", status=500),
        raw(b'["no", "object"]', status=500),
        hangs_up,
        breaks_off(b""),
        breaks_off(b'{"Items": [{"endpoint_name": {"S": "llama"}}'),
    ],
    ids=["html", "empty", "no text", "no object", "hangs up", "breaks off at once", "breaks off"],
)
async def test_an_answer_that_does_not_come_whole_is_unavailability(answer: Answer) -> None:
    async with scripted_server(answer) as server, connected(server.url) as it:
        check(await failures(it), UnavailableError)


async def test_a_success_whose_body_is_no_json_object_is_never_taken_for_an_empty_answer() -> None:
    """Else a cut page is an empty table, a cut item a deleted endpoint, cut records a drained shard."""
    bodies = (
        b'{"Items": [{"endpoint_name": {"S": "llama"}}',
        b'{"Item": {"endpoint_name": {"S": "lla',
        b"<html>please log in</html>",
        b"",
        b"[]",
        b"null",
        b'{"Item": "\xff"}',
    )
    async with scripted_server() as server, connected(server.url) as it:
        for body in bodies:
            server.answers[:] = [raw(body)]
            check(await failures(it), UnavailableError)


async def test_a_success_that_lacks_what_was_asked_for_is_unavailability() -> None:
    # An absent Item and the answer to a write are empty; nothing else may be.
    empty = ("GetItem", "UpdateItem", "DeleteItem")
    answers = {name: call for name, call in CALLS.items() if name.split()[0] not in empty}
    async with scripted_server(gives({})) as server, connected(server.url) as it:
        check(await failures(it, answers), UnavailableError)


async def test_a_success_that_has_null_for_what_was_asked_for_is_unavailability() -> None:
    members = ("Items", "Records", "ShardIterator", "StreamDescription", "Table")
    empty = ("GetItem", "UpdateItem", "DeleteItem")
    answers = {name: call for name, call in CALLS.items() if name.split()[0] not in empty}
    async with scripted_server(gives(dict.fromkeys(members))) as server, connected(server.url) as it:
        check(await failures(it, answers), UnavailableError)


async def test_an_item_that_is_no_map_is_not_taken_for_an_item_that_is_gone() -> None:
    answers = {name: call for name, call in CALLS.items() if name.split()[0] == "GetItem"}
    assert answers
    for item in (None, [], "", 0, False):
        async with scripted_server(gives({"Item": item})) as server, connected(server.url) as it:
            check(await failures(it, answers), UnavailableError)


async def test_nobody_listening_is_unavailability() -> None:
    async with scripted_server(page()) as server:
        pass
    async with connected(server.url) as it:
        found = await failures(it)
    check(found, UnavailableError, "Cannot connect to host", "check the network path to AWS")
    assert not any("unhandled exception" in str(error) for error in found.values())


# --- Reads that go together -----------------------------------------------------------------------------------------


def batches_get(answer: Answer) -> Answer:
    """This answer to a read of several; a read of one finds its item."""

    async def by_operation(request: web.Request) -> web.StreamResponse:
        if request.headers["X-Amz-Target"].endswith(".BatchGetItem"):
            return await answer(request)
        return await gives({"Item": (await request.json())["Key"]})(request)

    return by_operation


async def together(it: Aws) -> list[Any]:
    """What a read gets whose call was on its way, and two that went together after it."""
    reads = (it.table.get(name) for name in ("first", "llama", "mistral"))
    _, *others = await asyncio.gather(*reads, return_exceptions=True)
    return others


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (refuses("ThrottlingException"), ThrottledError, "dynamodb:BatchGetItem on " + TABLE),
        (refuses("InternalServerError", status=500), UnavailableError, "dynamodb:BatchGetItem on " + TABLE),
        (raw(b'{"Responses": {"endpoints": [{"endpoint_n'), UnavailableError, "BatchGetItem"),
        (gives({}), UnavailableError, "BatchGetItem"),
        (gives({"Responses": {}}), ThrottledError, "left out of the answer"),
        (gives({"Responses": {}, "UnprocessedKeys": {}}), ThrottledError, "left out of the answer"),
        (gives({"Responses": {}, "UnprocessedKeys": None}), ThrottledError, "left out of the answer"),
        (gives({"Responses": None}), UnavailableError, "no answer to BatchGetItem"),
        (gives({"Responses": []}), UnavailableError, "no answer to BatchGetItem"),
        (gives({"Responses": {"endpoints": None}}), UnavailableError, "no answer to BatchGetItem"),
        (gives({"Responses": {"endpoints": [{}]}}), UnavailableError, "no answer to BatchGetItem"),
        (
            gives({"Responses": {"endpoints": []}, "UnprocessedKeys": {"endpoints": None}}),
            UnavailableError,
            "no answer to BatchGetItem",
        ),
        (breaks_off(b'{"Responses": {'), UnavailableError, "BatchGetItem"),
        (hangs_up, UnavailableError, "BatchGetItem"),
    ],
    ids=[
        "throttled",
        "500",
        "cut",
        "empty",
        "no table",
        "nothing at all",
        "nothing left",
        "null",
        "list",
        "null table",
        "no names",
        "null left",
        "breaks off",
        "hangs up",
    ],
)
async def test_a_read_of_several_that_fails_says_of_no_item_that_it_is_gone(
    answer: Answer, kind: type[ReconcilerError], said: str
) -> None:
    async with scripted_server(batches_get(answer)) as server, connected(server.url) as it:
        for error in await together(it):
            # A second try may go alone, and then it is answered.
            assert error in ({"endpoint_name": {"S": "llama"}}, {"endpoint_name": {"S": "mistral"}}) or (
                type(error) is kind and said in str(error)
            ), error
    assert "BatchGetItem" in operations(server.asked)


async def test_a_name_that_was_left_out_of_an_answer_is_asked_for_again() -> None:
    llama = {"endpoint_name": {"S": "llama"}}
    left = {"endpoints": {"Keys": [{"endpoint_name": {"S": "mistral"}}], "ConsistentRead": True}}
    answer = gives({"Responses": {"endpoints": [llama]}, "UnprocessedKeys": left})
    async with scripted_server(batches_get(answer)) as server, connected(server.url) as it:
        assert await together(it) == [llama, {"endpoint_name": {"S": "mistral"}}]
    assert operations(server.asked) == ["GetItem", "BatchGetItem", "GetItem"]


async def test_a_dead_connection_costs_one_endpoint_its_read_however_many_went_with_it() -> None:
    names = [f"endpoint-{number}" for number in range(16)]  # as many as there are workers
    async with scripted_server(batches_get(says_nothing)) as server, connected(server.url) as it:
        found = await asyncio.gather(*(it.table.get(name) for name in names), return_exceptions=True)
    first, sender, *others = found
    assert isinstance(sender, UnavailableError)
    assert "no answer within 8 s" in str(sender)
    assert [first, *others] == [{"endpoint_name": {"S": name}} for name in names if name != names[1]]
    assert Counter(operations(server.asked)) == {"GetItem": len(names) - 1, "BatchGetItem": 1}


async def test_a_policy_without_reads_of_several_costs_calls_and_no_endpoint() -> None:
    answer = refuses("AccessDeniedException")
    async with scripted_server(batches_get(answer)) as server, connected(server.url) as it:
        assert await together(it) == [{"endpoint_name": {"S": "llama"}}, {"endpoint_name": {"S": "mistral"}}]
    assert Counter(operations(server.asked)) == {"GetItem": 3, "BatchGetItem": 1}


# --- Scans --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (refuses("ProvisionedThroughputExceededException"), ThrottledError),
        (refuses("AccessDeniedException"), PermissionDeniedError),
        (refuses("ResourceNotFoundException"), TableNotFoundError),
        (refuses("InternalServerError", status=500), UnavailableError),
        (raw(b"busy", status=503, content_type="text/plain"), UnavailableError),
        (raw(b'{"Items": [{"endpoint_name"'), UnavailableError),
        (gives({}), UnavailableError),
        (breaks_off(b'{"Items": ['), UnavailableError),
        (hangs_up, UnavailableError),
    ],
    ids=["throttled", "denied", "gone", "500", "503", "cut", "empty", "breaks off", "hangs up"],
)
async def test_a_scan_whose_second_page_fails_raises(second: Answer, kind: type[ReconcilerError]) -> None:
    async with scripted_server(page("a", more=True), second) as server, connected(server.url) as it:
        scan = aiter(it.table.scan())
        assert await anext(scan) == [{"endpoint_name": {"S": "a"}}]
        with pytest.raises(kind) as caught:
            await anext(scan)
    check({"Scan": caught.value}, kind)


async def test_names_whose_second_page_fails_are_none() -> None:
    for second in (refuses("AccessDeniedException"), raw(b'{"Items": [{"endpoint_name"'), hangs_up):
        async with scripted_server(page("a", more=True), second) as server, connected(server.url) as it:
            with pytest.raises((PermissionDeniedError, UnavailableError)):
                await it.table.names_at_home()


async def test_a_lost_condition_of_a_promotion_or_purge_is_told_at_once() -> None:
    calls = {name: CALLS[name] for name in ("UpdateItem for a promotion", "DeleteItem")}
    refusal = refuses("ConditionalCheckFailedException", "The conditional request failed")
    async with scripted_server(refusal) as server, connected(server.url) as it:
        check(await failures(it, calls), ConditionFailedError, "The conditional request failed")
        assert len(server.asked) == 2


async def test_without_the_lease_nothing_is_written_and_reads_go_on() -> None:
    calls = {
        name: call for name, call in TABLE_CALLS.items() if name.startswith(("UpdateItem", "DeleteItem"))
    }
    async with scripted_server(page("a")) as server, connected(server.url, may_write=lambda: False) as it:
        found = await failures(it, calls)
        assert {type(error) for error in found.values()} == {LeaseNotHeldError}
        assert await collected(it) != []
    assert operations(server.asked) == ["Scan"]


async def test_a_scan_whose_second_page_fails_for_a_moment_goes_on_where_it_was() -> None:
    answers = (page("a", more=True), refuses("ThrottlingException"), hangs_up, page("b"))
    async with scripted_server(*answers) as server, connected(server.url) as it:
        assert [[one["endpoint_name"]["S"] for one in found] for found in await collected(it)] == [
            ["a"],
            ["b"],
        ]
    positions = [asked.body.get("ExclusiveStartKey") for asked in server.asked]
    assert positions == [None, *[{"endpoint_name": {"S": "a"}}] * 3]


# --- How often and how long ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [refuses("ThrottlingException"), refuses("InternalServerError", status=500), hangs_up]
)
async def test_of_transient_failures_table_calls_are_tried_again_and_stream_calls_are_not(
    answer: Answer,
) -> None:
    """The tries are ours: the SDK adds none, neither to a call of the table nor to one of the stream."""
    async with scripted_server(answer) as server, connected(server.url) as it:
        await failures(it)
    assert Counter(operations(server.asked)) == {
        "DescribeTable": ATTEMPTS + 1,  # one of them asks for the stream
        "GetItem": ATTEMPTS * 2,
        "Scan": ATTEMPTS * 2,
        "UpdateItem": ATTEMPTS * 2,
        "DeleteItem": ATTEMPTS,
        "DescribeStream": 1,
        "GetShardIterator": 1,
        "GetRecords": 1,
    }


async def test_a_table_call_succeeds_when_the_failure_ends() -> None:
    answers = (refuses("InternalServerError", status=500), hangs_up, gives({"Item": ITEM}))
    async with scripted_server(*answers) as server, connected(server.url) as it:
        assert await it.table.get("llama") == ITEM
        assert operations(server.asked) == ["GetItem"] * 3


async def test_a_write_that_met_another_regions_is_written_again_on_the_same_condition() -> None:
    conflict = refuses("ReplicatedWriteConflictException", status=409)
    async with scripted_server(conflict, gives({})) as server, connected(server.url) as it:
        await write(it)
    first, second = (asked.body for asked in server.asked)
    assert "ConditionExpression" in first
    assert first == second


async def test_what_would_fail_again_is_not_tried_again() -> None:
    async with scripted_server() as server, connected(server.url) as it:
        for code in ("AccessDeniedException", "ValidationException", "ResourceNotFoundException"):
            server.answers[:] = [refuses(code)]
            await failures(it)
    assert len(server.asked) == 3 * len(CALLS)


@pytest.mark.parametrize("answer", [says_nothing, trickles])
async def test_every_call_ends_at_its_deadline(answer: Answer) -> None:
    async def duration(name: str) -> float:
        began = now()
        with pytest.raises(UnavailableError, match=f"{TABLE}|{ARN}"):
            await CALLS[name](it)
        return now() - began

    async with scripted_server(answer) as server, connected(server.url) as it:
        durations = await asyncio.gather(*(duration(name) for name in CALLS))
        assert len(server.asked) >= len(CALLS)
    for name, seconds in zip(CALLS, durations, strict=True):
        assert seconds <= (TABLE_SECONDS if name in TABLE_CALLS else STREAM_SECONDS) + 0.001, name


async def test_failures_that_come_slowly_are_not_tried_past_the_deadline_and_the_last_one_is_told() -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3)
        return await refuses("InternalServerError", status=500)(request)

    async with scripted_server(slowly) as server, connected(server.url) as it:
        began = now()
        with pytest.raises(UnavailableError, match=r"dynamodb:GetItem on .* InternalServerError: a reason"):
            await it.table.get("llama")
        assert now() - began == pytest.approx(TABLE_SECONDS, abs=0.01)
        assert len(server.asked) == 3


async def test_a_cancelled_call_is_cancelled_and_nothing_else() -> None:
    async with scripted_server(says_nothing) as server, connected(server.url) as it:
        for call in CALLS.values():
            task = asyncio.ensure_future(call(it))
            server.was_asked.clear()
            await asyncio.wait_for(server.was_asked.wait(), 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert len(server.asked) == len(CALLS)


# --- Credentials --------------------------------------------------------------------------------------------------


async def test_credentials_that_cannot_be_fetched_are_unavailability_that_ends() -> None:
    """As in a pod: an agent on the node hands them out."""
    for answer in (says_nothing, raw(b"busy", status=500), hangs_up):
        async with scripted_server(answer) as agent:
            given = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent.url}/v1/credentials"}
            async with connected(agent.url, environment=given) as it:
                began = now()
                found = await failures(it)
            assert {type(error) for error in found.values()} == {UnavailableError}
            assert agent.asked
            assert not any("X-Amz-Target" in asked.headers for asked in agent.asked)
            assert now() - began < 30


@pytest.mark.parametrize(
    ("later", "said"),
    [
        ({}, "still expired"),
        ({"Expiration": "tomorrow"}, "tomorrow"),
        ({"Expiration": None}, "container-role"),
    ],
    ids=["still expired", "no time", "null"],
)
async def test_credentials_that_are_of_no_use_when_they_are_renewed_are_unavailability(
    later: Mapping[str, Any], said: str
) -> None:
    """After a jump of the clock, or from a source that hands out old ones: botocore raises what is no error of its own."""
    expired = {
        "AccessKeyId": "sandbox",
        "SecretAccessKey": "sandbox",
        "Token": "sandbox",
        "Expiration": "2020-01-01T00:00:00Z",
    }
    async with scripted_server(gives(expired), gives({**expired, **later})) as agent:
        given = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent.url}/v1/credentials"}
        async with connected(agent.url, environment=given) as it:
            with pytest.raises(UnavailableError):
                await it.table.get("llama")  # which finds them
            check(await failures(it), UnavailableError, said, "it is tried again", "clock")
        assert not any("X-Amz-Target" in asked.headers for asked in agent.asked)


async def test_first_credentials_that_cannot_be_read_are_unavailability() -> None:
    for answer in (
        raw(b"<html>"),
        gives([]),
        gives({}),
        gives({"AccessKeyId": None, "Expiration": "tomorrow"}),
    ):
        async with scripted_server(answer) as agent:
            given = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent.url}/v1/credentials"}
            async with connected(agent.url, environment=given) as it:
                check(await failures(it), UnavailableError, "retrieving credentials", "it is tried again")


async def test_an_agent_that_comes_up_later_is_found_by_the_next_call() -> None:
    handed_out = {
        "AccessKeyId": "sandbox",
        "SecretAccessKey": "sandbox",
        "Token": "sandbox",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    async with scripted_server(hangs_up) as agent, scripted_server(gives({"Item": ITEM})) as table:
        given = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent.url}/v1/credentials",
            "AWS_ENDPOINT_URL": table.url,
        }
        async with connected(table.url, environment=given) as it:
            with pytest.raises(UnavailableError, match="container-role"):
                await it.table.get("llama")
            agent.answers[:] = [gives(handed_out)]
            asked = len(agent.asked)
            assert await it.table.get("llama") == ITEM
            assert await it.table.get("llama") == ITEM
        assert len(agent.asked) == asked + 1


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_PROFILE": "nobody"}, r"\(nobody\).*correct AWS_PROFILE"),
        ({"AWS_CONFIG_FILE": "{folder}/broken"}, "broken.*correct AWS_PROFILE or the file"),
        ({"AWS_CONFIG_FILE": "{folder}/chain", "AWS_PROFILE": "dev"}, "gone.*correct AWS_PROFILE"),
        ({"AWS_CONFIG_FILE": "{folder}/sso", "AWS_PROFILE": "dev"}, "run `aws sso login`"),
        (
            {"AWS_CA_BUNDLE": "{folder}/nothing"},
            "nothing cannot be used: No such file.*; correct AWS_CA_BUNDLE",
        ),
        ({"AWS_CA_BUNDLE": "{folder}/broken"}, "broken cannot be used: .*; correct AWS_CA_BUNDLE"),
    ],
)
async def test_a_configuration_of_the_sdk_that_is_wrong_is_told_with_its_remedy(
    environment: Mapping[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "broken").write_text("what is this", encoding="ascii")
    (tmp_path / "chain").write_text(
        "[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/gco\nsource_profile = gone\n",
        encoding="ascii",
    )
    (tmp_path / "sso").write_text(
        "[profile dev]\nsso_session = it\nsso_account_id = 123456789012\nsso_role_name = gco\n"
        "[sso-session it]\nsso_region = us-east-1\nsso_start_url = https://sso.example/start\n",
        encoding="ascii",
    )
    given = {name: value.format(folder=tmp_path) for name, value in environment.items()}
    async with scripted_server(gives({})) as server:
        with pytest.raises(ConfigurationError, match=said):
            async with connected(server.url, environment=given) as it:
                await it.table.get("llama")
        assert not server.asked


async def test_a_role_that_the_pod_may_not_assume_is_told_as_that(tmp_path: Path) -> None:
    """IRSA with a trust policy for another service account: no action of DynamoDB is missing."""
    token = tmp_path / "token"
    token.write_text("a token", encoding="ascii")
    refusal = (
        b'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        b"<Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message>"
        b"</Error></ErrorResponse>"
    )
    async with scripted_server(raw(refusal, status=403, content_type="text/xml")) as sts:
        given = {
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/gco",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_REGION": "us-east-1",
        }
        async with connected(sts.url, environment=given) as it:
            found = await failures(it)
            check(
                found,
                UnavailableError,
                "AccessDenied",
                "sts:AssumeRoleWithWebIdentity",
                "check the Pod's role",
            )
            assert not any("IAM policy" in str(error) for error in found.values())
