"""An environment value that a refusal quotes is not said, in whatever notation it is quoted."""

import json
from collections.abc import Callable

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gco_stream_reconciler import jsontext
from gco_stream_reconciler.kube.answers import Call, error_of

HIDDEN = "hidden"
CALL = Call("PATCH", "/apis/apps/v1/namespaces/models/deployments/a")
Quoted = Callable[[str], str]

_GO_SHORT = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}


def in_go(text: str, *, ascii_only: bool) -> str:
    """As Go's %q and %+q."""

    def one(char: str) -> str:
        if char in '"\\':
            return f"\\{char}"
        if char.isprintable() and not (ascii_only and not char.isascii()):
            return char
        number = ord(char)
        escape = (
            f"\\x{number:02x}"
            if number < 0x80
            else f"\\u{number:04x}"
            if number < 0x10000
            else f"\\U{number:08x}"
        )
        return _GO_SHORT.get(char, escape)

    return f'"{"".join(map(one, text))}"'


def in_go_json(text: str) -> str:
    """As Go's encoding/json, which thinks of HTML and JavaScript."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(f"\\u{ord(char):04x}" if char in "<>&\u2028\u2029" else char for char in written)


NOTATIONS: dict[str, Quoted] = {
    "as it is": lambda text: f'"{text}"',
    "JSON in ASCII": json.dumps,
    "JSON": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON, every sign escaped": lambda text: "".join(
        char if (char.isascii() and char.isalnum()) or ord(char) > 0xFFFF else f"\\u{ord(char):04X}" for char in text
    ),
    "JSON for a YAML reader": lambda text: jsontext.encode_for_yaml(text).decode(),
    "JSON of Go": in_go_json,
    "Go": lambda text: in_go(text, ascii_only=False),
    "Go in ASCII": lambda text: in_go(text, ascii_only=True),
    "YAML, double": lambda text: yaml.safe_dump(text, default_style='"', width=10**9),
    "YAML, double, beyond ASCII": lambda text: yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=True),
    "YAML, single": lambda text: "'" + text.replace("'", "''") + "'",
    "Python": repr,
}  # fmt: skip
PIECES = st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(
    ['"', "'", "''", "\\", "\\\\", "\n", "\r\n", "\t", "\x7f", "\x85", "\u2028", "\ufeff", "ä", "ü", "\U0001f600",
     "<&>", "/", r"\n", r"\u00e4", r"\u12", r"\x4", r"\U0001f60", "n", "u", "x", "4", "0", "12"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=5).map("".join)
SECRETS = st.tuples(TEXTS, TEXTS).map(HIDDEN.join)


def said(message: str, *secrets: str) -> str:
    """What is said of a refusal in which a message is quoted, of a request with these values."""
    env = [{"name": f"N{number}", "value": secret} for number, secret in enumerate(secrets)]
    call = Call(CALL.method, CALL.path, body={"spec": {"containers": [{"env": env}]}})
    return str(error_of(call, 422, json.dumps({"kind": "Status", "message": message}).encode()))


@pytest.mark.parametrize("quoted", NOTATIONS.values(), ids=NOTATIONS)
@given(SECRETS, TEXTS)
@example('pä"hidden', "")
@example("p'\\hidden\\", "")
@example("\U0001f600\\\n\x7f<hidden>\u2028\x85", "hidden")
def test_no_notation_of_an_environment_value_is_said(quoted: Quoted, secret: str, other: str) -> None:
    for message in (
        quoted(secret),
        json.dumps(quoted(secret)),
        in_go_json(in_go(quoted(secret), ascii_only=False)),
    ):
        assert HIDDEN not in said(f'spec of "a": Invalid value: {message}: must be shorter', secret, other)


@given(st.text(st.characters(codec="utf-8"), min_size=4), st.lists(st.text(min_size=4), max_size=3))
def test_a_refusal_that_quotes_no_value_is_said_as_it_is(message: str, secrets: list[str]) -> None:
    assume("\\" not in message and "'" not in message)
    assume(not any(secret in message for secret in secrets))
    assert said(message, *secrets) == said(message)


def test_what_stands_around_a_value_is_said() -> None:
    told = said(
        r"""spec.replicas: 'x' is not "\u00fc", env "p\u00e4\"ss" and "p\u00e4\"ss word": no""",
        'pä"ss',
        'pä"ss word',
    )
    assert told.endswith(
        r"""answered 422: spec.replicas: 'x' is not "\u00fc", env "***" and "***": no; correct what the endpoint's spec asks for"""
    )
