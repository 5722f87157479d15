"""End reason, ended by and outcome of a call: three independent facts (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import NoneType
from typing import Any

from voice_metrics.call.facts import EndReason, Refused
from voice_metrics.call.text import Vocabulary

# The outcome of a call that names none.
NO_OUTCOME = "none"
# Bounded, because each word is a series.
_names = Vocabulary(50)


class EndedBy(StrEnum):
    """The party or cause that ended a call."""

    CALLER = "caller"
    BOT = "bot"
    IDLE = "idle"
    TRANSFER = "transfer"
    VOICEMAIL = "voicemail"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The application's outcome of a call.

    Parameters:
        name: The application's word, such as "booked", or `None`.
        success: True or False, or `None` if unknown.
    """

    name: str | None = None
    success: bool | None = None


NOTHING_SAID = Outcome()


def end_tags(reason: EndReason, ended_by: EndedBy, outcome: Outcome) -> dict[str, str]:
    """Return the attributes of the series of ended calls."""
    success = {True: "true", False: "false", None: "unknown"}[outcome.success]
    return {
        "end_reason": reason.value,
        "ended_by": ended_by.value,
        "outcome": outcome.name or NO_OUTCOME,
        "success": success,
    }


def achieved(name: Any, success: Any, at: float) -> Outcome | Refused:
    """Return the application's outcome, or the reason why it is unusable; `at` is in monotonic seconds."""
    if isinstance(name, str) and name.strip() and isinstance(success, (bool, NoneType)):
        return Outcome(_names.word(name.strip(), at), success)
    return Refused("bad_value", f"outcome {name!r}, success={success!r}: expected a name, and True, False or None")
