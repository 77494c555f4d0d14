"""Pruning: weights or kernels removed by a criterion, and the network trained on without them."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch

from xinc.canvas.layer import choose_frames
from xinc.canvas.network import as_network
from xinc.errors import InputError, nearest
from xinc.interventions.asked import check_target
from xinc.interventions.criteria import CRITERIA, RELATIVE, SUPERVISED, UNITS, Calibration, Criterion, Unit, scores
from xinc.interventions.places import bundle, places
from xinc.models._pruned import masks_of, set_masks
from xinc.models.base import INR
from xinc.runtime.progress import Progress
from xinc.training.history import History
from xinc.training.loop import fit
from xinc.training.settings import TrainingSettings

Budget = Literal["layer", "global"]

#: By layer, one of each network of a bundle: scores of its units; and whether each is left, bool of the same shapes.
Scores: TypeAlias = list[dict[str, np.ndarray]]
Left: TypeAlias = list[dict[str, np.ndarray]]

#: How a pruned network is trained on, unless told otherwise.
FINETUNING = {"learning_rate": 1e-3, "batch_size": 1}


def prune(
    model: INR,
    share: float | Mapping[str, float],
    criterion: Criterion = "contribution",
    unit: Unit = "kernel",
    budget: Budget = "global",
    frames: Sequence[int] | None = None,
    target: Any = None,
    rescore: float | None = None,
    finetune_epochs: int = 0,
    training: TrainingSettings | None = None,
    probes: int = 8,
    seed: int = 0,
) -> INR:
    """A copy of a network in which a share of the kernels, or of the single weights, is zero.

    Layers that can be dissected are pruned: no biases, and nothing before the first of them (a stem, embeddings). The
    result is a network like any other: it saves, loads, dissects and trains, and what was removed stays zero
    (`xinc.models._pruned`). What an earlier pruning removed stays removed, and counts.

    Parameters
    ----------
    model : a network, as for `xinc.dissect`; it stays as it is. Of a bundle of networks each is pruned alone.
    share : of the kernels or weights, how many are removed, 0 to 1; or this share of each layer, by name (others are
        not pruned), so that budgets found in one way can be spent in another.
    criterion : by what they are ranked, see `xinc.interventions.criteria`.
    unit : ``"kernel"`` or ``"weight"``; in a linear layer a weight is a kernel.
    budget : ``"layer"``: the share of every layer; ``"global"``: the lowest of all layers. Contributions are then taken
        as shares of their layer's total, because their scale is arbitrary between layers.
    frames : calibration frames (default: all); each network of a bundle has its own.
    target : (frame, y, x, 3) in [0, 1], the frames ``model.frames`` of the video, in that order; for ``taylor``,
        ``taylor_squared`` and fine-tuning.
    rescore : remove in steps of this share, and score what is left anew before each; None: all at once.
    finetune_epochs : epochs of training after pruning.
    training : its other settings (default: `FINETUNING`).
    probes, seed : of ``gauss_newton``; the seed also of ``random``.

    Returns
    -------
    The pruned network, in evaluation mode; on the CPU where it was trained on, otherwise where ``model`` is.

    Raises
    ------
    InputError : a share, criterion, unit, budget, layer, frame or number that is not one, a target that is missing or
        of another shape, or weights that are not a parameter; and see `xinc.training.loop.fit`.

    Examples
    --------
    >>> import xinc
    >>> from xinc.interventions.coding import size_of
    >>> from xinc.models.storage import build
    >>> model = build("nerv", {"fc_dim": 4, "strides": [2, 2]}, (16, 32), range(8), 8)
    >>> size_of(xinc.prune(model, 0.25, frames=[0, 4])).removed
    585
    """
    network = as_network(model)
    shares = _shares(share, network.layer_names(), f"this {network.name}")
    _check_choice("criterion", criterion, CRITERIA)
    _check_choice("unit", unit, UNITS)
    _check_choice("budget", budget, get_args(Budget))
    if rescore is not None and not (_is_number(rescore) and 0 < rescore <= 1):
        raise InputError(f"rescore is {rescore!r}; expected a share of more than 0, up to 1, or None.")
    for name, value, least in (("finetune_epochs", finetune_epochs, 0), ("probes", probes, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} is {value!r}; expected an integer of at least {least}.")
    needs = f"The criterion '{criterion}'" if criterion in SUPERVISED else "Fine-tuning" if finetune_epochs else ""
    if needs and target is None:
        raise InputError(f"{needs} needs a target: give the frames of the video that the network represents.")
    goal = None if target is None else check_target(target, len(network.frames), network)
    calibration = calibrations(network, frames, goal, probes, seed)
    pruned = copy.deepcopy(network).eval()
    whole = budget == "global" and not isinstance(share, Mapping)
    largest = max(shares.values(), default=0.0)
    way = steps_to(largest, rescore)
    with Progress(len(way) * len(calibration), f"scores by {criterion}") as progress:
        for step in way:
            now = {name: value * step / (largest or 1.0) for name, value in shares.items()}
            found = score([one.of(pruned) for one in calibration], criterion, unit, progress)
            apply(pruned, choose(found, left(pruned, unit), now, whole, criterion))
    pruned.pruning = [  # type: ignore[assignment]
        *getattr(network, "pruning", []),
        {
            "share": shares if isinstance(share, Mapping) else float(share),
            "criterion": criterion,
            "unit": unit,
            "budget": "layer" if isinstance(share, Mapping) else budget,
            "frames": sorted({frame for one in calibration for frame in one.frames}),
            "rescore": rescore,
            "finetune_epochs": finetune_epochs,
            "seed": seed,
        },
    ]
    if goal is not None and finetune_epochs:
        finetune(pruned, goal, finetune_epochs, training)
    return pruned


def calibrations(
    model: INR, frames: Sequence[int] | None, target: np.ndarray | None, probes: int = 8, seed: int = 0
) -> list[Calibration]:
    """On what each network of a bundle is scored, or the only one.

    Parameters
    ----------
    model, frames, probes, seed : see `prune`.
    target : (frame, 3, y, x), all frames of the model; None where no criterion asks for it.
    """
    chosen = choose_frames(model, frames)
    if model.per_frame and sorted(chosen) != sorted(model.frames):
        raise InputError(
            f"frames is {list(chosen)}, but each network of this {model.name} represents one frame, on which it is "
            "calibrated: leave frames out."
        )
    found = []
    for number, own in enumerate(bundle(model, chosen)):
        goal = None if target is None else target[[model.frames.index(frame) for frame in own]]
        found.append(Calibration(model, own, goal, probes, seed + 1000 * number))
    return found


def score(data: Sequence[Calibration], criterion: str, unit: str, progress: Progress | None = None) -> Scores:
    """How much each unit of each network counts, see `xinc.interventions.criteria.scores`."""
    found = []
    for one in data:
        found.append(scores(one, criterion, unit))
        if progress is not None:
            progress.update()
    return found


def choose(found: Scores, before: Left, shares: Mapping[str, float], whole: bool, criterion: str) -> Left:
    """What is left when the lowest scores are removed, those that were removed before among them.

    Parameters
    ----------
    found : scores.
    before : what is left now.
    shares : of each layer that is pruned; all the same if ``whole``.
    whole : whether all layers are ranked together (contributions as shares of their layer's total).
    criterion : of the scores.
    """
    return [_of_network(*one, shares, whole, criterion) for one in zip(found, before, strict=True)]


def _of_network(
    found: dict[str, np.ndarray], before: dict[str, np.ndarray], shares: Mapping[str, float], whole: bool, by: str
) -> dict[str, np.ndarray]:
    if not whole:
        return {name: _highest(found[name], before[name], shares.get(name, 0.0)) for name in found}
    flat = []
    for name, values in found.items():
        total = float(values[before[name]].sum()) if by in RELATIVE else 1.0
        flat.append((values / (total or 1.0)).ravel())
    kept = _highest(
        np.concatenate(flat), np.concatenate([one.ravel() for one in before.values()]), max(shares.values())
    )
    ends = np.cumsum([values.size for values in found.values()])[:-1]
    parts = np.split(kept, ends)
    return {name: part.reshape(values.shape) for (name, values), part in zip(found.items(), parts, strict=True)}


def _highest(values: np.ndarray, before: np.ndarray, share: float) -> np.ndarray:
    """All but a share of the values, the lowest; what was removed before goes first, of equals the first."""
    order = np.lexsort((values.ravel(), before.ravel()))
    kept = np.ones(values.size, bool)
    kept[order[: max(math.floor(share * values.size + 0.5), int((~before).sum()))]] = False
    return kept.reshape(values.shape)


def left(model: INR, unit: str) -> Left:
    """What earlier prunings left: a kernel is, if any of its weights is."""
    masks, found = masks_of(model), []
    for frames in bundle(model, list(model.frames)):
        own = {}
        for place in places(model, frames[0]):
            whole = model.get_parameter(place.parameter)
            mask = place.of(masks.get(place.parameter, torch.ones_like(whole, dtype=torch.bool))).cpu()
            mask = mask.any(-1) if place.pairs else mask
            own[place.layer] = (mask.flatten(2).any(2) if unit == "kernel" and mask.ndim > 2 else mask).numpy()
        found.append(own)
    return found


def apply(model: INR, kept: Left) -> None:
    """Prune a network in place, as far as it is not already, to what is left of each layer's units."""
    masks = {name: mask.clone() for name, mask in masks_of(model).items()}
    for frames, own in zip(bundle(model, list(model.frames)), kept, strict=True):
        for place in places(model, frames[0]):
            whole = model.get_parameter(place.parameter)
            mask = place.of(masks.setdefault(place.parameter, torch.ones_like(whole, dtype=torch.bool)))
            of_units = torch.as_tensor(own[place.layer], device=mask.device)
            mask &= of_units.reshape(*of_units.shape, *[1] * (mask.ndim - of_units.ndim))
    set_masks(model, masks, getattr(model, "pruning", []))


def finetune(model: INR, target: np.ndarray, epochs: int, training: TrainingSettings | None = None) -> History:
    """Train a pruned network on, in place; ``target`` (frame, 3, y, x): all frames of the model."""
    given = FINETUNING if training is None else training.model_dump()
    settings = TrainingSettings(**{**given, "epochs": epochs})
    history = fit(model, torch.from_numpy(target), settings, f"fine-tuning of {model.name}")
    model.eval()
    return history


def _shares(share: Any, layers: Sequence[str], what: str) -> dict[str, float]:
    """The share of every layer that is pruned."""
    given = dict(share) if isinstance(share, Mapping) else dict.fromkeys(layers, share)
    for name, value in given.items():
        if name not in layers:
            raise InputError(f"Unknown layer '{name}' of {what}: {nearest(str(name), layers)}.")
        if not _is_number(value) or not 0 <= value <= 1:
            of = f"share of '{name}'" if isinstance(share, Mapping) else "share"
            raise InputError(f"{of} is {value!r}; expected a number from 0 to 1: the part that is removed.")
    return {name: float(value) for name, value in given.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_choice(what: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{what} is {value!r}: {nearest(str(value), known)}.")


def steps_to(share: float, rescore: float | None, before: float = 0.0) -> list[float]:
    """The shares after each step of ``rescore`` from ``before`` on; the last is ``share``."""
    if rescore is None:
        return [share]
    count = max(1, math.ceil((share - before) / rescore - 1e-9))
    return [*(before + (at + 1) * rescore for at in range(count - 1)), share]
