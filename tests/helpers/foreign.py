"""Small random networks as other code bases save them, with what their own forward pass makes of a frame.

Every function writes nothing: it returns the content of a file, the hints that go with it, and a function from the
index of a frame to the image (3, H, W), written with plain PyTorch operations in the formulation of that code base.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class Foreign:
    content: dict[str, Any]
    hints: dict[str, Any]
    image: Callable[[int], Tensor]
    architecture: str
    resolution: tuple[int, int]
    frames: int = 1
    video: Tensor | None = field(default=None, repr=False)

    @property
    def state(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.content["state_dict"]
        return found


def _draw(seed: int) -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int, scale: float | None = None) -> Tensor:
        spread = scale if scale is not None else 1 / math.sqrt(max(math.prod(shape[1:]), 1))
        return torch.randn(shape, generator=generator) * spread

    return draw


def _coordinates(height: int, width: int, stretched: bool) -> Tensor:
    """(H·W, 2) of (row, column)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    spans = (height - 1, width - 1) if stretched else (max(height, width) - 1,) * 2
    both = [2 * axis.float() / span - 1 for axis, span in zip((rows, columns), spans, strict=True)]
    return torch.stack(both, -1).reshape(-1, 2)


def xinc_ffn(seed: int = 0) -> Foreign:
    draw, (height, width) = _draw(seed), (8, 12)
    state = {"model.positional_encoding.B": draw(5, 2, scale=3.0)}
    for k, (a, b) in enumerate([(10, 6), (6, 6), (6, 3)]):
        state |= {f"model.net.{k}.linear.weight": draw(b, a), f"model.net.{k}.linear.bias": draw(b)}

    def image(_: int) -> Tensor:
        angle = 2 * math.pi * _coordinates(height, width, stretched=False) @ state["model.positional_encoding.B"].T
        x = torch.cat([angle.sin(), angle.cos()], 1)
        for k in range(3):
            x = F.linear(x, state[f"model.net.{k}.linear.weight"], state[f"model.net.{k}.linear.bias"])
            x = x.relu() if k < 2 else x
        return x.T.reshape(3, height, width)

    content = {"epoch": 1, "global_step": 2, "pytorch-lightning_version": "2.1.0", "state_dict": state}
    return Foreign(content, {"resolution": [height, width]}, image, "ffn", (height, width))


def _decoder(
    draw: Any, stem: tuple[int, int], widths: list[int], strides: list[int], sides: list[int]
) -> dict[str, Tensor]:
    """The HNeRV code base's decoder: stem (channels in, area), blocks, head."""
    state = {
        "decoder.0.conv.downconv.weight": draw(widths[0] * stem[1], stem[0], 1, 1),
        "decoder.0.conv.downconv.bias": draw(widths[0] * stem[1]),
        "head_layer.weight": draw(3, widths[-1], 3, 3),
        "head_layer.bias": draw(3),
    }
    for k, (r, side) in enumerate(zip(strides, sides, strict=True)):
        state[f"decoder.{k + 1}.conv.upconv.0.weight"] = draw(widths[k + 1] * r * r, widths[k], side, side)
        state[f"decoder.{k + 1}.conv.upconv.0.bias"] = draw(widths[k + 1] * r * r)
    return state


def _decoded(state: dict[str, Tensor], embedding: Tensor, strides: list[int], fc: tuple[int, int], act: Any) -> Tensor:
    """Head's response (3, H, W) of an embedding (C, h, w)."""
    x = act(F.conv2d(embedding[None], state["decoder.0.conv.downconv.weight"], state["decoder.0.conv.downconv.bias"]))
    _, _, h, w = x.shape
    x = x.view(1, -1, *fc, h, w).permute(0, 1, 4, 2, 5, 3).reshape(1, -1, fc[0] * h, fc[1] * w)
    for k, r in enumerate(strides):
        weight = state[f"decoder.{k + 1}.conv.upconv.0.weight"]
        bias = state[f"decoder.{k + 1}.conv.upconv.0.bias"]
        x = act(F.pixel_shuffle(F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2), r))
    return F.conv2d(x, state["head_layer.weight"], state["head_layer.bias"], padding=1)[0]


def hnerv_nerv(seed: int = 0, out_bias: str = "tanh", prefix: str = "") -> Foreign:
    """NeRV mode: strides 3, 1, 2 as ``num_blks`` 1_1, kernels 1, 3, 5; a stem of 2×3."""
    strides, sides, widths, fc, frames, levels = [3, 1, 2], [1, 3, 5], [5, 4, 3, 3], (2, 3), 5, 6
    state = _decoder(_draw(seed), (2 * levels, fc[0] * fc[1]), widths, strides, sides)

    def image(frame: int) -> Tensor:
        bases = (1.25 ** torch.arange(levels)) * math.pi
        angle = torch.tensor([[frame / frames]], dtype=torch.float64) * bases
        encoded = torch.cat([angle.sin(), angle.cos()], -1).float().view(-1, 1, 1)
        x = _decoded(state, encoded, strides, fc, F.gelu)
        if out_bias == "tanh":
            return torch.tanh(x) * 0.5 + 0.5
        return torch.sigmoid(x) if out_bias == "sigmoid" else x + float(out_bias)

    content = {"epoch": 3, "state_dict": {prefix + name: t for name, t in state.items()}, "optimizer": {}}
    hints = {
        "embed": "pe_1.25_6", "fc_hw": "2_3", "fc_dim": 5, "dec_strds": strides, "ks": "0_1_5", "reduce": 1.2,
        "lower_width": 3, "num_blks": "1_1", "act": "gelu", "norm": "none", "conv_type": ["convnext", "pshuffel"],
        "out_bias": out_bias, "num_frames": frames, "parameters": sum(t.numel() for t in state.values()),
    }  # fmt: skip
    return Foreign(content, hints, image, "nerv", (12, 18), frames)


def _encoder(draw: Any, strides: list[int], widths: list[int]) -> dict[str, Tensor]:
    """ConvNeXt: a stage for each stride, one block each."""
    state: dict[str, Tensor] = {}
    for k, (r, a, b) in enumerate(zip(strides, [3, *widths[:-1]], widths, strict=True)):
        convolution, norm, normed = (0, 1, b) if k == 0 else (1, 0, a)
        down, block = f"encoder.downsample_layers.{k}", f"encoder.stages.{k}.0"
        state |= {f"{down}.{convolution}.weight": draw(b, a, r, r), f"{down}.{convolution}.bias": draw(b)}
        state |= {f"{down}.{norm}.weight": 1 + draw(normed), f"{down}.{norm}.bias": draw(normed)}
        state |= {f"{block}.gamma": draw(b), f"{block}.norm.weight": 1 + draw(b), f"{block}.norm.bias": draw(b)}
        state |= {f"{block}.dwconv.weight": draw(b, 1, 7, 7), f"{block}.dwconv.bias": draw(b)}
        state |= {f"{block}.pwconv1.weight": draw(4 * b, b), f"{block}.pwconv1.bias": draw(4 * b)}
        state |= {f"{block}.pwconv2.weight": draw(b, 4 * b), f"{block}.pwconv2.bias": draw(b)}
    return state


def _encoded(state: dict[str, Tensor], image: Tensor, strides: list[int]) -> Tensor:
    def normal(x: Tensor, name: str) -> Tensor:
        x = x - x.mean(1, keepdim=True)
        x = x / torch.sqrt((x * x).mean(1, keepdim=True) + 1e-6)
        return state[f"{name}.weight"][:, None, None] * x + state[f"{name}.bias"][:, None, None]

    def shrink(x: Tensor, name: str, r: int) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride=r)

    x = image[None]
    for k, r in enumerate(strides):
        down, block = f"encoder.downsample_layers.{k}", f"encoder.stages.{k}.0"
        x = normal(shrink(x, f"{down}.0", r), f"{down}.1") if k == 0 else shrink(normal(x, f"{down}.0"), f"{down}.1", r)
        y = F.conv2d(x, state[f"{block}.dwconv.weight"], state[f"{block}.dwconv.bias"], padding=3, groups=x.shape[1])
        y = normal(y, f"{block}.norm").permute(0, 2, 3, 1)
        y = F.gelu(F.linear(y, state[f"{block}.pwconv1.weight"], state[f"{block}.pwconv1.bias"]))
        y = F.linear(y, state[f"{block}.pwconv2.weight"], state[f"{block}.pwconv2.bias"])
        x = x + (state[f"{block}.gamma"] * y).permute(0, 3, 1, 2)
    return x[0]


def hnerv_encoder(seed: int = 0) -> Foreign:
    """Encoder mode at 16×24: the encoder shrinks by 4·2, the decoder enlarges by 2·2, the stem by 2."""
    down, strides, widths, channels, frames = [4, 2], [2, 2], [6, 5, 4], 3, 3
    draw = _draw(seed)
    decoder = _decoder(draw, (channels, 4), widths, strides, [1, 3])
    state = _encoder(draw, down, [7, channels]) | decoder
    video = torch.rand(frames, 3, 16, 24, generator=torch.Generator().manual_seed(seed))

    def image(frame: int) -> Tensor:
        embedding = _encoded(state, video[frame], down)
        return torch.tanh(_decoded(state, embedding, strides, (2, 2), F.silu)) * 0.5 + 0.5

    content = {"epoch": 3, "state_dict": {f"module.{name}": t for name, t in state.items()}, "optimizer": {}}
    hints = {
        "resolution": [16, 24], "num_frames": frames, "act": "swish", "enc_strds": down, "enc_dim": "7_3",
        "num_blks": "1_1", "fc_dim": 6, "embed": "", "ks": "0_1_5", "dec_strds": strides,
    }  # fmt: skip
    return Foreign(content, hints, image, "hnerv", (16, 24), frames, video)


def quantised(seed: int = 0) -> Foreign:
    """Min, scale and integers with the shapes of a released file: of a tensor, a channel, a kernel position."""
    strides, widths, channels, frames = [2, 2], [6, 5, 4], 3, 4
    draw = _draw(seed)
    exact = _decoder(draw, (channels, 1), widths, strides, [1, 3]) | {"embed": draw(frames, channels, 2, 3, scale=1.0)}
    entries: dict[str, dict[str, Tensor]] = {}
    for name, tensor in exact.items():
        keep = [0] if name == "embed" else {4: [1, 2, 3]}.get(tensor.ndim, [])
        dims = [d for d in range(tensor.ndim) if d not in keep] if name != "embed" else [0]
        least = tensor.amin(dims, keepdim=True) if tensor.ndim > 1 else tensor.min()
        scale = ((tensor.amax(dims, keepdim=True) if tensor.ndim > 1 else tensor.max()) - least) / 255
        least, scale = (t.half() if tensor.ndim > 1 else t for t in (least, scale))
        quant = ((tensor - least.float()) / scale.float().clamp_min(1e-6)).round().clamp(0, 255).to(torch.uint8)
        entries[name] = {"quant": quant, "min": least, "scale": scale}
    values = {n: e["min"].float() + e["scale"].float() * e["quant"].float() for n, e in entries.items()}

    def image(frame: int) -> Tensor:
        return torch.tanh(_decoded(values, values["embed"][frame], strides, (1, 1), F.gelu)) * 0.5 + 0.5

    content = {"embed": entries.pop("embed"), "model": entries}
    return Foreign(content, {}, image, "hnerv", (8, 12), frames)


def original_nerv(seed: int = 0, sigmoid: bool = False, levels: int = 4) -> Foreign:
    """Stem of two linear layers, 3×3 blocks of strides 2, 2, heads at both resolutions of which the last counts."""
    strides, widths, fc, frames = [2, 2], [4, 6, 3], (2, 3), 5
    draw = _draw(seed)
    state = {"stem.0.weight": draw(7, 2 * levels), "stem.0.bias": draw(7)}
    state |= {"stem.2.weight": draw(4 * 6, 7), "stem.2.bias": draw(4 * 6)}
    for k, r in enumerate(strides):
        state[f"layers.{k}.conv.conv.weight"] = draw(widths[k + 1] * r * r, widths[k], 3, 3)
        state[f"layers.{k}.conv.conv.bias"] = draw(widths[k + 1] * r * r)
        state |= {f"head_layers.{k}.weight": draw(3, widths[k + 1], 1, 1), f"head_layers.{k}.bias": draw(3)}

    def image(frame: int) -> Tensor:
        t = torch.tensor(frame / frames)
        encoded = [f(t * 1.25**k * math.pi) for k in range(levels) for f in (torch.sin, torch.cos)]
        x = torch.stack(encoded)
        for k in (0, 2):
            x = F.gelu(F.linear(x, state[f"stem.{k}.weight"], state[f"stem.{k}.bias"]))
        x = x.view(1, 4, *fc)
        for k, r in enumerate(strides):
            weight, bias = state[f"layers.{k}.conv.conv.weight"], state[f"layers.{k}.conv.conv.bias"]
            x = F.gelu(F.pixel_shuffle(F.conv2d(x, weight, bias, padding=1), r))
        x = F.conv2d(x, state["head_layers.1.weight"], state["head_layers.1.bias"])[0]
        return torch.sigmoid(x) if sigmoid else (torch.tanh(x) + 1) * 0.5

    hints = {
        "embed": f"1.25_{levels}", "fc_hw_dim": "2_3_4", "stem_dim_num": "7_1", "strides": strides, "num_blocks": 1,
        "expansion": 1.5, "reduction": 2, "lower_width": 3, "act": "gelu", "norm": "none", "conv_type": "conv",
        "sigmoid": sigmoid, "num_frames": frames,
    }  # fmt: skip
    content = {"epoch": 3, "state_dict": state, "train_best_psnr": torch.tensor(30.0), "optimizer": {}}
    return Foreign(content, hints, image, "nerv", (8, 12), frames)


def siren(seed: int = 0, naming: str = "repository", omega: float = 30.0) -> Foreign:
    draw, (height, width) = _draw(seed), (6, 10)
    state, layers = {}, [(2, 8), (8, 8), (8, 3)]
    for k, (a, b) in enumerate(layers):
        name = {"repository": f"net.net.{k}.0", "notebook": f"net.{k}.linear", "all linear": f"net.{k}.linear"}[naming]
        name = f"net.{k}" if naming == "notebook" and k == len(layers) - 1 else name
        state |= {f"{name}.weight": draw(b, a) / (omega if k else 3), f"{name}.bias": draw(b, scale=0.1)}

    def image(_: int) -> Tensor:
        x = _coordinates(height, width, stretched=True)
        pairs = list(state.values())
        for k in range(len(layers)):
            x = F.linear(x, pairs[2 * k], pairs[2 * k + 1])
            x = torch.sin(omega * x) if k < len(layers) - 1 else x
        return (x.T.reshape(3, height, width) + 1) / 2

    hints = {"resolution": "6x10"} | ({} if omega == 30.0 else {"omega": omega})
    return Foreign({"state_dict": state} if naming != "notebook" else dict(state), hints, image, "siren", (6, 10))


def wire(seed: int = 0, omega: float = 5.0, first: float = 7.0, scale: float = 4.0, windows: bool = False) -> Foreign:
    """Complex weights but in the first layer, ω and s as parameters, (x, y) coordinates, colours as they are."""
    draw, (height, width) = _draw(seed), (6, 10)
    state, layers = {}, [(2, 7), (7, 7), (7, 7), (7, 3)]

    def drawn(*shape: int) -> Tensor:
        return draw(*shape) / 3

    for k, (a, b) in enumerate(layers):
        name = f"net.{k}" if k == 3 else f"net.{k}.linear"
        if k < 3:
            state[f"net.{k}.omega_0"] = torch.tensor([omega if k else first])
            state[f"net.{k}.scale_0"] = torch.tensor([scale])
        pair = [(drawn(b, a), drawn(b)) for _ in range(2)]
        state[f"{name}.weight"] = torch.complex(pair[0][0], pair[1][0]) if k else pair[0][0]
        state[f"{name}.bias"] = torch.complex(pair[0][1], pair[1][1]) if k else pair[0][1]
        if windows and k < 3:
            state[f"net.{k}.scale_orth.weight"] = state[f"{name}.weight"].roll(1, 0)
            state[f"net.{k}.scale_orth.bias"] = state[f"{name}.bias"].roll(2, 0)

    def image(_: int) -> Tensor:
        x = _coordinates(height, width, stretched=True).flip(1)
        for k in range(4):
            name = f"net.{k}" if k == 3 else f"net.{k}.linear"
            u = x.to(state[f"{name}.weight"].dtype) @ state[f"{name}.weight"].T + state[f"{name}.bias"]
            square = u.abs().square()
            if windows and k < 3:
                weight, bias = (state[f"net.{k}.scale_orth.{kind}"] for kind in ("weight", "bias"))
                square = square + (x.to(weight.dtype) @ weight.T + bias).abs().square()
            x = u if k == 3 else torch.exp(1j * (omega if k else first) * u) * torch.exp(-scale * scale * square)
        return x.real.T.reshape(3, height, width)

    return Foreign(dict(state), {"resolution": "6x10"}, image, "wire2d" if windows else "wire", (6, 10))


def _looked_up(
    height: int, width: int, tables: list[Tensor], levels: list[tuple[float, int, int]], shift: float
) -> Tensor:
    """(H·W, levels · features): a loop over pixels, levels and corners, in whole numbers of 32 bits.

    ``levels`` are scale, stride and whether a level is hashed, as each kernel finds them.
    """
    rows = []
    for p in range(height * width):
        place = ((p % width + 0.5) / width, (p // width + 0.5) / height)
        row = []
        for table, (scale, stride, hashed) in zip(tables, levels, strict=True):
            x, y = (one * scale + shift for one in place)
            found = torch.zeros(table.shape[1])
            for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
                a, b = int(x) + dx, int(y) + dy
                number = (a ^ (b * 2654435761 & 0xFFFFFFFF)) if hashed else a + b * stride
                part = (x % 1 if dx else 1 - x % 1) * (y % 1 if dy else 1 - y % 1)
                found += part * table[number % len(table)]
            row.append(found)
        rows.append(torch.cat(row))
    return torch.stack(rows)


def torch_ngp(seed: int = 0, align_corners: bool = False) -> Foreign:
    """Its GridEncoder and a list of linear layers, as in its networks of signed distances."""
    draw, (height, width), base, factor, most = _draw(seed), (6, 10), 3, 1.7, 2**6
    sizes, levels = [], []
    for k in range(4):
        vertices = math.ceil(base * factor**k) + (0 if align_corners else 1)
        sizes.append(min(most, -(-(vertices**2) // 8) * 8))
        scale = base * factor**k - 1
        stride = math.ceil(scale) + (1 if align_corners else 2)
        levels.append((scale, stride, stride**2 > sizes[-1]))
    assert {hashed for _, _, hashed in levels} == {False, True}
    offsets = torch.tensor([0, *torch.tensor(sizes).cumsum(0).tolist()], dtype=torch.int32)
    state = {"encoder.embeddings": draw(int(offsets[-1]), 2, scale=0.5), "encoder.offsets": offsets}
    state |= {f"backbone.{k}.weight": draw(b, a) for k, (a, b) in enumerate([(8, 7), (7, 7), (7, 3)])}

    def image(_: int) -> Tensor:
        tables = list(state["encoder.embeddings"].split(sizes))
        x = _looked_up(height, width, tables, levels, 0.0 if align_corners else 0.5)
        for k in range(3):
            x = x @ state[f"backbone.{k}.weight"].T
            x = x.relu() if k < 2 else x
        return x.T.reshape(3, height, width)

    hints = {
        "resolution": [height, width], "base_resolution": base, "per_level_scale": factor, "log2_hashmap_size": 6,
        "align_corners": align_corners,
    }  # fmt: skip
    return Foreign({"epoch": 3, "model": state, "optimizer": {}}, hints, image, "hashgrid", (height, width))


def tiny_cuda_nn(seed: int = 0, single: bool = False) -> Foreign:
    """NetworkWithInputEncoding: the network's matrices, its output padded to 16, then the tables, in half precision."""
    draw, (height, width), base, factor, width_of = _draw(seed), (6, 10), 8, 1.5, 16
    levels, sizes = [], []
    for k in range(8):
        scale = 2 ** (k * math.log2(factor)) * base - 1
        scale = round(scale) if single and abs(scale - round(scale)) < 1e-9 else scale
        stride = math.ceil(scale) + 1
        sizes.append(min(2**10, -(-(stride**2) // 8) * 8))
        levels.append((scale, stride, stride**2 > sizes[-1]))
    matrices = [draw(width_of, 16), draw(width_of, width_of), draw(16, width_of)]
    tables = [draw(size, 2, scale=0.5) for size in sizes]
    params = torch.cat([one.flatten() for one in (*matrices, *tables)]).half()

    def image(_: int) -> Tensor:
        numbers = [16 * width_of, width_of**2, 16 * width_of, *(2 * size for size in sizes)]
        first, second, last, *rest = params.float().split(numbers)
        x = _looked_up(height, width, [one.view(-1, 2) for one in rest], levels, 0.5)
        x = (x @ first.view(width_of, 16).T).relu()
        x = (x @ second.view(width_of, width_of).T).relu()
        return (x @ last.view(16, width_of).T)[:, :3].T.reshape(3, height, width)

    config = {
        "loss": {"otype": "RelativeL2"},
        "optimizer": {"otype": "Adam", "learning_rate": 1e-2},
        "encoding": {
            "otype": "HashGrid", "n_levels": 8, "n_features_per_level": 2, "log2_hashmap_size": 10,
            "base_resolution": base, "per_level_scale": factor,
        },
        "network": {
            "otype": "FullyFusedMLP", "activation": "ReLU", "output_activation": "None", "n_neurons": width_of,
            "n_hidden_layers": 2,
        },
    }  # fmt: skip
    hints = {"resolution": [height, width], **config}
    return Foreign({"params": params}, hints, image, "hashgrid", (height, width))


#: Every layout, as its code base writes it.
LAYOUTS: dict[str, Callable[[], Foreign]] = {
    "XINC's FFN": xinc_ffn,
    "HNeRV's code, NeRV mode": hnerv_nerv,
    "HNeRV's code, NeRV mode, sigmoid": lambda: hnerv_nerv(1, "sigmoid", "module."),
    "HNeRV's code, NeRV mode, offset": lambda: hnerv_nerv(2, "0.5", "blocks.0."),
    "HNeRV's code, encoder mode": hnerv_encoder,
    "HNeRV, quantised": quantised,
    "original NeRV": original_nerv,
    "original NeRV, sigmoid, 80 levels": lambda: original_nerv(1, True, 80),
    "SIREN, repository": siren,
    "WIRE": wire,
    "WIRE, two-dimensional": lambda: wire(1, windows=True),
    "SIREN, notebook": lambda: siren(1, "notebook"),
    "SIREN, all linear, another frequency": lambda: siren(2, "all linear", 20.0),
    "torch-ngp": torch_ngp,
    "torch-ngp, aligned corners": lambda: torch_ngp(1, align_corners=True),
    "tiny-cuda-nn": tiny_cuda_nn,
    "tiny-cuda-nn, single precision": lambda: tiny_cuda_nn(1, single=True),
}


#: A decoder for the small experiment: 16×32, four frames, strides 2, 2, a stem of 4×8 from an encoding of 4 levels.
STRIDES, WIDTHS = [2, 2], [4, 3, 2]
HINTS = {"embed": "pe_1.25_4"}


def write_nerv(path: str | Path, seed: int = 0, strides: list[int] = STRIDES, widths: list[int] = WIDTHS) -> None:
    area = 16 * 32 // 4 ** len(strides)
    state = _decoder(_draw(seed), (8, area), widths, strides, [3] * len(strides))
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    torch.save({"epoch": 1, "state_dict": state, "optimizer": {}}, path)
