"""`voice-metrics setup-file`: the path of the file by which Pipecat measures a bot without changes to its code."""

from __future__ import annotations

from pathlib import Path

import voice_metrics

EXAMPLES = """\b
Example:
  PIPECAT_SETUP_FILES=$(voice-metrics setup-file) python bot.py
"""


def setup_file() -> None:
    """Print the path of the file for Pipecat's PIPECAT_SETUP_FILES."""
    print(Path(voice_metrics.__file__).with_name("setup_file.py"))
