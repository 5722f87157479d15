"""What a copied value brings along (pure): quotes, a comment, its variable's name, invisible characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Byte order mark, zero-width space, word joiner, soft hyphen and marks of direction, as pages and chats insert them.
_INVISIBLE = dict.fromkeys(
    map(ord, "\ufeff\u200b\u2060\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)
_QUOTES = ({"'"}, {'"'}, {"`"}, set("“”„‟"), set("‘’‚‛"))
_COMMENT = re.compile(r"\s+#\s.*", re.DOTALL)


def unwrapped(name: str, value: str) -> tuple[str, list[str]]:
    """Return a variable's value without what does not belong to it, and advice about each such thing."""
    advice = []
    visible = value.translate(_INVISIBLE)
    if visible != value:
        advice.append(
            f"{name} has invisible characters, as text copied from a page or a chat has; they were taken out."
        )
    value = visible.strip()
    if assigned := re.match(rf"(?:(?:export|set)\s+)?{re.escape(name)}\s*=\s*", value):
        advice.append(f"{name} repeats its own name before the value; it was taken off.")
        value = value[assigned.end() :]
    if not _is_quoted(value) and (comment := _COMMENT.search(value)):
        advice.append(
            f"{name} has a comment behind its value; it was left out. `docker --env-file` and systemd keep it."
        )
        value = value[: comment.start()]
    if _is_quoted(value):
        advice.append(
            f"{name} stands in quotes; they were taken off. Write it without: `docker --env-file` keeps them."
        )
        value = value[1:-1].strip()
    return value, advice


def without_quotes(text: str) -> str:
    """Return a text without quotes and blanks around the whole of it."""
    text = text.strip()
    return text[1:-1].strip() if _is_quoted(text) else text


def _is_quoted(value: str) -> bool:
    # In `"a=b","c=d"` each item has its own quotes.
    return len(value) > 1 and any(
        value[0] in quotes and value[-1] in quotes and quotes.isdisjoint(value[1:-1]) for quotes in _QUOTES
    )


def miswritten(names: Iterable[str], known: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield variables that are called like a known one but for capitals, blanks, `export` or invisible characters."""
    present, known = set(names), set(known)
    for name in sorted(present - known):
        plain = re.sub(r"^EXPORT\s+", "", name.translate(_INVISIBLE).strip().upper())
        if plain in known and plain not in present:
            yield name, plain
