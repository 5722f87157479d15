"""A call's budget: the moment at which its priced usage reaches it."""

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
        """Begin the next call."""
        self._is_reached = False

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
        told: Receives a call's cost in US dollars when it reaches the limit.
    """

    def __init__(self, budget: Budget, told: Callable[[float], Awaitable[None]] | None) -> None:
        self.budget = budget
        self._told = told
        # The event loop itself holds a task only weakly.
        self._telling: set[asyncio.Task[None]] = set()

    def look(self, spent_usd: Decimal) -> None:
        """Report, without waiting, if the call reaches its budget now."""
        if self._told is not None and self.budget.reaches(spent_usd):
            telling = asyncio.get_running_loop().create_task(self._tell(self._told, float(spent_usd)))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _tell(self, told: Callable[[float], Awaitable[None]], spent_usd: float) -> None:
        await told(spent_usd)
