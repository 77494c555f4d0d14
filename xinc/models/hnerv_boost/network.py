"""The network of HNeRV-Boost: HNeRV's embeddings, and blocks that an embedding of time scales and shifts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xinc.models.encodings import separate
from xinc.models.hnerv.network import Network as HNeRVNetwork
from xinc.models.hnerv_boost import HNeRVBoost, HNeRVBoostSettings
from xinc.models.stepwise import ConvolutionPart, Part, Stepwise
from xinc.trace.activations import activation
from xinc.trace.steps import Added, Dissected, Fixed, Steps


class Network(HNeRVBoost, Stepwise, HNeRVNetwork):  # type: ignore[misc]  # of the traces, this has Stepwise's
    """The network of `xinc.models.hnerv_boost.HNeRVBoost`."""

    times: Tensor

    def __init__(
        self,
        settings: HNeRVBoostSettings,
        resolution: tuple[int, int],
        frames: Sequence[int],
        num_frames: int,
        seed: int = 0,
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        t = torch.tensor(self.frames) / self.num_frames
        self.register_buffer("times", separate(t, settings.embed_base, settings.embed_levels), persistent=False)

    def build_decoder(self, stem_inputs: int, stem_area: int) -> None:
        s = self.settings
        widths, time = s.channels(self.resolution), s.time_width
        blocks = s.blocks(widths)
        self.time = nn.ModuleList([nn.Linear(2 * s.embed_levels, 2 * time), nn.Linear(2 * time, time)])
        self.stem = nn.Conv2d(stem_inputs, widths[0] * stem_area, 1)
        self.stem_boost = _Boost(widths[0], time)
        self.blocks = nn.ModuleList(
            nn.Conv2d(before, after * r**2, side, padding=side // 2) for before, after, r, side in blocks
        )
        self.boosts = nn.ModuleList(_Boost(after, time) for _, after, _, _ in blocks)
        side = s.head_kernel_size
        self.head = nn.Conv2d(widths[-1], 3, side, padding=side // 2)

    def parameter_count(self) -> int:
        """Number of parameters of all but the encoder, and of all embeddings."""
        own = sum(p.numel() for name, p in self.named_parameters() if not name.startswith(("encoder.", "embeddings")))
        return own + self.embeddings.numel()

    def inputs(self, frames: Tensor) -> Tensor:
        """Positions (n,) of frames (n,) among those that it represents."""
        at = [self.frames.index(self.check_frame(int(frame))) for frame in frames]
        return torch.tensor(at, device=self.embeddings.device)

    def _embedded(self, inputs: Tensor) -> Tensor:
        encoding = self._encoding
        return super()._embedded(inputs if encoding is None else encoding[inputs])

    def parts(self) -> dict[str, Part]:
        s = self.settings
        found = self._boosted("stem", self.stem_boost)
        blocks = s.blocks(s.channels(self.resolution))
        for k, (block, boost, (_, _, r, _)) in enumerate(zip(self.blocks, self.boosts, blocks, strict=True), 1):
            found |= {f"block{k}": ConvolutionPart(block, s.activation, r), **self._boosted(f"block{k}", boost)}
        return found | {"head": ConvolutionPart(self.head)}

    @staticmethod
    def _boosted(name: str, boost: nn.Module) -> dict[str, Part]:
        assert isinstance(boost, _Boost)
        return {f"{name}.conv1": ConvolutionPart(boost.conv1, "gelu"), f"{name}.conv2": ConvolutionPart(boost.conv2)}

    def start(self, inputs: Tensor, traced: bool = False) -> Tensor:
        return HNeRVNetwork.start(self, self._embedded(inputs))

    def steps(self, inputs: Tensor, traced: bool = False) -> Steps:
        time = self.times[inputs]
        for layer in self.time:
            time = activation(self.settings.activation)(layer(time))
        found: list[Dissected | Fixed | Added] = [self.stem_boost.step("stem", time)]
        for k, boost in enumerate(self.boosts, 1):
            assert isinstance(boost, _Boost)
            found += [Dissected(f"block{k}"), boost.step(f"block{k}", time)]
        return (*found, Dissected("head"))


class _Boost(nn.Module):
    """x + conv2(sft(gelu(conv1(sft(x)))))."""

    def __init__(self, width: int, time: int) -> None:
        super().__init__()
        self.before, self.after = _Modulation(width, time), _Modulation(width, time)
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def step(self, name: str, time: Tensor) -> Added:
        before, after = self.before.step(time), self.after.step(time)
        return Added((before, Dissected(f"{name}.conv1"), after, Dissected(f"{name}.conv2")))


class _Modulation(nn.Module):
    """Scales and shifts of channels, of an embedding of time."""

    def __init__(self, width: int, time: int) -> None:
        super().__init__()
        self.scale, self.shift = (nn.ModuleList([nn.Linear(time, time), nn.Linear(time, width)]) for _ in range(2))

    def step(self, time: Tensor) -> Fixed:
        scale, shift = (second(F.relu(first(time)))[:, :, None, None] for first, second in (self.scale, self.shift))
        return Fixed(partial(_scaled_and_shifted, scale=scale, shift=shift))


def _scaled_and_shifted(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return x * (1 + scale) + shift
