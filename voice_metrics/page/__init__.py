"""The local web page: calls of the ledger in a browser on this machine, read-only."""

from voice_metrics.page.server import PageServer

__all__ = ["PageServer"]
