"""Names of a call, and the attributes that carry them (pure)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from voice_metrics.call.facts import Leg

NO_SERVICE = "none"


@dataclass(frozen=True, slots=True)
class Identity:
    """Names of a call.

    Parameters:
        call_id: Its id.
        models: Model of each leg, or `None` for a leg that the pipeline lacks.
        attributes: The user's own tags.
        started_at: Wall time of its start, UTC.
        key: Unique key, distinct even for two calls with one id.
    """

    call_id: str
    models: Mapping[Leg, str | None]
    attributes: Mapping[str, str]
    started_at: datetime
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def tags(self) -> dict[str, str]:
        """The attributes of every point of the call, except the call id."""
        return {**self.attributes, **model_tags(self.models)}


def model_tags(models: Mapping[Leg, str | None]) -> dict[str, str]:
    """Return the attributes that name a call's models."""
    return {f"{leg.value}_model": models.get(leg) or NO_SERVICE for leg in (Leg.LLM, Leg.STT, Leg.TTS)}
