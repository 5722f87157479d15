"""The parts of an environment's value that may be shown (pure): people often paste a token into the wrong variable."""

from __future__ import annotations

import re

# Tokens of Grafana Cloud, JWT, OpenAI and others, Slack, GitHub, Dynatrace, New Relic, Honeycomb, AWS.
_PREFIX = re.compile(
    r"gl(?:c|sa)_|eyJ[\w-]{5}|sk-|xox[a-z]-|gh[a-z]_|dt0[cs]\d\d\.|NRAK-|hc[a-z]{2}k_|AKIA|Basic |Bearer "
)
_RUN = re.compile(r"[A-Za-z0-9+=]{12,}")
_LONGEST_HARMLESS_RUN = 19
_LONGEST_SHOWN = 80
# Path segments of known OTLP endpoints; any other segment may be a key.
_PATH_WORDS = re.compile(
    r"|v\d|api|otlp|otel|opentelemetry|metrics|logs|traces|ingest|intake|collector|collect|receive|write|push|public|prom"
    r"|prometheus|default|insert|e"
)


def starts_like_token(text: str) -> bool:
    """True if a text begins like the tokens of a known service."""
    return _PREFIX.match(text) is not None


def looks_secret(text: str) -> bool:
    """True if a text may be a token, a key or a part of one."""
    if starts_like_token(text) or "-----BEGIN" in text:
        return True
    return any(_looks_random(run) for run in _RUN.findall(text))


def _looks_random(run: str) -> bool:
    digits = any(sign.isdigit() for sign in run)
    lower, upper = run != run.upper(), run != run.lower()
    return digits and ((lower and upper) or ((lower or upper) and len(run) > _LONGEST_HARMLESS_RUN))


def shown(value: str) -> str:
    """Quote a value for a message, or describe it in words if it may be secret."""
    if len(value) > _LONGEST_SHOWN or not value.isprintable() or looks_secret(value):
        return "(a value that is not shown)"
    return repr(value)


def hidden_in_path(path: str) -> list[str]:
    """Return the parts of a URL's path that may be a key."""
    return [part for part in path.split("/") if not _PATH_WORDS.fullmatch(part.lower())]


def shown_path(path: str) -> str:
    """Return a URL's path with dots in place of parts that may be a key."""
    return "/".join(part if _PATH_WORDS.fullmatch(part.lower()) else "…" for part in path.split("/"))
