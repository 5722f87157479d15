"""The ledger: an SQLite file with a row per call and the OTLP requests that no server has acknowledged.

`Ledger` writes on a thread of its own; `LedgerReader` reads on a connection that cannot write.
"""

from voice_metrics.ledger.jobs import LedgerUnavailable
from voice_metrics.ledger.ledger import Ledger, ledger_at
from voice_metrics.ledger.opening import LedgerUnreadable, NoCallYet
from voice_metrics.ledger.pending import Origin
from voice_metrics.ledger.reader import LedgerReader, NoSuchCall, Pages
from voice_metrics.ledger.rows import (
    CallDetail,
    CallFilter,
    CallRow,
    CallState,
    Fate,
    LatencyPoint,
    PendingState,
    Row,
    Trouble,
    UsagePoint,
)
from voice_metrics.ledger.start_up import StartUp, start_up
from voice_metrics.ledger.timeline import Timeline, rows

__all__ = [
    "CallDetail",
    "CallFilter",
    "CallRow",
    "CallState",
    "Fate",
    "LatencyPoint",
    "Ledger",
    "LedgerReader",
    "LedgerUnavailable",
    "LedgerUnreadable",
    "NoCallYet",
    "NoSuchCall",
    "Origin",
    "Pages",
    "PendingState",
    "Row",
    "StartUp",
    "Timeline",
    "Trouble",
    "UsagePoint",
    "ledger_at",
    "rows",
    "start_up",
]
