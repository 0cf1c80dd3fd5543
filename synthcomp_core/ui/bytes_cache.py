"""A cache of what takes memory: what was used most recently, up to a number of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, MutableMapping
from typing import Generic, TypeVar

from cachetools import LRUCache

_Value = TypeVar("_Value")


class BytesCache(Generic[_Value]):
    """The most recently used values, up to a number of bytes; shared by all sessions, safe between threads.

    size_of: the bytes that a value takes. One that is larger than all of the cache is not kept.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[_Value], int]) -> None:
        self._max_bytes, self._size_of = max_bytes, size_of
        self._items: MutableMapping[Hashable, _Value] = LRUCache(max_bytes, getsizeof=size_of)
        self._lock = threading.Lock()  # Looking up reorders the items.

    def get(self, key: Hashable) -> _Value | None:
        with self._lock:
            return self._items.get(key)

    def put(self, key: Hashable, value: _Value) -> None:
        if self._size_of(value) <= self._max_bytes:
            with self._lock:
                self._items[key] = value

    def clear(self) -> None:
        with self._lock:
            self._items.clear()
