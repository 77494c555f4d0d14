"""XINC's FFN as PyTorch Lightning saves it: ``model.positional_encoding.B``, ``model.net.k.linear.{weight,bias}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xinc.errors import InputError
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors, listed, single

HINTS = (
    "resolution", "hidden", "layers", "fourier_features", "coordinate_order", "coordinate_range", "normalised_by",
    "num_frames", "frames", "parameters", "activation", "output_activation",
)  # fmt: skip


def matches(tensors: Tensors, _: Mapping[str, Any]) -> bool:
    return "model.positional_encoding.B" in tensors


def read(tensors: Tensors, hints: Hints) -> Imported:
    encoding = tensors.shaped("model.positional_encoding.B", None, 2)
    count = len(tensors.numbers(r"model\.net\.(\d+)\.linear\.weight"))
    hidden = tensors.shaped("model.net.0.linear.weight", None, None).shape[0]
    for name, expected in (("layers", count), ("hidden", hidden), ("fourier_features", len(encoding))):
        hints.check(name, expected)
    state, parameters = {"B": encoding}, 0
    widths = [2 * len(encoding), *[hidden] * (count - 1), 3]
    for k in range(count):
        weight = tensors.shaped(f"model.net.{k}.linear.weight", widths[k + 1], widths[k])
        bias = tensors.bias(f"model.net.{k}.linear.weight", widths[k + 1])
        state |= {f"weights.{k}": single(weight), f"biases.{k}": single(bias)}
        parameters += weight.numel() + bias.numel() * tensors.has_biases
    hints.check("parameters", parameters)
    if _columns_first(hints):
        state["B"] = encoding.flip(1)
    hints.must("coordinate_range", [-1, 1], listed)
    hints.must("normalised_by", "max(H,W)-1")
    settings = {
        "fourier_features": len(encoding),
        "hidden_width": hidden,
        "layers": count,
        "activation": hints.activation("relu"),
        "output_activation": hints.take("output_activation", "identity"),
    }
    return one_frame("ffn", settings, state, hints)


def _columns_first(hints: Hints) -> bool:
    """Whether B is of (x, y); ours is of (row, column)."""
    order = [str(one) for one in listed(hints.take("coordinate_order", ["row", "col"]))]
    if order not in (["row", "col"], ["col", "row"]):
        raise InputError(f"{hints.path}: coordinate_order is {order}; expected [row, col] or [col, row].")
    return order == ["col", "row"]


def one_frame(architecture: str, settings: dict[str, Any], state: dict[str, Any], hints: Hints) -> Imported:
    """A network of pixel coordinates, which represents one frame of a resolution that its tensors do not tell."""
    resolution = hints.resolution()
    if resolution is None:
        hints.take("resolution", required="[height, width] of the frame it was trained on")
        raise AssertionError("unreachable: the hint was there")
    frames = hints.listed_frames(range(hints.video_frames or 1) if "frames" in hints else [0])
    if len(frames) != 1:
        raise InputError(
            f"{hints.path}: the hint frames is {frames}, but the tensors make one frame: say which one it is, e.g. [0]."
        )
    count = hints.num_frames("") if "num_frames" in hints or hints.video_frames else max(frames) + 1
    return Imported(architecture, settings, resolution, frames, count, state)


LAYOUT = Layout(
    "an FFN of XINC (Lightning .ckpt)",
    HINTS,
    matches,
    read,
    {
        ("coordinate_order",): ((["row", "col"],), (["col", "row"],)),
        ("activation",): tuple((name,) for name in ("relu", "gelu", "silu", "tanh", "leaky_relu", "elu")),
    },
    ("output_activation", ("identity", "sigmoid", "tanh", "centred")),
)
