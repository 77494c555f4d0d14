"""A GPU without much memory, played by the CPU: PyTorch raises where it would raise on one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from xinc.runtime import gpu_memory

#: PyTorch's own words, shortened.
MESSAGE = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.68 GiB of which 1.12 GiB is free."
)


class SmallGPU(TorchDispatchMode):
    """Operations inside the block fail if they make a tensor of more than ``most`` bytes.

    Attributes
    ----------
    largest : bytes of the largest tensor made.
    refused : how often memory ran out.
    """

    def __init__(self, most: float = math.inf) -> None:
        super().__init__()
        self.most, self.largest, self.refused = most, 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        known = {_place(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor) and _place(tensor) not in known:
                size = tensor.numel() * tensor.element_size()
                if size > self.most:
                    self.refused += 1
                    raise torch.OutOfMemoryError(MESSAGE)
                self.largest = max(self.largest, size)
        return found

    def only_in(self, monkeypatch: Any, owner: Any, name: str) -> None:
        """Memory runs out in one function alone."""
        plain = getattr(owner, name)

        def limited(*args: Any, **kwargs: Any) -> Any:
            with self:
                return plain(*args, **kwargs)

        monkeypatch.setattr(owner, name, limited)

    def spare_the_cpu(self, monkeypatch: Any, user: Any = gpu_memory) -> None:
        """From the first copy of a network that a module makes on the CPU on, memory is that of the CPU."""
        plain = gpu_memory.on_cpu

        def on_cpu(model: Any) -> Any:
            self.most = math.inf
            return plain(model)

        monkeypatch.setattr(user, "on_cpu", on_cpu)


def _place(tensor: Tensor) -> int:
    values = tensor.values() if tensor.layout == torch.sparse_csr else tensor
    return values.untyped_storage().data_ptr()
