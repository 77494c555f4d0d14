"""Places: where in a network's parameters the weights of its dissected layers lie."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models.base import INR


@dataclass(frozen=True)
class Place:
    """Where the weights of a layer lie.

    Attributes
    ----------
    layer : its name.
    parameter : name of the parameter.
    at : of a parameter that holds the weights of several networks, position on its first axis; otherwise None.
    shape : of the layer's weights: the parameter's, but for axes of size 1.
    transposed : whether the parameter is (in, out), as a matrix from the right.
    pairs : whether the weights are complex, and the parameter has their real and imaginary parts along its last axis.
    """

    layer: str
    parameter: str
    at: int | None
    shape: tuple[int, ...]
    transposed: bool = False
    pairs: bool = False

    def of(self, tensor: Tensor) -> Tensor:
        """The part of a tensor of the parameter's shape that is the layer's, as a view; of `pairs` (*shape, 2)."""
        part = tensor if self.at is None else tensor[self.at]
        return (part.T if self.transposed else part).view(*self.shape, *[2] * self.pairs)


def bundle(model: INR, frames: list[int]) -> list[list[int]]:
    """The frames on which each network of a bundle is judged: all those of a video network, its own of any other."""
    return [[frame] for frame in model.frames] if model.per_frame else [frames]


def places(model: INR, frame: int) -> list[Place]:
    """Where the weights of every layer lie, in network order, of the network that represents a frame.

    They are found by their memory, which a trace shares with the network, so that it works for every architecture. A
    network whose trace has numbers of a parameter times factors of the frame, as COIN++ has with scales, says so in its
    attribute ``scaled_weights``, names of parameters by layer: a number that is zero stays zero in every frame.

    Raises
    ------
    InputError : a layer's weights are not those of a parameter, but made from it, or another layer's as well.
    """
    found: list[Place] = []
    scaled: dict[str, str] = getattr(model, "scaled_weights", {})
    for layer in model.trace(frame).layers:
        weight = layer.arrays()["weight"]
        if layer.name in scaled:
            found.append(Place(layer.name, scaled[layer.name], None, tuple(weight.shape)))
            continue
        one = _place(model, layer.name, weight)
        if one is None:
            raise InputError(
                f"The weights of layer '{layer.name}' of this {model.name} are not a parameter of it as it is, but "
                "made of one, as by a scale, so that they cannot be pruned: make that a part of the weights."
            )
        twin = next((other.layer for other in found if (other.parameter, other.at) == (one.parameter, one.at)), None)
        if twin is not None:
            raise InputError(
                f"The layers '{twin}' and '{one.layer}' of this {model.name} have the same weights, "
                f"'{one.parameter}', so that they cannot be pruned layer by layer: give each its own."
            )
        found.append(one)
    return found


def _place(model: INR, layer: str, weight: Tensor) -> Place | None:
    reals = torch.view_as_real(weight) if weight.is_complex() else weight
    for name, parameter in model.named_parameters():
        if parameter.untyped_storage().data_ptr() != weight.untyped_storage().data_ptr():
            continue
        offset, step = reals.storage_offset() - parameter.storage_offset(), max(1, parameter.stride(0))
        for at in (None, offset // step):
            part = parameter if at is None else parameter[at : at + 1].squeeze(0)
            for transposed in (False, True) if part.ndim == 2 else (False,):
                if _same(part.T if transposed else part, reals):
                    return Place(layer, name, at, tuple(weight.shape), transposed, weight.is_complex())
    return None


def _same(part: Tensor, weight: Tensor) -> bool:
    """Whether two views are of the same memory in the same order, but for axes of size 1."""
    a, b = ([axis for axis in zip(one.shape, one.stride(), strict=True) if axis[0] > 1] for one in (part, weight))
    return a == b and part.storage_offset() == weight.storage_offset()
