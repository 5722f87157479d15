"""Text from outside, made safe once where it enters (pure): ids, models, attributes, names, a server's words.

The result of `clean` can be encoded, fits on one line, has no control characters and a bounded length. The same text
then goes to the log, the series, the ledger and the page.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

# The longest id, name or attribute, in characters.
MOST_CHARACTERS = 256
# Not U+FFFD: PromQL refuses it in a string, so no query could name such a label's value.
REPLACEMENT = "\N{WHITE SQUARE}"
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"
OTHER = "other"  # stands for the words beyond a vocabulary's bound
_DIGEST = 8
# They join and part letters of Persian and of Indian scripts, and parts of emoji.
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


def clean(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text made safe for every output: of bounded length, unsafe characters replaced.

    Args:
        text: Any text.
        most: Longest result, in characters.

    Returns:
        The text with lone surrogates, control, escape, format and bidirectional characters, line breaks,
        unassigned characters and U+FFFD replaced by "\N{WHITE SQUARE}". Longer text is cut and ends in a digest of the
        whole, which keeps two long ids with the same beginning apart.
    """
    if len(text) > most:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
        text = f"{text[: most - _DIGEST - 1]}…{digest}"
    # A subclass, such as an enum's member, is its text.
    safe = text.isprintable() and _UNREADABLE not in text
    return str.__str__(text) if safe else "".join(map(_safe_character, text))


def one_line(text: str, most: int) -> str:
    """Return a message as one line of a log: blanks for line breaks and unprintable characters, cut with an ellipsis.

    Args:
        text: Any text; characters far beyond the bound are not read.
        most: Longest result, in characters, without the ellipsis.
    """
    read = text[: 4 * most + 1000]
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in read).split())
    return line if len(line) <= most and len(read) == len(text) else f"{line[:most]}…"


def _safe_character(sign: str) -> str:
    if sign in _JOINERS or (sign.isprintable() and sign != _UNREADABLE):
        return sign
    # A no-break space and its like are blanks; line and paragraph separators are not.
    return " " if sign.isspace() and sign > "\N{NEXT LINE}" and sign not in "\u2028\u2029" else REPLACEMENT


class Vocabulary:
    """The distinct words of one kind in a process, bounded because each is a series; further words are "other".

    A word that was not used for an hour gives up its place, so a burst of invented words does no lasting harm.
    """

    def __init__(self, most: int, idle_seconds: float = 3600.0) -> None:
        """Begin empty.

        Args:
            most: Number of words.
            idle_seconds: Time without use after which a word may be replaced.
        """
        self._most = most
        self._idle_seconds = idle_seconds
        self._used_at: OrderedDict[str, float] = OrderedDict()

    def __deepcopy__(self, memo: object) -> Vocabulary:
        """Return itself: copies of a call's state share the process's words."""
        return self

    def word(self, text: str, at: float) -> str:
        """Return the cleaned text, or "other" if there is no place for it.

        Args:
            text: Any text.
            at: Now, in monotonic seconds.
        """
        used_at = self._used_at
        # A known word is clean.
        word = text if type(text) is str and text in used_at else clean(text)
        if word not in used_at and len(used_at) >= self._most:
            oldest, idle_since = next(iter(used_at.items()))
            if at - idle_since < self._idle_seconds:
                return OTHER
            del used_at[oldest]
        used_at[word] = at
        used_at.move_to_end(word)
        return word
