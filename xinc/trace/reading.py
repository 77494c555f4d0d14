"""The sparse matrix of a look-up in PyTorch: made once for some coordinates, then read from any table, and trained."""

from __future__ import annotations

import hashlib
import warnings
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from xinc.trace.lookup import Level


@dataclass(frozen=True)
class Reading:
    """What one level reads at P coordinates: a matrix (P, entries) with the shares of a pixel's corners in its row.

    Where PyTorch has products of compressed rows on a CPU, the matrix and its transpose are kept in this form: a
    product then takes a tenth of the time of gathering entries, and as little on the way back.

    Attributes
    ----------
    matrices : the matrix and its transpose as compressed rows; None where there are no products of them.
    entries, shares : (P, corners) what each pixel reads, and how much of it, where there are no matrices.
    count : entries of the table.
    """

    matrices: tuple[Tensor, Tensor] | None
    entries: Tensor
    shares: Tensor
    count: int

    @classmethod
    def at(cls, level: Level, coordinates: Tensor) -> Reading:
        """The reading of a level at coordinates (axes, P); that of somebody else, where there is one on the CPU."""
        if coordinates.device.type != "cpu":  # nothing waits for a GPU to tell its numbers
            return cls.of(level.at(coordinates), level.entries)
        content = coordinates.detach().contiguous()
        digest = hashlib.sha256(content.view(torch.uint8).numpy().data).digest()
        key = (level, content.shape, content.dtype, digest)
        found = _KNOWN.get(key)
        if found is None:
            found = _KNOWN[key] = cls.of(level.at(coordinates), level.entries)
        return found

    @classmethod
    def of(cls, corners: Sequence[tuple[Tensor, Tensor]], count: int) -> Reading:
        """The reading of a table of so many entries, from those (P,) of each corner and their shares (P,)."""
        entries, shares = (torch.stack(one, 1) for one in zip(*corners, strict=True))
        if shares.device.type != "cpu" or not torch.backends.mkl.is_available():
            return cls(None, entries, shares, count)
        pixels, each = entries.shape
        order = entries.flatten().argsort(stable=True)
        starts = torch.bincount(entries.flatten(), minlength=count).cumsum(0)
        ends = torch.cat([starts.new_zeros(1), starts])
        rows = _compressed(torch.arange(pixels + 1) * each, entries.flatten(), shares.flatten(), (pixels, count))
        columns = _compressed(ends, order // each, shares.flatten()[order], (count, pixels))
        return cls((rows, columns), entries.new_empty(0), shares.new_empty(0), count)

    def read(self, table: Tensor) -> Tensor:
        """(P, features) from a table (entries, features), in which it is differentiable."""
        found: Tensor = _Read.apply(table, self)
        return found

    def forward(self, table: Tensor) -> Tensor:
        """The matrix times a table (entries, features)."""
        if self.matrices is not None:
            return self.matrices[0] @ table
        return torch.einsum("pcf,pc->pf", table[self.entries], self.shares)

    def backward(self, towards: Tensor) -> Tensor:
        """The transposed matrix times (P, features)."""
        if self.matrices is not None:
            return self.matrices[1] @ towards
        parts = towards[:, None] * self.shares[..., None]
        found = towards.new_zeros(self.count, towards.shape[1])
        return found.index_add_(0, self.entries.flatten(), parts.flatten(0, 1))


#: Those that somebody has: of a hash grid each level's take two megabytes, and its traces read what it reads itself.
_KNOWN: weakref.WeakValueDictionary[tuple[Any, ...], Reading] = weakref.WeakValueDictionary()


class _Read(torch.autograd.Function):
    """A reading of a table, and its gradient."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, reading: Reading) -> Tensor:
        ctx.reading = reading
        with torch.autocast(table.device.type, enabled=False):
            return reading.forward(table.contiguous())

    @staticmethod
    def backward(ctx: Any, towards: Tensor) -> tuple[Tensor, None]:
        with torch.autocast(towards.device.type, enabled=False):
            return ctx.reading.backward(towards.to(ctx.reading.shares).contiguous()), None


def _compressed(ends: Tensor, numbers: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    """A matrix of compressed rows; its numbers take 32 bits, which products would otherwise convert each time."""
    with warnings.catch_warnings():  # PyTorch calls them beta, and tells that nobody checks them
        warnings.filterwarnings("ignore", message="Sparse")
        return torch.sparse_csr_tensor(ends.int(), numbers.int(), values, size, check_invariants=False)
