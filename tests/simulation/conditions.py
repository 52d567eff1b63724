"""DynamoDB's conditions and updates, as far as the controller writes them."""

import copy
import re
from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]
_TOKEN = re.compile(r"\s*(AND|OR|NOT|attribute_\w+|[#:\w.]+|[()=,])")


class _Parser:
    """expression: term {OR term}; term: factor {AND factor}; a factor is negated, in brackets, a function or an equation."""

    def __init__(
        self, text: str, item: Item | None, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> None:
        self._tokens = _TOKEN.findall(text)
        assert "".join(self._tokens) == re.sub(r"\s+", "", text), f"cannot read {text}"
        self._item = item or {}
        self._names = names
        self._values = values
        self._at = 0

    def holds(self) -> bool:
        result = self._expression()
        assert self._at == len(self._tokens), "something follows the condition"
        return result

    def _expression(self) -> bool:
        result = self._term()
        while self._take("OR"):
            result = self._term() or result
        return result

    def _term(self) -> bool:
        result = self._factor()
        while self._take("AND"):
            result = self._factor() and result
        return result

    def _factor(self) -> bool:
        if self._take("NOT"):
            return not self._factor()
        if self._take("("):
            result = self._expression()
            assert self._take(")")
            return result
        word = self._next()
        if word.startswith("attribute_"):
            return self._function(word)
        assert self._take("=")
        found, wanted = self._at_path(word), self._values[self._next()]
        return found is not None and same(found, wanted)

    def _function(self, word: str) -> bool:
        assert self._take("(")
        found = self._at_path(self._next())
        result = {"attribute_exists": found is not None, "attribute_not_exists": found is None}.get(word)
        if word == "attribute_type":
            assert self._take(",")
            wanted = self._values[self._next()]["S"]
            result = found is not None and wanted in found
        assert result is not None
        assert self._take(")")
        return result

    def _at_path(self, path: str) -> Any:
        found: Any = {"M": self._item}
        for part in path.split("."):
            found = (found.get("M") or {}).get(self._names.get(part, part))
            if found is None:
                return None
        return found

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1])


def same(one: Any, other: Any) -> bool:
    """Whether two attribute values are equal, numbers by value."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        if one.keys() == {"N"}:
            return float(one["N"]) == float(other["N"])
        return all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def holds(request: Mapping[str, Any], item: Item | None) -> bool:
    """Whether a request's condition holds for an item."""
    text = request.get("ConditionExpression")
    names = request.get("ExpressionAttributeNames", {})
    values = request.get("ExpressionAttributeValues", {})
    return text is None or _Parser(text, item, names, values).holds()


def updated(request: Mapping[str, Any], item: Item | None) -> Item:
    """The item after an update with SET alone."""
    names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
    new = copy.deepcopy(item) if item is not None else copy.deepcopy(dict(request["Key"]))
    text = str(request["UpdateExpression"])
    assert text.startswith("SET ")
    for assignment in text.removeprefix("SET ").split(","):
        path, _, value = (part.strip() for part in assignment.partition("="))
        *parents, last = [names.get(part, part) for part in path.split(".")]
        target = new
        for parent in parents:
            target = target[parent]["M"]
        target[last] = copy.deepcopy(values[value])
    return new
