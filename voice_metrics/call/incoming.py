"""Reports of Pipecat's side to a call besides measurements."""

from __future__ import annotations

from voice_metrics.call import events, functions
from voice_metrics.call.errors import ErrorRaised

Event = events.Event | functions.Event | ErrorRaised
