"""The workers of a call beside the one that talks to the caller: bridged ones, and those that work for it.

A model may run in a worker of its own: bridged over Pipecat's bus, so that its frames pass the caller's pipeline, or
as the child of the caller's worker (the backend of an `LLMWithBackend`), so that nothing of it passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def worker_of(setup: Any) -> Any | None:
    """The worker that runs the pipeline, from what a processor's `setup` received, or from a processor."""
    try:
        return getattr(setup, "pipeline_worker", None)
    except Exception:
        # A processor that is not set up raises.
        return None


def processors_of(root: Any) -> Iterator[Any]:
    """Every processor below `root`, itself included: parallel branches, switchers and nested pipelines."""
    yield root
    for child in getattr(root, "processors", ()) or ():
        yield from processors_of(child)


def processors_of_workers(workers: Iterable[Any]) -> Iterator[Any]:
    """Every processor of the pipelines of these workers."""
    for worker in workers:
        pipeline = getattr(worker, "pipeline", None)
        if pipeline is not None:
            yield from processors_of(pipeline)


def children_of(worker: Any) -> Iterator[Any]:
    """The workers that a worker started, and theirs: their frames reach the caller's pipeline only if bridged."""
    for child in tuple(getattr(worker, "children", None) or ()):
        yield child
        yield from children_of(child)


def peers_of(worker: Any) -> Iterator[Any]:
    """All other workers on the bus of a worker, of this call or of another one."""
    # The bus lists its subscribers nowhere else; a worker that no runner has attached yet has none.
    subscriptions = getattr(getattr(worker, "_bus", None), "_subscriptions", None) or {}
    for subscription in tuple(subscriptions.values()):
        peer = getattr(subscription, "subscriber", None)
        if peer is not None and peer is not worker and hasattr(peer, "pipeline"):
            yield peer


def is_a(processor: Any, *names: str) -> bool:
    """Whether a processor's class or one of its bases has one of these names; extras of Pipecat are not imported."""
    return any(base.__name__ in names for base in type(processor).__mro__)


def is_bridge(processor: Any) -> bool:
    """Whether a processor connects its pipeline with other workers."""
    return is_a(processor, "BusBridgeProcessor")


def is_output(processor: Any) -> bool:
    """Whether a processor plays what the bot says."""
    return is_a(processor, "BaseOutputTransport")
