"""Pruned networks: weights that are zero, and stay so in training, copies and files.

A mask lies beside the parameter that it is of, as a buffer with the suffix ``_mask``, which is where
`torch.nn.utils.prune` has it. So it is copied, moved, saved and resumed with the weights. A network that was never
pruned has none, and its files and its training are what they were.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models import storage
from xinc.models.base import INR
from xinc.models.mlp.network import MLP

#: Of the name of a mask, after that of its parameter.
SUFFIX = "_mask"
#: Version of the format of a ``model.pt`` with masks; without, it is `xinc.models.storage.VERSION`.
VERSION = 2


class Pruned(INR):
    """What a pruned network does beside what its own class does: weights without a mask stay zero.

    Attributes
    ----------
    pruning : how it was pruned, one entry each time, plain builtins.
    """

    pruning: list[dict[str, Any]]

    def description(self) -> dict[str, Any]:
        return super().description() | {"version": VERSION, "pruning": self.pruning}

    def before_training(self, targets: Tensor) -> None:
        super().before_training(targets)
        self._release()
        for name, mask in masks_of(self).items():
            # Without a gradient Adam does not move a weight from zero.
            hook = functools.partial(torch.mul, mask)
            self._handles.append(self.get_parameter(name).register_hook(hook))

    def after_training(self) -> None:
        super().after_training()
        self._release()
        zero_masked(self)

    def _release(self) -> None:
        """No hooks of an earlier training."""
        for handle in self.__dict__.get("_handles", []):
            handle.remove()
        self._handles: list[Any] = []

    def __reduce_ex__(self, protocol: Any) -> Any:
        kept = super().__getstate__()  # what the network's own class leaves out, as a module's recorded operations
        state = {name: value for name, value in kept.items() if name != "_handles"}
        return _empty, (type(self).__bases__[-1],), state


class PrunedMLP(Pruned, MLP):
    """A pruned coordinate network, of which PyTorch takes the gradients, so that masks apply to them.

    `xinc.training.tiles` writes gradients of its own for classes whose ``colours`` are those of `MLP`.
    """

    def colours(self, encoded: Tensor, at: Tensor | None = None) -> Tensor:
        return super().colours(encoded, at)


_CLASSES: dict[type[INR], type[INR]] = {}


def _pruned_class(base: type[INR]) -> type[INR]:
    """The class of pruned networks of a class, the same each time."""
    if base not in _CLASSES:
        mixin = PrunedMLP if issubclass(base, MLP) else Pruned
        about = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
        _CLASSES[base] = type(base.__name__, (mixin, base), about)
    return _CLASSES[base]


def _empty(base: type[INR]) -> INR:
    """A pruned network without content, to be filled by `copy` or `pickle`."""
    cls = _pruned_class(base)
    return cls.__new__(cls)


def masks_of(model: INR) -> dict[str, Tensor]:
    """Masks, True where a weight is left, by the name of the parameter; none of a network that was not pruned."""
    if not isinstance(model, Pruned):
        return {}
    return {name.removesuffix(SUFFIX): mask for name, mask in model.named_buffers() if name.endswith(SUFFIX)}


def set_masks(model: INR, masks: Mapping[str, Tensor], record: list[dict[str, Any]]) -> None:
    """Prune a network in place.

    Parameters
    ----------
    model : the network.
    masks : by the name of a parameter, True where a weight is left (bool, of the parameter's shape).
    record : how it was pruned, see `Pruned`.

    Raises
    ------
    InputError : a mask of no parameter, or of another shape or type.
    """
    parameters = dict(model.named_parameters())
    for name, mask in masks.items():
        expected = tuple(parameters[name].shape) if name in parameters else None
        if expected is None or tuple(mask.shape) != expected or mask.dtype != torch.bool:
            raise InputError(
                f"The mask of '{name}' is of type {str(mask.dtype).removeprefix('torch.')} and shape "
                f"{tuple(mask.shape)}; expected bool and "
                + (f"{expected}." if expected else f"the name of a parameter of this {model.name}.")
            )
    if not isinstance(model, Pruned):
        model.__class__ = _pruned_class(type(model))
    model.pruning = record  # type: ignore[assignment]
    for name, mask in masks.items():
        owner, _, own = name.rpartition(".")
        module = model.get_submodule(owner)
        module.register_buffer(own + SUFFIX, mask.clone().to(parameters[name].device))
    zero_masked(model)


@torch.no_grad()
def zero_masked(model: INR) -> None:
    """Set all weights to zero that masks take out, in place."""
    for name, mask in masks_of(model).items():
        model.get_parameter(name).masked_fill_(~mask, 0)


def split(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """A state dict without its masks, and the masks by the name of the parameter."""
    masks = {name.removesuffix(SUFFIX): tensor for name, tensor in state.items() if name.endswith(SUFFIX)}
    return {name: tensor for name, tensor in state.items() if not name.endswith(SUFFIX)}, masks


def restore(content: dict[str, Any], path: str | Path, module: str = "") -> INR:
    """The network in the content of a ``model.pt``, pruned or not; see `xinc.models.storage.restore`."""
    if content.get("version") != VERSION:
        return storage.restore(content, path, module)
    try:
        state, masks = split(content["state_dict"])
        record = list(content["pruning"])
        whole = content["checksum"] == storage.checksum(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged, an entry is missing or malformed ({error}).") from None
    # Of the rest the checksum is right where that of the whole is, and wrong otherwise.
    rest = content | {"version": storage.VERSION, "state_dict": state, "checksum": ""}
    model = storage.restore(rest | ({"checksum": storage.checksum(rest)} if whole else {}), path, module)
    try:
        set_masks(model, masks, record)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return model
