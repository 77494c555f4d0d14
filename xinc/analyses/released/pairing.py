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
    """By frame of the picture and its masks, the frame whose contributions are looked at.

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
    if settings.offset == "released":
        shared = bool(first.attrs.get("xinc", {}).get("shared_weights", True))
        of_network = released_pairs(masked or frames, frames) if shared else {f: f for f in masked or frames}
    else:
        of_network = {f: f - settings.offset for f in frames}
    there = {f: own for f, own in of_network.items() if own in held}
    if not there:
        raise InputError(
            f"analyses.released.offset is {settings.offset}, which needs the network's frames "
            f"{ranges(sorted(set(of_network.values()) & set(frames)))}, but the canvas has frames {ranges(held)}: add "
            "some of them to canvas.frames, or change the offset."
        )
    available = list(there)
    if isinstance(settings.frames, int):
        available = [f for f in available if f in masked] or available
    return {f: there[f] for f in select_frames(available, settings.frames, "the canvas, with this offset,")}


def released_pairs(masked: list[int], frames: list[int]) -> dict[int, int]:
    """The k-th of n frames with masks beside the frame nearest to the network's time k / n.

    >>> released_pairs([4, 9, 14, 19, 24, 29], list(range(30)))
    {4: 0, 9: 5, 14: 10, 19: 15, 24: 20, 29: 25}
    """
    return {f: frames[round(k * len(frames) / len(masked))] for k, f in enumerate(masked)}
