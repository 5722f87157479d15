"""A `.env` in the folder of a process that did not read it: the commonest reason for an endpoint that is not there."""

from __future__ import annotations

import re
from pathlib import Path

_ENDPOINT = re.compile(r"^[ \t]*(?:export[ \t]+)?(OTEL_EXPORTER_OTLP_(?:METRICS_)?ENDPOINT)[ \t]*=[ \t]*['\"]?\w", re.M)
_MOST_BYTES = 65_536


def unread_endpoint(folder: Path | None = None) -> str | None:
    """Say that a `.env` names an endpoint.

    Args:
        folder: Where it is looked for, or `None` for the folder of the process.

    Returns:
        Advice for a process that has no endpoint; `None` if there is no such file or it names none.
    """
    try:
        file = (folder or Path.cwd()) / ".env"
        # A pipe of that name would wait for someone to write.
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            text = opened.read(_MOST_BYTES).decode(errors="replace")
    except OSError:
        return None
    found = _ENDPOINT.search(text)
    return f"{found[1]} stands in .env, but the process has not read that file: {CURE}" if found else None


CURE = (
    "call load_dotenv() at the top of the bot's file, before it makes its pipeline, "
    "or start it with `uv run --env-file .env bot.py`."
)
