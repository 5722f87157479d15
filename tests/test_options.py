"""What the user of a processor or observer may choose, and what is refused at construction."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from voice_metrics import GrafanaMetricsExporter, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.call.facts import Leg
from voice_metrics.pipecat.options import Options
from voice_metrics.series.table import COMMON_ATTRIBUTES, VOICE

OURS = sorted({*COMMON_ATTRIBUTES, *(name for series in VOICE for name in series.attributes)})


def test_what_the_user_chose_is_kept() -> None:
    tags = {"tenant": "acme", "deployment.environment": "test", "service.name": "x", "Model": "x", "job_title": "cook"}
    options = Options.checked({Leg.LLM: "gpt-4.1"}, "call-7", tags)
    assert options == Options({Leg.LLM: "gpt-4.1"}, "call-7", tags)


@pytest.mark.parametrize("call_id", [None, ""])
def test_no_call_id_is_none(call_id: str | None) -> None:
    assert Options.checked({}, call_id, None) == Options({}, None, {})


@pytest.mark.parametrize("name", OURS)
def test_a_name_that_series_have_already_is_taken(name: str) -> None:
    with pytest.raises(ValueError, match="is taken") as caught:
        Options.checked({}, None, {name: "restaurant"})
    assert str(caught.value) == f"attributes[{name!r}]: the label {name} is taken; choose another name"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("call.id", "call_id", id="dot"),
        pytest.param("end-reason", "end_reason", id="hyphen"),
        pytest.param("token__type", "token_type", id="two-underscores"),
        pytest.param("le", "le", id="bound-of-a-bucket"),
        pytest.param("quantile", "quantile", id="quantile-of-a-summary"),
        pytest.param("job", "job", id="job-of-the-target"),
        pytest.param("instance", "instance", id="instance-of-the-target"),
    ],
)
def test_a_name_that_prometheus_takes_for_another_is_taken(name: str, label: str) -> None:
    with pytest.raises(ValueError, match="is taken") as caught:
        Options.checked({}, None, {"tenant": "acme", name: "x"})
    assert str(caught.value) == f"attributes[{name!r}]: the label {label} is taken; choose another name"


def test_an_attribute_without_a_name_raises() -> None:
    with pytest.raises(ValueError, match=r"attributes\[''\]: expected a name, such as 'tenant'"):
        Options.checked({}, None, {"": "x"})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("__name__", "belong to Prometheus", id="name-of-the-series"),
        pytest.param("__address__", "belong to Prometheus", id="name-that-prometheus-keeps"),
        pytest.param("x" * 257, "a name of at most 256 characters", id="over-long"),
    ],
)
def test_an_attribute_that_would_rename_or_lose_series_is_refused(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Options.checked({}, None, {"tenant": "acme", name: "x"})


WRONG: list[Any] = [
    pytest.param({Leg.TTS: 7}, None, None, "tts_model=7: expected the name of a model", id="model"),
    pytest.param({}, 5, None, "call_id=5: expected text, such as 'call-7'", id="call-id"),
    pytest.param({}, 0, None, "call_id=0: expected text, such as 'call-7'", id="call-id-that-counts-as-nothing"),
    pytest.param({}, None, {"tenant": 7}, r"attributes\['tenant'\]=7: expected text for text", id="attribute"),
    pytest.param({}, None, {7: "x"}, r"attributes\[7\]='x': expected text for text", id="name-of-an-attribute"),
    pytest.param({}, None, ["tenant"], "attributes is a list: expected a dict", id="attributes-in-a-list"),
    pytest.param({}, None, "tenant=acme", "attributes is a str: expected a dict", id="attributes-in-one-text"),
    pytest.param({}, None, (), "attributes is a tuple: expected a dict", id="attributes-that-count-as-nothing"),
]


@pytest.mark.parametrize(("models", "call_id", "attributes", "words"), WRONG)
def test_what_is_no_text_is_told(models: Any, call_id: Any, attributes: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Options.checked(models, call_id, attributes)


@pytest.mark.parametrize("tool", [VoiceMetricsProcessor, VoiceMetricsObserver, GrafanaMetricsExporter])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"telemetry": MeterProvider(shutdown_on_exit=False)}, "telemetry is a MeterProvider: expected a Telemetry"),
        ({"telemetry": "https://me:secret@example.com"}, "telemetry is a str: expected a Telemetry"),
        ({"service_name": 7}, "service_name=7: expected text"),
    ],
    ids=["a-provider-as-it-is", "an-address", "a-number-for-a-name"],
)
def test_where_series_go_is_checked_before_the_first_call(tool: Any, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words) as caught:
        tool(**wrong)
    assert "secret" not in str(caught.value)
