"""A step of training: its frames, and the gradient of their squared errors."""

from __future__ import annotations

import math
import sys

import torch
from torch import Tensor

from xinc.models.base import INR
from xinc.models.mlp.network import MLP
from xinc.training.settings import TrainingSettings


class Steps:
    """What one network learns from, on the network's device.

    Attributes
    ----------
    per_epoch : steps of an epoch.
    generator : draws the order of frames, where there is one.
    recordable : whether `gradients` only launches kernels, so that a GPU can record it.
    at_once : how many of a step's `parts` go through the network together at most; their gradients add up.
    part, parts : what a step can be divided into, in words, one and several.
    """

    per_epoch = 1
    recordable = True
    at_once = sys.maxsize
    part, parts = "a frame of a step", "frames of a step"

    def __init__(self, model: INR, settings: TrainingSettings) -> None:
        self.model, self.settings = model, settings
        self.device = next(model.parameters()).device
        self.generator = torch.Generator().manual_seed(model.seed)

    def batches(self) -> list[Tensor]:
        """The steps of the next epoch: what each takes, as positions (n,) among the network's frames."""
        raise NotImplementedError

    def count(self, batch: Tensor) -> int:
        """Into how many parts a step can be divided."""
        return len(batch)

    def gradients(self, batch: Tensor) -> Tensor:
        """Add the gradient of a step's loss to the parameters' ``grad``; the mean squared error of each frame (n,)."""
        raise NotImplementedError

    def precision(self) -> torch.autocast:
        """The context in which the network computes."""
        enabled = self.settings.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled, cache_enabled=False)


class FrameSteps(Steps):
    """Batches of frames in an order drawn anew each epoch from the model's seed."""

    def __init__(self, model: INR, targets: Tensor, settings: TrainingSettings) -> None:
        super().__init__(model, settings)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.targets = targets.to(self.device, memory_format=torch.channels_last)
        self.inputs = model.inputs(torch.tensor(model.frames))
        self.per_epoch = math.ceil(len(model.frames) / settings.batch_size)
        self.recordable = type(model).inputs is not INR.inputs

    def batches(self) -> list[Tensor]:
        order = torch.randperm(len(self.model.frames), generator=self.generator)
        return list(order.to(self.device).split(self.settings.batch_size))

    def gradients(self, batch: Tensor) -> Tensor:
        found = []
        for part in batch.split(min(self.at_once, len(batch))):
            with self.precision():
                images = self.model.render(self.inputs[part])
            errors = (images - self.targets[part]).square().mean(dim=(1, 2, 3))
            # A network of one frame has a loss of its own; a video network, the mean over the batch.
            (errors.sum() if self.model.per_frame else errors.sum() / len(batch)).backward()
            found.append(errors.detach())
        return torch.cat(found)


class PixelSteps(Steps):
    """All networks on all pixels in every step; their errors are independent, so one sum trains each alone."""

    part, parts = "a pixel of a step", "pixels of a step"

    def __init__(self, model: MLP, targets: Tensor, settings: TrainingSettings) -> None:
        super().__init__(model, settings)
        self.network = model
        self.inputs = model.encode(model.grid(model.resolution, self.device))
        self.targets = targets.flatten(2).transpose(1, 2).contiguous().to(self.device)
        self.all = torch.arange(len(model.frames), device=self.device)
        if model.pixels_at_once is not None and self.device.type == "cpu":
            self.at_once = max(1, model.pixels_at_once // len(model.frames))

    def batches(self) -> list[Tensor]:
        return [self.all]

    def count(self, batch: Tensor) -> int:
        return len(self.inputs)

    def gradients(self, batch: Tensor) -> Tensor:
        found: list[Tensor] = []
        size = min(self.at_once, len(self.inputs))
        for inputs, targets in zip(self.inputs.split(size), self.targets.split(size, dim=1), strict=True):
            with self.precision():
                colours = self.network.colours(inputs)
            share = len(inputs) / len(self.inputs)
            errors = (colours - targets).square().mean(dim=(1, 2)) * share
            errors.sum().backward()
            found.append(errors.detach())
        return found[0] if len(found) == 1 else torch.stack(found).sum(0)
