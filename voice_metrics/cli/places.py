"""Where commands look."""

from __future__ import annotations

from pathlib import Path

from voice_metrics.settings.environment import Settings, SettingsError


def ledger_file(settings: Settings) -> Path:
    """The ledger's file.

    Args:
        settings: What the environment asks for.

    Returns:
        The file; it need not exist.

    Raises:
        SettingsError: There is no ledger.
    """
    if settings.ledger is None:
        raise SettingsError("VOICE_METRICS_DB='off': there is no record of calls; expected a file to look in")
    return settings.ledger
