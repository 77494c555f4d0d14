"""Readers of trained networks: xinc's own files, and the layouts of other code bases.

Every such file is a pickle. It is read with PyTorch's restricted unpickler, which builds tensors and plain containers
and runs no code; a file that needs more is refused.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from xinc.errors import InputError
from xinc.frames import FrameChoice, select_frames
from xinc.models import _pruned, storage
from xinc.models.base import INR
from xinc.models.imports import MIN_PSNR
from xinc.models.imports.conventions import Trial, Tried, decibels, find_conventions, judged
from xinc.models.imports.layouts import OURS, layouts
from xinc.models.imports.mistaken import shown_instead
from xinc.models.imports.parts import Hints, Imported, Layout, Tensors
from xinc.models.imports.tensors import find_tensors
from xinc.models.imports.unpickling import read_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

    from xinc.models.imports.footage import Footage

#: On how many frames an imported network is judged.
_JUDGED = 4


def load_model(
    path: str | Path,
    trust: bool = False,
    video: Any = None,
    min_psnr: float | None = MIN_PSNR,
    module: str = "",
    **hints: Any,
) -> INR:
    """Load a network from ``model.pt``, or from a checkpoint of another code base (`xinc.models.imports.layouts`).

    Parameters
    ----------
    path : the file.
    trust : whether code in the file may run; if not, a file that carries any is refused.
    video : what the network represents: a prepared video (``video.zarr``), an image file, or an array
        (frame, y, x, 3) or (y, x, 3). It gives the resolution, the number of frames and, for an HNeRV's encoder, the
        frames themselves. Conventions that no hint states are found out by trial, and noted in ``outcome``.
    min_psnr : least PSNR, in dB, of what the network shows against ``video``; None accepts anything.
    module : of a ``model.pt`` that a function of yours made, this function, as ``"mypackage.nets:build"``: it is
        imported and runs. A file that notes one is refused without.
    hints : what the tensors do not tell, named as in the configuration saved beside such a checkpoint, e.g.
        ``num_frames`` and ``fc_hw`` (``"8_16"``) for NeRV, ``resolution`` for FFN, ``convention`` for a SIREN. Files of
        xinc need none. ``layout`` names the layout that reads the file, which may be another distribution's; otherwise
        the first of ours that matches does.

    Raises
    ------
    InputError : the file is missing, is not a checkpoint, carries code, holds weights that are not finite, has an
        unknown layout, lacks a hint, or disagrees with one (the message names the tensor, what was found and what was
        expected); or the network does not show the video.

    Warns
    -----
    UserWarning : several conventions show the video equally well; the network shows it mirrored, or other frames of it,
        better than as it is given; or tensors were not read.

    Examples
    --------
    >>> import xinc
    >>> model = xinc.load_model("results/bunny/nerv/seed0/model.pt")  # doctest: +SKIP
    """
    if min_psnr is not None and (not isinstance(min_psnr, int | float) or min_psnr != min_psnr):
        raise InputError(f"min_psnr is {min_psnr!r}; expected a number of dB, or None.")
    content = read_checkpoint(path, trust)
    if content.get("format") == storage.FORMAT:
        if hints or video is not None:
            given = sorted([*hints, *(["video"] if video is not None else [])])
            raise InputError(f"{path} is a file of xinc, complete in itself: leave the hints {given} out.")
        return _checked(_pruned.restore(content, path, module))
    if module:
        raise InputError(
            f"{path} is not a model.pt of xinc: make your module, load these weights into it, and give it to "
            "xinc.network, or in the workflow as module and checkpoint."
        )
    if video is None:
        found = _described(content, path, hints)
        for text in doubts(found, path):
            warnings.warn(text, stacklevel=2)
        return _checked(found.make(path))
    from xinc.models.imports.footage import open_footage

    with open_footage(video) as footage:
        trial = try_conventions(content, path, hints, footage)
        own = {**hints, **trial.accepted(min_psnr)}
        found = _described(content, path, own, footage.resolution, footage.num_frames)
        model = found.make(path, footage.read(found.frames) if found.needs_images else None)
        trial = judge(model, footage, trial, min_psnr, path)
    for text in doubts(found, path, trial):
        warnings.warn(text, stacklevel=2)
    model.outcome = {"conventions": trial.as_dict()}
    return _checked(model)


def doubts(found: Imported, path: str | Path, trial: Trial | None = None) -> list[str]:
    """Sentences on what leaves a doubt about a network that is imported."""
    said = []
    if trial is not None and trial.instead:
        said.append(f"{path} {trial.instead}: give the video, or the frames, that it was fitted to.")
    elif trial is not None and trial.ambiguous:
        said.append(f"{path}: its conventions are {trial}")
    if found.unread:
        shown = ", ".join(f"'{name}'" for name in found.unread[:3])
        more = f" and {len(found.unread) - 3} more" if len(found.unread) > 3 else ""
        said.append(
            f"{path}: the tensors {shown}{more} are not read, because no network of this kind has them: if they belong "
            "to the network, it is of another kind, and its maps would be wrong."
        )
    return said


def _checked(model: INR) -> INR:
    """The network, once its trace is known to be it."""
    model.check_trace()
    return model


def try_conventions(
    content: Mapping[str, Any],
    path: str | Path,
    hints: Mapping[str, Any],
    footage: Footage,
    frame: int | None = None,
) -> Trial:
    """Find out by trial what neither the tensors of a checkpoint nor hints tell, see `xinc.models.imports.conventions`.

    Parameters
    ----------
    content : of the file.
    path, hints : see `load_model`.
    footage : what the network was fitted to.
    frame : of a network for one frame, which one it is; the hint ``frames`` says it otherwise.

    Raises
    ------
    InputError : see `load_model`; or the network does not fit the video.
    """
    if content.get("format") == storage.FORMAT:
        return Trial(Tried({}, math.nan), None, 1, {})
    tensors, layout = _recognised(content, path, hints)

    def read(given: Mapping[str, Any], frame: int) -> Imported:
        own = Hints(path, _own_hints(given), layout.hints, footage.resolution, footage.num_frames)
        found = layout.read(tensors, own)
        if found.per_frame:
            found.frames = [frame]
        else:
            found.keep([frame])
        return found

    first = _described(content, path, hints, footage.resolution, footage.num_frames)
    _check_video(first, path, footage.resolution, footage.num_frames)
    if first.per_frame:
        chosen = [first.frames[0] if frame is None else frame]
    else:
        chosen = sorted({first.frames[len(first.frames) // 3], first.frames[-1]})
    trial = find_conventions(layout, hints, read, dict(zip(chosen, footage.read(chosen), strict=True)))
    some = chosen if first.per_frame else select_frames(first.frames, min(_JUDGED, len(first.frames)), of="the network")

    def rendered(convention: Mapping[str, Any], frame: int) -> Tensor:
        found = read({**hints, **convention}, frame)
        return found.make(path, footage.read([frame]) if found.needs_images else None).reconstruct(frame)

    # Where the video is another, the trial may have chosen a wrong convention because of it: see the usual one, too.
    for convention in ({}, trial.best.hints):
        instead = shown_instead({at: rendered(convention, at) for at in some}, footage)
        if instead is not None and instead.psnr > max(trial.best.psnr, trial.plain):
            return replace(trial, instead=str(instead))
    return trial


def judge(model: INR, footage: Footage, trial: Trial, min_psnr: float | None, path: str | Path) -> Trial:
    """The trial with the PSNR of the finished network, over some of its frames.

    Raises
    ------
    InputError : it is below ``min_psnr`` (dB).
    """
    chosen = select_frames(model.frames, min(_JUDGED, len(model.frames)), of="the network")
    errors = [
        float((model.reconstruct(frame).double().clamp(0, 1) - image).square().mean())
        for frame, image in zip(chosen, footage.read(chosen).double(), strict=True)
    ]
    found = judged(trial, min_psnr, decibels(sum(errors) / len(errors)))
    if min_psnr is None or found.best.psnr >= trial.least(min_psnr):
        return found
    least = f"min_psnr {min_psnr:g}"
    if trial.least(min_psnr) > min_psnr:
        least = f"the {trial.plain:.1f} dB of one plain colour"
    shown = f"{found.best.psnr:.1f} dB, below {least}"
    if trial.tried > 1:
        shown += f", and with none of {trial.tried} combinations of conventions more than {trial.best.psnr:.1f} dB"
    tried = f" (tried: {trial.list_tried()})" if trial.varied else ""
    instead = f"; it {trial.instead}" if trial.instead else ""
    raise InputError(
        f"{path} does not show this video: {shown}{tried}{instead}: give the video that it was fitted to, state its "
        "conventions as hints, or lower min_psnr."
    )


def describe(
    path: str | Path,
    hints: Mapping[str, Any],
    resolution: tuple[int, int],
    num_frames: int,
    frames: FrameChoice = "all",
    trust: bool = False,
) -> Imported:
    """The network that a checkpoint holds and that is to represent a video, not yet built.

    Parameters
    ----------
    path, hints, trust : see `load_model`.
    resolution, num_frames : of the video.
    frames : of the checkpoint's frames those to represent; of a network for one frame, which of the video that is.

    Raises
    ------
    InputError : see `load_model`; or the network does not fit the video.
    """
    content = read_checkpoint(path, trust)
    own = content.get("format") == storage.FORMAT
    found = _own(content, path, hints) if own else _described(content, path, hints, resolution, num_frames)
    _check_video(found, path, resolution, num_frames)
    if own or not found.per_frame:
        found.keep(select_frames(found.frames, frames, of=str(path)))
        return found
    chosen = select_frames(range(num_frames), frames, of="the video")
    if len(chosen) != 1:
        raise InputError(
            f"{path} is a network for one frame, but frames asks for {len(chosen)}: say which one it is, e.g. "
            "frames: [0], or put {frame} into the path of the import."
        )
    found.frames = chosen
    return found


def _described(
    content: Mapping[str, Any],
    path: str | Path,
    hints: Mapping[str, Any],
    resolution: tuple[int, int] | None = None,
    num_frames: int | None = None,
) -> Imported:
    tensors, layout = _recognised(content, path, hints)
    found = layout.read(tensors, Hints(path, _own_hints(hints), layout.hints, resolution, num_frames))
    found.unread = tensors.unread()
    return found


def _recognised(content: Mapping[str, Any], path: str | Path, hints: Mapping[str, Any]) -> tuple[Tensors, Layout]:
    """The tensors of a foreign checkpoint, and its layout."""
    named = hints.get("layout")
    known: list[Layout] = list(OURS.values()) if named is None else [cast(Any, layouts[str(named)])]
    tensors = find_tensors(content, path, hints, known)
    layout = next((one for one in known if one.matches(tensors, hints)), None)
    if layout is None and named is not None:
        raise InputError(
            f"{path} does not have the layout '{named}' (tensors {', '.join(list(tensors)[:4])}, …): give a file "
            "of it, or leave the hint layout out."
        )
    if layout is None:
        raise InputError(
            f"{path} holds a network of unknown layout (tensors {', '.join(list(tensors)[:4])}, …); xinc "
            f"reads its own model.pt, and {', '.join(one.title for one in OURS.values())}."
        )
    return tensors, layout


def _own_hints(hints: Mapping[str, Any]) -> dict[str, Any]:
    """Hints for a layout; which one it is, and where the weights lie in the file, concern none."""
    return {name: value for name, value in hints.items() if name not in ("weights", "layout")}


def _own(content: dict[str, Any], path: str | Path, hints: Mapping[str, Any]) -> Imported:
    """A ``model.pt``, which knows everything about itself."""
    if hints:
        raise InputError(f"{path} is a file of xinc, complete in itself: leave the hints {sorted(hints)} out.")
    model = _pruned.restore(content, path)
    settings = model.settings.model_dump(mode="json")
    state, record = dict(model.state_dict()), getattr(model, "pruning", [])
    frames = list(model.frames)
    return Imported(model.name, settings, model.resolution, frames, model.num_frames, state, pruning=record)


def _check_video(found: Imported, path: str | Path, resolution: tuple[int, int], num_frames: int) -> None:
    if found.resolution != tuple(resolution):
        own = f"{found.resolution[0]}x{found.resolution[1]}"
        raise InputError(
            f"{path} makes frames of {own}, but the video is prepared at {resolution[0]}x{resolution[1]}: give the "
            f"video the resolution {own}, or check the hints."
        )
    if found.num_frames != num_frames:
        raise InputError(
            f"{path} represents a video of {found.num_frames} frames, but the video has {num_frames}: select "
            f"{found.num_frames} in the table of videos (start, count, step), or check the hints."
        )
