"""The network of HiNeRV: grids, and stages of upsampling and ConvNeXt blocks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xinc.models.decoder import divided
from xinc.models.hinerv import PARTS, HiNeRV, HiNeRVSettings
from xinc.models.stepwise import ConvolutionPart, Part, Stepwise
from xinc.trace.lookup import Axis, Level, Lookup
from xinc.trace.route import Stage
from xinc.trace.steps import Added, Dissected, Fixed, Steps


class Network(HiNeRV, Stepwise):
    """The network of `xinc.models.hinerv.HiNeRV`."""

    def __init__(
        self,
        settings: HiNeRVSettings,
        resolution: tuple[int, int],
        frames: Sequence[int],
        num_frames: int,
        seed: int = 0,
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        width = settings.stem_width(self.resolution, self.num_frames)
        widths, base = settings.widths(width), settings.base_shape(self.num_frames)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.grid = Grid(base, divided(self.resolution, settings.strides), self.num_frames, settings.grid_scale)
            self.stem = _convolution(sum(own for _, own in base), width, settings.stem_kernel_size)
            self.stages = nn.ModuleList(
                _Stage(settings, k, widths[k], widths[k + 1], self.num_frames) for k in range(len(settings.strides))
            )
            self.head = _convolution(widths[-1], 3, 1)

    def inputs(self, frames: Tensor) -> Tensor:
        for frame in frames:
            self.check_frame(int(frame))
        return super().inputs(frames)

    def parts(self) -> dict[str, Part]:
        found: dict[str, Part] = {"grid": self.grid, "stem": ConvolutionPart(self.stem)}
        for k, stage in enumerate(self.stages, 1):
            assert isinstance(stage, _Stage)
            found |= {f"stage{k}.grid": stage.grid, f"stage{k}.encoding": ConvolutionPart(stage.encoding)}
            for b, block in enumerate(stage.blocks, 1):
                for name in PARTS:
                    activation = self.settings.activation if name == "expand" else "identity"
                    found[f"stage{k}.block{b}.{name}"] = ConvolutionPart(getattr(block, name), activation)
        return found | {"head": ConvolutionPart(self.head)}

    def start(self, inputs: Tensor, traced: bool = False) -> Tensor:
        return self.grid.input(inputs, self.grid.size, traced)

    def steps(self, inputs: Tensor, traced: bool = False) -> Steps:
        found: list[Dissected | Fixed | Added] = [Dissected("grid"), Dissected("stem")]
        size = self.grid.size
        for k, (stage, r) in enumerate(zip(self.stages, self.settings.strides, strict=True), 1):
            assert isinstance(stage, _Stage)
            tiles, size = size, (size[0] * r, size[1] * r)
            encoding: Steps = (Dissected(f"stage{k}.grid"), Dissected(f"stage{k}.encoding"))
            if not traced:  # a linear function of r×r places, then these all over the frame: the same, and quicker
                encoding = (*encoding, Fixed(partial(Tensor.repeat, repeats=(1, 1, *tiles))))
            found += [Fixed(_normalised), _upsampling(r), Added(encoding, stage.grid.input(inputs, size, traced))]
            for b, block in enumerate(stage.blocks, 1):
                depthwise, expand, contract = (Dissected(f"stage{k}.block{b}.{name}") for name in PARTS)
                inside: Steps = (depthwise, Fixed(_normalised), expand, contract)
                found += [Added(inside)] if block.residual else inside
        return (*found, Dissected("head"))


class Grid(nn.Module):
    """Features at h×w places, linear between entries over time.

    Parameters
    ----------
    shape : entries over time, and channels, of each level; their channels are side by side in the output.
    size : (h, w).
    num_frames : of the video; an entry of T lies at frame (entry + ½) · num_frames / T − ½, as where one resizes.
    scale : they are drawn from −scale to scale.
    """

    def __init__(self, shape: Sequence[tuple[int, int]], size: tuple[int, int], num_frames: int, scale: float) -> None:
        super().__init__()
        self.size, (rows, columns) = size, size
        place = (Axis(columns, read="entry", beyond="repeat"), Axis(rows, read="entry", beyond="repeat"))
        self.levels = tuple(
            Level((*place, Axis(entries, entries / num_frames, (entries / num_frames - 1) / 2, beyond="clamp")), own)
            for entries, own in shape
        )
        #: All levels, one after the other; each is (T, h, w, C).
        self.weight = nn.Parameter(torch.empty(sum(one.entries * one.features for one in self.levels)))
        nn.init.uniform_(self.weight, -scale, scale)

    def input(self, frames: Tensor, size: tuple[int, int], traced: bool) -> Tensor:
        """What `forward` gets for frames (n,), which is (n, 1, 1, 1); or, traced, what the look-up gets.

        The latter are coordinates (n, 3, h, w) of the pixels of a ``size``: column, row, frame.
        """
        times = frames.to(self.weight.dtype).view(-1, 1, 1, 1)
        if not traced:
            return times
        rows, columns = (torch.arange(side, dtype=times.dtype, device=times.device) for side in size)
        both = torch.stack(torch.meshgrid(columns, rows, indexing="xy")).expand(len(times), -1, -1, -1)
        return torch.cat([both, times.expand(-1, -1, *size)], 1)

    def forward(self, times: Tensor) -> Tensor:
        """(n, 1, 1, 1) -> (n, C, h, w)."""
        found, start = [], 0
        for level in self.levels:
            end = start + level.entries * level.features
            table = self.weight[start:end].view(-1, *self.size, level.features)
            (before, share), (after, other) = level.axes[-1].at(times.flatten())
            share, other = (one[:, None, None, None] for one in (share, other))
            found.append(share * table[before] + other * table[after])
            start = end
        return torch.cat(found, -1).permute(0, 3, 1, 2)

    def layer(self, name: str) -> Lookup:
        """As a layer of a trace."""
        return Lookup(name, self.weight.detach(), self.levels)


class _Stage(nn.Module):
    """A local grid, its encoding, and the blocks."""

    def __init__(self, settings: HiNeRVSettings, stage: int, before: int, after: int, num_frames: int) -> None:
        super().__init__()
        r, (depth, expansion) = settings.strides[stage], settings.blocks()[stage]
        local = settings.local_shape(stage, num_frames)
        self.grid = Grid(local, (r, r), num_frames, settings.grid_scale)
        self.encoding = _convolution(sum(own for _, own in local), before, 1)
        self.blocks = nn.ModuleList(
            _Block(before if k == 0 else after, after, int(expansion * after), settings.kernel_size)
            for k in range(depth)
        )


class _Block(nn.Module):
    """A ConvNeXt block's layers; with a residual connection where its width stays."""

    def __init__(self, before: int, after: int, inside: int, kernel_size: int) -> None:
        super().__init__()
        self.residual = before == after
        self.depthwise = _convolution(before, before, kernel_size, groups=before, bias=False)
        self.expand = _convolution(before, inside, 1, bias=False)
        self.contract = _convolution(inside, after, 1, bias=False)


def _convolution(before: int, after: int, kernel_size: int, groups: int = 1, bias: bool = True) -> nn.Conv2d:
    """Weights as PyTorch draws them, biases of zero, as the authors' code has them."""
    found = nn.Conv2d(before, after, kernel_size, padding=kernel_size // 2, groups=groups, bias=bias)
    if found.bias is not None:
        nn.init.zeros_(found.bias)
    return found


def _upsampling(r: int) -> Fixed:
    function = partial(F.interpolate, scale_factor=r, mode="bilinear")
    return Fixed(function, (Stage(upscale=r, interpolation="bilinear"),))


def _normalised(x: Tensor) -> Tensor:
    """Channels of each pixel with mean 0 and variance 1."""
    return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], eps=1e-6).permute(0, 3, 1, 2)
