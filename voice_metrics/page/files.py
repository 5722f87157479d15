"""The page's files: markup, styles, scripts and the vendored chart library. Requests never reach the disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "LICENSE": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A response body.

    Parameters:
        content_type: Media type, with its charset.
        body: The bytes.
        etag: Identity of the bytes, in quotes.
    """

    content_type: str
    body: bytes
    etag: str


def document(content_type: str, body: bytes) -> Document:
    """Make a document with the etag of its bytes."""
    return Document(content_type, body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def documents() -> dict[str, Document]:
    """Return every file of the page by its path; "/" is the page itself."""
    root = files("voice_metrics.page") / "static"
    found = {
        f"/static/{folder}{entry.name}": document(_TYPES[entry.name.rpartition(".")[2]], entry.read_bytes())
        for folder, place in (("", root), ("vendor/", root / "vendor"))
        for entry in place.iterdir()
        if entry.is_file()
    }
    found["/"] = found.pop("/static/index.html")
    return found
