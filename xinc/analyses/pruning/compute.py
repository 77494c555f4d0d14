"""Networks pruned by every criterion, with their PSNR before and after training on, and their bits."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.pruning.names import BUDGETS, CODINGS, TUNED
from xinc.analyses.pruning.verdicts import recommendation, verdicts
from xinc.analyses.subject import Subject
from xinc.frames import select_frames
from xinc.interventions.coding import quantised, size_of
from xinc.interventions.criteria import FIXED, UNITS, Calibration
from xinc.interventions.places import places
from xinc.interventions.pruning import Left, Scores, apply, calibrations, choose, finetune, left, score, steps_to
from xinc.models.base import INR
from xinc.runtime.freed import give_freed_memory_back, looking_at_new_objects
from xinc.runtime.progress import Progress
from xinc.training.settings import TrainingSettings

if TYPE_CHECKING:
    import pandas as pd

    from xinc.analyses.pruning import Pruning

_TEXT = {
    "psnr": ("PSNR, mean over frames and, of random, over draws", "dB"),
    "random": ("PSNR of each random pruning, mean over frames", "dB"),
    "psnr_tuned": ("PSNR after training on, mean over frames", "dB"),
    "psnr_quantised": ("PSNR after training on, at 8 bits a parameter", "dB"),
    "left": ("parameters left, of all", "1"),
    "bits": ("bits per pixel after training on", "bit/pixel"),
    "removed": ("share of the units of a layer that is removed", "1"),
    "whole": ("PSNR of the network as it is, mean over frames", "dB"),
    "whole_quantised": ("PSNR of the network as it is, at 8 bits a parameter", "dB"),
    "whole_bits": ("bits per pixel of the network as it is", "bit/pixel"),
}


def compute(settings: Pruning.Settings, subject: Subject) -> xr.Dataset:
    model = subject.model
    stored = subject.video["frames"].sel(frame=list(model.frames)).transpose("frame", "channel", "y", "x")
    frames = None if model.per_frame else select_frames(list(model.frames), settings.frames)
    target = np.ascontiguousarray(stored.values, np.float32)
    evaluated = select_frames(list(model.frames), settings.evaluated)
    study = _Study(model, target, evaluated, calibrations(model, frames, target, settings.probes), settings)
    # Of a linear layer a kernel is a weight: both would be the same.
    units = ["weight"] if all(len(one.shape) == 2 for one in places(model, model.frames[0])) else list(UNITS)
    parts = []
    criteria = len(units) * (len(study.criteria) + settings.draws - 1)
    with Progress(criteria, "criteria") as progress, looking_at_new_objects():
        for unit in units:
            parts.append(study.of_unit(unit, progress))
    result = xr.concat(parts, xr.Variable("unit", units))
    size = study.bits(model)
    result["whole"] = study.psnr(model)
    result["whole_quantised"] = study.psnr(quantised(model))
    result["whole_bits"] = ("coding", [size[name] for name in CODINGS])
    for name, (text, unit) in _TEXT.items():
        result[name].attrs = {"long_name": text, "units": unit}
    coordinates = {
        "unit": "what is removed",
        "budget": "how many units each layer gives up",
        "criterion": "by what units are ranked",
        "share": "share of the units that is removed",
        "draw": "random pruning",
        "coding": "how bits are counted",
    }
    result = result.assign_coords(
        {name: (name, result[name].values, {"long_name": text, "units": "1"}) for name, text in coordinates.items()}
    )
    result.attrs = {"share": settings.share, "finetune_epochs": study.epochs, "parameters": size_of(model).parameters}
    result.attrs["recommendation"] = recommendation(result)
    return result


def table(result: xr.Dataset) -> pd.DataFrame:
    """A row a unit, budget and criterion, at the share of the settings, and how it stands to the best."""
    return verdicts(result)


@dataclass(frozen=True)
class _Study:
    """One network, pruned in many ways."""

    model: INR
    target: np.ndarray
    evaluated: list[int]
    calibration: list[Calibration]
    settings: Pruning.Settings

    @property
    def shares(self) -> list[float]:
        return sorted({*self.settings.shares, self.settings.share})

    @property
    def criteria(self) -> list[str]:
        return list(dict.fromkeys(["contribution", *self.settings.criteria, "random"]))

    @property
    def epochs(self) -> int:
        return self.settings.finetune_epochs * (10 if self.model.per_frame else 1)

    def of_unit(self, unit: str, progress: Progress) -> xr.Dataset:
        """Every criterion and budget, of one unit."""
        by: dict[str, list[Scores]] = {}
        for criterion in self.criteria:
            draws = range(self.settings.draws if criterion == "random" else 1)
            by[criterion] = [self._scores(self.model, criterion, unit, seed) for seed in draws]
        given = {share: self._choice(by["contribution"][0], unit, share, "contribution") for share in self.shares}
        found = _nothing(self)
        for criterion in self.criteria:
            for draw, scores in enumerate(by[criterion]):
                self._fill(found, unit, criterion, draw, scores, given)
                progress.update()
        found["psnr"].loc[{"criterion": "random"}] = found["random"].mean("draw")
        return found

    def _fill(
        self, found: xr.Dataset, unit: str, criterion: str, draw: int, scores: Scores, given: dict[float, Left]
    ) -> None:
        """One criterion, or one random draw; only the first draw is trained on."""
        for budget, share, pruned in self._pruned(unit, criterion, scores, given):
            at = {"budget": budget, "share": share}
            if criterion == "random":
                found["random"].loc[at | {"draw": draw}] = self.psnr(pruned)
            else:
                found["psnr"].loc[at | {"criterion": criterion}] = self.psnr(pruned)
            if draw:
                continue
            found["left"].loc[at | {"criterion": criterion}] = size_of(pruned).left
            if share != self.settings.share:
                continue
            one = {"budget": budget, "criterion": criterion}
            found["removed"].loc[one] = _removed(left(pruned, unit))
            if self.epochs and budget in TUNED:
                self._tune(pruned)
                found["psnr_tuned"].loc[one] = self.psnr(pruned)
                found["psnr_quantised"].loc[one] = self.psnr(quantised(pruned))
                found["bits"].loc[one] = [self.bits(pruned)[name] for name in CODINGS]
        if criterion in FIXED:  # scored anew they are ranked as before
            for name in ("psnr", "left", "removed", "psnr_tuned", "psnr_quantised", "bits", "random"):
                own = {} if name == "random" else {"criterion": criterion}
                found[name].loc[{"budget": "rescored"} | own] = found[name].sel({"budget": "global"} | own)

    def _pruned(
        self, unit: str, criterion: str, scores: Scores, given: dict[float, Left]
    ) -> Iterator[tuple[str, float, INR]]:
        """The network by every budget, pruned to every share."""
        for share in self.shares:
            for budget in ("layer", "global"):
                kept = self._choice(scores, unit, share, criterion, budget == "global")
                yield budget, share, self._applied(self.model, kept)
            yield "contribution", share, self._applied(self.model, self._spent(scores, unit, given[share]))
        if criterion in FIXED:
            return
        pruned, before = self.model, 0.0
        for share in self.shares:
            for step in steps_to(share, self.settings.rescore, before):
                own = scores if pruned is self.model else self._scores(pruned, criterion, unit)
                pruned = self._applied(pruned, self._choice(own, unit, step, criterion, model=pruned))
            before = share
            yield "rescored", share, copy.deepcopy(pruned)

    def _scores(self, model: INR, criterion: str, unit: str, seed: int = 0) -> Scores:
        same = model is self.model and seed == 0
        found = score(self.calibration if same else [one.of(model, seed) for one in self.calibration], criterion, unit)
        give_freed_memory_back(cycles=True)
        return found

    def _choice(
        self, scores: Scores, unit: str, share: float, criterion: str, whole: bool = True, model: INR | None = None
    ) -> Left:
        shares = dict.fromkeys(self.model.layer_names(), share)
        return choose(scores, left(model or self.model, unit), shares, whole, criterion)

    def _spent(self, scores: Scores, unit: str, given: Left) -> Left:
        """The lowest of each layer, as many as a choice takes of it."""
        found = []
        for own, kept, now in zip(scores, given, left(self.model, unit), strict=True):
            shares = {name: float((~of_layer).mean()) for name, of_layer in kept.items()}
            found += choose([own], [now], shares, False, "")
        return found

    def _applied(self, model: INR, kept: Left) -> INR:
        found = copy.deepcopy(model)
        apply(found, kept)
        return found

    def _tune(self, model: INR) -> None:
        s = self.settings
        training = TrainingSettings(learning_rate=s.learning_rate, batch_size=1, threads=s.threads, epochs=self.epochs)
        finetune(model, self.target, self.epochs, training)
        give_freed_memory_back(cycles=True)

    def psnr(self, model: INR) -> float:
        """Mean over the frames evaluated of PSNR in dB, colours clamped."""
        found = []
        for frame in self.evaluated:
            image = model.reconstruct(frame).clamp(0, 1).double().cpu().numpy()
            mse = np.square(image - self.target[model.frames.index(frame)]).mean()
            found.append(-10 * np.log10(max(float(mse), 1e-20)))
        return float(np.mean(found))

    def bits(self, model: INR) -> dict[str, float]:
        """Bits per pixel by `CODINGS`."""
        size, (height, width) = size_of(model), model.resolution
        return {name: float(getattr(size, name)) / (len(model.frames) * height * width) for name in CODINGS}


def _nothing(study: _Study) -> xr.Dataset:
    """The variables of one unit, NaN."""
    dims: dict[str, list[Any]] = {
        "budget": list(BUDGETS),
        "criterion": study.criteria,
        "share": study.shares,
        "draw": list(range(study.settings.draws)),
        "layer": study.model.layer_names(),
        "coding": list(CODINGS),
    }
    variables = {
        "psnr": ("budget", "criterion", "share"),
        "random": ("budget", "share", "draw"),
        "left": ("budget", "criterion", "share"),
        "removed": ("budget", "criterion", "layer"),
        "psnr_tuned": ("budget", "criterion"),
        "psnr_quantised": ("budget", "criterion"),
        "bits": ("budget", "criterion", "coding"),
    }
    return xr.Dataset({name: (of, np.full([len(dims[d]) for d in of], np.nan)) for name, of in variables.items()}, dims)


def _removed(kept: Left) -> list[float]:
    """Share that is removed of each layer, mean over the networks of a bundle."""
    return [float(np.mean([(~own[name]).mean() for own in kept])) for name in kept[0]]
