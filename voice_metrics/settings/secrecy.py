"""What may be shown of a value from the environment (pure): a token is often pasted where something else belongs."""

from __future__ import annotations

import re

# Grafana Cloud, JSON in base64 (JWT), OpenAI and others, Slack, GitHub, Dynatrace, New Relic, Honeycomb, AWS.
_PREFIX = re.compile(
    r"gl(?:c|sa)_|eyJ[\w-]{5}|sk-|xox[a-z]-|gh[a-z]_|dt0[cs]\d\d\.|NRAK-|hc[a-z]{2}k_|AKIA|Basic |Bearer "
)
_RUN = re.compile(r"[A-Za-z0-9+=]{12,}")
_LONGEST_HARMLESS_RUN = 19
_LONGEST_SHOWN = 80
# Parts of the addresses under which servers take OTLP; another part may be a key.
_PATH_WORDS = re.compile(
    r"|v\d|api|otlp|otel|opentelemetry|metrics|logs|traces|ingest|intake|collector|collect|receive|write|push|public|prom"
    r"|prometheus|default|insert|e"
)


def starts_like_token(text: str) -> bool:
    """Whether a text begins as the tokens of a known service do.

    Args:
        text: The text.
    """
    return _PREFIX.match(text) is not None


def looks_secret(text: str) -> bool:
    """Whether a text may be a token, a key or a part of one.

    Args:
        text: The text.
    """
    if starts_like_token(text) or "-----BEGIN" in text:
        return True
    return any(_mixed(run) for run in _RUN.findall(text))


def _mixed(run: str) -> bool:
    digits = any(sign.isdigit() for sign in run)
    lower, upper = run != run.upper(), run != run.lower()
    return digits and ((lower and upper) or ((lower or upper) and len(run) > _LONGEST_HARMLESS_RUN))


def shown(value: str) -> str:
    """A value in quotes, or words in its place if it should not be printed.

    Args:
        value: Value of a variable that holds no secret when it is right.
    """
    if len(value) > _LONGEST_SHOWN or not value.isprintable() or looks_secret(value):
        return "(a value that is not shown)"
    return repr(value)


def hidden_in_path(path: str) -> list[str]:
    """The parts of a URL's path that may be a key.

    Args:
        path: The path.
    """
    return [part for part in path.split("/") if not _PATH_WORDS.fullmatch(part.lower())]


def shown_path(path: str) -> str:
    """A URL's path with dots in place of what may be a key.

    Args:
        path: The path.
    """
    return "/".join(part if _PATH_WORDS.fullmatch(part.lower()) else "…" for part in path.split("/"))
