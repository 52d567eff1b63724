"""Takes values out of a message of others that may quote them, in whatever notation. Pure.

A refusal quotes what was sent as Go or JSON or YAML writes it, at times one within the other. Instead of every notation of
a value, what is left of the message and of the value without any notation is compared: every escape is its character,
other backslashes are gone, and apostrophes, which YAML doubles.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from gco_stream_reconciler.printable import escaped, shortened

MASK = "***"
# Shorter values are no secrets, and masking them would make the message unreadable.
_SHORTEST_SECRET = 4
_LONGEST_MESSAGE = 600
_MOST_LOOKED_THROUGH = 32_768
# How validation quotes an environment value. The request that is refused need not hold it: a change of replicas can be
# refused for what the object had before.
_QUOTED_VALUE = re.compile(r'(\.env\[[^\]]*\]\.value: [^:"]*: )(?:"(?:[^"\\]|\\.)*"|[^\s,]+)')
# `admission webhook "NAME" denied the request: …`, `ValidatingAdmissionPolicy 'NAME' with binding 'NAME' denied request: …`
_POLICYS_WORDS = re.compile(r"(\bdenied (?:the )?request): .*", re.DOTALL)

# Possessive: an escaped backslash is never taken for a backslash and something else.
_BACKSLASHES = r"(?:\\(?:u005[cC]|x5[cC])?+)++"
_ESCAPE = re.compile(
    rf"{_BACKSLASHES}u(?P<high>[dD][89abAB][0-9a-fA-F]{{2}}){_BACKSLASHES}u(?P<low>[dD][c-fC-F][0-9a-fA-F]{{2}})"
    rf"|{_BACKSLASHES}(?:u(?P<u>[0-9a-fA-F]{{4}})|U(?P<U>00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{{4}})|x(?P<x>[0-9a-fA-F]{{2}}))"
    rf"|{_BACKSLASHES}(?P<short>[0abefnrtvNLP_])"
    rf"|{_BACKSLASHES}|'"
)
# Of C, Go and JSON; of YAML.
_SHORT = dict(zip("0abefnrtv", "\0\a\b\x1b\f\n\r\t\v", strict=True)) | dict(
    zip("NLP_", "\x85\u2028\u2029\xa0", strict=True)
)
_Spans = list[tuple[int, int]]


def readable(text: object, secrets: Iterable[str] = ()) -> str:
    """One printable line of at most 600 characters, without the secrets."""
    said = str(text)
    if len(said) > _MOST_LOOKED_THROUGH:
        # To look through it would hold the loop for seconds, and a part of it may end within a value.
        return f"{len(said)} characters, which are not shown: they may quote values of the environment"
    line = masked(_QUOTED_VALUE.sub(rf"\1{MASK}", said), secrets)
    return shortened(escaped(line.strip()), _LONGEST_MESSAGE)


def without_a_policys_words(text: str) -> str:
    """A refusal without what a policy says, for where the environment that it may quote is not known."""
    return _POLICYS_WORDS.sub(r"\1 (its words are left out: they may quote the environment)", text)


def environment_values(manifest: object) -> frozenset[str]:
    """Every value of a manifest's environment variables that is long enough to be a secret."""
    return frozenset(value for value in _environment_values(manifest) if len(value) >= _SHORTEST_SECRET)


def _environment_values(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "env" and isinstance(value, list):
                yield from (
                    str(entry["value"]) for entry in value if isinstance(entry, Mapping) and "value" in entry
                )
            else:
                yield from _environment_values(value)
    elif isinstance(node, list):
        for entry in node:
            yield from _environment_values(entry)


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each of the secrets, also where it is quoted."""
    secrets = frozenset(secrets)
    hidden = [span for secret in secrets for span in _places(secret, text)]
    if secrets and ("\\" in text or "'" in text):  # else nothing was altered to be quoted
        plain, spans = _unquoted(text)
        for wanted in {_ESCAPE.sub(_meant, secret) for secret in secrets}:
            if len(wanted) >= _SHORTEST_SECRET:
                hidden += [(spans[start][0], spans[stop - 1][1]) for start, stop in _places(wanted, plain)]
    return _without(text, hidden)


def _places(wanted: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a text stands in another. An endpoint may have thousands of values, too many for a pattern each."""
    start = text.find(wanted)
    while start >= 0:
        yield start, start + len(wanted)
        start = text.find(wanted, start + len(wanted))


def _unquoted(text: str) -> tuple[str, _Spans]:
    """A text without notation, and where in it each of the characters that are left stands."""
    parts: list[str] = []
    spans: _Spans = []
    end = 0
    for found in _ESCAPE.finditer(text):
        meant = _meant(found)
        parts += [text[end : found.start()], meant]
        spans += [*_each(end, found.start()), *[found.span()] * len(meant)]
        end = found.end()
    return "".join([*parts, text[end:]]), [*spans, *_each(end, len(text))]


def _each(start: int, end: int) -> Iterable[tuple[int, int]]:
    return zip(range(start, end), range(start + 1, end + 1), strict=True)


def _meant(escape: re.Match[str]) -> str:
    match escape.lastgroup:
        case "low":
            return chr(0x10000 + (int(escape["high"], 16) - 0xD800 << 10 | int(escape["low"], 16) - 0xDC00))
        case "u" | "U" | "x" as form:
            return chr(int(escape[form], 16)).replace("'", "")
        case "short":
            return _SHORT[escape["short"]]
    return ""


def _without(text: str, hidden: _Spans) -> str:
    shown: list[str] = []
    end = 0
    for start, stop in sorted(hidden):
        if start >= end:
            shown += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*shown, text[end:]])
