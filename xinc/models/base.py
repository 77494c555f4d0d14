"""The interface of every implicit neural representation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from xinc.errors import InputError
from xinc.frames import ranges
from xinc.models.architecture import Architecture
from xinc.runtime.gpu_memory import Room
from xinc.trace.layers import Trace

OUTPUT_ACTIVATIONS = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": lambda x: 0.5 * torch.tanh(x) + 0.5,
    "centred": lambda x: 0.5 * x + 0.5,
}
"""From the last layer's response to colours in [0, 1], by name. ``tanh`` is the released NeRV code's tanh/2 + 1/2;
``centred`` is for networks that were fitted to colours in [-1, 1]."""


class INR(Architecture, nn.Module):
    """A network overfitted to one video, or a bundle of networks overfitted to one frame each.

    Subclasses implement `forward` and `trace`; `Architecture` has the declaration.

    Parameters
    ----------
    settings : the architecture's settings.
    resolution : (height, width) in pixels.
    frames : indices of the frames it represents.
    num_frames : number of frames of the whole video.
    seed : seed of the initial weights.
    """

    def __init__(
        self, settings: Any, resolution: tuple[int, int], frames: Sequence[int], num_frames: int, seed: int = 0
    ) -> None:
        super().__init__()
        self.settings = settings
        self.resolution = (int(resolution[0]), int(resolution[1]))
        self.frames = tuple(int(f) for f in frames)
        self.num_frames = int(num_frames)
        self.seed = int(seed)
        #: What its training came to, see `xinc.training.history.History.outcome`; empty where it was not trained here.
        self.outcome: dict[str, Any] = {}

    @classmethod
    def network_module(cls) -> str:
        return cls.__module__

    @classmethod
    def network(cls) -> type[INR]:
        return cls

    @property
    def output_activation(self) -> str:
        """Key of `OUTPUT_ACTIVATIONS`."""
        return "identity"

    def colours_of(self, response: Tensor) -> Tensor:
        """From the last layer's response to colours."""
        return OUTPUT_ACTIVATIONS[self.output_activation](response)

    def before_training(self, targets: Tensor) -> None:
        """Called once before training, with the frames (frames, 3, H, W) to be represented; the network is in place."""

    def after_training(self) -> None:
        """Called once after training, before the network is used."""

    def forward(self, frames: Tensor) -> Tensor:
        """Reconstructions (n, 3, H, W), output activation applied, of the frames (n,) given by index."""
        raise NotImplementedError

    def inputs(self, frames: Tensor) -> Tensor:
        """What `render` takes for frames (n,) given by index: all of `forward` that needs no weights, on their device.

        Training computes it once. A network that has such a part returns it here, (n, ...), and does no more in
        `render` than launch kernels, so that a GPU can record a step; by default it is the indices.
        """
        return frames.to(next(self.parameters()).device)

    def render(self, inputs: Tensor) -> Tensor:
        """`forward` from the `inputs` on."""
        reconstructions: Tensor = self(inputs)
        return reconstructions

    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> Trace:
        """The network's layers and the first one's input for one frame, weights detached.

        ``resolution`` other than the network's own is for networks of coordinates only.
        """
        raise NotImplementedError

    def description(self) -> dict[str, Any]:
        """What it takes to build it anew, but its weights, as plain builtins."""
        return {
            "architecture": self.name,
            "settings": self.settings.model_dump(mode="json"),
            "resolution": list(self.resolution),
            "frames": list(self.frames),
            "num_frames": self.num_frames,
            "seed": self.seed,
        }

    def layer_names(self) -> list[str]:
        """Names of the layers that can be dissected, first to last."""
        return self.layers_of(self.settings)

    def parameter_count(self) -> int:
        """Number of trained parameters, over all frames."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def check_frame(self, frame: int) -> int:
        """``frame`` if the network represents it, otherwise `InputError`."""
        if int(frame) not in self.frames:
            raise InputError(
                f"Frame {frame} is not represented by this {self.name}: it holds frames "
                f"{ranges(self.frames)}; ask for those, or train it on frame {frame}."
            )
        return int(frame)

    @torch.no_grad()
    def reconstruct(self, frame: int, resolution: tuple[int, int] | None = None) -> Tensor:
        """One frame (3, H, W) in colours, not clamped; on the CPU where a GPU does not hold what it takes."""
        room = Room(f"a pass through this {self.name}")
        return room.run(self, lambda network: network.colours_of(network.trace(frame, resolution).output()))
