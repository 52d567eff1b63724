"""Bodies are read as the API server reads them: an apply as YAML 1.1, although it looks like JSON.

What is expected here is what kube-apiserver 1.36 answered to an apply with such an argument of a container.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gco_stream_reconciler.sandbox.kubernetes.bodies import parsed
from gco_stream_reconciler.sandbox.kubernetes.statuses import RefusedError

APPLY = "application/apply-patch+yaml"


def applied(literal: str) -> Any:
    return parsed(f'{{"kind":"Deployment","args":[{literal}]}}'.encode(), APPLY)["args"][0]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('"Grüße"', "Grüße"), ('"\U0001f600"', "\U0001f600"), ('"\U0001fffe"', "\U0001fffe"), ('"a\ufeffb"', "a\ufeffb"),
        ('"a\x85b"', "a b"), ('"a  \x85  b"', "a b"), ('"a\x85\x85b"', "a\nb"), ('"\x85a"', " a"), ('"a\x85"', "a "),
        ('"a\u2028b"', "a\u2028b"), ('"a  \u2028  b"', "a\u2028b"), ('"a \u2028 \u2029 b"', "a\u2028\u2029b"),
        ('"a \x85 \u2028 b"', "a\u2028b"), ('"a \u2028 \x85 b"', "a\u2028\nb"),
        (r'"a \u0085 b"', "a \x85 b"), (r'"a \u2028 b"', "a \u2028 b"), (r'"a\u007fb"', "a\x7fb"), (r'"a\u0000ü"', "a\0ü"),
        (r'"\\ud800"', r"\ud800"), ("\"'ü'\"", "'ü'"), ('"ü\\x41"', "üA"),
        ('"ü",1e16', "ü"), ('1e16,"ü"', 1e16), ('-1.5E-7,"ü"', -1.5e-7), ('5,"ü"', 5), ('true,"ü"', True),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_text_of_an_apply_becomes_what_the_api_server_makes_of_it(literal: str, value: object) -> None:
    found = applied(literal)
    assert found == value
    assert type(found) is type(value)


CONTROL = "control characters are not allowed"
ESCAPE = "found invalid Unicode character escape code"


@pytest.mark.parametrize(
    ("literal", "words"),
    [
        ('"a\x7fb"', CONTROL), ('"a\x9bb"', CONTROL), ('"a\ufffeb"', CONTROL), ('"a\uffffb"', CONTROL), ('"ü\x1b"', CONTROL),
        (r'"\ud83d\ude00"', ESCAPE), (r'"\uD83D\uDE00"', ESCAPE), (r'"\ud800"', ESCAPE), (r'{"\ud800": 1}', ESCAPE),
    ],
    ids=ascii,
)  # fmt: skip
def test_an_apply_that_yaml_cannot_hold_is_refused_in_the_api_servers_words(literal: str, words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        applied(literal)
    assert caught.value.code == 400
    assert str(caught.value) == f"error decoding YAML: error converting YAML to JSON: yaml: {words}"


def test_what_is_sent_as_json_is_read_as_json() -> None:
    text = "a\x7f  \x85  \u2028\uffffb\U0001f600"
    for ensure_ascii in (True, False):
        raw = json.dumps({"a": text}, ensure_ascii=ensure_ascii).encode()
        assert parsed(raw, "application/json") == {"a": text}


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="ascii")), st.lists)
)
def test_ascii_that_looks_like_json_is_the_same_as_either(value: object) -> None:
    raw = json.dumps({"a": value}).encode()
    assert parsed(raw, APPLY) == parsed(raw, "application/json") == {"a": value}
    assert parsed(b"# \xc3\xbc, so that it is read as YAML\n" + raw, APPLY) == {"a": value}
