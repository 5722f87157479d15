"""The command line `voice-metrics`: one module per command, imported when it is called.

An error is one line on standard error; exit status 2 for a mistake in settings or arguments, 1 for any other failure.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voice_metrics.cli.environment_file import FromFile


def main() -> None:
    """Run the command line of this process, with the `.env` of the current folder."""
    from voice_metrics.cli.environment_file import load

    loaded = load(Path(), os.environ)
    if sys.stdout is None:  # closed by the shell, as by `>&-`
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without UTF-8 shows a question mark for a dash; a pipe gets UTF-8, and JSON's own escape for a byte
        # of a file's name that is none.
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    for advice in filter(None, (loaded.unread, loaded.advice)):
        print(f"voice-metrics: {advice}", file=sys.stderr)
    sys.exit(run(sys.argv[1:], loaded))


def run(arguments: Sequence[str], loaded: FromFile | None = None) -> int:
    """Run a command line and return its exit status; `loaded` names what a `.env` gave."""
    from voice_metrics.cli.commands import app
    from voice_metrics.cli.printable import printable

    try:
        status = app(args=list(arguments) or ["--help"], prog_name="voice-metrics", standalone_mode=False, obj=loaded)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader closed the pipe early, as `head` does.
        _silence()
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        worded = _worded(error)
        if worded is None:
            raise
        line, status = worded
        if isinstance(error, OSError):
            _silence()
        print(f"voice-metrics: {printable(line)}", file=sys.stderr)
    return (status if isinstance(status, int) else 0) if arguments else 2


def _silence() -> None:
    """Redirect standard output to nothing, so that its flush at exit cannot fail."""
    with suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _worded(error: Exception) -> tuple[str, int] | None:
    """One line for an error, and the exit status; `None` for a bug, which gets its traceback."""
    from voice_metrics.ledger import LedgerUnavailable, LedgerUnreadable, NoSuchCall
    from voice_metrics.settings.environment import SettingsError

    if isinstance(error, SettingsError):
        return str(error), 2
    if isinstance(error, LedgerUnreadable | NoSuchCall):
        return str(error), 1
    if isinstance(error, LedgerUnavailable):
        return f"the ledger cannot be written: {error}", 1
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return f"the output cannot be written: {error.strerror}", 1
    message = getattr(error, "format_message", None)
    if callable(message):
        context = getattr(error, "ctx", None)
        where = f" (see {context.command_path} --help)" if context is not None else ""
        return f"{' '.join(str(message()).split())}{where}", int(getattr(error, "exit_code", 2))
    if type(error).__name__ == "Abort":
        return "aborted", 1
    return None
