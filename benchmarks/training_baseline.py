"""The plain PyTorch loop that training is compared with: the same model, batches, schedule and Adam, nothing else.

Tensors lie as PyTorch makes them (contiguous), the optimiser is the default Adam, and networks of one frame are trained
one after the other, as the paper's released code does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from xinc.models.base import INR
from xinc.models.mlp.network import MLP
from xinc.training.learner import learning_rate
from xinc.training.settings import TrainingSettings


def plain_epochs(model: INR, targets: Tensor, settings: TrainingSettings, kept: bool = False) -> Iterator[float]:
    """Train a network in place, yielding after every epoch its mean squared error.

    Parameters
    ----------
    model, targets, settings : as `xinc.training.loop.fit` takes them; a network of one frame holds that frame only.
    kept : of such a network, compute the encoding of the pixels once instead of in every step.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    numbers, generator = torch.tensor(model.frames), torch.Generator().manual_seed(model.seed)
    device = next(model.parameters()).device
    data = targets.to(device)
    encoded: Any = None
    if kept and isinstance(model, MLP):
        encoded = model.encode(model.grid(model.resolution, device))
        data = data.flatten(2).transpose(1, 2).contiguous()
    size = len(numbers) if model.per_frame else settings.batch_size
    steps, step = settings.epochs * -(-len(numbers) // size), 0
    for _ in range(settings.epochs):
        total = 0.0
        for batch in torch.randperm(len(numbers), generator=generator).split(size):
            optimiser.param_groups[0]["lr"] = learning_rate(step, steps, settings)
            optimiser.zero_grad()
            images = model(numbers[batch]) if encoded is None else model.colours(encoded)  # type: ignore[operator]
            loss = F.mse_loss(images, data[batch])
            loss.backward()
            optimiser.step()
            total += float(loss.detach()) * len(batch)
            step += 1
        yield total / len(numbers)


def plain_curve(model: INR, targets: Tensor, settings: TrainingSettings) -> list[dict[str, float]]:
    """Seconds and PSNR of the mean error after every epoch of the plain loop."""
    start, found = time.perf_counter(), []
    for mse in plain_epochs(model, targets, settings):
        found.append({"seconds": time.perf_counter() - start, "psnr": float(-10 * torch.tensor(mse).log10())})
    return found
