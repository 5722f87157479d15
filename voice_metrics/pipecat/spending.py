"""A call's budget, and the report when its priced usage reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation


class Budget:
    """A limit that a call reaches once."""

    def __init__(self, usd: float | Decimal | None) -> None:
        """Check the limit: US dollars of one call, positive, or `None` for no limit.

        Raises:
            TypeError: It is no number.
            ValueError: It is not positive and finite.
        """
        if usd is not None and (isinstance(usd, bool) or not isinstance(usd, (int, float, Decimal))):
            raise TypeError(f"budget_usd={usd!r}: expected US dollars, such as 0.5")
        try:
            self._usd = None if usd is None else Decimal(str(usd))
        except InvalidOperation:
            self._usd = Decimal("NaN")
        if self._usd is not None and not (self._usd.is_finite() and self._usd > 0):
            raise ValueError(f"budget_usd={usd!r}: expected US dollars more than 0, such as 0.5")
        self._is_reached = False

    def begin(self) -> None:
        """Reset the budget for the next call."""
        self._is_reached = False

    @property
    def is_open(self) -> bool:
        """True if there is a limit that the call did not reach yet."""
        return self._usd is not None and not self._is_reached

    def reaches(self, spent_usd: Decimal) -> bool:
        """Return True if a call reaches the limit now, for the first time."""
        if self._usd is None or self._is_reached or spent_usd < self._usd:
            return False
        self._is_reached = True
        return True


class Spending:
    """Reports calls that reach their budget.

    Args:
        budget: The limit.
        report: Receives a call's cost in US dollars when it reaches the limit; `None` for no report.
    """

    def __init__(self, budget: Budget, report: Callable[[float], Awaitable[None]] | None) -> None:
        self.budget = budget
        self._report = report
        # The event loop holds tasks only weakly.
        self._reporting: set[asyncio.Task[None]] = set()

    def report_if_reached(self, spent_usd: Decimal) -> None:
        """Report, without waiting, if the call reaches its budget now."""
        if self._report is not None and self.budget.reaches(spent_usd):
            reporting = asyncio.get_running_loop().create_task(self._send(self._report, float(spent_usd)))
            self._reporting.add(reporting)
            reporting.add_done_callback(self._reporting.discard)

    async def _send(self, report: Callable[[float], Awaitable[None]], spent_usd: float) -> None:
        await report(spent_usd)
