"""Instances in the masks of a video, and their area, intensity and displacement."""

from __future__ import annotations

import numpy as np
import xarray as xr

from xinc.analyses.subject import Subject
from xinc.video.regions import UNLABELLED, instance_regions


def instances_of(subject: Subject) -> xr.Dataset | None:
    """The annotated segments, without the pixels that the masks leave out; None without masks or segments."""
    video = subject.video
    if "instances" not in video:
        return None
    found = instance_regions(video)
    # The rest is the last region, so that the others keep their labels.
    segments = int((found["name"] != UNLABELLED).sum())
    if not segments:
        return None
    found["label"] = found["label"].where(found["label"] < segments, -1)
    return found.isel(region=slice(segments))


def look(labels: np.ndarray, count: int, video: np.ndarray) -> dict[str, np.ndarray]:
    """Area, mean intensity and displacement since the frame before of each instance, (frame, instance); NaN if absent.

    Parameters
    ----------
    labels : (frame, y, x), negative: no instance.
    count : number of instances.
    video : (frame, y, x, channel) in [0, 1].
    """
    y, x = np.indices(labels.shape[1:])
    sums = np.zeros((4, len(labels), count))
    for at, label in enumerate(labels):
        there = label >= 0
        for k, values in enumerate((np.ones(label.shape), y, x, video[at].mean(-1))):
            sums[k, at] = np.bincount(label[there], values[there], count)
    area = sums[0]
    with np.errstate(invalid="ignore"):
        centre_y, centre_x, intensity = sums[1:] / area
    displacement = np.full(area.shape, np.nan)
    displacement[1:] = np.hypot(np.diff(centre_y, axis=0), np.diff(centre_x, axis=0))
    return {"area": area, "intensity": intensity, "displacement": displacement}
