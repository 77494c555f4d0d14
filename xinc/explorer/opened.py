"""A network as the explorer looks at it: its maps, and what lies beside them, each opened when first used.

Maps of a canvas, and what analyses have of it, are looked at without PyTorch.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xinc.analyses.given import Given, as_video, given
from xinc.analyses.results import open_result
from xinc.canvas.reader import open_layer
from xinc.canvas.reductions import sum_abs
from xinc.errors import InputError, nearest
from xinc.explorer.later import import_the_rest
from xinc.explorer.sources import Source
from xinc.frames import ranges
from xinc.models import architectures
from xinc.runtime.kept import Kept
from xinc.storage.locations import Remote
from xinc.trace.layers import layer_type
from xinc.video.regions import open_regions
from xinc.video.store import open_video

if TYPE_CHECKING:
    from xinc.models.base import INR

#: Values of a map above which the time that they take is that of values, not of a call or of compiling.
_MANY = 10**7

#: Values of a sparse map that take time.
_FEW = 16

_BYTES = operator.attrgetter("nbytes")


class Opened:
    """A network.

    Parameters
    ----------
    source : which.
    video : of a network that is not in a folder of results, as `xinc.analyse` takes it.
    kept : in which heatmaps and images are kept.

    Attributes
    ----------
    speed : nanoseconds that a value of a map takes in a heatmap: the least of the large ones computed so far.
    """

    def __init__(self, source: Source, video: Any, kept: Kept) -> None:
        self.source, self._video, self._kept = source, video, kept
        self.speed, self._timed = 2.0, False
        self._gained: dict[str, xr.Dataset] = {}

    @cached_property
    def given(self) -> Given:
        place = self.source.what
        if not isinstance(place, Path | Remote):
            return given(place, "network")
        if isinstance(place, Path) and place.is_file():
            import_the_rest()
        return given(str(place), "network")

    @property
    def layers(self) -> dict[str, xr.Dataset]:
        return self.given.layers

    @cached_property
    def model(self) -> INR | None:
        import_the_rest()
        return self.given.model

    @cached_property
    def has_model(self) -> bool:
        """Whether the network is there at the size of the maps; that of a canvas is not opened to see that."""
        record = next(iter(self.layers.values())).attrs["xinc"]
        if self.given.network is None and record["architecture"] in architectures.names():
            beside = self.given.folder is not None and (self.given.folder / "model.pt").is_file()
            return beside and tuple(record["resolution"]) == self.size
        return self.model is not None and self.model.resolution == self.size

    def layer(self, name: str) -> xr.Dataset:
        """A layer; `InputError` with the known ones for another name."""
        if name not in self.layers:
            raise InputError(f"Unknown layer '{name}' of {self.source.name}: {nearest(name, self.layers)}.")
        return self.layers[name]

    def frame(self, frame: int) -> int:
        """A frame of the canvas; `InputError` for another."""
        if frame not in self.frames:
            raise InputError(f"{self.source.name} has no frame {frame}: it has {self.frames[0]} to {self.frames[-1]}.")
        return frame

    @cached_property
    def frames(self) -> list[int]:
        return [int(frame) for frame in next(iter(self.layers.values()))["frame"].values]

    @cached_property
    def size(self) -> tuple[int, int]:
        first = next(iter(self.layers.values()))
        return int(first.sizes["y"]), int(first.sizes["x"])

    @cached_property
    def shared_weights(self) -> bool:
        return bool(next(iter(self.layers.values())).attrs["xinc"]["shared_weights"])

    @cached_property
    def video(self) -> xr.Dataset | None:
        """The video, at the size of the maps, with some of their frames at least; None where there is none.

        Raises
        ------
        InputError : one was given that is not of this network.
        """
        if self._video is not None:
            own = as_video(self._video, self.size, self.model)
            known = [int(frame) for frame in own["frame"].values]
            if not set(self.frames) & set(known):
                raise InputError(
                    f"The video has frames {ranges(known)}, the maps of {self.source.name} are of "
                    f"{ranges(self.frames)}: give the video with their frames, by the coordinate frame."
                )
            return own
        path = self.given.video
        found = None if path is None else open_video(path)
        if found is None or (found.sizes["y"], found.sizes["x"]) != self.size:
            return None
        return found if set(self.frames) & set(found["frame"].values.tolist()) else None

    @cached_property
    def regions(self) -> xr.Dataset | None:
        """Instances of the video; None where it has no masks."""
        path = self.given.beside("regions.zarr")
        if path is None or self.video is None:
            return None
        found = open_regions(path)
        return found if "instances" in found else None

    @cached_property
    def instances(self) -> list[str]:
        return [] if self.regions is None else [str(name) for name in self.regions["instances_name"].values]

    def result(self, analysis: str) -> xr.Dataset | None:
        """The result of an analysis of this network, or of its seeds; None where there is none."""
        folder = self.given.folder
        if folder is None or isinstance(self.source.what, Remote):
            return None
        for place in (folder / analysis, folder.parent / "seeds" / analysis):
            if (place / "result.zarr").is_dir():
                return open_result(place)
        return None

    @cached_property
    def overview(self) -> xr.Dataset | None:
        """The result of the analysis `overview`, if it is of this canvas's layers."""
        found = self.result("overview")
        known = found is not None and set(self.layers) <= {str(name) for name in found["layer"].values}
        return found if known and found is not None and found["sum_abs"].shape[2:] == self.size else None

    @cached_property
    def clusters(self) -> xr.Dataset | None:
        return self.result("clusters")

    @cached_property
    def faithfulness(self) -> dict[str, dict[str, float]]:
        """By layer, the median over neurons of Pearson's r of the maps |C| with the effect, and its 95 % interval."""
        found = self.result("faithfulness")
        if found is None:
            return {}
        keys = {"median_agreement": "r", "agreement_low": "low", "agreement_high": "high"}
        values = found[list(keys)].sel(map="contribution").load()
        return {
            str(layer): {short: float(values[key].sel(layer=layer)) for key, short in keys.items()}
            for layer in values["layer"].values
        }

    def _held(self, key: tuple[Any, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
        return self._kept.get(key, make, _BYTES)

    def in_overview(self, frame: int) -> bool:
        return self.overview is not None and frame in self.overview["frame"].values

    def heat(self, layer: str, frame: int, most_seconds: float) -> np.ndarray | float:
        """Σ|C| (y, x) float32 of a layer; the seconds that it would take, where these are more than is allowed."""
        data, key = self.layer(layer), (self.source.name, "heat", layer, self.frame(frame))
        if self.overview is not None and self.in_overview(frame):
            known = self.overview["sum_abs"]
            return self._held(key, lambda: np.asarray(known.sel(layer=layer, frame=frame).values))
        values = data.sizes["neuron"] * (_FEW if _is_sparse(data) else self.size[0] * self.size[1])
        if self._kept.peek(key) is None and self.speed * values * 1e-9 > most_seconds:
            return self.speed * values * 1e-9

        def make() -> np.ndarray:
            start = time.perf_counter()
            found = sum_abs(data, [frame]).values[0].astype(np.float32)
            if not _is_sparse(data):
                self.learn(values, time.perf_counter() - start)
            return found

        return self._held(key, make)

    def learn(self, values: int, seconds: float) -> None:
        """Note what a heatmap of so many values took; of small ones nothing can be said about large ones."""
        if values >= _MANY:
            took = max(0.1, seconds * 1e9 / values)
            self.speed, self._timed = min(took, self.speed) if self._timed else took, True

    def source_frame(self, frame: int) -> np.ndarray:
        """(y, x, channel) float32 in [0, 1]; `InputError` where there is no video."""
        if self.video is None:
            raise InputError(f"There is no video of {self.source.name}: give it as video=, or use a folder of results.")
        if self.frame(frame) not in self.video["frame"]:
            known = ranges([int(one) for one in self.video["frame"].values])
            raise InputError(f"The video of {self.source.name} has no frame {frame}, only {known}.")
        found = self.video["frames"].sel(frame=frame).transpose("y", "x", "channel")
        return self._held((self.source.name, "video", frame), lambda: found.values.astype(np.float32))

    def reconstruction(self, frame: int) -> np.ndarray:
        """(y, x, channel) float32, clamped to [0, 1]; `InputError` where the network is not there."""
        key = (self.source.name, "reconstruction", self.frame(frame))
        if self.overview is not None and self.in_overview(frame):
            known = self.overview["reconstruction"]
            return self._held(key, lambda: np.asarray(known.sel(frame=frame).values))
        model = self.model
        if model is None:
            raise InputError(f"The network of {self.source.name} is not there: add model.pt beside its canvas.")
        if model.resolution != self.size:
            raise InputError(f"The network of {self.source.name} has another resolution than its maps.")
        return self._held(key, lambda: model.reconstruct(frame).clamp(0, 1).permute(1, 2, 0).cpu().numpy())

    def gained(self, name: str) -> xr.Dataset:
        """A layer with gained maps: of its canvas where it has gains, else of the network, dissected again."""
        if name not in self._gained:
            layer = self.layer(name)
            record, place = layer.attrs["xinc"], layer["contribution"].encoding.get("source")
            if record["gain"] == "kept" and place is not None:
                self._gained[name] = open_layer(place, gain=True)
            elif self.model is None or self.model.resolution != self.size:
                raise InputError(
                    f"Gained maps of {self.source.name} need gains in its canvas, or its network at the size of the "
                    "maps: write the canvas with gain: true, or add model.pt beside it."
                )
            else:
                of = {str(one.attrs["xinc"]["granularity"]) for one in self.layers.values()}
                own = of.pop() if len(of) == 1 else None
                from xinc.canvas.dissect import dissect

                tree = dissect(self.model, self.frames, list(self.layers), own, gain=True)
                self._gained = {key: node.to_dataset() for key, node in tree.children.items()} | self._gained
        return self._gained[name]


def _is_sparse(layer: xr.Dataset) -> bool:
    """Whether maps of a layer are zeros but for a few pixels."""
    return layer_type(layer.attrs["xinc"]["layer_type"]).sparse
