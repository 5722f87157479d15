"""The workers of a call beside the one that talks to the caller: bridged ones and children.

A model may run in its own worker: bridged over Pipecat's bus, and then its frames pass the caller's pipeline, or as a
child of the caller's worker (the backend of an `LLMWithBackend`), and then none of them do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def worker_of(setup: Any) -> Any | None:
    """Return the worker of a pipeline, from the argument of a processor's `setup` or from a processor."""
    try:
        return getattr(setup, "pipeline_worker", None)
    except Exception:
        # A processor that is not set up raises.
        return None


def processors_of(root: Any) -> Iterator[Any]:
    """Yield every processor below `root`, itself included: parallel branches, switchers and nested pipelines."""
    yield root
    for child in getattr(root, "processors", ()) or ():
        yield from processors_of(child)


def processors_of_workers(workers: Iterable[Any]) -> Iterator[Any]:
    """Yield every processor of the workers' pipelines."""
    for worker in workers:
        pipeline = getattr(worker, "pipeline", None)
        if pipeline is not None:
            yield from processors_of(pipeline)


def children_of(worker: Any) -> Iterator[Any]:
    """Yield a worker's children, and theirs; their frames reach the caller's pipeline only if bridged."""
    for child in tuple(getattr(worker, "children", None) or ()):
        yield child
        yield from children_of(child)


def peers_of(worker: Any) -> Iterator[Any]:
    """Yield all other workers on the bus of a worker, of this call or of another one."""
    for subscription in tuple(_subscriptions(worker).values()):
        peer = getattr(subscription, "subscriber", None)
        if peer is not None and peer is not worker and hasattr(peer, "pipeline"):
            yield peer


def peers_count(worker: Any) -> int:
    """Return the number of a worker's peers and itself, which changes when a worker joins its bus."""
    return len(_subscriptions(worker))


def _subscriptions(worker: Any) -> dict[Any, Any]:
    # The bus has no public list of subscribers; a worker without a runner has no bus yet.
    return getattr(getattr(worker, "_bus", None), "_subscriptions", None) or {}


def partners_of(worker: Any) -> Iterator[Any]:
    """Yield the workers that serve a worker's call: its children, and those on its bus, bridged or not.

    Only children, if the bus has other calls.
    """
    children = tuple(children_of(worker))
    yield from children
    beside = [peer for peer in peers_of(worker) if peer not in children]
    if not any(_has_a_call(peer) for peer in beside):
        yield from beside


def _has_a_call(peer: Any) -> bool:
    """True if a worker talks to a caller itself."""
    return not getattr(peer, "bridged", False) and any(
        is_a(processor, "BaseInputTransport", "BaseOutputTransport", "VoiceMetricsProcessor")
        for processor in processors_of(peer.pipeline)
    )


def classifying_in(processors: Iterable[Any]) -> Iterator[Any]:
    """Yield the processors of voicemail detectors: before Pipecat 1.12 among them is a model that does not talk."""
    for processor in processors:
        if is_a(processor, "VoicemailDetector"):
            yield from processors_of(processor)


def is_a(processor: Any, *names: str) -> bool:
    """True if a processor's class or a base of it has one of these names, so that no extra of Pipecat is imported."""
    return any(base.__name__ in names for base in type(processor).__mro__)


def has_event(source: Any, event: str) -> bool:
    """True if a Pipecat object has an event; Pipecat warns about a handler for a missing one."""
    return event in getattr(source, "_event_handlers", ())


def is_bridge(processor: Any) -> bool:
    """True if a processor connects its pipeline with other workers."""
    return is_a(processor, "BusBridgeProcessor")


def is_output(processor: Any) -> bool:
    """True if a processor plays the bot's audio."""
    return is_a(processor, "BaseOutputTransport")
