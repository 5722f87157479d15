"""Providers that the application has already: Logfire's, a global one, one with an exporter of its own."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from tests.backends_others.python_programs import output
from tests.scripted import SHORT, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor


def test_logfire_shows_a_call_beside_its_own_metrics() -> None:
    shown = json.loads(
        output(
            """
            import logfire
            from opentelemetry.metrics import get_meter_provider
            reader = InMemoryMetricReader()
            logfire.configure(
                send_to_logfire=False, console=False, metrics=logfire.MetricsOptions(additional_readers=[reader])
            )
            logfire.metric_counter("orders").add(2)
            summary = a_call(telemetry=Telemetry(meter_provider=get_meter_provider()))
            logfire.metric_counter("orders").add(3)
            print(json.dumps({"metrics": shown(reader), "exported": summary.exported}))
            """,
            PYDANTIC_DISABLE_PLUGINS="",
        )
    )
    assert shown["metrics"]["orders"] == [[{}, 5]]
    assert [value for tags, value in shown["metrics"]["voice.calls.total"] if tags["call_id"] == "c-1"] == [1]
    assert [value for tags, value in shown["metrics"]["voice.calls.active"] if tags["call_id"] == "c-1"] == [0]
    assert shown["exported"] is None


class Collector(MetricsServiceServicer):
    """An OTLP collector that listens to gRPC and keeps what it gets."""

    def __init__(self) -> None:
        self.requests: list[ExportMetricsServiceRequest] = []

    def Export(self, request, context):
        self.requests.append(request)
        return ExportMetricsServiceResponse()


GLOBAL_PROVIDER = """
    from opentelemetry.metrics import get_meter_provider, set_meter_provider
    from opentelemetry.sdk.metrics import MeterProvider
    reader = InMemoryMetricReader()
    mine = MeterProvider([reader])
    set_meter_provider(mine)
    summary = a_call({arguments})
    flushed = shutdown(2.0)
    assert get_meter_provider() is mine
    get_meter_provider().get_meter("shop").create_counter("orders").add(2)
    print(json.dumps(shown(reader)))
"""


@pytest.mark.parametrize(
    ("arguments", "calls"),
    [
        pytest.param("", None, id="calls-stay-out-unless-asked-in"),
        pytest.param("telemetry=Telemetry(meter_provider=mine)", 1, id="calls-come-in-when-asked-in"),
    ],
)
def test_a_global_provider_is_neither_replaced_nor_shut_down(arguments: str, calls: int | None) -> None:
    shown = json.loads(output(GLOBAL_PROVIDER.format(arguments=arguments)))
    assert shown["orders"] == [[{}, 2]]
    assert ([value for _, value in shown["voice.calls.total"]] if calls else shown.get("voice.calls.total")) == (
        [calls] if calls else None
    )


async def test_the_applications_own_grpc_exporter_carries_a_call() -> None:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    add_MetricsServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    provider = MeterProvider(
        [PeriodicExportingMetricReader(OTLPMetricExporter(f"http://127.0.0.1:{port}", insecure=True))],
        shutdown_on_exit=False,
    )
    metrics = VoiceMetricsProcessor(call_id="c-1", telemetry=Telemetry(meter_provider=provider))
    truth = await run_call(SHORT, before_output=[metrics])
    provider.shutdown()
    server.stop(None)
    points = {
        (metric.name, *sorted((pair.key, pair.value.string_value) for pair in point.attributes)): point
        for resource in collector.requests[-1].resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in (metric.sum.data_points or metric.histogram.data_points)
    }
    prompt = [
        point.as_int or point.as_double
        for key, point in points.items()
        if key[0] == "voice.llm.tokens.total" and {("call_id", "c-1"), ("token_type", "prompt")} <= set(key[1:])
    ]
    assert prompt == [truth.prompt_tokens]
