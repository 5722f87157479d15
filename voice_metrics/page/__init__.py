"""The local web page: calls of the ledger in a browser on this machine.

Owns nothing that it shows and changes nothing: every number is read from the ledger when a view asks for it.
"""

from voice_metrics.page.server import PageServer

__all__ = ["PageServer"]
