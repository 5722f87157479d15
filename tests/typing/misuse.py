"""Mistakes that a strict type checker finds: each line that says `wrong` is one, with the code of the error."""

from __future__ import annotations

from typing import Literal

import voice_metrics
from voice_metrics import (
    Metric,
    Telemetry,
    VoiceMetricsObserver,
    VoiceMetricsProcessor,
    duration,
    record_metric,
    register_metric,
    shutdown,
)

metrics = VoiceMetricsProcessor()
summary = metrics.summary()

voice_metrics.VoiceMetrix()  # wrong: attr-defined

VoiceMetricsProcessor("gpt-4.1")  # wrong: call-arg
VoiceMetricsProcessor(model="gpt-4.1")  # wrong: call-arg
VoiceMetricsProcessor(llm_model=4)  # wrong: arg-type
VoiceMetricsProcessor(attributes={"tenant": 7})  # wrong: dict-item
VoiceMetricsProcessor(telemetry="http://127.0.0.1:4318")  # wrong: arg-type
VoiceMetricsObserver(modell="gpt-4.1")  # wrong: call-arg
Telemetry(environ={"OTEL_METRIC_EXPORT_INTERVAL": 10})  # wrong: dict-item
metrics.call_id = "c-2"  # wrong: misc
metrics.record("orders.total", 1, kind="sum")  # wrong: arg-type
metrics.record("orders.total", "one")  # wrong: arg-type
metrics.record("orders.total", 1, "counter")  # wrong: call-arg
metrics.record("orders.total", 1, dishes=["soup"])  # wrong: arg-type
summary.render()  # wrong: union-attr
register_metric("orders.total", "counter")  # wrong: arg-type
Metric("counters")  # wrong: arg-type
Metric("counter", "{order}", "Orders.").unit = "ms"  # wrong: misc
record_metric("orders.total", None)  # wrong: arg-type
record_metric(1, 1)  # wrong: arg-type
duration("menu.search.milliseconds", clock=3.0)  # wrong: arg-type
done: Literal["yes"] = shutdown()  # wrong: assignment
shutdown(timeout="soon")  # wrong: arg-type
if summary is not None:
    cents: int = summary.cost.total_usd  # wrong: assignment
    pause = summary.response.p95_ms * 2  # wrong: operator
    summary.errors = 0  # wrong: misc
    summary.to_dict("json")  # wrong: call-arg
