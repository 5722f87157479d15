"""Numbers that a call will lack because of a processor's place, or because of a second one.

Services send their MetricsFrames downstream: a processor sees those of the services in front of it, in its own branch.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from voice_metrics.call.facts import Leg
from voice_metrics.pipecat.services import services_in
from voice_metrics.pipecat.workers import is_a, is_bridge, processors_of
from voice_metrics.telemetry import Telemetry

_PARALLEL = ("ParallelPipeline", "SyncParallelPipeline")


def misplaced(root: Any, meter: Any) -> str | None:
    """Return a warning that names the services whose metrics do not pass `meter`, with the cure.

    `None` if all pass, or the processor is not in the pipeline.
    """
    front = in_front(root, meter)
    if front is None:
        return None
    seen = {service.name for service in services_in(front)}
    missed = [
        service.processor
        for service in services_in(processors_of(root))
        if service.leg is not Leg.OTHER and service.name not in seen
    ]
    if not missed:
        return None
    names = " and ".join(filter(None, (", ".join(missed[:-1]), missed[-1])))
    return (
        f"no latencies, usage and cost of {names}, since their metrics do not pass {type(meter).__name__}; put it "
        "behind them and behind any parallel branches, such as before transport.output()"
    )


def in_front(node: Any, meter: Any) -> list[Any] | None:
    """Return the processors below a node whose frames reach `meter`; `None` if `meter` is not below it."""
    passed: list[Any] = []
    parallel = is_a(node, *_PARALLEL)
    for child in getattr(node, "processors", ()) or ():
        if child is meter:
            return passed
        if (front := in_front(child, meter)) is not None:
            return front if parallel else passed + front
        passed.extend(processors_of(child))
    return None


def before_bridges(root: Any, meter: Any) -> list[Any]:
    """Return the services whose metrics reach `meter` by way of other workers, and after the call's end never."""
    front = in_front(root, meter) or []
    last = max((place for place, each in enumerate(front) if is_bridge(each)), default=0)
    return [each for each in front[:last] if each.can_generate_metrics()]


@lru_cache(maxsize=1)
def no_telemetry() -> Telemetry:
    """Return telemetry that drops everything, for a call that another recorder counts."""
    return Telemetry(environ={"OTEL_SDK_DISABLED": "true", "VOICE_METRICS_DB": "off"})


_observers: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()


class Placement:
    """The place of a recorder, and its consequences.

    Parameters:
        counts: True if its calls go into series and ledger. Of several at one pipeline only the first processor's do,
            or without processors those of the observer that was set up first.
        meter: The measuring processor, or `None` for an observer.
        warning: Numbers that the calls will lack, with the cure, or `None`.
    """

    def __init__(self) -> None:
        self.counts = True
        self.meter: Any = None
        self.warning: str | None = None

    def examine(self, worker: Any, processors: Iterable[Any], recorder: object) -> None:
        """Find the recorder's place in a pipeline, and what its calls will lack there.

        Args:
            worker: The worker that runs it.
            processors: Its processors, in their order.
            recorder: The recorder.
        """
        meters = [each for each in processors if isinstance(getattr(each, "_recorder", None), type(recorder))]
        mine = self.meter = next((meter for meter in meters if meter._recorder is recorder), None)
        if meters:
            self.counts = meters[0] is mine
        else:
            first = _observers.get(worker)
            if first is None or first() is None:
                _observers[worker] = weakref.ref(recorder)
            self.counts = _observers[worker]() is recorder
        self.warning = misplaced(worker.pipeline, mine) if mine is not None and self.counts else None
