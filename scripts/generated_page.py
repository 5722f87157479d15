"""A page of docs/ that a script makes."""

from __future__ import annotations

import sys
from pathlib import Path

CHECK = "--check"


def write_or_check(page: Path, text: str) -> int:
    """Write a page, or with `--check` on the command line only compare it.

    Args:
        page: Its file.
        text: Its content.

    Returns:
        The script's exit status: 1 if the page is out of date.
    """
    if CHECK not in sys.argv:
        page.write_text(text, "utf-8")
        return 0
    if page.read_text("utf-8") == text:
        return 0
    print(f"{page.name} is not current: run python scripts/{Path(sys.argv[0]).name}", file=sys.stderr)
    return 1
