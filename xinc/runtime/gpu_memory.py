"""Recovery when a GPU's memory runs out: smaller blocks, then the CPU, with one warning.

PyTorch is not imported here: reading a canvas does without it.
"""

from __future__ import annotations

import contextlib
import copy
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from xinc.errors import InputError

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")
M = TypeVar("M", bound="nn.Module")

#: What the libraries below PyTorch's allocator say where they find no memory of their own.
_LIBRARIES = re.compile(r"(CUDA|HIP) error: out of memory|_STATUS_ALLOC_FAILED")
_ASKED = re.compile(r"Tried to allocate ([\d.]+) ([KMG])iB")
_BYTES = {"K": 2**10, "M": 2**20, "G": 2**30}


class GPUMemoryError(InputError):
    """The memory of a GPU does not hold what cannot be split; with more of it free, the same would succeed."""


class Room:
    """How many of some things a GPU's memory holds at a time, found out by trying; a warning says so, once.

    Parameters
    ----------
    one, many : a thing and several in words, for the warning.

    Attributes
    ----------
    limit : how many are tried at most; None before memory has run out for the first time, 0 once not even one was held.
    """

    def __init__(self, one: str, many: str | None = None) -> None:
        self.one, self.many = one, many or one
        self.limit: int | None = None
        self._tried: int | None = None

    def fit(self, count: int, on_gpu: Callable[[int], T], on_cpu: Callable[[], T] | None = None) -> T:
        """Do something with ``count`` things.

        Parameters
        ----------
        count : how many there are.
        on_gpu : does it, for a number of things at a time. If memory runs out, it is called again for half as many at a
            time: it must begin anew then.
        on_cpu : does it where the memory does not hold one, now and from then on; None: the error is passed on.
        """
        while self.limit != 0:
            size = max(1, count) if self.limit is None else max(1, min(count, self.limit))
            try:
                found = on_gpu(size)
            except Exception as error:
                if not ran_out(error) or (size == 1 and on_cpu is None):
                    raise
            else:
                self._say_blocks()
                return found
            # Out of the handler, which keeps alive what the attempt had allocated.
            self._halve(size)
        assert on_cpu is not None
        return on_cpu()

    def run(self, model: M, compute: Callable[[M], T]) -> T:
        """What ``compute`` makes of a network where it is, or of a copy on the CPU."""
        return self.fit(1, lambda _: compute(model), lambda: compute(on_cpu(model)))

    def _halve(self, size: int) -> None:
        import torch

        torch.cuda.empty_cache()
        if self._tried is None:
            self._tried = size
        before = self.limit  # several threads may find out at once
        self.limit = size // 2 if before is None else min(before, size // 2)
        if self.limit == 0 and before != 0:
            self._warn(f"{self.one}: computed on the CPU from here on.")

    def _say_blocks(self) -> None:
        if self.limit and self._tried:
            self._warn(f"{self._tried} {self.many} at a time: blocks of {self.limit} now.")
            self._tried = 0

    def _warn(self, rest: str) -> None:
        warnings.warn(f"The GPU's memory does not hold {rest}", stacklevel=4)


def ran_out(error: BaseException | None) -> bool:
    """Whether the memory of a GPU ran out, there or in what was being dealt with."""
    torch = sys.modules.get("torch")
    while error is not None and torch is not None:
        if isinstance(error, torch.OutOfMemoryError):
            return True
        if isinstance(error, RuntimeError) and _LIBRARIES.search(str(error)):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def on_cpu(model: M) -> M:
    """A copy of a network on the CPU, made without any memory of the GPU."""
    from torch import Tensor, nn

    memo: dict[int, Any] = {}
    for module in model.modules():
        for held in (module._parameters, module._buffers, vars(module)):
            for tensor in held.values():
                if isinstance(tensor, nn.Parameter):
                    memo[id(tensor)] = nn.Parameter(tensor.detach().cpu(), tensor.requires_grad)
                elif isinstance(tensor, Tensor):
                    memo[id(tensor)] = tensor.detach().cpu()
    return copy.deepcopy(model, memo)


@contextlib.contextmanager
def shortage_named(work: str, remedy: str) -> Iterator[None]:
    """A shortage inside the block becomes a `GPUMemoryError` that names the work and says what to do."""
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        raise GPUMemoryError(f"{work} does not fit into the memory of the GPU{_state(error)}: {remedy}.") from None


def shortage(error: BaseException) -> str:
    """One sentence for a shortage that nothing has dealt with."""
    return (
        f"The memory of the GPU is used up{_state(error)}: end what else uses it, compute fewer things at a time, or "
        "compute on the CPU, and run again."
    )


def _state(error: BaseException) -> str:
    """How the GPU stands, as far as it can tell: `` (NVIDIA L4, 25.4 GB, 1.2 GB free; 2.15 GB more asked for)``."""
    import torch

    known = []
    if torch.cuda.is_available():
        with contextlib.suppress(RuntimeError):  # whatever is wrong with the GPU, the sentence must come out
            free, total = torch.cuda.mem_get_info()
            known = [f"{torch.cuda.get_device_name()}, {total / 1e9:.1f} GB, {free / 1e9:.1f} GB free"]
    asked = _ASKED.search(str(error))
    if asked is not None:
        known.append(f"{float(asked[1]) * _BYTES[asked[2]] / 1e9:.3g} GB more asked for")
    return f" ({'; '.join(known)})" if known else ""
