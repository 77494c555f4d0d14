"""Sizes of networks, pruned or not: parameters and bits, counted three ways, and their quantisation."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xinc.models._pruned import masks_of, zero_masked
from xinc.models.base import INR


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes
    ----------
    parameters : all there are, what was removed included.
    removed : of these, how many are masked.
    dense : bits of all parameters, 32 each.
    positions : bits that say which are left: of each pruned tensor a bit for every kernel, or for every weight where
        kernels are not removed as a whole; or, where that is less, the number of each one left, ⌈log₂ n⌉ bits of n.
    sparse : 32 bits for each that is left, and positions.
    entropy : bits of what is left at 8 bits, entropy coded: its number times the entropy of its symbols, those of all
        tensors together, and positions. Chen et al. 2021 (NeRV, section 3.3) report Huffman coding of the same symbols
        without positions; a Huffman code takes less than one bit a symbol more than the entropy. Ranges of tensors, two
        numbers each, are not counted.
    """

    parameters: int
    removed: int
    dense: int
    positions: int
    sparse: int
    entropy: float

    @property
    def left(self) -> int:
        return self.parameters - self.removed


def size_of(model: INR, bits: int = 8) -> Size:
    """The size of a network, pruned or not.

    Parameters
    ----------
    model : the network; of one with an encoder, what decodes: without the encoder, with the table of embeddings.
    bits : of a quantised parameter.
    """
    masks, tensors = masks_of(model), _tensors(model)
    symbols = [quantise(tensor, masks.get(name), bits)[0] for name, tensor in tensors.items()]
    parameters = sum(tensor.numel() for tensor in tensors.values())
    left = sum(len(one) for one in symbols)
    positions = sum(position_bits(mask) for mask in masks.values())
    return Size(
        parameters=parameters,
        removed=parameters - left,
        dense=32 * parameters,
        positions=positions,
        sparse=32 * left + positions,
        entropy=left * entropy(np.concatenate(symbols)) + positions,
    )


def quantised(model: INR, bits: int = 8) -> INR:
    """A copy of a network whose parameters take 2^bits values each tensor, as `size_of` codes them."""
    found = copy.deepcopy(model)
    masks = masks_of(found)
    with torch.no_grad():
        for name, tensor in _tensors(found).items():
            mask = masks.get(name)
            values = torch.as_tensor(quantise(tensor, mask, bits)[1], dtype=tensor.dtype, device=tensor.device)
            if mask is None:
                tensor.copy_(values.reshape(tensor.shape))
            else:
                tensor[mask] = values
    zero_masked(found)
    return found


def quantise(tensor: Tensor, mask: Tensor | None = None, bits: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Symbols 0 … 2^bits − 1 of a tensor's parameters that are left, (n,), and the values that they stand for.

    Uniform between the least and the largest of those that are left.
    """
    values = (tensor.detach().reshape(-1) if mask is None else tensor.detach()[mask]).double().cpu().numpy()
    if not values.size:
        return np.zeros(0, np.int64), values
    low, high = values.min(), values.max()
    step = (high - low) / (2**bits - 1) or 1.0
    symbols = np.rint((values - low) / step).astype(np.int64)
    return symbols, low + step * symbols


def entropy(symbols: np.ndarray) -> float:
    """−Σ p log₂ p of the symbols, in bits; 0 of none."""
    counts = np.unique(symbols, return_counts=True)[1]
    shares = counts / max(len(symbols), 1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def position_bits(mask: Tensor) -> int:
    """Bits that say where a mask (…, C_out, C_in) or (C_out, C_in, k, k) is True, see `Size`; 0 where everywhere."""
    if bool(mask.all()):
        return 0
    kernels = mask.flatten(2) if mask.ndim == 4 else mask[..., None]
    units = kernels.any(-1) if bool((kernels.any(-1) == kernels.all(-1)).all()) else mask
    count = units.numel()
    return min(count, int(units.sum()) * math.ceil(math.log2(count)) if count > 1 else count)


def _tensors(model: INR) -> dict[str, Tensor]:
    """What is stored of a network to decode its frames, by name: parameters but an encoder's, and a table it filled."""
    found: dict[str, Tensor] = dict(model.named_parameters())
    if getattr(model, "encoder", None) is not None:
        found = {name: tensor for name, tensor in found.items() if not name.startswith("encoder.")}
        found["embeddings"] = model.get_buffer("embeddings")
    return found
