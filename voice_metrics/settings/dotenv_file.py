"""Advice about a `.env` in the process's folder that it did not read: the commonest reason for a missing endpoint."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

_ENDPOINT = re.compile(r"^[ \t]*(?:export[ \t]+)?(OTEL_EXPORTER_OTLP_(?:METRICS_)?ENDPOINT)[ \t]*=[ \t]*['\"]?\w", re.M)
_MOST_BYTES = 65_536


def unread_endpoint(folder: Path | None = None) -> str | None:
    """Return advice if the `.env` of a folder (`None`: the process's) names an endpoint, else `None`."""
    try:
        file = (folder or Path.cwd()) / ".env"
        # Opening a pipe of that name would block.
        if not file.is_file():
            return None
        with file.open("rb") as opened:
            text = _decoded(opened.read(_MOST_BYTES))
    except OSError:
        return None
    found = _ENDPOINT.search(text.replace("\r", "\n"))
    return f"{found[1]} stands in .env, but the process has not read that file: {CURE}" if found else None


def _decoded(content: bytes) -> str:
    """Return a text in UTF-8, or in UTF-16 with its mark, as PowerShell writes it."""
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig", "replace")


CURE = (
    "call load_dotenv() at the top of the bot's file, before it makes its pipeline, "
    "or start it with `uv run --env-file .env bot.py`."
)
