"""The inputs of a module, for each frame."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as tree

from xinc.errors import InputError
from xinc.frames import frame_list


class Given:
    """Inputs of a module.

    Parameters
    ----------
    inputs : a tensor; a tuple of positional arguments; a dict of keyword arguments; or a function from the index of a
        frame to one of these.
    frames : indices of frames, for a function; one frame, 0, otherwise.
    """

    def __init__(self, inputs: Any, frames: Sequence[int] | None = None) -> None:
        self.inputs = inputs
        if callable(inputs) and not isinstance(inputs, Tensor):
            if frames is None:
                raise InputError("inputs is a function of the frame: say which, e.g. frames=range(30).")
            self.frames = tuple(frame_list(frames))
        else:
            self.frames = tuple(frame_list(frames)) if frames is not None else (0,)
            if len(self.frames) > 1:
                raise InputError(
                    f"{len(self.frames)} frames were asked for, but inputs are the same for all: give a function of "
                    "the frame, e.g. inputs=lambda frame: (torch.tensor([frame / 30]),)."
                )
        if not self.frames:
            raise InputError("No frames were given: give at least one, e.g. frames=[0].")

    def at(self, frame: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments for a frame."""
        found = self.inputs(frame) if callable(self.inputs) and not isinstance(self.inputs, Tensor) else self.inputs
        if isinstance(found, np.ndarray):
            found = torch.as_tensor(found)
        if isinstance(found, Mapping):
            return (), dict(found)
        return (tuple(found) if isinstance(found, tuple | list) else (found,)), {}

    @staticmethod
    def signature(args: Any, kwargs: Any) -> Any:
        """What two frames' inputs share if they can be given to the same program."""
        leaves, spec = tree.tree_flatten((args, kwargs))
        kinds = tuple(
            ("tensor", tuple(one.shape), one.dtype, str(one.device)) if isinstance(one, Tensor) else one
            for one in leaves
        )
        return kinds, str(spec)

    def digest(self) -> str:
        """Digits of the inputs of all frames."""
        found = hashlib.sha256()
        for frame in self.frames:
            for leaf in tree.tree_leaves(self.at(frame)):
                if isinstance(leaf, Tensor):
                    found.update(leaf.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
                else:
                    found.update(repr(leaf).encode())
        return found.hexdigest()[:16]
