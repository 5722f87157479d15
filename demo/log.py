"""The demo's log: what a person wants to read of a call, one line each."""

import sys

from loguru import logger

_LEVELS: dict[str | None, str | int | bool] = {
    "": "WARNING",
    "demo": "INFO",
    "voice_metrics": "INFO",
    # It warns that an audio call has no video, and that the caller hung up.
    "pipecat.transports.smallwebrtc": "ERROR",
}
_FORMAT = "{time:HH:mm:ss.SS} {message}"


def keep_readable() -> None:
    """Log the call and the measurements on standard output, and of Pipecat only what went wrong."""
    logger.remove()
    logger.add(sys.stdout, level="INFO", format=_FORMAT, filter=_LEVELS)
