"""The `.env` of the folder in which a command runs: what is taken from it, and what is not."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_ROUTE = re.compile(r"OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?(?:ENDPOINT|CERTIFICATE)")
_CREDENTIALS = re.compile(r"OTEL_EXPORTER_OTLP_(?:[A-Z]+_)?(?:HEADERS|CLIENT_KEY)")
_REFERENCE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class FromFile:
    """What came from a `.env`.

    Parameters:
        taken: Names of the variables that are read from it.
        withheld: Names of those that are not, since the environment's credentials would go where they point.
    """

    taken: frozenset[str] = frozenset()
    withheld: tuple[str, ...] = ()

    @property
    def advice(self) -> str | None:
        """What to do about what is withheld, or `None` if nothing is."""
        if not self.withheld:
            return None
        return (
            f"{', '.join(self.withheld)} of .env is not used: the credentials of the environment do not go where the "
            "file of a folder points. Set both in the environment, or both in .env."
        )


def load(folder: Path, environ: MutableMapping[str, str]) -> FromFile:
    """Take variables from a folder's `.env` that the environment does not have.

    Args:
        folder: The folder.
        environ: The environment; takes the variables.

    Returns:
        Which were taken, and which were not.
    """
    guarded = any(environ[name] and _is_credential(name, environ[name]) for name in environ)
    taken, withheld = [], []
    for name, value in _values(folder / ".env").items():
        if name in environ:
            continue
        if guarded and (_ROUTE.fullmatch(name) or name.upper() in _PROXIES):
            withheld.append(name)
        else:
            environ[name] = value
            taken.append(name)
    return FromFile(frozenset(taken), tuple(withheld))


def _is_credential(name: str, value: str) -> bool:
    # An endpoint may have a password in it, which a signal's own endpoint or a proxy would redirect.
    return bool(_CREDENTIALS.fullmatch(name) or (_ROUTE.fullmatch(name) and "@" in value))


def _values(path: Path) -> dict[str, str]:
    from dotenv import dotenv_values

    try:
        # A pipe of that name would wait for someone to write.
        found = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except (OSError, UnicodeError):
        return {}
    values: dict[str, str] = {}
    for name, value in found.items():
        if value is not None and "\0" not in value:
            values[name] = _resolved(value, values)
    return values


def _resolved(value: str, known: Mapping[str, str]) -> str:
    # Only with the file's own variables: an address of the file could carry away a secret of the environment.
    return _REFERENCE.sub(lambda found: known.get(found[1], found[2] or ""), value)
