"""Writing of a command's document to a file or standard output."""

from __future__ import annotations

from pathlib import Path

import typer


def written(document: str, file: Path | None, then: str) -> None:
    """Write a document to `file`, or to standard output for `None`.

    Args:
        document: Its text, with a final line feed.
        file: The file, or `None`.
        then: The next step, one sentence for standard error.

    Raises:
        typer.BadParameter: The file cannot be written.
    """
    if file is None:
        typer.echo(document, nl=False)
        return
    try:
        file.write_text(document, encoding="utf-8")
    except OSError as refusal:
        raise typer.BadParameter(f"{file} cannot be written: {refusal.strerror}") from None
    typer.echo(f"{file}: written. {then}", err=True)
