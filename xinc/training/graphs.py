"""A step of training recorded as CUDA graphs, so that the processor launches it whole instead of kernel by kernel."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage is collected inside the block: a graph of an earlier training among it would end the recording."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Recorded:
    """A function of a batch's positions (n,), recorded once for each n and replayed from then on.

    What it does to the parameters and to the optimiser's state while it is being warmed up and recorded is undone.

    Parameters
    ----------
    step : takes positions (n,), sets gradients, updates the parameters and returns errors (n,).
    optimiser : of these parameters, ``capturable``, whose learning rate is the tensor ``rate``.
    """

    def __init__(self, step: Callable[[Tensor], Tensor], optimiser: torch.optim.Optimizer, rate: Tensor) -> None:
        self.step, self.optimiser, self.rate = step, optimiser, rate
        self.graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor, Tensor]] = {}

    def __call__(self, batch: Tensor, rate: float) -> Tensor:
        if len(batch) not in self.graphs:
            self.graphs[len(batch)] = self._record(batch)
        graph, positions, errors = self.graphs[len(batch)]
        positions.copy_(batch)
        self.rate.fill_(rate)
        graph.replay()
        return errors.clone()

    def _record(self, batch: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor]:
        positions, kept = batch.clone(), self._snapshot()
        try:
            for _ in range(3):  # libraries choose and allocate on first use, which must not be recorded
                self.step(positions)
        finally:  # also where memory runs out, since the step is tried again then
            self._restore(kept)
        torch.cuda.synchronize()
        self.optimiser.zero_grad(set_to_none=True)  # so that the graph has gradients of its own
        graph = torch.cuda.CUDAGraph()
        # On the stream where it is replayed: on another one, common to all networks, cuBLAS would give the products of
        # all the same workspace, and networks trained together would write over each other's sums.
        with _no_collection(), torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            errors = self.step(positions)
        return graph, positions, errors

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.optimiser.param_groups for parameter in group["params"]]

    def _snapshot(self) -> list[tuple[Tensor, dict[str, Any]]]:
        state = self.optimiser.state
        return [
            (p.detach().clone(), {name: value.clone() for name, value in state.get(p, {}).items()})
            for p in self._parameters()
        ]

    @torch.no_grad()
    def _restore(self, kept: list[tuple[Tensor, dict[str, Any]]]) -> None:
        """Put everything back in place; state that was not there before is zero, as an optimiser begins."""
        for parameter, (value, state) in zip(self._parameters(), kept, strict=True):
            parameter.copy_(value)
            for name, tensor in self.optimiser.state[parameter].items():
                tensor.copy_(state[name]) if name in state else tensor.zero_()
