"""An analysis of one network, in memory and without the workflow: ``xinc.analyse``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr

from xinc.analyses.given import Given, as_video, given
from xinc.analyses.making import make_analysis
from xinc.analyses.run import computed
from xinc.analyses.subject import Subject
from xinc.canvas.layer import choose_layers
from xinc.errors import InputError
from xinc.frames import ranges

#: What to do instead about analyses that are not about one network.
_INSTEAD = {
    "pair": "two networks: use xinc.compare",
    "seeds": "networks of several seeds: configure it in the workflow",
    "project": "a whole experiment: configure it in the workflow",
}


def analyse(
    analysis: str,
    network: Any,
    video: Any = None,
    layers: str | Iterable[str] | None = None,
    **settings: Any,
) -> xr.Dataset:
    """The result of an analysis of one network, as the workflow computes it, without writing anything.

    `xinc.plot`, `xinc.to_dataframe` and `xinc.to_csv` take it like a result of the workflow.

    Parameters
    ----------
    analysis : name of an analysis of one network, such as ``"quality"`` or ``"faithfulness"``.
    network : a network (`xinc.load_model`, `xinc.prune`), a canvas (`xinc.dissect`, `xinc.open_canvas`), or a path: of
        a canvas, of a checkpoint that needs no hints, or of the workflow's folder of a network,
        ``results/bunny/nerv/seed0``.
    video : to which the network was fitted: frames (frame, y, x, channel) or an image (y, x, channel) in [0, 1], a
        dataset with ``frames`` (and masks, which some analyses need), or the path of a ``video.zarr``. Default: that of
        the workflow, of a network in a folder of its results. Regions and flow lie beside that; for any other video
        they are computed, with the default settings.
    layers : names of layers that are looked at (default: all of the canvas).
    settings : of the analysis (docs/reference/settings.md).

    Returns
    -------
    Dataset, described with each analysis; the attributes are those of the workflow's result.

    Raises
    ------
    InputError : an unknown analysis, setting or layer; an analysis of several networks, or one that does not apply (to
        a network for each frame, to a video without masks); neither a network nor a canvas; a network or video that is
        needed and not found, or a video of another size or without frames of the network.

    Examples
    --------
    >>> import xinc
    >>> result = xinc.analyse("faithfulness", "results/bunny/nerv/seed0", neurons=30)  # doctest: +SKIP
    >>> xinc.plot(result)  # doctest: +SKIP
    """
    made = make_analysis(analysis, settings)
    if made.scope != "network":
        raise InputError(f"The analysis '{analysis}' is about {_INSTEAD[made.scope]}.")
    one = given(network, "network")
    if made.across_frames and not _network(one)["shared_weights"]:
        raise InputError(
            f"The analysis '{analysis}' follows a network from frame to frame, and each frame of this "
            f"{_network(one)['architecture']} has a network of its own: give one of a whole video, such as a NeRV."
        )
    if made.architectures is not None and _network(one)["architecture"] not in made.architectures:
        named = " or ".join(sorted(made.architectures))
        raise InputError(
            f"The analysis '{analysis}' is about networks of the architecture {named}, "
            f"and this one is a {_network(one)['architecture']}: give one of those."
        )
    subject = Subject(Path("video.zarr"))
    subject.video = _video(video, one)
    if made.annotated_only and "instances" not in subject.video:
        raise InputError(
            f"The analysis '{analysis}' is about objects, and the video has no masks of any: give a video with the "
            "variable instances."
        )
    subject.canvas = {name: one.layers[name] for name in choose_layers(list(one.layers), layers, "this canvas")}
    if "model" in made.needs:
        if one.model is None:
            raise InputError(
                f"The analysis '{analysis}' needs the network, which is not beside its canvas, or is one that a "
                "module of yours makes: give it, from xinc.load_model or xinc.network."
            )
        subject.model = one.model
    if "regions" in made.needs:
        subject.regions = _regions(subject.video, None if video is not None else one.beside("regions.zarr"))
    if "flow" in made.needs:
        subject.flow = _flow(subject.video, None if video is not None else one.beside("flow.zarr"))
    history = None if one.folder is None else one.folder / "history.csv"
    subject.history_path = history if history is not None and history.is_file() else None
    return computed(made, subject, _network(one) | one.of)


def _video(video: Any, one: Given) -> xr.Dataset:
    """The video of a network; `InputError` where it is not known, of another size, or lacks frames."""
    if video is None:
        video = one.video
    if video is None:
        raise InputError(
            "An analysis needs the video of the network, which is not in a folder of results: give it as video=."
        )
    layer = next(iter(one.layers.values()))
    found = as_video(video, (layer.sizes["y"], layer.sizes["x"]), one.model)
    wanted = list(one.model.frames) if one.model is not None else layer["frame"].values.tolist()
    missing = sorted(set(wanted) - set(found["frame"].values.tolist()))
    if missing:
        known = [int(frame) for frame in found["frame"].values]
        raise InputError(
            f"The video has frames {ranges(known)}, the network represents {ranges(wanted)}: give all of its frames."
        )
    return found


def _network(one: Given) -> dict[str, Any]:
    """Architecture, and whether all frames share one network."""
    if one.model is not None:
        return {"architecture": str(one.model.name), "shared_weights": not one.model.per_frame}
    record = next(iter(one.layers.values())).attrs["xinc"]
    return {"architecture": str(record["architecture"]), "shared_weights": bool(record["shared_weights"])}


def _regions(video: xr.Dataset, path: Path | None) -> xr.Dataset:
    from xinc.video.region_settings import RegionSettings
    from xinc.video.regions import build_regions, open_regions

    return build_regions(video, RegionSettings()) if path is None else open_regions(path)


def _flow(video: xr.Dataset, path: Path | None) -> xr.Dataset:
    from xinc.video.flow import build_flow, open_flow

    return build_flow(video) if path is None else open_flow(path)
