"""Series on standard output."""

from __future__ import annotations

import json

from tests.backends_others.python_programs import output


def test_the_console_shows_a_call() -> None:
    text = output("a_call(); shutdown(2.0)", OTEL_METRICS_EXPORTER="console")
    decoder, shown, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        shown.append(document)
        rest = rest[end:].strip()
    values = {
        metric["name"]: [
            (point["attributes"].get("call_id"), point.get("value")) for point in metric["data"]["data_points"]
        ]
        for document in shown
        for scope in document["resource_metrics"][0]["scope_metrics"]
        for metric in scope["metrics"]
    }
    assert values["voice.calls.total"] == [("c-1", 1)]
    assert ("c-1", None) in values["voice.response.milliseconds"]
