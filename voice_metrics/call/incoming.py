"""Types of the reports to a call from Pipecat's side, besides measurements."""

from __future__ import annotations

from voice_metrics.call import events, functions
from voice_metrics.call.errors import ErrorRaised

Event = events.Event | functions.Event | ErrorRaised
