"""The modulated network of sines, its latents, and the map from these to modulations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xinc.models.base import INR, OUTPUT_ACTIVATIONS
from xinc.models.coinpp import COINPP
from xinc.models.mlp.network import Placed, generator_of, uniform, usual_initial
from xinc.trace.layers import Linear, Trace

#: Standard deviation of initial latents. Its authors' begin at 0, where no gradient reaches the map of latents.
LATENTS = 0.01


class Network(COINPP, Placed, INR):
    """The network of `xinc.models.coinpp.COINPP`."""

    def __init__(
        self,
        settings: COINPP.Settings,
        resolution: tuple[int, int],
        frames: Sequence[int],
        num_frames: int,
        seed: int = 0,
    ) -> None:
        super().__init__(settings, resolution, frames, num_frames, seed)
        s, generator = settings, generator_of(seed)
        self.varying = ("weight", "bias") if s.modulate_scale else ("bias",)
        widths = [2, *[s.hidden_width] * (s.layers - 1), 3]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for at, (c_in, c_out) in enumerate(itertools.pairwise(widths)):
            bound = 1 / c_in if at == 0 else math.sqrt(6 / c_in) / s.omega
            self.weights.append(nn.Parameter(uniform((c_out, c_in), bound, generator)))
            # Its authors add ½ to the output; here it is what the last bias begins with.
            middle = 0.5 if at == s.layers - 1 else 0.0
            self.biases.append(nn.Parameter(uniform((c_out,), bound, generator) + middle))
        count = (s.modulate_shift + s.modulate_scale) * s.hidden_width * (s.layers - 1)
        self.maps = nn.ModuleList()
        for c_in, c_out in itertools.pairwise([s.latent_dim, *[s.modulation_width] * (s.modulation_layers - 1), count]):
            linear = nn.utils.skip_init(nn.Linear, c_in, c_out)
            linear.weight.data, linear.bias.data = usual_initial(c_in, c_out, generator)
            self.maps.append(linear)
        # Of each frame its own, so that company does not change how one begins.
        latents = [torch.randn(s.latent_dim, generator=generator_of(seed, frame)) for frame in self.frames]
        self.latents = nn.Parameter(torch.stack(latents) * LATENTS)

    def modulations(self, at: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Scales and shifts (n, hidden layers, channels) of frames by position (n,); None of what is not modulated."""
        found = self.latents[at]
        for number, linear in enumerate(self.maps):
            found = linear(found.relu() if number else found)
        s = self.settings
        parts = iter(found.view(len(at), s.modulate_scale + s.modulate_shift, s.layers - 1, -1).unbind(1))
        scales = next(parts) + 1 if s.modulate_scale else None
        return scales, next(parts) if s.modulate_shift else None

    def frequency(self, at: int) -> float:
        """Frequency of hidden layer number ``at``."""
        return float(self.settings.omega if at > 0 else self.settings.first_omega or self.settings.omega)

    @property
    def scaled_weights(self) -> dict[str, str]:
        """Parameters by the layers that have their numbers times scales of the frame, see `xinc.interventions.places`.

        None without scales.
        """
        hidden = range(self.settings.layers - 1) if self.settings.modulate_scale else ()
        return {f"layer{k + 1}": f"weights.{k}" for k in hidden}

    def forward(self, frames: Tensor) -> Tensor:
        return self.render(self.inputs(frames))

    def inputs(self, frames: Tensor) -> Tensor:
        positions = [self.frames.index(self.check_frame(int(frame))) for frame in frames]
        return torch.tensor(positions, device=self.latents.device)

    def render(self, inputs: Tensor) -> Tensor:
        scales, shifts = self.modulations(inputs)
        x = self.grid(self.resolution, self.latents.device)
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight.T + bias
            if k == len(self.weights) - 1:
                break
            if scales is not None:
                x = scales[:, k, None] * x
            if shifts is not None:
                x = x + shifts[:, k, None]
            x = torch.sin(self.frequency(k) * x)
        return OUTPUT_ACTIVATIONS[self.output_activation](x.transpose(1, 2).unflatten(2, self.resolution))

    @torch.no_grad()
    def trace(self, frame: int, resolution: tuple[int, int] | None = None) -> Trace:
        """Modulations are part of the weights and biases: scale ⊙ (W x + b) + shift = (scale ⊙ W) x + …"""
        height, width = resolution or self.resolution
        scales, shifts = self.modulations(self.inputs(torch.tensor([frame])))
        layers = []
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            w, b = weight.detach(), bias.detach()
            hidden = k < len(self.weights) - 1
            if hidden and scales is not None:
                w, b = scales[0, k, :, None] * w, scales[0, k] * b
            if hidden and shifts is not None:
                b = b + shifts[0, k]
            wave = ("sin", self.frequency(k)) if hidden else ("identity",)
            layers.append(Linear(f"layer{k + 1}", w, b, *wave))
        places = self.grid((height, width), self.latents.device)
        return Trace(places.T.reshape(-1, height, width).contiguous(), tuple(layers))
