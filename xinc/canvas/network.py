"""The network that a user gives, as its maps are computed: unwrapped, an `INR`, in float32."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xinc.errors import InputError
from xinc.models.base import INR

#: Where wrappers keep the network that they wrap: `DataParallel`, `DistributedDataParallel` and `AveragedModel`;
#: `torch.compile`.
_WRAPPED = ("module", "_orig_mod")


def as_network(model: Any) -> INR:
    """The network in ``model``, in float32; `InputError` for anything else.

    Wrappers of PyTorch are removed. Maps are computed and kept in float32: of a network in another precision a copy is
    made, with its weights as they are, converted. So maps of a network in half precision are those of its rounded
    weights, without rounding on the way, and those of one in double precision are the maps of ``model.float()``.
    """
    network = model
    while not isinstance(network, INR):
        inner = [getattr(network, name, None) for name in _WRAPPED] if isinstance(network, nn.Module) else []
        network = next((one for one in inner if isinstance(one, nn.Module)), None)
        if network is None:
            raise InputError(_not_a_network(model))
    tensors = [*network.parameters(), *network.buffers()]
    if any(tensor.is_meta for tensor in tensors):
        raise InputError(f"This {network.name} is on the device 'meta', without weights: load its weights first.")
    if all(parameter.dtype == torch.float32 for parameter in network.parameters()):
        return network
    return copy.deepcopy(network).float()


def _not_a_network(found: Any) -> str:
    expected = "a network of xinc was expected, as from xinc.load_model or xinc.network"
    if isinstance(found, str | Path):
        return f"'{found}' is the path of a network, not a network: give xinc.load_model('{found}')."
    kind = f"{type(found).__module__}.{type(found).__qualname__}"
    if isinstance(found, nn.Module):
        return (
            f"A module {kind} was given without its inputs: give them, as in xinc.network(module, inputs=coordinates, "
            "resolution=(128, 256)), whose result is taken everywhere (docs/how-to/your-own-module.md)."
        )
    return f"An object of type {kind} was given, but {expected}."


def check_resolution(resolution: Any) -> tuple[int, int] | None:
    """(height, width) in whole pixels, or None; `InputError` for anything else."""
    if resolution is None:
        return None
    pair = isinstance(resolution, Sequence) and not isinstance(resolution, str) and len(resolution) == 2
    if not pair or not all(isinstance(side, int) and side > 0 for side in resolution):
        raise InputError(
            f"resolution is {resolution!r}: a height and a width in pixels were expected, e.g. resolution=(128, 256)."
        )
    return int(resolution[0]), int(resolution[1])
