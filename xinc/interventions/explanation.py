"""Explanations of errors: whether one neuron is to blame for what is wrong in a region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from xinc.canvas.layer import choose_frames
from xinc.canvas.network import as_network
from xinc.errors import InputError
from xinc.interventions.ablation import Ablation
from xinc.interventions.asked import check_target, described
from xinc.interventions.deltas import cut
from xinc.interventions.effects import Passes, of_region, region_masks
from xinc.models.base import INR
from xinc.runtime.devices import full_precision
from xinc.runtime.freed import give_freed_memory_back
from xinc.runtime.progress import Progress

#: What a neuron's weights are multiplied by, in search of the factor that suits a region best; 0: without it.
FACTORS = (-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.5, 2.0)
#: Least gain in dB of a neuron that stands out. In 195 regions of the example's networks, without a fault, neurons that
#: cost nothing in the rest of the frame gain up to 0.044 dB, and none of these anything in other frames
#: (docs/reference/results.md, Errors).
STANDS_OUT = 0.05
#: Candidates that are looked at in other frames, too: the best ones that cost nothing in the rest of their own.
_CHECKED = 3
#: Blocks along each side of a region's box, in each of which the null draws a sign; and how many times it draws.
_BLOCKS, _DRAWS = 4, 199
#: Squared errors below this mean are none: 200 dB, as in the analysis `quality`.
_NONE = 1e-20

_NAMES = {
    "error_change": "estimate of the region's sum of squared errors without the neuron less that with it",
    "error_change_error": "standard error of that estimate",
    "alignment": "gradient of the region's sum of squared errors times the neuron's weights",
    "cosine": "estimate of the cosine between the region's residual and what the neuron adds to it",
    "psnr": "PSNR of the region",
    "largest_cosine": "largest absolute cosine of a neuron",
    "null_cosine": "95 % of the largest absolute cosines under random signs of the residual's blocks are below it",
    "p_value": "share of random signs under which a neuron's absolute cosine reaches the largest",
    "place": "place of the candidate along the dimension neuron",
    "gain_without": "PSNR of the region that the candidate's ablation gains",
    "rest_without": "PSNR of the rest of the frame that the candidate's ablation gains",
    "factor": "factor of the candidate's weights that gains most",
    "gain": "PSNR of the region that this factor gains",
    "rest": "PSNR of the rest of the frame that this factor gains",
    "elsewhere": "PSNR that this factor gains on the mean of other frames",
    "stands_out": "whether the candidate stands out",
}
_DECIBELS = ("psnr", "gain_without", "rest_without", "gain", "rest", "elsewhere")


def explain_error(
    model: INR,
    frame: int,
    target: Any,
    region: Any = None,
    elsewhere: Mapping[int, Any] | None = None,
    probes: int = 32,
    candidates: int = 12,
    granularity: str | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Whether one neuron is to blame for the error in a region of a frame; in most networks, none is.

    All neurons are scored by estimates, the best candidates by exact computation. A neuron stands out if some factor
    of its weights, 0 (its ablation) among them, gains in the region and costs nothing in the rest of the frame, nor on
    the mean of the frames ``elsewhere``, and if in one of the three it gains at least 0.05 dB. Faults of several
    neurons are found one after the other.

    Parameters
    ----------
    model : a network, as for `xinc.dissect`; computed where it is, on a CPU or GPU.
    frame : index of the frame.
    target : (y, x, 3) in [0, 1], the frame to which the network was fitted.
    region : mask (y, x) bool (default: the whole frame).
    elsewhere : other frames (y, x, 3) by index, which a network of many frames must not be worse at.
    probes : of the estimates, see `xinc.effects`.
    candidates : neurons that are looked at exactly.
    granularity : what a neuron is, see `xinc.dissect`.
    seed : of the probes and of the null.

    Returns
    -------
    Dataset whose attribute ``verdict`` says it in words. Colours are clamped to [0, 1] but in the estimates. Over
    ``neuron``, of all layers, with the coordinates ``layer``, ``number``, ``in_channel`` and ``out_channel``:

    - ``error_change``, ``error_change_error``, ``alignment``: as from `xinc.effects`;
    - ``cosine``: ⟨g, w_n⟩ / (2 ‖r‖ √(Σ effect²)), r the residual: 1 if ablation (or less of the neuron) would take away
      all of the error, −1 if more of it would; an estimate, which may lie beyond.

    Over ``candidate``, the likeliest first: ``place``, which neuron it is, along that dimension; ``gain_without`` and
    ``rest_without``, dB that its ablation gains in the region and in the rest of the frame; ``factor``, the best of its
    weights, and what it gains: ``gain``, ``rest``, ``elsewhere`` (``rest`` is 0 where there is none, ``elsewhere`` NaN
    where there are no other frames, and of neurons that are not looked at there); ``stands_out``.

    For the region: ``psnr``; ``largest_cosine``, ``null_cosine``, the value that 95 % of the null are below, and
    ``p_value``. The null gives each block of the residual (4 × 4 of them in the region's box) a random sign, which
    leaves what it looks like inside of blocks, and takes the largest absolute cosine over all neurons.

    Raises
    ------
    InputError : a frame or granularity that is not there, a target or region of another shape, a region without pixels,
        too few probes or candidates, or a trace that is not the network.

    Examples
    --------
    >>> import numpy as np, xinc
    >>> from xinc.models.storage import build
    >>> model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(8), 8)
    >>> image = model.reconstruct(3).permute(1, 2, 0).numpy()
    >>> xinc.explain_error(model, 3, image, probes=4).attrs["verdict"]
    'There is no error to explain.'
    """
    network = as_network(model)
    [frame] = choose_frames(network, [frame])
    network.check_trace(frame)
    [mask] = region_masks(None if region is None else {"region": region}, 1, network.resolution).values()
    others = choose_frames(network, list(elsewhere)) if elsewhere else []
    goals = check_target(
        np.stack([np.asarray(one, np.float32) for one in (target, *(elsewhere or {}).values())]),
        1 + len(others),
        network,
    )
    one = FrameError(
        network, frame, goals[0], dict(zip(others, goals[1:], strict=True)), probes, candidates, granularity, seed
    )
    return one.explain(mask[0], last=True)


class FrameError:
    """The error of one frame, to be explained region by region.

    Parameters
    ----------
    model : the network.
    frame : index of the frame.
    target : (3, y, x).
    elsewhere : other frames (3, y, x) by index.
    probes, candidates, granularity, seed : see `explain_error`.
    """

    def __init__(
        self,
        model: INR,
        frame: int,
        target: np.ndarray,
        elsewhere: Mapping[int, np.ndarray],
        probes: int = 32,
        candidates: int = 12,
        granularity: str | None = None,
        seed: int = 0,
    ) -> None:
        for name, value, least in (("probes", probes, 2), ("candidates", candidates, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{name} is {value!r}; expected an integer of at least {least}.")
        self._model, self.frame, self._granularity = model, frame, granularity
        self._probes, self._candidates, self._seed = probes, candidates, int(seed)
        self._trace = model.trace(frame)
        with full_precision():
            self._passes = Passes(model, self._trace, granularity)
        self.coordinates = self._passes.coordinates()
        self._colours = self._passes.colours.detach()
        self._target = torch.as_tensor(target, device=self._colours.device)
        self._elsewhere = elsewhere
        self._ablations: dict[str, Ablation] = {}

    def explain(self, mask: np.ndarray, label: str = "", last: bool = False) -> xr.Dataset:
        """What `explain_error` returns, for a region (y, x) bool; after the ``last`` one, there can be no other."""
        if not mask.any():
            raise InputError("The region has no pixels: give a mask that is True somewhere.")
        blocks = _blocks(mask)
        total = self._probes + len(blocks) + min(self._candidates, len(self.coordinates["layer"][1]))
        with Progress(total, f"error of frame {self.frame}{label}") as progress:
            scores, null = self._scores(mask, blocks, progress)
            chosen = _best_of(scores, self._candidates)
            if last:  # what backward passes need is as large as all that comes
                del self._passes
            give_freed_memory_back()
            found = self._verified(mask, chosen, progress)
        order = np.lexsort((-found["gain"], ~_harmless(found), ~found["stands_out"]))
        found = {"place": chosen} | found
        before = float(self._squares()[torch.as_tensor(mask, device=self._colours.device)].mean())
        variables: dict[str, Any] = {name: ("neuron", values) for name, values in scores.items()}
        variables |= {name: ("candidate", values[order]) for name, values in found.items()}
        variables |= {name: ((), value) for name, value in null.items()} | {"psnr": ((), _decibels(before))}
        result = xr.Dataset(variables, self.coordinates)
        result = described(result, _NAMES, frame=self.frame, probes=self._probes)
        for name in _DECIBELS:
            result[name].attrs["units"] = "dB"
        return result.assign_attrs(verdict=self._verdict(result, before, bool(mask.all())))

    def who(self, neuron: int) -> str:
        """A neuron, by its place among those of all layers, in words."""
        layer, number, i, j = (self.coordinates[key][1][neuron] for key in _WHO)
        channels = {
            "kernel": f"from channel {i} to {j}",
            "input": f"input channel {i}",
            "output": f"output channel {j}",
        }["output" if i < 0 else "input" if j < 0 else "kernel"]
        return f"{layer}, neuron {number} ({channels})"

    def _squares(self) -> Tensor:
        """(y, x) float64 squared error, mean over channels, of clamped colours."""
        return (self._colours.clamp(0, 1) - self._target).double().square().mean(0)

    def _scores(
        self, mask: np.ndarray, blocks: list[np.ndarray], progress: Progress
    ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """Estimates of all neurons, and how the largest cosine stands in its null."""
        generator = torch.Generator().manual_seed(self._seed)
        inside = torch.as_tensor(mask, device=self._colours.device)
        found = of_region(self._passes, mask, None, self._probes, generator, progress)
        effect = found["squared_effect"]
        residual = (self._colours - self._target) * inside
        # Effects that are zero, or rounding of a neuron that does nothing, give no direction to compare.
        known = np.flatnonzero(effect > 1e-10 * effect.max())
        shares, alignment = np.empty((len(blocks), len(known))), np.zeros(len(effect))
        for at, block in enumerate(blocks):
            products = self._passes.products(2 * residual * torch.as_tensor(block, device=inside.device))
            alignment += products
            shares[at] = products[known]
            progress.update()
        shares /= np.sqrt(effect[known]) * 2 * max(float(residual.double().norm()), 1e-10)
        cosine = np.zeros(len(effect))
        cosine[known] = shares.sum(0)
        largest = float(abs(cosine).max())
        signs = np.random.default_rng(self._seed).choice([-1.0, 1.0], (_DRAWS, len(shares)))
        null = np.array([abs(one @ shares).max(initial=0.0) for one in signs])
        scores = {
            "error_change": effect - alignment,
            "error_change_error": found["squared_effect_error"],
            "alignment": alignment,
            "cosine": cosine,
        }
        p_value = (1 + int((null >= largest * (1 - 1e-9)).sum())) / (1 + _DRAWS)
        return scores, {
            "largest_cosine": largest,
            "null_cosine": float(np.quantile(null, 0.95)),
            "p_value": p_value,
        }

    def _verified(self, mask: np.ndarray, chosen: np.ndarray, progress: Progress) -> dict[str, np.ndarray]:
        """Exact gains of the candidates, in dB."""
        inside = torch.as_tensor(mask, device=self._colours.device)
        before = self._squares()
        gains = np.zeros((len(chosen), len(FACTORS), 2))
        for at in np.argsort(chosen, kind="stable"):  # layer by layer
            neuron = chosen[at]
            number, layer = self.coordinates["number"][1][neuron], str(self.coordinates["layer"][1][neuron])
            if layer not in self._ablations:
                if not hasattr(self, "_passes"):  # no other region comes
                    self._ablations.clear()
                self._ablations[layer] = Ablation(self._model, self._trace, layer, self._granularity)
            gains[at] = _gains(self._ablations[layer], int(number), FACTORS, self._target, before, inside)
            give_freed_memory_back()
            progress.update()
        region, rest = gains[..., 0], gains[..., 1]
        # The factor that gains most in the region of those that cost nothing in the rest; of all, where all cost.
        free = (rest >= 0) & (region > 0)
        best = np.where(free.any(1), np.where(free, region, -np.inf).argmax(1), region.argmax(1))
        every, none = np.arange(len(chosen)), FACTORS.index(0.0)
        found = {
            "gain_without": region[:, none],
            "rest_without": rest[:, none],
            "factor": np.array(FACTORS)[best],
            "gain": region[every, best],
            "rest": rest[every, best],
        }
        promising = (found["gain"] > 0) & (found["rest"] >= 0)
        promising[np.argsort(-np.where(promising, found["gain"], -np.inf), kind="stable")[_CHECKED:]] = False
        found["elsewhere"] = self._gains_elsewhere(chosen, found["factor"], promising)
        most = np.fmax(np.maximum(found["gain"], found["rest"]), found["elsewhere"])
        found["stands_out"] = promising & ~(found["elsewhere"] < 0) & (most >= STANDS_OUT)
        return found

    def _gains_elsewhere(self, chosen: np.ndarray, factors: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """dB that factors of neurons gain on the mean of other frames; NaN of those not ``wanted``."""
        found = np.where(wanted & bool(self._elsewhere), 0.0, np.nan)
        for frame, goal in self._elsewhere.items() if wanted.any() else ():
            trace = self._model.trace(frame)
            target = torch.as_tensor(goal, device=self._colours.device)
            whole = torch.ones(target.shape[1:], dtype=torch.bool, device=target.device)
            for at in np.flatnonzero(wanted):
                layer, number = str(self.coordinates["layer"][1][chosen[at]]), self.coordinates["number"][1][chosen[at]]
                one = Ablation(self._model, trace, layer, self._granularity)
                before = (one.colours.clamp(0, 1) - target).double().square().mean(0)
                gain = _gains(one, int(number), [float(factors[at])], target, before, whole)[0, 0]
                found[at] += gain / len(self._elsewhere)
        return found

    def _verdict(self, result: xr.Dataset, error: float, whole: bool) -> str:
        if error <= _NONE:
            return "There is no error to explain."
        first, where = result.isel(candidate=0), "frame" if whole else "region"
        factor = float(first["factor"])
        gains = [f"{float(first['gain']):+.2f} dB in the {where}"]
        gains += [] if whole else [f"{float(first['rest']):+.2f} dB in the rest of the frame"]
        gains += [f"{float(first['elsewhere']):+.2f} dB in other frames"] if np.isfinite(first["elsewhere"]) else []
        scaled = "without it" if factor == 0 else f"with its weights times {factor:g}"
        told, who = f"{scaled}: {', '.join(gains)}", self.who(int(first["place"]))
        if bool(first["stands_out"]):
            alone = "" if factor == 0 else f"; without it: {float(first['gain_without']):+.2f} dB in the {where}"
            return f"{who} stands out; {told}{alone}."
        if float(first["gain"]) <= 0:
            return f"No neuron stands out here: none of the {len(result['place'])} likeliest gains anything."
        return f"No neuron stands out here: of the {len(result['place'])} likeliest, the best is {who}; {told}."


#: Coordinates that say which neuron it is.
_WHO = ("layer", "number", "in_channel", "out_channel")


def _decibels(error: float) -> float:
    return float(-10 * np.log10(max(error, _NONE)))


def _harmless(found: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which candidates cost nothing, in the rest of the frame and, as far as it is known, in other frames."""
    return np.asarray((found["rest"] >= 0) & ~(found["elsewhere"] < 0))


def _blocks(mask: np.ndarray) -> list[np.ndarray]:
    """The parts (y, x) float32 of a region in 4 × 4 blocks of its box, but for empty ones; together, the region."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    sides = [
        np.minimum((np.arange(size) - one[0]) * _BLOCKS // (one[-1] + 1 - one[0]), _BLOCKS)
        for one, size in ((rows, mask.shape[0]), (columns, mask.shape[1]))
    ]
    labels = sides[0][:, None] * (_BLOCKS + 1) + sides[1]
    return [(mask & (labels == one)).astype(np.float32) for one in np.unique(labels[mask])]


def _best_of(scores: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """The neurons that may be to blame: the best by three scores in turn, each once."""
    # What the best factor gains, estimated: ⟨g, w⟩² / 4 Σ effect², of which the cosine is the root.
    ranks = [scores["error_change"], -abs(scores["cosine"]), -scores["alignment"]]
    rows = np.stack([np.argsort(one, kind="stable")[:count] for one in ranks])
    return np.array(list(dict.fromkeys(rows.T.ravel().tolist()))[:count])


@torch.no_grad()
def _gains(
    one: Ablation, number: int, factors: Sequence[float], target: Tensor, before: Tensor, inside: Tensor
) -> np.ndarray:
    """dB (factor, 2) that factors of a neuron's weights gain in a region and in the rest of the frame; 0 of no pixels.

    Parameters
    ----------
    target : (3, y, x).
    before : (y, x) float64 squared errors of the network as it is.
    inside : (y, x) bool.
    """
    sizes = [int(inside.sum()), int((~inside).sum())]
    totals = [float(before[inside].sum()), float(before[~inside].sum())]
    found = np.zeros((len(factors), 2))
    scales = torch.tensor(factors, device=target.device)
    for batch in one.batches(np.arange(len(factors))):
        change, window = one.change(np.full(len(batch), number), factors=scales[batch])
        colours, goal, old, here = (cut(part, window) for part in (one.colours, target, before, inside))
        for at, lost in zip(batch, change, strict=True):
            more = ((colours - lost).clamp(0, 1) - goal).double().square().mean(0) - old
            for side, part in enumerate((here, ~here)):
                if sizes[side]:
                    after = (totals[side] + float(more[part].sum())) / sizes[side]
                    found[at, side] = _decibels(after) - _decibels(totals[side] / sizes[side])
    return found
