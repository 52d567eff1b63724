"""Texts of others, fit for a line that a person reads. Pure."""


def escaped(text: str) -> str:
    """`text` with every unprintable character (line ends, escapes, direction marks) as its backslash escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters: a longer text ends in "…"."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
