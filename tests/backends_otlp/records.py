"""OTLP log records as docs/events.md describes them, made without the plug-in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

CALL = "voice.call"


def request(instance: str, *events: Mapping[str, Any], name: str = CALL) -> ExportLogsServiceRequest:
    """A request of one process.

    Args:
        instance: Its `service.instance.id`.
        events: Attributes of each event.
        name: The events' name.
    """
    message = ExportLogsServiceRequest()
    resource = message.resource_logs.add()
    resource.resource.attributes.extend(_pairs({"service.name": "voice-bot", "service.instance.id": instance}))
    scope = resource.scope_logs.add()
    scope.scope.name = "voice_metrics"
    for event in events:
        record = scope.log_records.add(event_name=name, severity_number=9, severity_text="INFO")
        record.time_unix_nano = record.observed_time_unix_nano = time.time_ns()
        record.body.string_value = name
        record.trace_id = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
        record.attributes.extend(_pairs(event))
    return message


def _pairs(attributes: Mapping[str, Any]) -> Iterator[KeyValue]:
    for name, value in attributes.items():
        yield KeyValue(key=name, value=_value(value))


def _value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case _:
            return AnyValue(array_value=ArrayValue(values=[_value(one) for one in value]))
