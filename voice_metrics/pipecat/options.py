"""The arguments of a processor or observer, checked at construction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import NoneType

from loguru import logger

from voice_metrics.call.facts import Leg
from voice_metrics.call.text import MOST_CHARACTERS, clean
from voice_metrics.series.prometheus_names import LABELS_OF_PROMETHEUS, label_name
from voice_metrics.series.table import COMMON_ATTRIBUTES, VOICE
from voice_metrics.telemetry import Telemetry
from voice_metrics.telemetry import telemetry as default_telemetry

_OF_OURS = (*COMMON_ATTRIBUTES, *(name for series in VOICE for name in series.attributes))
# Headers of a request that become attributes may be any number.
MOST_ATTRIBUTES = 64
_TAKEN = frozenset(label_name(name) for name in (*_OF_OURS, *LABELS_OF_PROMETHEUS))


@dataclass(frozen=True, slots=True)
class Options:
    """The user's arguments, as text that is safe everywhere.

    Parameters:
        models: Models by leg, as named by the user.
        call_id: The call's id, or `None` for the pipeline's own or a new one.
        attributes: The user's own tags.
    """

    models: Mapping[Leg, str | None]
    call_id: str | None
    attributes: Mapping[str, str]

    @classmethod
    def checked(
        cls, models: Mapping[Leg, str | None], call_id: str | None, attributes: Mapping[str, str] | None
    ) -> Options:
        """Check the user's arguments; `None` means not given.

        Raises:
            TypeError: A model, the call's id or an attribute is not text, or the attributes are no mapping.
            ValueError: An attribute has no name, one that is too long or reserved, or one that Prometheus would merge
                with a label that series already have.
        """
        for leg, model in models.items():
            if not isinstance(model, (str, NoneType)):
                raise TypeError(f"{leg}_model={model!r}: expected the name of a model, such as 'gpt-4.1'")
        if not isinstance(call_id, (str, NoneType)):
            raise TypeError(f"call_id={call_id!r}: expected text, such as 'call-7'")
        if not isinstance(attributes, (Mapping, NoneType)):
            found = type(attributes).__name__
            raise TypeError(f"attributes is a {found}: expected a dict, such as {{'tenant': 'acme'}}")
        for key, value in (attributes or {}).items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise TypeError(f"attributes[{key!r}]={value!r}: expected text for text, such as {{'tenant': 'acme'}}")
            if not key:
                raise ValueError(f"attributes[{key!r}]: expected a name, such as 'tenant'")
            if key.startswith("__"):
                # Prometheus names the series itself by `__name__`, and keeps all such names to itself.
                raise ValueError(f"attributes[{key!r}]: names with two underscores in front belong to Prometheus")
            if len(key) > MOST_CHARACTERS:
                raise ValueError(f"attributes[{key[:20]!r}…]: expected a name of at most {MOST_CHARACTERS} characters")
            if (label := label_name(key)) in _TAKEN:
                raise ValueError(f"attributes[{key!r}]: the label {label} is taken; choose another name")
        if len(attributes or {}) > MOST_ATTRIBUTES:
            logger.warning(f"A call has {len(attributes or {})} attributes: the first {MOST_ATTRIBUTES} are used")
        return cls(
            {leg: clean(model) if model else model for leg, model in models.items()},
            clean(call_id) if call_id and not call_id.isspace() else None,
            {clean(key): clean(value) for key, value in islice((attributes or {}).items(), MOST_ATTRIBUTES)},
        )


def destination(telemetry: Telemetry | None, service_name: str | None) -> Callable[[], Telemetry]:
    """Check the arguments, and return the getter of the telemetry; the process's own is made on first use.

    Args:
        telemetry: The user's own, or `None` for the process's.
        service_name: OTLP `service.name` of the process, or `None` for the environment's.

    Raises:
        TypeError: One is of another type.
    """
    if not isinstance(telemetry, (Telemetry, NoneType)):
        # A value that was meant for an endpoint or a header may hold a secret.
        found = type(telemetry).__name__
        raise TypeError(f"telemetry is a {found}: expected a Telemetry, such as Telemetry(meter_provider=provider)")
    if not isinstance(service_name, (str, NoneType)):
        raise TypeError(f"service_name={service_name!r}: expected text, such as 'voice-bot'")
    named = clean(service_name) if service_name else None
    return (lambda: telemetry) if telemetry else (lambda: default_telemetry(named))
