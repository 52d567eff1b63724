"""JSON in and out: what orjson refuses still gets its reader and writer."""

import json
from hashlib import sha256

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gco_stream_reconciler import jsontext

LONE_SURROGATE = "\ud800"
BEYOND_64_BITS = 2**70

SCALARS = (
    st.none()
    | st.booleans()
    | st.text(st.characters())
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner)
)


@given(VALUES)
def test_what_is_written_reads_as_it_was(value: object) -> None:
    for write in (jsontext.encode, jsontext.canonical):
        assert json.loads(write(value)) == value


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(-(2**63), 2**63 - 1), st.lists))
def test_texts_are_read_as_the_standard_library_reads_them(value: object) -> None:
    text = json.dumps(value)
    assert jsontext.parse(text) == jsontext.parse(text.encode()) == value


def test_equal_values_have_one_canonical_text_without_spaces() -> None:
    one = {"b": [1, {"d": 2, "c": 3}], "a": "ü"}
    other = {"a": "ü", "b": [1, {"c": 3, "d": 2}]}
    assert jsontext.canonical(one) == jsontext.canonical(other) == rb'{"a":"\u00fc","b":[1,{"c":3,"d":2}]}'
    assert jsontext.encode(one) == '{"b":[1,{"d":2,"c":3}],"a":"ü"}'.encode()


WITHOUT_FLOATS = st.recursive(
    st.none() | st.booleans() | st.text(st.characters()) | st.integers(-(2**70), 2**70),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
)


@given(WITHOUT_FLOATS)
@example("".join(map(chr, range(0x100))))
@example({"\uffff": 1, "\U0001f600": 2, "\x7f": 3, "a": 4})
def test_a_canonical_text_is_the_standard_library_s(value: object) -> None:
    assert jsontext.canonical(value) == json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("plain", "9adbd00c390ba1e4"),
        ("Grüße", "9352c196c2e983c9"),
        ("a\x7fb", "fb079875702ef922"),
        ("\U0001f600", "874adbb19c05bb57"),
    ],
    ids=ascii,
)
def test_hashes_that_stand_in_clusters_stay(text: str, digest: str) -> None:
    assert sha256(jsontext.canonical({"env": [text]})).hexdigest().startswith(digest)


@pytest.mark.parametrize("value", [LONE_SURROGATE, BEYOND_64_BITS, {LONE_SURROGATE: 1}])
def test_a_value_that_orjson_refuses_is_written_all_the_same(value: object) -> None:
    assert json.loads(jsontext.encode(value)) == value
    assert json.loads(jsontext.canonical(value)) == value


def test_a_page_with_one_odd_text_is_read_whole() -> None:
    assert jsontext.parse(rb'{"Items": [{"a": "\ud800"}, {"a": "fine"}]}') == {
        "Items": [{"a": LONE_SURROGATE}, {"a": "fine"}]
    }


@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b'"\xff"', b"nothing", "{'a': 1}"])
def test_what_is_no_json_is_a_value_error(text: bytes | str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        jsontext.parse(text)


@pytest.mark.parametrize("value", [b"binary", {1, 2}, object()])
def test_what_has_no_json_is_a_type_error(value: object) -> None:
    for write in (jsontext.encode, jsontext.canonical):
        with pytest.raises(TypeError):
            write(value)


@given(
    st.recursive(
        st.text() | st.sampled_from(["\x7f", "\x85 ", " \u2028 ", "\ufeff", "\uffff", "\U0001f600"]),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_written_for_a_yaml_reader_is_the_same_to_it(value: object) -> None:
    text = jsontext.encode_for_yaml(value)
    assert yaml.safe_load(text) == json.loads(text) == value


def test_what_has_no_other_text_in_yaml_is_written_as_ever() -> None:
    value = {"a": "plain", "b": "Grüße \U0001f600 \u200b\xa0", "c": [1, True, None]}
    assert jsontext.encode_for_yaml(value) == jsontext.encode(value)


@pytest.mark.parametrize("value", [LONE_SURROGATE, BEYOND_64_BITS, {LONE_SURROGATE: 1}, {1, 2}])
def test_what_yaml_cannot_hold_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        jsontext.encode_for_yaml(value)
