"""What a process has freed, given back to the system between two parts of long work."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Iterator


def give_freed_memory_back(cycles: bool = False) -> None:
    """Let the system have the memory that the process has freed.

    The C library itself gives back what lies at the end of its memory. Arrays of a few megabytes that come and go leave
    holes between others that stay: a third of what the analyses of a network of many neurons would hold. Where the C
    library is another than glibc, nothing changes.

    Parameters
    ----------
    cycles : also what only objects hold that hold each other, as those of a training do with its network; Python looks
        for these among all objects of the process, or those made in a block of `looking_at_new_objects`.
    """
    if cycles:
        gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@contextlib.contextmanager
def looking_at_new_objects() -> Iterator[None]:
    """A block in which Python does not look for cycles among the objects that are there when it begins.

    There are a million of them where many packages are imported: looking at all takes tenths of a second each time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
