"""Small networks of other code bases, fitted to a few frames with the conventions of their code base.

Written with plain PyTorch operations. Each returns the content of a checkpoint, the video that it was fitted to, and
what its training meant: hints that the tensors do not tell.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from tests.helpers.foreign import _decoded, _decoder
from xinc.video.sources.examples import compose

SIZE = (32, 48)


@dataclass
class Fitted:
    """A trained network: file's content, video (frame, y, x, 3) in [0, 1], conventions meant, PSNR in dB."""

    content: dict[str, Any]
    video: np.ndarray
    meant: dict[str, Any]
    psnr: float


@functools.cache
def video(frames: int = 1) -> np.ndarray:
    """Frames of the example, the objects a few pixels further in each."""
    found = [Image.fromarray(compose(4 * k)[0]).resize(SIZE[::-1], Image.Resampling.BOX) for k in range(frames)]
    return np.stack([np.asarray(one) for one in found]).astype(np.float32) / 255


def _learn(parameters: list[Tensor], loss: Callable[[], Tensor], steps: int, rate: float) -> float:
    optimiser = torch.optim.Adam(parameters, lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        error = loss()
        error.backward()
        optimiser.step()
        schedule.step()
    return -10 * math.log10(float(loss().detach()))


def places(order: str, side: str, ends: tuple[float, float], pixels: str) -> Tensor:
    """(P, 2) coordinates of the pixels of a frame."""
    axes = []
    for count in SIZE:
        whole = {"stretched": count, "square": max(SIZE), "height": SIZE[0]}[side]
        unit = (np.arange(count) + 0.5) / whole if pixels == "centres" else np.arange(count) / (whole - 1)
        axes.append(ends[0] + unit * (ends[1] - ends[0]))
    rows, columns = np.meshgrid(*axes, indexing="ij")
    both = (rows, columns) if order == "row_column" else (columns, rows)
    return torch.tensor(np.stack([one.ravel() for one in both], -1), dtype=torch.float32)


_COLOURS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "centred": lambda x: x / 2 + 0.5,
    "sigmoid": torch.sigmoid,
    "tanh": lambda x: torch.tanh(x) / 2 + 0.5,
}

NAMES: dict[str, Callable[[int, int], str]] = {
    "repository": lambda k, _: f"net.net.{k}.0",
    "notebook": lambda k, last: f"net.{k}" if k == last else f"net.{k}.linear",
    "siren-pytorch": lambda k, last: "last_layer" if k == last else f"layers.{k}",
    "coin": lambda k, last: "last_layer.linear" if k == last else f"net.{k}.linear",
}


def mlp(
    activation: str = "sin",
    first: float = 30.0,
    omega: float = 30.0,
    naming: str = "notebook",
    order: str = "row_column",
    side: str = "stretched",
    ends: tuple[float, float] = (-1.0, 1.0),
    pixels: str = "corners",
    output: str = "centred",
    steps: int = 300,
    rate: float = 2e-3,
) -> Fitted:
    """Four linear layers, 48 wide, fitted to one image."""
    generator = torch.Generator().manual_seed(0)
    widths, last = [2, 48, 48, 48, 3], 3
    state: dict[str, Tensor] = {}
    for k in range(4):
        a, b = widths[k], widths[k + 1]
        sines = 1 / a if k == 0 else math.sqrt(6 / a) / (omega if activation in ("sin", "finer") else 1)
        bound = sines if activation in ("sin", "finer") else math.sqrt(3 / a if activation == "gauss" else 6 / a)
        bound = bound / omega if activation == "gauss" and k else bound
        state[f"{NAMES[naming](k, last)}.weight"] = (torch.rand(b, a, generator=generator) * 2 - 1) * bound
        state[f"{NAMES[naming](k, last)}.bias"] = (torch.rand(b, generator=generator) * 2 - 1) * min(
            bound, 1 / math.sqrt(a)
        )
    parameters = [one.requires_grad_() for one in state.values()]
    grid, target = places(order, side, ends, pixels), torch.tensor(video()[0]).reshape(-1, 3)

    def hidden(u: Tensor, k: int) -> Tensor:
        z = (first if k == 0 else omega) * u
        if activation == "sin":
            return torch.sin(z)
        if activation == "finer":
            return torch.sin(z * (u.abs().detach() + 1))
        return torch.exp(-(z**2)) if activation == "gauss" else getattr(F, activation)(u)

    def shown() -> Tensor:
        x = grid
        for k in range(4):
            x = F.linear(x, parameters[2 * k], parameters[2 * k + 1])
            x = x if k == last else hidden(x, k)
        return _COLOURS[output](x)

    psnr = _learn(parameters, lambda: (shown() - target).square().mean(), steps, rate)
    meant = {
        "activation": activation, "coordinate_order": order, "coordinates": side, "coordinate_range": ends,
        "pixels": pixels, "output_activation": output,
    }  # fmt: skip
    meant |= {"first_omega": first, "omega": omega} if activation in ("sin", "finer", "gauss") else {}
    return Fitted({"state_dict": {n: t.detach() for n, t in state.items()}}, video(), meant, psnr)


def ffn(order: str = "row_col", activation: str = "relu", output: str = "identity", steps: int = 300) -> Fitted:
    """XINC's FFN."""
    generator = torch.Generator().manual_seed(0)
    encoding = 6 * torch.randn(32, 2, generator=generator)
    widths = [64, 48, 48, 3]
    parameters: list[Tensor] = []
    for a, b in itertools.pairwise(widths):
        parameters += [(torch.rand(b, a, generator=generator) * 2 - 1) / math.sqrt(a), torch.zeros(b)]
    for one in parameters:
        one.requires_grad_()
    grid = places("row_column" if order == "row_col" else "column_row", "square", (-1.0, 1.0), "corners")
    target = torch.tensor(video()[0]).reshape(-1, 3)
    angle = 2 * math.pi * grid @ encoding.T

    def shown() -> Tensor:
        x = torch.cat([angle.sin(), angle.cos()], 1)
        for k in range(3):
            x = F.linear(x, parameters[2 * k], parameters[2 * k + 1])
            x = getattr(F, activation)(x) if k < 2 else x
        return _COLOURS[output](x)

    psnr = _learn(parameters, lambda: (shown() - target).square().mean(), steps, 5e-3)
    state = {"model.positional_encoding.B": encoding}
    for k in range(3):
        state[f"model.net.{k}.linear.weight"] = parameters[2 * k].detach()
        state[f"model.net.{k}.linear.bias"] = parameters[2 * k + 1].detach()
    meant = {"coordinate_order": order.split("_"), "activation": activation, "output_activation": output}
    return Fitted({"state_dict": state}, video(), meant, psnr)


_TIMES: dict[str, Callable[[int, int], float]] = {
    "from_zero": lambda k, n: k / n,
    "from_one": lambda k, n: (k + 1) / n,
    "to_one": lambda k, n: k / (n - 1),
}
_ACTS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "relu": F.relu, "swish": F.silu, "sin": torch.sin}
_OUT_BIAS = {"tanh": "tanh", "sigmoid": "sigmoid", "none": "identity"}


def _encoded(time: float, levels: int, order: str, base: float) -> Tensor:
    angle = torch.tensor(time, dtype=torch.float64) * base ** torch.arange(levels) * math.pi
    both = torch.stack([angle.sin(), angle.cos()], 1 if order == "interleaved" else 0)
    return both.reshape(-1).float()


def nerv(
    order: str = "separate",
    numbering: str = "from_zero",
    act: str = "gelu",
    out_bias: str = "tanh",
    base: float = 1.25,
    steps: int = 400,
) -> Fitted:
    """The HNeRV code base in NeRV mode: six frames, strides 2, 2, a stem of 8×12."""
    frames, levels, widths, strides, fc = 6, 8, [8, 8, 8], [2, 2], (8, 12)
    state = _trained_decoder((2 * levels, fc[0] * fc[1]), widths, strides)
    times = [_TIMES[numbering](k, frames) for k in range(frames)]
    inputs = [_encoded(t, levels, order, base).view(-1, 1, 1) for t in times]
    psnr = _learn_decoder(state, inputs, strides, fc, act, out_bias, steps)
    meant = {"embed_order": order, "frame_numbering": numbering, "act": act, "out_bias": out_bias, "embed_base": base}
    return Fitted({"state_dict": _detached(state)}, video(frames), meant, psnr)


def hnerv(act: str = "gelu", out_bias: str = "tanh", steps: int = 400) -> Fitted:
    """The HNeRV code base with a table of embeddings of its own: four frames."""
    frames, widths, strides = 4, [8, 8, 8], [2, 2]
    state = _trained_decoder((6, 1), widths, strides)
    table = torch.randn(frames, 6, 8, 12, generator=torch.Generator().manual_seed(1)).requires_grad_()
    psnr = _learn_decoder(state, table, strides, (1, 1), act, out_bias, steps)
    meant = {"act": act, "out_bias": out_bias}
    return Fitted({"state_dict": _detached(state) | {"embed": table.detach()}}, video(frames), meant, psnr)


def original_nerv(
    sigmoid: bool = True, order: str = "interleaved", numbering: str = "from_zero", act: str = "gelu", steps: int = 400
) -> Fitted:
    """The original NeRV: six frames, a stem of two layers."""
    frames, levels, widths, fc = 6, 8, [8, 8, 8], (8, 12)
    draw = functools.partial(_uniform, torch.Generator().manual_seed(0))
    state = {"stem.0.weight": draw(24, 2 * levels), "stem.0.bias": torch.zeros(24)}
    state |= {"stem.2.weight": draw(8 * 96, 24), "stem.2.bias": torch.zeros(8 * 96)}
    for k in range(2):
        state[f"layers.{k}.conv.conv.weight"] = draw(widths[k + 1] * 4, widths[k], 3, 3)
        state[f"layers.{k}.conv.conv.bias"] = torch.zeros(widths[k + 1] * 4)
    state |= {"head_layers.1.weight": draw(3, 8, 1, 1), "head_layers.1.bias": torch.zeros(3)}
    for one in state.values():
        one.requires_grad_()
    target = torch.tensor(video(frames)).permute(0, 3, 1, 2)
    times = [_TIMES[numbering](k, frames) for k in range(frames)]
    inputs = torch.stack([_encoded(t, levels, order, 1.25) for t in times])

    def shown() -> Tensor:
        x = inputs
        for k in (0, 2):
            x = _ACTS[act](F.linear(x, state[f"stem.{k}.weight"], state[f"stem.{k}.bias"]))
        x = x.view(frames, 8, *fc)
        for k in range(2):
            weight, bias = state[f"layers.{k}.conv.conv.weight"], state[f"layers.{k}.conv.conv.bias"]
            x = _ACTS[act](F.pixel_shuffle(F.conv2d(x, weight, bias, padding=1), 2))
        x = F.conv2d(x, state["head_layers.1.weight"], state["head_layers.1.bias"])
        return torch.sigmoid(x) if sigmoid else (torch.tanh(x) + 1) / 2

    psnr = _learn(list(state.values()), lambda: (shown() - target).square().mean(), steps, 5e-3)
    meant = {"sigmoid": sigmoid, "embed_order": order, "frame_numbering": numbering, "act": act}
    return Fitted({"state_dict": _detached(state)}, video(frames), meant, psnr)


def _uniform(generator: torch.Generator, *shape: int) -> Tensor:
    return (torch.rand(shape, generator=generator) * 2 - 1) / math.sqrt(math.prod(shape[1:]))


def _trained_decoder(stem: tuple[int, int], widths: list[int], strides: list[int]) -> dict[str, Tensor]:
    state = _decoder(functools.partial(_uniform, torch.Generator().manual_seed(0)), stem, widths, strides, [3, 3])
    return {name: (one * (0 if name.endswith("bias") else 1)).requires_grad_() for name, one in state.items()}


def _learn_decoder(
    state: dict[str, Tensor], inputs: Any, strides: list[int], fc: tuple[int, int], act: str, out_bias: str, steps: int
) -> float:
    target = torch.tensor(video(len(inputs))).permute(0, 3, 1, 2)

    def shown() -> Tensor:
        return torch.stack([_COLOURS[_OUT_BIAS[out_bias]](_decoded(state, x, strides, fc, _ACTS[act])) for x in inputs])

    parameters = [*state.values(), *([inputs] if isinstance(inputs, Tensor) else [])]
    return _learn(parameters, lambda: (shown() - target).square().mean(), steps, 5e-3)


def _detached(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: one.detach() for name, one in state.items()}
