"""How a call ended, who ended it, and what it achieved: three answers that never follow from each other (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import NoneType
from typing import Any

from voice_metrics.call.facts import EndReason, Refused
from voice_metrics.call.text import Vocabulary

# The outcome of a call that names none.
NO_OUTCOME = "none"
# Each is a series, in every call that ends with it.
_names = Vocabulary(50)


class EndedBy(StrEnum):
    """Who or what ended a call."""

    CALLER = "caller"
    BOT = "bot"
    IDLE = "idle"
    TRANSFER = "transfer"
    VOICEMAIL = "voicemail"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call achieved, as the application says.

    Parameters:
        name: The application's word for it, such as "booked", or `None` if it says none.
        success: Whether that is a success, or `None` if the application does not say.
    """

    name: str | None = None
    success: bool | None = None


NOTHING_SAID = Outcome()


def end_tags(reason: EndReason, ended_by: EndedBy, outcome: Outcome) -> dict[str, str]:
    """The attributes of the series that count ends.

    Args:
        reason: How the call ended.
        ended_by: Who or what ended it.
        outcome: What it achieved.
    """
    success = {True: "true", False: "false", None: "unknown"}[outcome.success]
    return {
        "end_reason": reason.value,
        "ended_by": ended_by.value,
        "outcome": outcome.name or NO_OUTCOME,
        "success": success,
    }


def achieved(name: Any, success: Any, at: float) -> Outcome | Refused:
    """What the application says that a call achieved.

    Args:
        name: Its word for it.
        success: Whether that is a success.
        at: Now, in monotonic seconds.

    Returns:
        The outcome, or why it is none.
    """
    if isinstance(name, str) and name.strip() and isinstance(success, (bool, NoneType)):
        return Outcome(_names.word(name.strip(), at), success)
    return Refused("bad_value", f"outcome {name!r}, success={success!r}: expected a name, and True, False or None")
