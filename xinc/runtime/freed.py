"""What a process has freed, given back to the system between two parts of long work."""

from __future__ import annotations

import ctypes
import gc


def give_freed_memory_back(cycles: bool = False) -> None:
    """Let the system have the memory that the process has freed.

    The C library itself gives back what lies at the end of its memory. Arrays of a few megabytes that come and go leave
    holes between others that stay: a third of what the analyses of a network of many neurons would hold. Where the C
    library is another than glibc, nothing changes.

    Parameters
    ----------
    cycles : also what only objects hold that hold each other, as those of a training do with its network; Python looks
        for these among all objects of the process, which takes tenths of a second where many packages are imported.
    """
    if cycles:
        gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
