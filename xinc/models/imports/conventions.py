"""Conventions of a foreign network, found out by trial.

The tensors of a checkpoint do not tell its activation, its frequencies, where its pixels lie or how its responses
become colours. Given what the network was fitted to, every plausible combination is rendered, and the one that shows
it best is taken. Networks of coordinates are rendered on a few hundred pixels first, and the best few on more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from xinc.models.base import INR
from xinc.models.imports import MIN_PSNR
from xinc.models.imports.parts import Imported, Layout
from xinc.runtime.progress import Progress

#: Pixels of the first look, how many combinations get a second one, and its pixels.
_FIRST, _KEPT, _SECOND = 256, 16, 4096

#: Of a video that its mean colour shows as well as this (dB), no more can be asked.
_PLAIN = 40.0

#: Two combinations closer than this (dB) cannot be told apart by one video; closer than the second, they are the same.
AMBIGUOUS, SAME = 0.5, 1e-6


#: Settings that say how responses become colours.
_OUTPUT: tuple[str, ...] = ("output_activation", "output_offset")

#: A way from responses to colours: the hint for it, and the settings that it stands for.
Output: TypeAlias = tuple[dict[str, Any], dict[str, Any]]


class Reader(Protocol):
    """From hints to the network, as far as it is read."""

    def __call__(self, given: Mapping[str, Any], frame: int) -> Imported: ...


@dataclass(frozen=True)
class Tried:
    """A combination and how well the network shows the video with it, in dB of PSNR."""

    hints: dict[str, Any]
    psnr: float

    def __str__(self) -> str:
        said = ", ".join(f"{name} {_written(value)}" for name, value in self.hints.items() if value is not None)
        return f"{said or 'the hints given'}: {self.psnr:.1f} dB"


@dataclass(frozen=True)
class Trial:
    """What came of a trial.

    Attributes
    ----------
    best, runner_up : the best combination, and the next that renders anything else; None where only one was tried.
    tried : number of combinations.
    varied : the values tried of each hint.
    plain : PSNR of the video's mean colour in the place of the network, in dB; a network that shows less shows nothing.
    instead : what the network shows better than the video as it is given, in words; empty for nothing.
    """

    best: Tried
    runner_up: Tried | None
    tried: int
    varied: dict[str, list[Any]] = field(repr=False)
    plain: float = -math.inf
    instead: str = ""

    @property
    def ambiguous(self) -> bool:
        """Whether another combination shows the video as well, within `AMBIGUOUS` dB."""
        return self.runner_up is not None and self.best.psnr - self.runner_up.psnr < AMBIGUOUS

    def accepted(self, min_psnr: float | None = None) -> dict[str, Any]:
        """Hints of the best combination; none where it does not show the video, so that the usual ones stay."""
        return self.best.hints if self.best.psnr >= self.least(MIN_PSNR if min_psnr is None else min_psnr) else {}

    def least(self, min_psnr: float) -> float:
        """The least PSNR at which the network shows the video: `min_psnr`, and that of the mean colour."""
        return max(min_psnr, self.plain)

    def __str__(self) -> str:
        if self.tried == 1:
            return str(self.best)
        doubt = "ambiguous: " if self.ambiguous else ""
        if self.runner_up is None:
            return f"{doubt}{self.best}; {self.tried} tried"
        own = self.best.hints
        other = {name: value for name, value in self.runner_up.hints.items() if value != own.get(name)}
        return f"{doubt}{self.best}; next of {self.tried} tried, {replace(self.runner_up, hints=other)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain builtins, for the record."""
        second = self.runner_up
        return {
            "hints": _plain(self.best.hints),
            "psnr": self.best.psnr,
            "runner_up": None if second is None else {"hints": _plain(second.hints), "psnr": second.psnr},
            "tried": self.tried,
            "ambiguous": self.ambiguous,
            "instead": self.instead,
        }

    def list_tried(self) -> str:
        """What was tried, in words: each hint and its values."""
        return "; ".join(f"{name} {', '.join(map(_written, values))}" for name, values in self.varied.items())


def combinations(layout: Layout, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Values of the hints of a layout that are not given, in every combination, the usual ones first.

    Of hints that go together, those that agree with what is given are combined. A convention that is named by the user
    is not varied.
    """
    if "convention" in given:
        return [{}]
    parts = []
    for names, values in layout.axes.items():
        said = {name: given[name] for name in names if given.get(name) is not None}
        fitting = [
            {name: value for name, value in zip(names, one, strict=True) if name not in said and value is not None}
            for one in values
            if all(one[names.index(name)] == value for name, value in said.items())
        ]
        parts.append(fitting or [{}])
    return [dict(itertools.chain(*(one.items() for one in some))) for some in itertools.product(*parts)]


def find_conventions(layout: Layout, given: Mapping[str, Any], read: Reader, frames: Mapping[int, Tensor]) -> Trial:
    """Render the combinations of conventions and compare them with what the network was fitted to.

    Parameters
    ----------
    layout : of the checkpoint; its ``axes`` and ``output`` say what may be varied.
    given : hints of the user, which are not.
    read : from hints to the network of one frame.
    frames : images (3, H, W) in [0, 1] by index of the frame.

    Raises
    ------
    InputError : what ``read`` raises with the hints as they are given.
    """
    some = combinations(layout, given)
    first = next(iter(frames))
    outputs = _outputs(layout, given, read, first)
    generator = np.random.default_rng(0)
    count = frames[first][0].numel()
    looks = [generator.permutation(count)[:pixels] for pixels in (_FIRST, _SECOND)]
    found: list[tuple[dict[str, Any], list[Tried]]] = []
    with Progress(len(some), "conventions tried") as progress:
        for hints in some:
            found.append((hints, list(_rendered(hints, outputs, given, read, frames, looks[0]))))
            progress.update()
    if len(some) > 1:
        found.sort(key=lambda one: -max(tried.psnr for tried in one[1]))
        again = found[:_KEPT]
        found = [(hints, list(_rendered(hints, outputs, given, read, frames, looks[1]))) for hints, _ in again]
    every = sorted(itertools.chain(*(tried for _, tried in found)), key=lambda tried: -tried.psnr)
    order = [{**hints, **output} for hints in some for output, _ in outputs]
    best = min((one for one in every if _same(one, every[0])), key=lambda one: order.index(one.hints))
    others = [one for one in every if not _same(one, best)]
    varied = {
        name: list(dict.fromkeys(_hashable(hints[name]) for hints in order if name in hints))
        for name in dict.fromkeys(itertools.chain(*order))
    }
    varied = {name: values for name, values in varied.items() if len(values) > 1}
    mean = [image.double() - image.double().mean((1, 2), keepdim=True) for image in frames.values()]
    plain = min(decibels(float(torch.stack(mean).square().mean())), _PLAIN)
    return Trial(best, others[0] if others else None, len(order), varied, plain)


def _rendered(
    hints: dict[str, Any],
    outputs: list[Output],
    given: Mapping[str, Any],
    read: Reader,
    frames: Mapping[int, Tensor],
    pixels: np.ndarray,
) -> Iterator[Tried]:
    """One combination with every way from responses to colours."""
    errors = np.zeros(len(outputs))
    for frame, image in frames.items():
        found = read({**given, **hints}, frame)
        model = found.make("", image[None] if found.needs_images else None)
        response, at = _response(model, frame, pixels)
        target = image.flatten(1)[:, at].double()
        for k, (_, settings) in enumerate(outputs):
            model.settings = model.settings.model_copy(update=settings)
            errors[k] += float((model.colours_of(response).double().clamp(0, 1) - target).square().mean())
    for (output, _), error in zip(outputs, errors / len(frames), strict=True):
        yield Tried({**hints, **output}, decibels(error))


def _outputs(layout: Layout, given: Mapping[str, Any], read: Reader, frame: int) -> list[Output]:
    """The ways from responses to colours: the hint for each, and the settings that it stands for."""
    name, values = layout.output
    if not values or given.get(name) is not None or "convention" in given:
        return [({}, {})]
    found: list[Output] = []
    for value in values:
        settings = read({**given, name: value}, frame).settings
        own = {key: settings[key] for key in _OUTPUT if key in settings}
        found.append(({name: value}, own))
    return found


def decibels(error: float) -> float:
    """PSNR in dB of a mean squared error on a [0, 1] scale; −∞ of NaN."""
    return -10 * math.log10(max(error, 1e-20)) if error == error else -math.inf


@torch.no_grad()
def _response(model: INR, frame: int, pixels: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """Responses (3, P) of the last layer at pixels (row-major numbers), and which: all, where layers mix them."""
    trace = model.trace(frame)
    some = trace.at(pixels[None])
    if some is not None:
        return some.output().flatten(1), pixels
    response = trace.output()
    return response.flatten(1), np.arange(response.shape[-2] * response.shape[-1])


def _same(one: Tried, other: Tried) -> bool:
    return one.psnr == other.psnr or abs(one.psnr - other.psnr) < SAME


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(hints: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in hints.items()}


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(_written(one) for one in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def judged(trial: Trial, min_psnr: float | None, psnr: float) -> Trial:
    """The trial with the PSNR of the whole network; where nothing was accepted, of the usual conventions."""
    if trial.accepted(min_psnr):
        return replace(trial, best=replace(trial.best, psnr=psnr))
    return replace(trial, best=Tried({}, psnr), runner_up=None)
