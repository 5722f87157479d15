"""Pipecat's MetricsFrames become facts, exactly and without ever raising."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import MetricsFrame
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    MetricsData,
    ProcessingMetricsData,
    TextAggregationMetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
    TurnMetricsData,
)

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    Leg,
    Processing,
    Refused,
    TextAggregated,
    TokensUsed,
    TurnDetected,
)
from voice_metrics.pipecat.metrics_frames import MetricsReader
from voice_metrics.pipecat.services import Service

LLM = "OpenAILLMService#7"


def facts(*items: MetricsData, services: dict[str, Service] | None = None) -> list[Fact]:
    return list(MetricsReader(services or {}).facts(MetricsFrame(data=list(items))))


def ttfb(value: float, processor: str = LLM, model: str | None = "gpt-4.1") -> TTFBMetricsData:
    return TTFBMetricsData(processor=processor, value=value, model=model)


def usage(prompt: int, completion: int, total: int, processor: str = LLM, **details: int | None) -> LLMUsageMetricsData:
    tokens = LLMTokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total, **details)
    return LLMUsageMetricsData(processor=processor, model="gpt-4.1", value=tokens)


@pytest.mark.parametrize(
    ("item", "fact"),
    [
        pytest.param(ttfb(0.41), FirstByte("OpenAILLMService", "gpt-4.1", 0.41), id="ttfb-in-seconds"),
        pytest.param(
            ProcessingMetricsData(processor="CartesiaTTSService#12", value=1.5),
            Processing("CartesiaTTSService", None, 1.5),
            id="processing-without-a-model",
        ),
        pytest.param(
            ProcessingMetricsData(processor="CartesiaTTSService#12", value=1.5, model="sonic"),
            Processing("CartesiaTTSService", "sonic", 1.5),
            id="processing",
        ),
        pytest.param(
            TextAggregationMetricsData(processor="CartesiaTTSService#0", value=0.05),
            TextAggregated("CartesiaTTSService", 0.05),
            id="text-aggregation",
        ),
        pytest.param(
            TurnMetricsData(processor="BaseSmartTurn", is_complete=True, probability=0.9, e2e_processing_time_ms=130.0),
            TurnDetected("BaseSmartTurn", 0.13, True),
            id="turn-detection-is-in-milliseconds",
        ),
        pytest.param(
            TTSUsageMetricsData(processor="CartesiaTTSService#1", model="sonic", value=76),
            CharactersSpoken("CartesiaTTSService", "sonic", 76),
            id="characters",
        ),
    ],
)
def test_each_kind_becomes_its_fact(item: MetricsData, fact: Fact) -> None:
    assert facts(item) == [fact]


@pytest.mark.skipif(not hasattr(pipecat_metrics, "TTFATMetricsData"), reason="this Pipecat has no TTFAT")
def test_ttfa_ttfat_and_audio_have_no_plain_value() -> None:
    m: Any = pipecat_metrics
    assert facts(
        m.TTFAMetricsData(processor="TTS#1", model="x", ttfa=0.5, ttfb=0.3, leading_silence=0.2),
        m.TTFATMetricsData(processor="LLM#1", model="y", ttfat=0.9, ttfb=0.4, thinking_time=0.5),
        m.STTUsageMetricsData(processor="STT#1", model="z", value=m.STTUsage(audio_seconds=6.1)),
    ) == [FirstAudio("TTS", "x", 0.5), FirstAnswerToken("LLM", "y", 0.9), AudioTranscribed("STT", "z", 6.1)]


def test_the_zeros_at_the_start_are_no_measurements() -> None:
    names = ("GladiaSTTService#0", "OpenAILLMService#0")
    zeros = [kind(processor=name, value=0.0) for name in names for kind in (TTFBMetricsData, ProcessingMetricsData)]
    assert facts(*zeros) == []


def test_a_later_zero_is_refused() -> None:
    assert [type(fact) for fact in facts(ttfb(0.0))] == [Refused]


@pytest.mark.parametrize("value", [0.0, -0.2, float("nan"), float("inf"), float("-inf"), 2.0**63])
def test_a_latency_that_cannot_be_true_is_refused(value: float) -> None:
    refused, kept = facts(ttfb(value), ttfb(0.2))
    assert isinstance(refused, Refused)
    assert refused.reason == "bad_value"
    assert kept == FirstByte("OpenAILLMService", "gpt-4.1", 0.2)


@pytest.mark.parametrize("tokens", [-1, 2**63, 10**30])
def test_a_token_count_that_cannot_be_true_is_refused(tokens: int) -> None:
    (refused,) = facts(usage(tokens, 5, 5))
    assert isinstance(refused, Refused)
    assert refused.reason == "bad_value"


def test_nothing_to_report_is_neither_a_measurement_nor_a_fault() -> None:
    assert facts(TTSUsageMetricsData(processor="TTS#0", value=0)) == []


@pytest.mark.skipif(not hasattr(pipecat_metrics, "STTUsageMetricsData"), reason="this Pipecat reports no audio")
@pytest.mark.parametrize(("seconds", "heard"), [(0.0, []), (1.0, [AudioTranscribed("STT", "z", 1.0)])])
def test_audio_of_no_length_is_neither_a_measurement_nor_a_fault(seconds: float, heard: list[Fact]) -> None:
    m: Any = pipecat_metrics
    item = m.STTUsageMetricsData(processor="STT#1", model="z", value=m.STTUsage(audio_seconds=seconds))
    assert facts(item) == heard


def test_a_usage_without_a_total_is_recorded() -> None:
    tokens = LLMTokenUsage.model_construct(prompt_tokens=10, completion_tokens=5, total_tokens=None)
    item = LLMUsageMetricsData.model_construct(processor=LLM, model="gpt-4.1", value=tokens)
    assert facts(item) == [TokensUsed("OpenAILLMService", "gpt-4.1", 10, 5)]


def test_an_unknown_kind_is_counted_and_not_raised() -> None:
    class HeartRateMetricsData(MetricsData):
        beats: int

    assert facts(HeartRateMetricsData(processor="X#1", beats=60)) == [Refused("unknown_kind", "HeartRateMetricsData")]


def test_an_item_that_is_no_metrics_data_costs_itself_only() -> None:
    reasons = [getattr(fact, "reason", "measured") for fact in facts(object(), ttfb(0.2))]  # type: ignore[arg-type]
    assert reasons == ["fault", "measured"]


def test_a_broken_item_costs_itself_only() -> None:
    broken = LLMUsageMetricsData.model_construct(processor=LLM, model=None, value=None)
    reasons = [getattr(fact, "reason", "measured") for fact in facts(broken, ttfb(0.2))]
    assert reasons == ["fault", "measured"]


@pytest.mark.parametrize(
    ("item", "prompt"),
    [
        pytest.param(usage(1000, 80, 1080), 1000, id="no-cache"),
        pytest.param(usage(1000, 80, 1080, cache_read_input_tokens=160), 1000, id="openai-is-gross"),
        pytest.param(
            usage(100, 50, 2150, cache_read_input_tokens=1800, cache_creation_input_tokens=200),
            2100,
            id="total-shows-net",
        ),
        pytest.param(usage(1000, 50, 1250, cache_read_input_tokens=200), 1200, id="the-total-alone-shows-net"),
        pytest.param(usage(1000, 50, 1050, cache_read_input_tokens=1000), 1000, id="a-prompt-that-was-cached-whole"),
        pytest.param(usage(100, 50, 150, cache_read_input_tokens=1800), 1900, id="more-cached-than-prompt-is-net"),
        pytest.param(
            usage(1000, 50, 1050, "AWSBedrockLLMService#0", cache_read_input_tokens=300), 1300, id="bedrock-before-1.7"
        ),
        pytest.param(
            usage(1000, 50, 1050, "AnthropicLLMService#0", cache_read_input_tokens=300), 1300, id="anthropic-before-1.7"
        ),
        pytest.param(
            usage(1000, 50, 1050, "AnthropicLLMService#0", cache_read_input_tokens=None),
            1000,
            id="anthropic-without-cache",
        ),
    ],
)
def test_prompt_tokens_are_gross_of_caches_whatever_the_provider_reports(
    item: LLMUsageMetricsData, prompt: int
) -> None:
    (used,) = facts(item)
    assert isinstance(used, TokensUsed)
    assert used.prompt == prompt


@pytest.mark.parametrize(
    ("item", "completion", "prompt"),
    [
        pytest.param(
            usage(10120, 1499, 14428, cache_read_input_tokens=128, reasoning_tokens=2809), 4308, 10120, id="gateway"
        ),
        pytest.param(usage(21, 12, 93), 72, 21, id="geminis-endpoint-for-openais-clients"),
        pytest.param(
            usage(900, 60, 1030, "GoogleLLMService#0", reasoning_tokens=40),
            100,
            930,
            id="google-before-its-total-was-computed",
        ),
        pytest.param(
            usage(1000, 50, 1250, "AnthropicLLMService#0"), 50, 1200, id="anthropic-with-a-cache-that-only-totals"
        ),
    ],
)
def test_tokens_that_only_the_total_has_are_found_again(
    item: LLMUsageMetricsData, completion: int, prompt: int
) -> None:
    (used,) = facts(item)
    assert isinstance(used, TokensUsed)
    assert (used.completion, used.prompt) == (completion, prompt)
    assert used.total == item.value.total_tokens


@pytest.mark.parametrize(
    ("item", "told"),
    [
        pytest.param(usage(0, 0, 0), [], id="zeros-are-no-tokens"),
        pytest.param(usage(0, 0, 0, cache_read_input_tokens=0), [], id="nor-with-an-empty-cache"),
        pytest.param(usage(0, 0, 9, cache_read_input_tokens=9), [(9, 0)], id="cached-whole-and-net"),
        pytest.param(usage(0, 7, 7), [(0, 7)], id="completion-alone"),
        pytest.param(usage(7, 0, 7), [(7, 0)], id="prompt-alone"),
    ],
)
def test_a_request_that_used_no_tokens_is_no_measurement(
    item: LLMUsageMetricsData, told: list[tuple[int, int]]
) -> None:
    assert [(used.prompt, used.completion) for used in facts(item) if isinstance(used, TokensUsed)] == told
    assert len(facts(item)) == len(told)


def test_unreported_details_are_absent_and_not_zero() -> None:
    (used,) = facts(usage(10, 5, 15, cache_read_input_tokens=0))
    assert isinstance(used, TokensUsed)
    assert (used.cache_read, used.cache_creation, used.reasoning, used.input_audio) == (0, None, None, None)


def test_tokens_are_recorded_with_every_reported_detail() -> None:
    details = {"cache_read_input_tokens": 5, "cache_creation_input_tokens": 4, "reasoning_tokens": 3}
    assert facts(usage(100, 10, 110, **details)) == [
        TokensUsed("OpenAILLMService", "gpt-4.1", 100, 10, cache_read=5, cache_creation=4, reasoning=3)
    ]


@pytest.mark.skipif(
    "input_audio_tokens" not in LLMTokenUsage.model_fields, reason="this Pipecat reports no audio tokens"
)
def test_tokens_of_audio_are_recorded_apart() -> None:
    (used,) = facts(usage(100, 10, 110, input_audio_tokens=7, output_audio_tokens=6, cache_read_input_audio_tokens=2))
    assert isinstance(used, TokensUsed)
    assert (used.input_audio, used.output_audio, used.cache_read_input_audio) == (7, 6, 2)


def test_a_provider_that_reports_net_is_known_under_any_name() -> None:
    mine = Service("mine#0", "RestaurantLLM", Leg.LLM, "anthropic", "claude")
    other = Service("other#0", "OtherLLM", Leg.LLM, "openai", "gpt")
    prompts = [
        fact.prompt
        for name in ("mine#0", "other#0")
        for fact in facts(
            usage(1000, 50, 1050, name, cache_read_input_tokens=300), services={"mine#0": mine, "other#0": other}
        )
        if isinstance(fact, TokensUsed)
    ]
    assert prompts == [1300, 1000]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.2, "-0.2 is not a positive, finite number"),
        (float("nan"), "nan is not a positive, finite number"),
        (float("inf"), "inf is not a positive, finite number"),
        (True, "True is not a positive, finite number"),
        ("0.4", "'0.4' is not a positive, finite number"),
        (2**53, "9007199254740992 is not a positive, finite number"),
    ],
)
def test_a_refusal_says_what_was_refused_and_why(value: Any, said: str) -> None:
    item = TTFBMetricsData.model_construct(processor=LLM, model="m", value=value)
    assert facts(item) == [Refused("bad_value", f"TTFBMetricsData of OpenAILLMService#7: {said}")]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "True is not a count"),
        (1.5, "1.5 is not a count"),
        (2**53, "9007199254740992 is not a count"),
        pytest.param(10**5000, "a huge number is not a count", id="more-digits-than-python-writes"),
        ("x" * 100, "'" + "x" * 79 + " is not a count"),
    ],
)
def test_a_count_that_is_none_is_named_in_a_few_words(value: Any, said: str) -> None:
    item = TTSUsageMetricsData.model_construct(processor="TTS#1", model="m", value=value)
    assert facts(item) == [Refused("bad_value", f"TTSUsageMetricsData of TTS#1: {said}")]


@pytest.mark.parametrize("names", [{"processor": None, "model": "m"}, {"processor": "TTS#1", "model": 7}])
def test_names_that_are_no_text_are_refused(names: dict[str, Any]) -> None:
    item = TTSUsageMetricsData.model_construct(value=76, **names)
    assert facts(item) == [Refused("bad_value", "TTSUsageMetricsData: its processor or model is no text")]


def test_a_fault_is_named_by_its_kind_and_never_by_its_text() -> None:
    broken = LLMUsageMetricsData.model_construct(processor=LLM, model=None, value=None)
    assert facts(broken) == [Refused("fault", "LLMUsageMetricsData: AttributeError")]


def test_services_without_a_model_are_measured_from_the_first_value_on() -> None:
    assert facts(ttfb(0.3, "MyLLM#0", None), ProcessingMetricsData(processor="MyLLM#0", value=0.5)) == [
        FirstByte("MyLLM", None, 0.3),
        Processing("MyLLM", None, 0.5),
    ]


@pytest.mark.parametrize("model", [None, ""])
def test_a_missing_model_is_the_services_own_or_its_class(model: str | None) -> None:
    named = Service(LLM, "OpenAILLMService", Leg.LLM, "openai", "gpt-4.1-mini")
    unnamed = Service("PiperTTSService#0", "PiperTTSService", Leg.TTS, "piper", None)
    services = {service.name: service for service in (named, unnamed)}
    assert [
        fact.model
        for fact in facts(ttfb(0.1, model=model), ttfb(0.1, "PiperTTSService#0", model), services=services)
        if isinstance(fact, FirstByte)
    ] == ["gpt-4.1-mini", "PiperTTSService"]


def test_a_services_own_name_becomes_its_class() -> None:
    mine = Service("call-4711", "OpenAILLMService", Leg.LLM, "openai", None)
    (fact,) = facts(ttfb(0.1, "call-4711"), services={"call-4711": mine})
    assert isinstance(fact, FirstByte)
    assert fact.processor == "OpenAILLMService"


def test_latencies_tokens_and_processing_name_the_instance_that_they_are_of() -> None:
    told = facts(ttfb(0.1), ProcessingMetricsData(processor=LLM, value=0.5), usage(1, 2, 3))
    assert [getattr(fact, "instance", None) for fact in told] == [LLM] * 3


@given(value=st.floats(), processor=st.text(), model=st.none() | st.text())
def test_any_latency_is_measured_or_refused(value: float, processor: str, model: str | None) -> None:
    (fact,) = facts(ttfb(value, processor, model), services={})
    assert isinstance(fact, FirstByte) == (0 < value < 2**53)


def test_a_service_that_is_found_later_is_read_by_its_model() -> None:
    services: dict[str, Service] = {}
    reader = MetricsReader(services)
    frame = MetricsFrame(data=[ttfb(0.4, model=None)])
    assert list(reader.facts(frame)) == [FirstByte("OpenAILLMService", None, 0.4)]
    services[LLM] = Service(LLM, "OpenAILLMService", Leg.LLM, "openai", "gpt-4.1")
    assert list(reader.facts(frame)) == [FirstByte("OpenAILLMService", "gpt-4.1", 0.4)]
    del services[LLM]
    assert list(reader.facts(frame)) == [FirstByte("OpenAILLMService", None, 0.4)]


def test_names_without_end_are_not_kept_without_end() -> None:
    names = [*(f"OpenAILLMService#{number}" for number in range(1200)), "Long" * 1000]
    service = Service(LLM, "OpenAILLMService", Leg.LLM, "openai", "gpt-4.1")
    reader = MetricsReader(dict.fromkeys(names, service))
    for name in names:
        assert list(reader.facts(MetricsFrame(data=[ttfb(0.4, name)]))) == [
            FirstByte("OpenAILLMService", "gpt-4.1", 0.4)
        ]
    assert len(reader._kinds) <= 500
    assert names[-1] not in {name for _, name, _ in reader._kinds}
