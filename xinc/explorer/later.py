"""What takes seconds to import and no map of a canvas needs: PyTorch, networks, and what takes neurons out of them."""

from __future__ import annotations

import threading

_ONE = threading.Lock()


def import_the_rest() -> None:
    """Import it, unless that has been done; a thread that needs it while another one imports it waits.

    Not from two threads at a time: modules that import each other may not be begun from two sides.
    """
    with _ONE:
        from xinc.answers import exact
        from xinc.canvas import dissect
        from xinc.models import checkpoints, loading

        del exact, dissect, checkpoints, loading
