"""The scripted language model: rules for answers, a count of tokens, and a prefix cache.

It answers for one restaurant only. Its tokens are words and punctuation marks, not those of a real tokenizer.
"""

import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r"\s*\w+|\s*[^\w\s]")
_CACHE_BLOCK_TOKENS = 64
_CACHE_PROMPTS = 8
# One answer is slow, as with a busy provider, so that the demo's call has something to find.
_BUSY_SECONDS = 2.0
_CHANGE = "make (that|it)"
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the model.

    Parameters:
        text: The words; empty if it calls a function.
        function: Name of the called function; `None` for words.
        arguments: Arguments of that function, as JSON.
        late_seconds: Extra seconds before its first token.
    """

    text: str = ""
    function: str | None = None
    arguments: str = ""
    late_seconds: float = 0.0

    @property
    def tokens(self) -> list[str]:
        """The reply as tokens, in the order of the stream."""
        return tokens(self.arguments if self.function else self.text)


def tokens(text: str) -> list[str]:
    """Split text into words and punctuation marks, each with the space before it."""
    return _TOKEN.findall(text)


def reply(messages: list[Message], tools: list[dict[str, Any]]) -> Reply:
    """Answer a conversation.

    Args:
        messages: The conversation in OpenAI's shape.
        tools: The functions that the bot offers.
    """
    last = next((m for m in reversed(messages) if m["role"] in ("user", "developer", "tool")), None)
    if last is None or last["role"] == "developer":
        return Reply("Hello, Harbour Pizza. How can I help?")
    if last["role"] == "tool":
        return _report(json.loads(_text(last)))
    said = _text(last).lower()
    if tools and re.search(rf"book|table|people|{_CHANGE}", said):
        booking = {"day": "Friday", "time": "seven", "people": _people(said)}
        late = _BUSY_SECONDS if re.search(_CHANGE, said) else 0.0
        return Reply(function=tools[0]["function"]["name"], arguments=json.dumps(booking), late_seconds=late)
    if re.search(r"hour|open|saturday", said):
        return Reply("On Saturday we are open from noon until eleven.")
    if re.search(r"bye|thank", said):
        return Reply("You are welcome. See you on Friday!")
    return Reply("I can tell you our opening hours or book a table. Which would you like?")


def prompt(messages: list[Message], tools: list[dict[str, Any]]) -> list[str]:
    """Return the tokens of a request."""
    written: list[str] = tokens(json.dumps(tools)) if tools else []
    for message in messages:
        written += [f"<{message['role']}>", *tokens(_text(message))]
        for call in message.get("tool_calls") or ():
            written += tokens(call["function"]["name"]) + tokens(call["function"]["arguments"])
    return written


class PrefixCache:
    """Counts the cached tokens of prompts, in whole blocks as real prefix caches do."""

    def __init__(self) -> None:
        self._read: list[list[str]] = []

    def cached_tokens(self, written: list[str]) -> int:
        """Return how many of a prompt's first tokens an earlier prompt began with, and remember the prompt."""
        same = max((_common(written, earlier) for earlier in self._read), default=0)
        self._read = [*self._read[1 - _CACHE_PROMPTS :], written]
        return same // _CACHE_BLOCK_TOKENS * _CACHE_BLOCK_TOKENS


def _report(result: dict[str, Any]) -> Reply:
    if not result.get("booked"):
        return Reply("I am sorry, that time is taken. Would half past eight suit you?")
    booking = f"a table for {result['people']} on {result['day']} at {result['time']}"
    if result["people"] == 4:
        return Reply(f"I have booked {booking}, by the window next to the garden. Shall I send you a message?")
    return Reply(f"Done, {booking}.")


def _people(said: str) -> int:
    numbers = [_NUMBERS.get(word) or int(word) for word in re.findall(r"[a-z]+|\d+", said) if _is_number(word)]
    return numbers[0] if numbers else 2


def _is_number(word: str) -> bool:
    return word in _NUMBERS or word.isdigit()


def _text(message: Message) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def _common(written: list[str], earlier: list[str]) -> int:
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(written, earlier, strict=False)))
