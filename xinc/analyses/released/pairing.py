"""Pairs of a frame of the picture and a frame of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinc.analyses.annotated import annotated_of
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.frames import ranges, select_frames

if TYPE_CHECKING:
    from xinc.analyses.released import Released


def paired_frames(settings: Released.Settings, subject: Subject) -> dict[int, int]:
    """By frame of the network, that of the picture and its masks beside which its contributions are looked at.

    As written these are the same, ``offset`` 0. ``offset: released`` restates ``CityscapesVPSVideoDataSet`` of
    HNeRV/vps_datasets.py, which the notebooks of HNeRV/analysis give to the network (``compute_inference_results``): it
    holds the n = 6 frames with masks only, so that the k-th of them, frame 5k + 4, is shown beside the network at time
    k / 6. The network was trained on all 30 frames, at times frame / 30, so that this is its frame 5k: four frames
    before. Where all frames have masks, as in VIPSeg, the pairs are right, and so are those of networks of one frame.

    Raises
    ------
    InputError : the canvas lacks the frames of the network that this needs.
    """
    first = next(iter(subject.canvas.values()))
    held = [int(f) for f in first["frame"].values]
    frames = [int(f) for f in subject.video["frame"].values]
    masked = annotated_of(subject.video, frames)
    if settings.offset != "released":
        pictures = {f - settings.offset: f for f in frames}
    elif first.attrs.get("xinc", {}).get("shared_weights", True):
        pictures = released_pairs(masked or frames, frames)
    else:
        pictures = {f: f for f in masked or frames}
    there = [f for f in held if f in pictures]
    if not there:
        raise InputError(
            f"analyses.released.offset is {settings.offset}, which needs the network's frames "
            f"{ranges(sorted(set(pictures) & set(frames)))}, but the canvas has frames {ranges(held)}: add some of "
            "them to canvas.frames, or change the offset."
        )
    if isinstance(settings.frames, int):
        there = [f for f in there if pictures[f] in masked] or there
    return {f: pictures[f] for f in select_frames(there, settings.frames, "the canvas, with this offset,")}


def released_pairs(masked: list[int], frames: list[int]) -> dict[int, int]:
    """The frame nearest to the network's time k / n beside the k-th of n frames with masks.

    >>> released_pairs([4, 9, 14, 19, 24, 29], list(range(30)))
    {0: 4, 5: 9, 10: 14, 15: 19, 20: 24, 25: 29}
    """
    return {frames[round(k * len(frames) / len(masked))]: f for k, f in enumerate(masked)}
