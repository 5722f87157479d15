"""The demo's log: a call for a person to read, one line per event."""

import sys

from loguru import logger

_LEVELS: dict[str | None, str | int | bool] = {
    "": "WARNING",
    "demo": "INFO",
    "voice_metrics": "INFO",
    # Its warnings, about no video and a caller that hung up, are ordinary here.
    "pipecat.transports.smallwebrtc": "ERROR",
}
_FORMAT = "{time:HH:mm:ss.SS} {message}"


def keep_readable() -> None:
    """Log the call and its measurements on standard output, and only errors of Pipecat."""
    logger.remove()
    logger.add(sys.stdout, level="INFO", format=_FORMAT, filter=_LEVELS)
