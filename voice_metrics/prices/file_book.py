"""The price book of a file that may change while bots run."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from loguru import logger

from voice_metrics.prices.book import PriceBook
from voice_metrics.settings.environment import SettingsError

# Modification time, size and inode; any of them changes with the file.
_Stamp = tuple[int, int, int] | None


class FileBook:
    """Reads a price file again when it changes.

    A file that is unusable at first is a set-up error. One that becomes unusable later, half saved, emptied or deleted,
    costs a warning, and its last good prices stay.
    """

    def __init__(self, path: str, name: str) -> None:
        """Watch the file at `path`; messages call the setting `name`, such as "VOICE_METRICS_PRICES"."""
        self._path, self._name = path, name
        # A bot may change its folder later.
        self._file = _absolute(path)
        self._read: _Stamp = None
        self._good: PriceBook | None = None
        self._has_prices = self._warned = False

    def book(self) -> PriceBook:
        """Return the file's current book, or the last usable one.

        Raises:
            SettingsError: The file cannot be used, and never could.
        """
        stamp = _stamp(self._file)
        if self._good is not None and stamp == self._read:
            return self._good
        try:
            # Imported here because only users of a price file pay for a TOML parser.
            from voice_metrics.prices.user_file import read_file

            if self._has_prices and stamp is not None and not stamp[1]:
                # Editors and a full disk leave nothing of a file until it is written anew.
                raise SettingsError(f"{self._name}={self._path!r}: it is empty: expected a TOML file of prices")
            book = PriceBook(read_file(self._file, self._name, shown=self._path))
        except SettingsError as error:
            if self._good is None:
                raise
            if not self._warned:
                logger.warning("voice_metrics: {}; the prices read before stay in use", error)
            self._warned = True
            self._read = stamp
            return self._good
        self._good, self._read, self._warned = book, stamp, False
        self._has_prices = stamp is not None and stamp[1] > 0
        return book


@lru_cache(maxsize=16)
def file_book(path: str, name: str) -> FileBook:
    """Return the process's one watcher of a file; messages call the setting `name`."""
    return FileBook(path, name)


def _absolute(path: str) -> Path:
    try:
        return Path(path).expanduser().absolute()
    except (OSError, RuntimeError, ValueError):
        # Reading it says why it is none.
        return Path(path)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except (OSError, RuntimeError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
