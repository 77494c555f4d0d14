"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from xinc.trace.layer import Array, Layer
from xinc.trace.route import Route, Stage
from xinc.trace.windows import Kernel, Padding, Size, Window, pair

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Convolution(Layer):
    """A convolution, then PixelShuffle by ``upscale``, then the activation (a NeRV block).

    By default with zeros beyond the edges and as many responses as pixels. With ``upscale`` 1 and activation
    ``identity`` it is a head layer. With ``groups`` g its input and output channels are in g groups of neighbours, and
    only the edges inside of a group exist: they are numbered n = i · (C_out / g) + j mod (C_out / g), which is
    i · C_out + j without groups, and i of a depthwise convolution with one kernel for each channel.

    Attributes
    ----------
    name : layer name, e.g. ``"block1"`` or ``"head"``.
    weight : (C_out, C_in / groups, kernel rows, kernel columns); C_out is a multiple of upscale².
    bias : (C_out,), shared by the C_in / groups edges of each output channel.
    activation : as `xinc.trace.activations.activation` takes it, e.g. ``"gelu"`` or ``"leaky_relu(0.2)"``.
    upscale : PixelShuffle factor r.
    groups, stride, dilation, padding, margins : as of `xinc.trace.windows.Kernel`; a number stands for both axes.
    """

    name: str
    weight: Array
    bias: Array
    activation: str
    upscale: int = 1
    groups: int = 1
    stride: int | tuple[int, int] = 1
    dilation: int | tuple[int, int] = 1
    padding: Padding = "zeros"
    margins: tuple[int, int, int, int] | None = None

    frequency = 1.0
    granularities: ClassVar[tuple[str, ...]] = ("kernel",)
    mixes: ClassVar[bool] = True

    @property
    def channels(self) -> tuple[int, int]:
        return self.weight.shape[1] * self.groups, self.weight.shape[0]

    @property
    def kernel(self) -> Kernel:
        """Where its kernels are placed."""
        rows, columns = self.weight.shape[-2:]
        return Kernel((rows, columns), pair(self.stride), pair(self.dilation), self.padding, self.margins)

    @property
    def kernel_size(self) -> int:
        """Side of its kernels, the longer one."""
        return max(self.weight.shape[-2:])

    @property
    def reach(self) -> tuple[int, int]:
        return self.kernel.reach

    @property
    def local(self) -> bool:
        return self.kernel.centred

    def response_size(self, size: Size) -> Size:
        return self.kernel.out(size)

    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        (c_in, c_out), g = self.channels, self.groups
        i, own = np.divmod(np.arange(c_in * c_out // g), c_out // g)
        return i, i // (c_in // g) * (c_out // g) + own

    def reads(self) -> np.ndarray:
        c_out, each = self.weight.shape[:2]
        return np.arange(c_out)[:, None] // (c_out // self.groups) * each + np.arange(each)

    def preactivation(self, v: Tensor) -> Tensor:
        return self._convolved(v[None], self.bias)[0]

    def _convolved(self, v: Tensor, bias: Tensor | None) -> Tensor:
        """(n, C_in, h, w) -> (n, C_out, h', w')."""
        import torch.nn.functional as F

        kernel, padding = self.kernel, (0, 0)
        top, bottom, left, right = kernel.around
        if kernel.padding == "zeros" and top == bottom and left == right:
            padding = (top, left)
        else:
            v = kernel.padded(v)
        return F.conv2d(v, self.weight, bias, kernel.stride, padding, kernel.dilation, self.groups)

    def edge_responses(self, v: Tensor, i: Tensor, j: Tensor, bias: bool = True) -> Tensor:
        responses = self._kernel_responses(v, i, j)
        return responses + (self.bias[j] / self.weight.shape[1])[:, None, None] if bias else responses

    def _kernel_responses(self, v: Tensor, i: Tensor, j: Tensor) -> Tensor:
        """(w_ij * v_i) for each edge: patches of each input channel once, times the kernels that read it."""
        import torch
        import torch.nn.functional as F

        kernel, (h, w) = self.kernel, self.response_size((v.shape[-2], v.shape[-1]))
        if len(i) == 0:
            return v.new_empty(0, h, w)
        weight = self.weight[j, i % self.weight.shape[1]].reshape(len(i), -1)
        used, local = torch.unique(i, return_inverse=True)
        # (used, k², h·w)
        patches = F.unfold(kernel.padded(v[used][:, None]), kernel.size, kernel.dilation, stride=kernel.stride)
        per_channel = torch.bincount(local, minlength=len(used))
        if bool((per_channel == per_channel[0]).all()) and bool((local[1:] >= local[:-1]).all()):
            kernels = weight.view(
                len(used), -1, weight.shape[1]
            )  # contiguous runs of equal length: one batched product
            return torch.bmm(kernels, patches).view(len(i), h, w)
        out = v.new_empty(len(i), h * w)
        for c in range(len(used)):
            rows = (local == c).nonzero()[:, 0]
            out[rows] = weight[rows] @ patches[c]
        return out.view(len(i), h, w)

    def neuron_sums(self, granularity: str, values: Mapping[str, Tensor]) -> Tensor:
        c_out, c_in = self.weight.shape[:2]
        kernels = values["weight"].reshape(c_out, c_in, -1).sum(2)
        return kernels.view(self.groups, c_out // self.groups, c_in).transpose(1, 2).flatten()

    def through(self, values: Tensor, window: Window, channel: Tensor | None, size: Size) -> tuple[Tensor, Window]:
        if not self.local:
            return self._through_all(values, window, channel, size)
        import torch.nn.functional as F

        (rows, columns), (y0, y1, x0, x1) = self.reach, window
        top, bottom = max(y0 - rows, 0), min(y1 + rows, size[0])
        left, right = max(x0 - columns, 0), min(x1 + columns, size[1])
        around = (x0 - left + columns, right + columns - x1, y0 - top + rows, bottom + rows - y1)
        padded = F.pad(values, around)
        dilation = pair(self.dilation)
        if channel is None:
            found = F.conv2d(padded, self.weight, None, 1, 0, dilation, self.groups)
            return found, (top, bottom, left, right)
        kernels = self._reading(channel).flatten(0, 1)[:, None]
        found = F.conv2d(padded.transpose(0, 1), kernels, None, 1, 0, dilation, len(values))
        return found.unflatten(1, (len(values), -1))[0], (top, bottom, left, right)

    def _reading(self, channel: Tensor) -> Tensor:
        """(n, C_out, k, k), the kernels that read each of the input channels (n,); zeros of other groups."""
        import torch

        if self.groups == 1:
            found: Tensor = self.weight.transpose(0, 1)[channel]
            return found
        (c_in, c_out), g = self.channels, self.groups
        own = self.weight.unflatten(0, (g, -1)).transpose(1, 2).flatten(0, 1)[channel]  # (n, C_out / g, k, k)
        found = self.weight.new_zeros(len(channel), g, c_out // g, *self.weight.shape[2:])
        found[torch.arange(len(channel), device=channel.device), channel // (c_in // g)] = own
        return found.flatten(1, 2)

    def _through_all(self, values: Tensor, window: Window, channel: Tensor | None, size: Size) -> tuple[Tensor, Window]:
        """`through` on the whole frame."""
        import torch

        y0, y1, x0, x1 = window
        whole = values.new_zeros(len(values), self.channels[0], *size)
        if channel is None:
            whole[:, :, y0:y1, x0:x1] = values
        else:
            whole[torch.arange(len(values), device=values.device), channel, y0:y1, x0:x1] = values[:, 0]
        found = self._convolved(whole, None)
        return found, (0, found.shape[-2], 0, found.shape[-1])

    def stages(self) -> Route:
        rows, columns = self.weight.shape[-2:]
        size = rows if rows == columns else (rows, columns)
        return (
            Stage(
                size,
                self.upscale,
                self.activation,
                stride=self.stride,
                dilation=self.dilation,
                padding=self.padding,
                margins=self.margins,
            ),
        )

    @classmethod
    def array_dims(cls, options: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        channels = "in" if options.get("groups", 1) == 1 else "in_group"
        return {"weight": ("out", channels, "kernel_y", "kernel_x"), "bias": ("out",)}

    @classmethod
    def weight_shape(cls, options: Mapping[str, Any], channels: tuple[int, int]) -> tuple[int, ...]:
        return channels[1], channels[0] // options.get("groups", 1), *options["kernel_size"]

    @classmethod
    def response_dims(cls, options: Mapping[str, Any]) -> tuple[str, str]:
        same = "stride" not in options and "margins" not in options and options.get("padding") != "valid"
        return ("source_y", "source_x") if same else ("response_y", "response_x")

    def options(self) -> dict[str, Any]:
        kernel, own = self.kernel, {"kernel_size": list(self.weight.shape[-2:])}
        further = {
            "groups": (self.groups, 1),
            "stride": (list(kernel.stride), [1, 1]),
            "dilation": (list(kernel.dilation), [1, 1]),
            "padding": (self.padding, "zeros"),
            "margins": (None if self.margins is None else list(self.margins), None),
        }
        return own | {name: value for name, (value, usual) in further.items() if value != usual}

    @classmethod
    def restore(cls, fields: Mapping[str, Any], options: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        further = {name: options[name] for name in ("groups", "padding") if name in options}
        further |= {name: tuple(options[name]) for name in ("stride", "dilation", "margins") if name in options}
        return cls(fields["name"], arrays["weight"], arrays["bias"], fields["activation"], fields["upscale"], **further)
