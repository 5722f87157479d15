"""Names in Prometheus: a golden table, made with prometheus/otlptranslator and the real vmagent."""

import pytest

from voice_metrics.series.prometheus_names import label_name, metric_name, series_names
from voice_metrics.series.table import GEN_AI, PROCESS, VOICE, Kind

NUMBERS = {
    "voice.calls.total": "voice_calls_total",
    "voice.calls.active": "voice_calls_active",
    "voice.calls.ended.total": "voice_calls_ended_total",
    "voice.session.duration.seconds": "voice_session_duration_seconds",
    "voice.llm.tokens.total": "voice_llm_tokens_total",
    "voice.llm.token_details.total": "voice_llm_token_details_total",
    "voice.stt.audio.seconds": "voice_stt_audio_seconds_total",
    "voice.tts.characters.total": "voice_tts_characters_total",
    "voice.cost.usd": "voice_cost_usd_total",
    "voice.turns.total": "voice_turns_total",
    "voice.turns.unanswered.total": "voice_turns_unanswered_total",
    "voice.floor.seconds": "voice_floor_seconds_total",
    "voice.interruptions.false.total": "voice_interruptions_false_total",
    "voice.interruptions.total": "voice_interruptions_total",
    "voice.function_calls.total": "voice_function_calls_total",
    "voice.usage.unpriced.total": "voice_usage_unpriced_total",
    "voice.errors.total": "voice_errors_total",
    "voice.service.switches.total": "voice_service_switches_total",
    "voice.telemetry.dropped.total": "voice_telemetry_dropped_total",
}
HISTOGRAMS = {
    "voice.ttfb.milliseconds": "voice_ttfb_milliseconds",
    "voice.processing.milliseconds": "voice_processing_milliseconds",
    "voice.ttfa.milliseconds": "voice_ttfa_milliseconds",
    "voice.ttfat.milliseconds": "voice_ttfat_milliseconds",
    "voice.text_aggregation.milliseconds": "voice_text_aggregation_milliseconds",
    "voice.turn_detection.milliseconds": "voice_turn_detection_milliseconds",
    "voice.response.milliseconds": "voice_response_milliseconds",
    "voice.silence.seconds": "voice_silence_seconds",
    "voice.greeting.milliseconds": "voice_greeting_milliseconds",
    "voice.interruption.stop.milliseconds": "voice_interruption_stop_milliseconds",
    "voice.bot.gap.seconds": "voice_bot_gap_seconds",
    "voice.response.part.milliseconds": "voice_response_part_milliseconds",
    "voice.llm.throughput": "voice_llm_throughput_per_second",
    "voice.function_call.milliseconds": "voice_function_call_milliseconds",
    "voice.call.duration.seconds": "voice_call_duration_seconds",
    "voice.event_loop.lag.milliseconds": "voice_event_loop_lag_milliseconds",
    "gen_ai.client.token.usage": "gen_ai_client_token_usage",
    "gen_ai.client.operation.duration": "gen_ai_client_operation_duration_seconds",
    "gen_ai.client.operation.time_to_first_chunk": "gen_ai_client_operation_time_to_first_chunk_seconds",
    "gen_ai.client.operation.time_per_output_chunk": "gen_ai_client_operation_time_per_output_chunk_seconds",
    "gen_ai.execute_tool.duration": "gen_ai_execute_tool_duration_seconds",
    "gen_ai.invoke_agent.duration": "gen_ai_invoke_agent_duration_seconds",
}
# Latencies are milliseconds.
UNITS = {
    "voice.calls.total": "{call}",
    "voice.calls.active": "{call}",
    "voice.calls.ended.total": "{call}",
    "voice.session.duration.seconds": "s",
    "voice.llm.throughput": "{token}/s",
    "voice.llm.tokens.total": "{token}",
    "voice.llm.token_details.total": "{token}",
    "voice.stt.audio.seconds": "s",
    "voice.tts.characters.total": "{character}",
    "voice.cost.usd": "{USD}",
    "voice.turns.total": "{turn}",
    "voice.turns.unanswered.total": "{turn}",
    "voice.floor.seconds": "s",
    "voice.silence.seconds": "s",
    "voice.interruptions.false.total": "{interruption}",
    "voice.bot.gap.seconds": "s",
    "voice.interruptions.total": "{interruption}",
    "voice.function_calls.total": "{call}",
    "voice.usage.unpriced.total": "{request}",
    "voice.errors.total": "{error}",
    "voice.service.switches.total": "{switch}",
    "voice.telemetry.dropped.total": "{item}",
    "voice.call.duration.seconds": "s",
    "gen_ai.client.token.usage": "{token}",
    "gen_ai.client.operation.duration": "s",
    "gen_ai.client.operation.time_to_first_chunk": "s",
    "gen_ai.client.operation.time_per_output_chunk": "s",
    "gen_ai.execute_tool.duration": "s",
    "gen_ai.invoke_agent.duration": "s",
}


def test_every_series_has_the_unit_that_its_numbers_are_read_in():
    latencies = {name: "ms" for name in HISTOGRAMS if name.endswith(".milliseconds")}
    assert {series.name: series.unit for series in (*VOICE, *PROCESS, *GEN_AI)} == latencies | UNITS


def test_every_series_has_the_name_that_dashboards_rely_on():
    golden = {name: (prometheus,) for name, prometheus in NUMBERS.items()} | {
        name: (f"{prometheus}_bucket", f"{prometheus}_sum", f"{prometheus}_count")
        for name, prometheus in HISTOGRAMS.items()
    }
    assert {series.name: series_names(series) for series in (*VOICE, *PROCESS, *GEN_AI)} == golden


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        pytest.param("voicebot.turn.duration", "s", Kind.HISTOGRAM, "voicebot_turn_duration_seconds", id="unit-added"),
        pytest.param("voicebot.turns", "{turn}", Kind.COUNTER, "voicebot_turns_total", id="annotation-left-out"),
        pytest.param("voicebot.turns", "1", Kind.COUNTER, "voicebot_turns_total", id="no-ratio-on-a-counter"),
        pytest.param("voicebot.interruption", "1", Kind.GAUGE, "voicebot_interruption_ratio", id="ratio-on-a-gauge"),
        pytest.param("voicebot.active", "1", Kind.UP_DOWN_COUNTER, "voicebot_active", id="no-ratio-on-up-down"),
        pytest.param("voicebot.ratio", "1", Kind.GAUGE, "voicebot_ratio", id="ratio-not-doubled"),
        pytest.param("voicebot.cost", "USD", Kind.COUNTER, "voicebot_cost_USD_total", id="unknown-unit-verbatim"),
        pytest.param("voice.total.cost", "{USD}", Kind.COUNTER, "voice_cost_total", id="total-moves-to-the-end"),
        pytest.param("voicebot.audio", "By/s", Kind.GAUGE, "voicebot_audio_bytes_per_second", id="per-unit"),
        pytest.param("x.cpu", "%", Kind.GAUGE, "x_cpu_percent", id="percent"),
        pytest.param("2fast", "", Kind.GAUGE, "_2fast", id="leading-digit"),
        pytest.param("my-app__hits/all", "", Kind.COUNTER, "my_app_hits_all_total", id="other-characters"),
    ],
)
def test_metric_names(name, unit, kind, expected):
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [("call_id", "call_id"), ("gen_ai.request.model", "gen_ai_request_model"), ("a..b", "a_b"), ("1x", "key_1x")],
)
def test_label_names(attribute, expected):
    assert label_name(attribute) == expected
