"""Places: where in a network's parameters the weights of its dissected layers lie."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    layer: str
    parameter: str
    at: int | None

    def of(self, tensor: Tensor) -> Tensor:
        """The part of a tensor of the parameter's shape that is the layer's, as a view."""
        return tensor if self.at is None else tensor[self.at]


def bundle(model: INR, frames: list[int]) -> list[list[int]]:
    """The frames on which each network of a bundle is judged: all those of a video network, its own of any other."""
    return [[frame] for frame in model.frames] if model.per_frame else [frames]


def places(model: INR, frame: int) -> list[Place]:
    """Where the weights of every layer lie, in network order, of the network that represents a frame.

    They are found by their memory, which a trace shares with the network, so that it works for every architecture.

    Raises
    ------
    InputError : a layer's weights are not those of a parameter, but made from it.
    """
    found = []
    for layer in model.trace(frame).layers:
        one = _place(model, layer.name, layer.weight)
        if one is None:
            raise InputError(
                f"The weights of layer '{layer.name}' of this {model.name} are not a parameter of it, or a part of one "
                "along its first axis, so that they cannot be pruned: let its trace hand out the parameter itself."
            )
        found.append(one)
    return found


def _place(model: INR, layer: str, weight: Tensor) -> Place | None:
    for name, parameter in model.named_parameters():
        if parameter.untyped_storage().data_ptr() != weight.untyped_storage().data_ptr():
            continue
        if parameter.shape == weight.shape and parameter.data_ptr() == weight.data_ptr():
            return Place(layer, name, None)
        if parameter.shape[1:] == weight.shape and parameter.ndim > 1:
            offset = weight.storage_offset() - parameter.storage_offset()
            if offset % parameter.stride(0) == 0:
                return Place(layer, name, offset // parameter.stride(0))
    return None
