"""Ids seen before, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict


class Seen:
    """The last `limit` ids; the oldest is forgotten first."""

    def __init__(self, limit: int = 512) -> None:
        self._ids: OrderedDict[object, None] = OrderedDict()
        self._limit = limit

    def first(self, id: object) -> bool:
        """Return True at the first sight of `id`, and remember it."""
        if id in self._ids:
            return False
        self._ids[id] = None
        if len(self._ids) > self._limit:
            self._ids.popitem(last=False)
        return True

    def forget(self, id: object) -> None:
        """Forget `id`."""
        self._ids.pop(id, None)

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def __len__(self) -> int:
        return len(self._ids)
