"""Where a service sends its requests: its host, and the deployment that its address names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from voice_metrics.call.text import clean

# Modules of Pipecat's services that make a client of Bedrock for each request, from the region.
_OF_BEDROCK = ("pipecat.services.aws.llm", "pipecat.services.aws.nova_sonic.llm")


def host_of(processor: Any) -> str | None:
    """Return the host of a service's requests, or `None` if unknown."""
    for address in _addresses(processor, getattr(processor, "__dict__", {})):
        try:
            host = urlsplit(str(address)).hostname if address else None
        except ValueError:
            continue
        if host:
            return host
    return None


def deployment_of(processor: Any) -> str | None:
    """Return the deployment that the address of Azure's realtime service names, or `None`."""
    # It takes the whole address, whose query has the deployment.
    address = getattr(processor, "__dict__", {}).get("base_url")
    try:
        query = parse_qs(urlsplit(address).query) if isinstance(address, str) else {}
    except ValueError:
        return None
    named = query.get("deployment") or query.get("model")
    return clean(named[0]) if named else None


def _addresses(processor: Any, held: dict[str, Any]) -> Iterator[Any]:
    client = held.get("_client")
    yield getattr(client, "base_url", None)
    # Google's client has no public one.
    yield getattr(getattr(getattr(client, "_api_client", None), "_http_options", None), "base_url", None)
    # Realtime services keep theirs in a public attribute.
    yield from (held.get(name) for name in ("_base_url", "_url", "base_url"))
    if any(base.__module__ in _OF_BEDROCK for base in type(processor).__mro__):
        region = held.get("_region") or (held.get("_aws_params") or {}).get("region_name")
        yield f"https://bedrock-runtime.{region}.amazonaws.com" if region else None
