"""HiNeRV's code: ``encoding.grids.<level>.*``, ``decoder.blocks.<stage>.<part>.*``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from xinc.errors import InputError
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, as_kernel

#: Names of the code base's command line; `resolution`, `num_frames` and `frames` are ours.
HINTS = ("resolution", "num_frames", "frames", "channels_reduce", "channels_min", "parameters")


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return "decoder.stem.conv.weight" in tensors and any(name.startswith("encoding.grids.") for name in tensors)


def read(tensors: Tensors, hints: Hints) -> Imported:
    base = [tensors.shaped(name, None, None) for name in _grids(tensors, "encoding")]
    entering = sum(table.shape[1] for table in base)
    stem = tensors.shaped("decoder.stem.conv.weight", None, entering, None, None)
    state = {"stem.weight": stem, "stem.bias": tensors.shaped("decoder.stem.conv.bias", len(stem))}
    stages, width = [], len(stem)
    for k in range(1 + max(tensors.numbers(r"decoder\.blocks\.(\d+)\..*"), default=-1)):
        stages.append(_stage(tensors, k, width, state))
        width = stages[-1].width
    if not stages:
        raise InputError(f"{hints.path}: a HiNeRV of no stages, 'decoder.blocks.<stage>': expected at least one.")
    state["head.weight"] = as_kernel(tensors.shaped("decoder.head.linear.weight", 3, width))
    state["head.bias"] = tensors.shaped("decoder.head.linear.bias", 3)
    resolution = hints.resolution()
    if resolution is None:
        hints.take("resolution", required="[height, width] of the frames")
        raise AssertionError("unreachable: the hint was there")
    strides, num_frames = [one.stride for one in stages], stages[0].num_frames
    places = math.prod(side // math.prod(strides) for side in resolution)
    entries = len(base[0]) // max(places, 1)
    state["grid.weight"] = _row(tensors, "encoding", places, entries)
    for k in range(len(stages)):
        state[f"stages.{k}.grid.weight"] = _row(tensors, f"decoder.blocks.{k}.1.enc", 1, num_frames)
    hints.check("num_frames", num_frames)
    hints.check("parameters", sum(tensor.numel() for tensor in tensors.values()))
    settings = {
        "strides": strides,
        "channels": len(stem),
        "reduction": hints.number("channels_reduce", 2.0),
        "lower_width": hints.whole("channels_min", 1),
        "depths": [one.depth for one in stages],
        "expansions": [one.expansion for one in stages],
        "kernel_size": tensors.kernel_size("decoder.blocks.0.2.dconv.weight"),
        "stem_kernel_size": tensors.kernel_size("decoder.stem.conv.weight"),
        "base_frames": entries,
        "base_channels": base[0].shape[1],
        "base_levels": len(base),
        "local_channels": stages[0].channels,
        "local_levels": stages[0].levels,
    }
    return Imported("hinerv", settings, resolution, hints.frames(num_frames), num_frames, state)


@dataclass(frozen=True)
class _Stage:
    """What the tensors of a stage make: see the settings of `xinc.models.hinerv`."""

    stride: int
    depth: int
    expansion: float
    width: int
    num_frames: int
    channels: int
    levels: int


def _stage(tensors: Tensors, k: int, width: int, state: dict[str, Tensor]) -> _Stage:
    """A stage that ``width`` channels enter; its weights, but for the grid, are put into ``state``."""
    place = f"decoder.blocks.{k}.1.enc"
    names = _grids(tensors, place)
    linear = tensors.shaped(f"{place}.linear.weight", width, None)
    first = tensors.shaped(names[0], None, None)
    channels, rest = divmod(linear.shape[1], 2 ** len(names) - 1)
    stride = math.isqrt(first.shape[1] // max(channels, 1))
    if rest or stride < 1 or stride**2 * channels != first.shape[1]:
        raise InputError(
            f"{tensors.path}: the tensor '{names[0]}' has {first.shape[1]} features, and {linear.shape[1]} channels "
            f"enter '{place}.linear.weight'; expected r² · C and {2 ** len(names) - 1} · C of them, for {len(names)} "
            "levels each of twice the channels of the one before."
        )
    state[f"stages.{k}.encoding.weight"] = as_kernel(linear)
    state[f"stages.{k}.encoding.bias"] = tensors.shaped(f"{place}.linear.bias", width)
    numbers = range(2, 1 + max(tensors.numbers(rf"decoder\.blocks\.{k}\.(\d+)\..*"), default=1))
    inside = after = 0
    for b, number in enumerate(numbers):
        theirs, ours = f"decoder.blocks.{k}.{number}", f"stages.{k}.blocks.{b}"
        side = tensors.kernel_size(f"{theirs}.dconv.weight")
        state[f"{ours}.depthwise.weight"] = tensors.shaped(f"{theirs}.dconv.weight", width, 1, side, side)
        expand = tensors.shaped(f"{theirs}.fc1.weight", inside or None, width)
        inside = len(expand)
        contract = tensors.shaped(f"{theirs}.fc2.weight", after or None, inside)
        width = after = len(contract)
        state[f"{ours}.expand.weight"], state[f"{ours}.contract.weight"] = as_kernel(expand), as_kernel(contract)
    if not after:
        raise InputError(f"{tensors.path} lacks the tensor 'decoder.blocks.{k}.2.dconv.weight'.")
    return _Stage(stride, len(numbers), inside / after, after, len(first), channels, len(names))


def _grids(tensors: Tensors, place: str) -> list[str]:
    """Names of the levels of a grid."""
    numbers = tensors.numbers(rf"{place}\.grids\.(\d+)\.weight")
    return [f"{place}.grids.{n}.weight" for n in range(1 + max(numbers, default=0))]


def _row(tensors: Tensors, place: str, places: int, entries: int) -> Tensor:
    """All levels of a grid in one row: of the same places, with half the entries over time and twice the features each.

    Parameters
    ----------
    place : of its tensors.
    places : that have entries of their own.
    entries : over time, of the first level.
    """
    names = _grids(tensors, place)
    features = tensors[names[0]].shape[1]
    tables = [tensors.shaped(name, max(entries // 2**n, 1) * places, features * 2**n) for n, name in enumerate(names)]
    return torch.cat([table.flatten() for table in tables])


LAYOUT = Layout("a HiNeRV of its code base", HINTS, matches, read)
