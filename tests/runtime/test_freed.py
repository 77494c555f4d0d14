"""Cycles among new objects are found in a block that leaves the old ones out; afterwards those are looked at again."""

from __future__ import annotations

import weakref

from xinc.runtime.freed import give_freed_memory_back, looking_at_new_objects


class Held:
    """Holds itself."""

    def __init__(self) -> None:
        self.own = self


def test_cycles_of_new_objects_are_freed_and_old_ones_afterwards() -> None:
    old = Held()
    of_old = weakref.ref(old)
    with looking_at_new_objects():
        of_new = weakref.ref(Held())
        del old
        give_freed_memory_back(cycles=True)
        assert of_new() is None
        assert of_old() is not None, "it was there before the block"
    give_freed_memory_back(cycles=True)
    assert of_old() is None
