"""Wording for `Fate`: a short form for tables and a sentence for one call (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from voice_metrics.ledger.rows import Fate


@dataclass(frozen=True, slots=True)
class Words:
    """One fate in words: `short` for a table, `sentence` for one call."""

    short: str
    sentence: str


FATES = {
    Fate.LIVE: Words("running", "call still running"),
    Fate.DELIVERED: Words("delivered", "acknowledged by the server"),
    Fate.PENDING: Words(
        "waits to be sent", "not acknowledged, kept in the ledger: `voice-metrics resend` sends it if the bot is gone"
    ),
    Fate.REFUSED: Words("refused", "refused by the server for good"),
    Fate.UNKNOWN: Words("unknown", "nothing waits to be sent; what became of the last values is not known"),
    Fate.LOCAL: Words("local only", "local only: no endpoint was configured"),
}
