"""Recording a step: what can be seen of it without a GPU."""

from __future__ import annotations

import contextlib
import gc

import pytest

from xinc.training.graphs import _no_collection


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_waits_until_a_recording_is_over(enabled: bool) -> None:
    """A graph that is freed while another is recorded ends the recording, with an error of CUDA."""
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with contextlib.suppress(KeyError), _no_collection():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
