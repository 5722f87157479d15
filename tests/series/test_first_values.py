"""A series begins with its first value: what a service does not report is absent, and not 0."""

from __future__ import annotations

from tests.export.running_export import export_of
from voice_metrics.call.facts import Leg, TokensUsed
from voice_metrics.export.call_export import CallExport
from voice_metrics.pipecat.services import Service, Services
from voice_metrics.series import table
from voice_metrics.telemetry import Telemetry


def test_a_detail_that_is_not_reported_has_no_series() -> None:
    telemetry = Telemetry(environ={"OTEL_METRICS_EXPORTER": "console", "VOICE_METRICS_DB": "off"})
    services = Services([Service("Mind#0", "Mind", Leg.LLM, "openai", "m")])
    call = CallExport(telemetry, services, "c-1", {}, gen_ai=False)

    def details() -> dict[object, object]:
        own = (each for outgoing in export_of(telemetry).live.outgoing() for each in outgoing.registry.all)
        return {each.attributes["detail"]: each.state() for each in own if each.row is table.LLM_TOKEN_DETAILS}

    call.write(TokensUsed("Mind", "m", 10, 2))
    assert details() == {}
    for _ in range(2):
        call.write(TokensUsed("Mind", "m", 10, 2, cache_read=7))
    assert details() == {"cache_read": 14}
    telemetry.shutdown()
