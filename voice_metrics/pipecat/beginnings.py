"""How a call begins: its id, its names, and the destinations of its numbers."""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from loguru import logger

from voice_metrics.call.call import Call
from voice_metrics.call.identity import Identity
from voice_metrics.call.models import LEGS, Models
from voice_metrics.call.text import clean
from voice_metrics.export.call_export import CallExport
from voice_metrics.ledger import ledger_at
from voice_metrics.ledger.journal import Journal
from voice_metrics.pipecat import event_loop
from voice_metrics.pipecat.lifetime import Lifetime, Listener
from voice_metrics.pipecat.options import Options
from voice_metrics.pipecat.placement import no_telemetry
from voice_metrics.pipecat.services import Services
from voice_metrics.prices import PriceBook
from voice_metrics.series import table
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry

# The latest call of each id that may still be running.
_running: weakref.WeakValueDictionary[str, Lifetime] = weakref.WeakValueDictionary()


class Beginnings:
    """Begins the calls of one recorder.

    Args:
        options: The user's arguments.
        telemetry: Returns the destination of series when a call begins.
        prices: Prices of usage.
        settings: The environment's.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        options: Options,
        telemetry: Callable[[], Telemetry],
        prices: PriceBook,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self.call_id = options.call_id or str(uuid.uuid4())
        self._options = options
        self._telemetry = telemetry
        self._prices = prices
        self._settings = settings
        self._clock = clock

    def choose_call_id(self, metadata: Mapping[str, Any], latest: Call | None) -> None:
        """Choose the id of the next call.

        Args:
            metadata: The StartFrame's.
            latest: The call before, or `None`.
        """
        found = metadata.get("call_id")
        given = self._options.call_id
        with suppress(Exception):  # an id that cannot be shown, such as a number of thousands of digits, is none
            text = str(found) if found else ""
            # A blank one could be found nowhere, and many calls would share it.
            given = given or (clean(text) if text.strip() else None)
        if latest is None:
            self.call_id = given or self.call_id
        else:
            # A processor that starts a second call keeps no id of the first, or their series would mix.
            self.call_id = given if given and given != latest.identity.call_id else str(uuid.uuid4())

    def begin(self, services: Services, listener: Listener, *, counts: bool) -> Lifetime:
        """Begin the call of the chosen id: its series, its row in the ledger, and its timers.

        Args:
            services: The services of its pipeline.
            listener: Receives its end, and faults.
            counts: False if another recorder counts it.
        """
        models = Models(
            self._options.models,
            {leg: services.model(leg) for leg in LEGS},
            {leg: services.in_use(leg) for leg in LEGS},
        )
        telemetry = self._telemetry() if counts else no_telemetry()
        identity = Identity(self.call_id, models.current, self._options.attributes, datetime.now(UTC))
        journal = self._journal(services, identity.key) if counts else None
        series = CallExport(
            telemetry, services, self.call_id, identity.tags(), gen_ai=self._settings.gen_ai, key=identity.key
        )
        # The first call of a process makes its telemetry, which takes a while; length and series begin together.
        identity = replace(identity, started_at=datetime.now(UTC))
        call = Call(identity, services, series, self._prices, self._clock(), journal=journal, models=models)
        lifetime = Lifetime(call, journal, self._settings.export_timeout_seconds, self._clock, listener)
        if counts:
            event_loop.watch().record_in(telemetry.series(table.LOOP_LAG, {}))
        named = ", ".join(f"{leg.name} {model or 'none'}" for leg, model in models.current.items())
        logger.info("Call {} begins: {}; {}", self.call_id, named, telemetry.mode)
        self._warn_of_namesake(counts)
        _running[self.call_id] = lifetime
        return lifetime

    def _warn_of_namesake(self, counts: bool) -> None:
        namesake = _running.get(self.call_id)
        if namesake is not None and not namesake.over and counts:
            logger.warning(
                "Call {}: another running call has this id. Each has its own summary and row in the ledger; series "
                "cannot tell them apart. Let call_id name one call only",
                self.call_id,
            )

    def _journal(self, services: Services, key: str) -> Journal | None:
        path = self._settings.ledger
        return None if path is None else Journal(ledger_at(path, self._settings.ledger_days), services.leg, key)
