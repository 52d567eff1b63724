import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.console.plain import public
from gco_stream_reconciler.endpoints.codec import decode_endpoint
from gco_stream_reconciler.endpoints.model import EndpointSpec
from gco_stream_reconciler.redaction import REDACTED, redacted
from tests.samples import malformed_items, sample_items

SECRET = "s3cr3t-value"
names = st.sampled_from(["HF_TOKEN", "M", "L", "S", "env", "value", "labels", "", "a b"])
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
harmless = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["spec", "labels", "containers", "name", "M", "nodeSelector"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
secret_values = st.recursive(
    st.just(SECRET),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2) | st.dictionaries(names, inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)


def as_dynamodb(value: Any) -> Any:
    match value:
        case dict():
            return {"M": {key: as_dynamodb(each) for key, each in value.items()}}
        case list():
            return {"L": [as_dynamodb(each) for each in value]}
    return {"S": str(value)}


environments = (
    st.dictionaries(names, st.just(SECRET), min_size=1)
    | st.lists(st.fixed_dictionaries({"name": names, "value": secret_values}), min_size=1, max_size=3)
    | secret_values
)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """Anything, with an environment somewhere in it; what is not its names holds the secret."""
    environment = draw(environments)
    document: Any = {"env": draw(st.sampled_from([environment, as_dynamodb(environment)]))}
    for _ in range(draw(st.integers(0, 5))):
        key = draw(st.sampled_from(["spec", "template", "M", "env_of", "containers", "annotations"]))
        match draw(st.integers(0, 3)):
            case 0:
                document = [draw(harmless), document]
            case 1 if not isinstance(document, str):
                document = json.dumps(document)
            case _:
                document = {**draw(st.dictionaries(st.text(max_size=3), harmless, max_size=2)), key: document}
    return document


@given(documents())
def test_no_value_of_an_environment_is_left_however_it_is_wrapped(document: Any) -> None:
    assert SECRET not in json.dumps(redacted(document))


@given(documents())
def test_redacting_twice_changes_nothing_more(document: Any) -> None:
    assert redacted(redacted(document)) == redacted(document)


@given(harmless)
def test_what_holds_no_environment_stays_as_it_is(document: Any) -> None:
    assert redacted(document) == document


@given(st.dictionaries(st.text(), st.text()))
def test_the_names_of_an_environment_stay(environment: dict[str, str]) -> None:
    assert redacted({"env": environment})["env"].keys() == environment.keys()
    assert redacted({"env": as_dynamodb(environment)})["env"]["M"].keys() == environment.keys()
    entries = [{"name": name, "value": value} for name, value in environment.items()]
    assert [each["name"] for each in redacted({"env": entries})["env"]] == list(environment)


def test_a_container_keeps_everything_but_the_values() -> None:
    container = {"image": "x", "env": [{"name": "A", "value": "1"}], "envFrom": [{"prefix": "P_"}]}
    assert redacted(container) == {**container, "env": [{"name": "A", "value": REDACTED}]}


def test_a_label_named_env_is_no_environment() -> None:
    labels = {"labels": {"env": "prod"}, "nodeSelector": {"env": "gpu"}}
    assert redacted(labels) == labels


def test_the_argument_is_not_changed() -> None:
    document = {"spec": {"env": {"A": SECRET}}}
    redacted(document)
    assert document == {"spec": {"env": {"A": SECRET}}}


def test_json_in_a_text_is_redacted_even_where_its_key_is_written_with_escapes() -> None:
    annotation = '{"\\u0065nv": [{"name": "A", "value": "' + SECRET + '"}]}'
    assert SECRET not in json.dumps(redacted({"last-applied-configuration": annotation}))


def test_json_nested_too_deeply_goes_as_a_whole() -> None:
    document = json.dumps({"env": {"A": SECRET}})
    for _ in range(20):
        document = json.dumps([document])
    assert SECRET not in json.dumps(redacted(document))


def test_no_value_of_a_decoded_items_environment_is_public() -> None:
    spec = EndpointSpec(image="x", env={"HF_TOKEN": SECRET})
    assert public(spec)["env"] == {"HF_TOKEN": REDACTED}
    for item in (*sample_items(), *(item for _, item in malformed_items())):
        marked = json.loads(json.dumps(item))
        marked.setdefault("spec", {"M": {}}).setdefault("M", {})["env"] = {"M": {"A": {"S": SECRET}}}
        for shown in (public(marked), public(decode_endpoint(marked))):
            assert SECRET not in json.dumps(shown)
