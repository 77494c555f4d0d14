"""Values kept for the next time, the least recently used forgotten first, within a number of bytes."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from xinc.errors import InputError
from xinc.runtime import task

T = TypeVar("T")

#: Megabytes (1e6 bytes) of what was read and prepared that a canvas keeps by default.
DEFAULT_MB = 256.0


class Kept:
    """Values by key, together of at most ``limit`` bytes; safe to use from several threads.

    A copy in another process, pickled or forked, has the same limit; pickled, it is empty.

    Attributes
    ----------
    limit : bytes.
    size : bytes of what is kept now.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._turns: weakref.WeakValueDictionary[Hashable, _Turn] = weakref.WeakValueDictionary()

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, (self.limit,)

    def _locked(self) -> threading.Lock:
        if self._process != os.getpid():  # forked: of the parent's threads none is here to give a lock back
            self._begin()
        return self._lock

    def peek(self, key: Hashable) -> Any:
        """What is kept by a key; None where nothing is."""
        with self._locked():
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keep a value of so many bytes, unless it alone is too large."""
        with self._locked():
            _, before = self._values.pop(key, (None, 0))
            self.size -= before
            if size > self.limit:
                return
            while self.size + size > self.limit:
                _, (_, freed) = self._values.popitem(last=False)
                self.size -= freed
            self._values[key] = value, size
            self.size += size

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """The value of a key, made where it is not kept: by one thread, for which others that ask for it wait.

        Parameters
        ----------
        key : of the value, which is not None.
        make : makes it. What it raises is raised, and another that waits tries itself.
        size : its bytes.
        """
        found = self.peek(key)
        if found is not None:
            return cast(T, found)
        with self._locked():
            turn = self._turns.setdefault(key, _Turn())
        while not turn.lock.acquire(timeout=task.PATIENCE):
            task.check()
        try:
            found = self.peek(key)
            if found is None:
                found = make()
                self.put(key, found, size(found))
        finally:
            turn.lock.release()
        return cast(T, found)


class _Turn:
    """Who makes a value."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def kept_mb(megabytes: object) -> Kept:
    """What keeps so many megabytes (1e6 bytes); `InputError` for anything but a number from 0 on."""
    if isinstance(megabytes, bool) or not isinstance(megabytes, int | float) or not megabytes >= 0:
        raise InputError(
            f"cache_mb is {megabytes!r}: a number of megabytes from 0 on was expected, e.g. {DEFAULT_MB:g}."
        )
    return Kept(int(min(megabytes * 1e6, 2**62)))
