"""The ledger's place for commands."""

from __future__ import annotations

from pathlib import Path

from voice_metrics.settings.environment import Settings, SettingsError


def ledger_file(settings: Settings) -> Path:
    """Return the ledger's file, which need not exist.

    Raises:
        SettingsError: The ledger is switched off.
    """
    if settings.ledger is None:
        raise SettingsError("VOICE_METRICS_DB='off': there is no record of calls; expected a file to look in")
    return settings.ledger
