"""The original NeRV: ``stem.{0,2}``, ``layers.N.conv.conv``, ``head_layers.K`` (1×1)."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from typing import Any

from xinc.errors import InputError
from xinc.models.imports.hnerv_nerv import (
    ACTIVATION_AXIS,
    ACTIVATIONS,
    check_resolution,
    stem_shape,
    time_axes,
    time_of,
)
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, as_kernel, listed

#: Names of the code base's command line, with its defaults; `resolution` and `frames` are ours.
HINTS = (
    "embed", "stem_dim_num", "fc_hw_dim", "fc_hw", "expansion", "reduction", "lower_width", "strides", "num_blocks",
    "act", "norm", "conv_type", "sigmoid", "num_frames", "frames", "resolution", "parameters",
    "embed_base", "embed_order", "frame_numbering",
)  # fmt: skip


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return any(re.match(r"layers\.\d+\.conv\.", name) for name in tensors) and "stem.0.weight" in tensors


def read(tensors: Tensors, hints: Hints) -> Imported:
    names = [f"layers.{k}.conv.conv.weight" for k in range(_blocks(tensors, hints))]
    last = max(tensors.numbers(r"head_layers\.(\d+)\.weight"), default=len(names) - 1)
    head = f"head_layers.{last}"
    strides = tensors.strides(names, f"{head}.weight")
    sides = [tensors.kernel_size(name) for name in names]
    widths = [*(tensors[name].shape[1] for name in names), tensors[f"{head}.weight"].shape[1]]
    stem, parameters = _stem(tensors)
    area, rest = divmod(stem[-1], widths[0])
    if rest:
        raise InputError(
            f"{hints.path}: the last layer of the stem makes {stem[-1]} channels, expected a multiple of {widths[0]}, "
            f"because {widths[0]} channels enter '{names[0]}'."
        )
    tensors.leave(r"head_layers\.\d+\..*")  # one for each resolution, of which the last counts
    state = parameters | {
        "head.weight": tensors.shaped(f"{head}.weight", 3, widths[-1], None, None),
        "head.bias": tensors.shaped(f"{head}.bias", 3),
    }
    for k, name in enumerate(names):
        state[f"blocks.{k}.weight"] = tensors.shaped(name, None, widths[k], sides[k], sides[k])
        state[f"blocks.{k}.bias"] = tensors.shaped(name.replace("weight", "bias"), len(tensors[name]))
    base, levels = _encoding(hints, stem[0])
    fc_h, fc_w = _size(hints, area, math.prod(strides), widths[0])
    resolution = (fc_h * math.prod(strides), fc_w * math.prod(strides))
    check_resolution(hints, resolution, "fc_hw_dim", "fc_hw")
    _check_stages(hints, strides, widths, stem)
    hints.check("parameters", sum(tensor.numel() for tensor in tensors.values()))
    num_frames = hints.num_frames("the number of frames of the video it was trained on")
    settings = {
        "embed_levels": levels,
        **time_of(hints, "interleaved", base),
        "stem_widths": stem[1:-1],
        "strides": strides,
        "kernel_size": sides,
        "head_kernel_size": tensors.kernel_size(f"{head}.weight"),
        "widths": widths,
        "activation": hints.choice("act", "gelu", ACTIVATIONS),
        "output_activation": "sigmoid" if hints.flag("sigmoid", False) else "tanh",
    }
    return Imported("nerv", settings, resolution, hints.frames(num_frames), num_frames, state)


def _blocks(tensors: Tensors, hints: Hints) -> int:
    numbers = tensors.numbers(r"layers\.(\d+)\.conv\.conv\.weight")
    other = next((name for name in tensors if re.match(r"layers\.\d+\.(norm|conv\.up_scale)", name)), None)
    if not numbers or other or hints.take("conv_type", "conv") != "conv" or hints.take("norm", "none") != "none":
        found = f"holds the tensor '{other}'" if other else "has another kind of block"
        raise InputError(
            f"{hints.path} {found}: only conv_type conv with norm none can be dissected, a convolution, then "
            "PixelShuffle, then the activation."
        )
    return numbers[-1] + 1


def _stem(tensors: Tensors) -> tuple[list[int], dict[str, Any]]:
    """Channels into, between and out of the stem's linear layers, and these as 1×1 convolutions."""
    numbers = tensors.numbers(r"stem\.(\d+)\.weight")
    widths, state = [int(tensors.shaped("stem.0.weight", None, None).shape[1])], {}
    for at, k in enumerate(numbers):
        weight = tensors.shaped(f"stem.{k}.weight", None, widths[-1])
        ours = "stem" if k == numbers[-1] else f"stem_hidden.{at}"
        state[f"{ours}.weight"] = as_kernel(weight)
        state[f"{ours}.bias"] = tensors.shaped(f"stem.{k}.bias", len(weight))
        widths.append(len(weight))
    return widths, state


def _encoding(hints: Hints, channels: int) -> tuple[float, int]:
    """Base and levels of ``"1.25_80"``."""
    if channels % 2:
        raise InputError(
            f"{hints.path}: {channels} channels enter 'stem.0.weight', expected an even number, sines and cosines of "
            "time: give the file of a NeRV with a positional encoding."
        )
    text = str(hints.take("embed", f"1.25_{channels // 2}"))
    found = re.fullmatch(r"(?:pe_)?(\d+\.?\d*)_(\d+)", text)
    if found is None:
        raise InputError(f"{hints.path}: embed is {text!r}; expected 'BASE_LEVELS', e.g. '1.25_80'.")
    hints.compare(["embed"], 2 * int(found[2]), channels, "{} channels")
    return float(found[1]), int(found[2])


def _size(hints: Hints, area: int, factor: int, width: int) -> tuple[int, int]:
    """Height and width of the stem's output, from ``fc_hw_dim``, ``fc_hw`` or the resolution."""
    three = hints.integers("fc_hw_dim", 3, "three integers, 'HEIGHT_WIDTH_CHANNELS'")
    if three is None:
        return stem_shape(hints, area, factor, "fc_hw")
    hints.compare(["fc_hw_dim"], three[2], width, "{} channels of the stem's output")
    hints.compare(["fc_hw_dim"], three[0] * three[1], area, "{} positions of the stem's output")
    return three[0], three[1]


def _check_stages(hints: Hints, strides: list[int], widths: list[int], stem: list[int]) -> None:
    each = hints.whole("num_blocks", 1)
    if len(strides) % each or any(s != 1 for k, s in enumerate(strides) if k % each):
        raise InputError(
            f"{hints.path}: the hint num_blocks is {each}, but the tensors make {len(strides)} blocks of strides "
            f"{strides}: correct the hint, or give the file that it describes."
        )
    hints.check("strides", strides[::each], listed)
    if "stem_dim_num" in hints:
        hints.compare(["stem_dim_num"], _repeated(hints), stem[1:-1], "linear layers of widths {}")
    stages = [widths[0], *widths[each::each]]
    if "expansion" in hints:
        expected = int(stages[0] * hints.number("expansion", 1))
        hints.compare(["expansion"], expected, stages[1], "a width of {}")
    if "reduction" in hints:
        lowest = hints.whole("lower_width", min(stages[1:]))
        for stride, (before, after) in zip(strides[::each][1:], itertools.pairwise(stages[1:]), strict=True):
            expected = max(before // (1 if stride == 1 else hints.whole("reduction", 1)), lowest)
            hints.compare([n for n in ("reduction", "lower_width") if n in hints], expected, after, "a width of {}")
    elif "lower_width" in hints and len(stages) > 2 and min(stages[2:]) < hints.whole("lower_width", 1):
        hints.check("lower_width", min(stages[2:]))


def _repeated(hints: Hints) -> list[int]:
    found = hints.integers("stem_dim_num", 2, "two integers, 'WIDTH_LAYERS', e.g. '512_1'")
    assert found is not None
    return [found[0]] * found[1]


LAYOUT = Layout(
    "an original NeRV",
    HINTS,
    matches,
    read,
    {**time_axes("interleaved", "separate"), **ACTIVATION_AXIS},
    ("sigmoid", (False, True)),
)
