"""The user's own masks: which mask belongs to which frame, and which of their values are void."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from xinc.errors import InputError
from xinc.frames import ranges
from xinc.video.clip import Clip, note
from xinc.video.settings import VideoSettings
from xinc.video.sources.images import list_images, read_mask
from xinc.video.sources.numbering import disagreement, numbers, span

#: The value that marks void pixels by convention, and the largest number that another instance has beside it.
_VOID, _SMALL = 255, 127


def with_masks(clip: Clip, settings: VideoSettings, frames: Sequence[Path] | None) -> Clip:
    """The clip with the masks of ``settings.masks``.

    Parameters
    ----------
    frames : the image file of each frame, None of a video file.

    Raises
    ------
    InputError : no such folder, or masks that do not go with the frames. What is wrong with a mask shows when it is
        read.
    """
    files = paired_masks(settings, frames, clip.length, clip.notes)
    void = settings.void

    def masks(indices: Sequence[int]) -> Iterator[np.ndarray | None]:
        shape = next(iter(clip.frames(indices[:1]))).shape[:2] if indices else None
        found: set[int] = set()
        for index in indices:
            mask = read_mask(files[index])
            if mask.shape != shape:
                raise InputError(
                    f"Mask '{files[index]}' has {_pixels(mask.shape)} but its frame has {_pixels(shape or (0, 0))}: "
                    "masks need the size of the frames."
                )
            if void is None:
                found |= set(np.unique(mask).tolist())
            elif void:
                mask[np.isin(mask, void)] = 0
            yield mask
        if void is None:
            _warn_of_void(found - {0}, settings, clip.notes)

    return replace(clip, masks=masks)


def mask_files(settings: VideoSettings) -> list[Path]:
    """The masks of a video, in natural order.

    Raises
    ------
    InputError : the folder does not exist, or has none.
    """
    folder = Path(str(settings.masks))
    if not folder.is_dir():
        raise InputError(
            f"Masks '{folder}' of video '{settings.name}' are not a folder: expected one with a PNG for each frame."
        )
    files = list_images(folder, (".png",))
    if not files:
        raise InputError(f"Masks '{folder}' of video '{settings.name}' have no PNG: expected one for each frame.")
    return files


def paired_masks(
    settings: VideoSettings, frames: Sequence[Path] | None, length: int | None, notes: list[str]
) -> list[Path]:
    """The mask of each frame: the one of its number or name; the one at its place where names say nothing else.

    Parameters
    ----------
    frames : see `with_masks`.
    length : number of frames, None where it is not known.
    notes : takes up how masks were paired, where their names leave a doubt.

    Raises
    ------
    InputError : another number of masks than of frames, or numbers that contradict each other.
    """
    masks = mask_files(settings)
    of_masks = numbers(masks)
    of_frames = numbers(frames) if frames is not None else list(range(len(masks) if length is None else length))
    if of_frames is not None and of_masks is not None:
        by_number = dict(zip(of_masks, masks, strict=True))
        if by_number.keys() >= set(of_frames):
            surplus = sorted(by_number.keys() - set(of_frames))
            if surplus and frames is None:
                raise _wrong_count(settings, length or 0, len(masks))
            if surplus:
                note(notes, f"{_of(settings)}: masks {ranges(surplus)} have no frame of their number and are left out.")
            return [by_number[number] for number in of_frames]
    if length is not None and len(masks) != length:
        raise _wrong_count(settings, length, len(masks), of_frames, of_masks)
    if frames is not None and _same_names(frames, masks):
        return _by_name(frames, masks)
    if len(masks) == 1:
        return masks
    if of_frames is None or of_masks is None:
        which = "masks" if of_frames is not None else "frames"
        note(notes, f"{_of(settings)}: the names of the {which} hold no numbers; masks are paired in order.")
        return masks
    at = disagreement(of_masks, of_frames)
    if at is not None:
        frame = f"'{frames[at].name}'" if frames is not None else f"frame {at}"
        raise InputError(
            f"{_of(settings)}: at place {at} of both lies {frame} beside mask '{masks[at].name}', whose numbers "
            "disagree, so that the mask would be another frame's: give each frame a mask of its number."
        )
    note(
        notes,
        f"{_of(settings)}: masks {span(of_masks)} are paired with frames {span(of_frames)} in order, though their "
        "numbers differ.",
    )
    return masks


def _wrong_count(
    settings: VideoSettings,
    length: int,
    found: int,
    of_frames: Sequence[int] | None = None,
    of_masks: Sequence[int] | None = None,
) -> InputError:
    without = sorted(set(of_frames) - set(of_masks)) if of_frames is not None and of_masks is not None else []
    which = f" (none for {ranges(without)})" if without and len(without) < length else ""
    return InputError(
        f"Video '{settings.name}' has {length} frames in '{settings.source}' but {found} masks in "
        f"'{settings.masks}'{which}: expected one mask for each frame, of the same number or in the same order."
    )


def _same_names(frames: Sequence[Path], masks: Sequence[Path]) -> bool:
    return {path.stem for path in frames} == {path.stem for path in masks}


def _by_name(frames: Sequence[Path], masks: Sequence[Path]) -> list[Path]:
    by_stem = {path.stem: path for path in masks}
    return [by_stem[path.stem] for path in frames]


def _warn_of_void(found: set[int], settings: VideoSettings, notes: list[str]) -> None:
    """Note the value 255 beside small ones, which is void in many data sets."""
    others = found - {_VOID}
    if _VOID in found and others and max(others) <= _SMALL:
        note(
            notes,
            f"{_of(settings)}: the value {_VOID} stands beside {ranges(sorted(others))} and is taken for an instance; "
            f"by convention it is void: write {_VOID} into the column void, or none if it is an instance.",
        )


def _of(settings: VideoSettings) -> str:
    return f"Masks '{settings.masks}' of video '{settings.name}'"


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]} pixels"
