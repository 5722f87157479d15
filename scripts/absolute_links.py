"""Prepares a checkout for a release: makes the README's links absolute, because PyPI shows it without the other files.

Run as `python scripts/absolute_links.py REPOSITORY TAG`; REPOSITORY is an address on GitHub.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?![a-z]+:|#)(?P<path>[^)\s]+)\)")


def readme(text: str, repository: str, tag: str) -> str:
    """Return a page with absolute links to files of a tag, and the picture's own address for an image."""

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["image"] else "blob"
        return f"{link['image']}[{link['text']}]({repository}/{kind}/{tag}/{link['path']})"

    return LINK.sub(absolute, text)


def project(text: str, repository: str, tag: str) -> str:
    """Return pyproject.toml with the addresses that PyPI lists beside the README."""
    urls = f'[project.urls]\nRepository = "{repository}"\nChangelog = "{repository}/blob/{tag}/CHANGELOG.md"\n'
    return text.replace("[project.scripts]", f"{urls}\n[project.scripts]", 1)


def main(repository: str, tag: str) -> None:
    """Rewrite both files in place."""
    for name, rewritten in (("README.md", readme), ("pyproject.toml", project)):
        path = ROOT / name
        path.write_text(rewritten(path.read_text("utf-8"), repository, tag), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
