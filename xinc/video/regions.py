"""Groupings of a video's pixels (paper sections 4.2 and 6.2): instances, colours, Gabor responses, grid cells.

The same pixels are grouped in four ways, so that an analysis can ask which grouping a neuron's contributions respect.
What each one is stands in `build_regions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xinc.errors import InputError
from xinc.statistics.luma import LUMA, luma
from xinc.storage.datasets import open_store, write_dataset
from xinc.video.region_settings import RegionSettings

if TYPE_CHECKING:
    import xarray as xr

FORMAT, VERSION = "regions", 1
#: The groupings, in the order in which they are reported; a video without masks has no ``instances``.
GROUPINGS = ("instances", "rgb", "gabor", "grid")
#: Name of the region of all pixels that the masks leave out.
UNLABELLED = "unlabelled"
#: Pixels, drawn evenly from all frames, to which clusters are fitted, and starts of the k-means.
SAMPLE, STARTS = 20_000, 2
_PIXELS = ("frame", "y", "x")


def prepare_regions(video: str | Path, output: str | Path, settings: RegionSettings) -> None:
    """Group the pixels of a prepared video and write the label maps as a Zarr store, whole or not at all.

    Raises
    ------
    InputError : no such video, or settings that it cannot be grouped by; nothing is left behind.
    """
    from xinc.storage.atomic import whole_directory
    from xinc.video.store import open_video

    with open_video(video) as data:
        regions = build_regions(data, settings)
    with whole_directory(output) as partial:
        write_dataset(regions, partial)


def open_regions(path: str | Path) -> xr.Dataset:
    """The label maps that `prepare_regions` wrote; see `build_regions` for what is in them. Arrays are read when used.

    Raises
    ------
    InputError : no store, or one of another format or version.
    """
    return open_store(path, FORMAT, VERSION, "group the pixels of the video")


def build_regions(video: xr.Dataset, settings: RegionSettings) -> xr.Dataset:
    """Label maps (frame, y, x) int32 of a video, a frame at a time; the same for the same video and settings.

    Parameters
    ----------
    video : a dataset from `xinc.video.store.open_video`.

    Returns
    -------
    Dataset with

    - ``instances``, where the video has masks: see `instance_regions`; with ``instances_name``,
      ``instances_category`` and ``instances_isthing`` (instances_region);
    - ``rgb``: clusters of the colours of all frames by k-means, from dark to bright, with the mean colours
      ``rgb_colour`` (rgb_region, channel);
    - ``gabor``: clusters of the magnitudes of Gabor responses (`gabor_magnitudes`), each divided by its standard
      deviation, from weak to strong, with ``gabor_response`` (gabor_region, filter), the mean of these;
    - ``grid``: rectangles of sizes that differ by at most one pixel, row by row.

    Colours and responses that take fewer values than clusters were asked for make fewer clusters. Clusters are fitted
    to about 20,000 pixels drawn from all frames, and every pixel goes to the nearest centre.

    Notes
    -----
    Magnitudes of the filters are standardised because natural images have far more energy at low frequencies: clusters
    of the raw magnitudes would not see the others.
    """
    import xarray as xr

    size = video.sizes["y"], video.sizes["x"]
    variables: dict[str, Any] = {}
    if "instances" in video:
        found = instance_regions(video)
        text = "Things one by one, stuff by class, the unlabelled rest; -1 in frames without annotation"
        variables["instances"] = _variable(_PIXELS, found["label"].values, "instance", text)
        for name, text in (
            ("name", "name of the region"),
            ("category", "category of the region"),
            ("isthing", "whether the region is a thing, which is counted, and not stuff"),
        ):
            variables[f"instances_{name}"] = _variable(("instances_region",), found[name].values, text, text)
    generator = np.random.default_rng(settings.seed)
    labels, centres = _cluster(_colours(video), settings.rgb, settings.seed, generator, np.asarray(LUMA))
    variables["rgb"] = _variable(_PIXELS, labels.reshape(-1, *size), "colour cluster", "Clusters of pixel colours")
    text = "colour at the centre of the cluster, 0 to 1"
    variables["rgb_colour"] = _variable(("rgb_region", "channel"), centres.astype(np.float32), "colour", text)
    bank = [(angle, frequency) for frequency in settings.frequencies for angle in _angles(settings)]
    labels, centres = _cluster(_responses(video, bank), settings.gabor, settings.seed, generator, np.ones(len(bank)))
    text = "Clusters of the magnitudes of Gabor responses"
    variables["gabor"] = _variable(_PIXELS, labels.reshape(-1, *size), "Gabor cluster", text)
    text = "magnitude of the response at the centre of the cluster, in standard deviations of the filter's responses"
    variables["gabor_response"] = _variable(("gabor_region", "filter"), centres.astype(np.float32), "response", text)
    grid = np.broadcast_to(grid_labels(size, settings.grid), (video.sizes["frame"], *size))
    variables["grid"] = _variable(_PIXELS, grid, "grid cell", "Equal rectangles, row by row")
    coordinates: dict[str, Any] = {name: video[name] for name in _PIXELS}
    coordinates |= {
        "orientation": ("filter", np.degrees([a for a, _ in bank]), {"long_name": "orientation", "units": "degree"}),
        "frequency": ("filter", np.array([f for _, f in bank]), {"long_name": "frequency", "units": "cycles/pixel"}),
    }
    attributes = {"xinc_format": FORMAT, "version": VERSION, "settings": settings.model_dump_json()}
    return xr.Dataset(variables, coordinates, attributes)


def _variable(dims: tuple[str, ...], values: np.ndarray, long_name: str, description: str) -> Any:
    return dims, values, {"long_name": long_name, "units": "1", "description": description}


def instance_regions(video: xr.Dataset) -> xr.Dataset:
    """The annotated segments of a video as regions.

    Parameters
    ----------
    video : a video with masks.

    Returns
    -------
    Dataset with ``label`` (frame, y, x) int32, positions along ``region``: things one by one in the order of the
    segment table, then stuff by class, then the pixels that the masks leave out, where there are any; -1 in frames
    without annotation. ``name``, ``category`` (text) and ``isthing`` (bool) are per region.
    """
    import xarray as xr

    ids, categories = video["segment_id"].values.tolist(), [str(c) for c in video["category"].values]
    things = video["isthing"].values.astype(bool).tolist()
    table = list(zip(ids, categories, things, strict=True))
    rows = [(f"{category} {number}", category, True) for number, category, thing in table if thing]
    stuff = list(dict.fromkeys(category for _, category, thing in table if not thing))
    rows += [(category, category, False) for category in stuff]
    place = {number: at for at, (number, _, _) in enumerate(row for row in table if row[2])}
    place |= {number: len(place) + stuff.index(category) for number, category, thing in table if not thing}
    annotated = video["annotated"].values.astype(bool)
    masks = video["instances"].values
    labels = np.full(masks.shape, -1, np.int32)
    for number, position in place.items():
        labels[masks == number] = position
    rest = labels < 0
    rest[~annotated] = False
    labels[~annotated] = -1
    if rest.any():
        labels[rest] = len(rows)
        rows.append((UNLABELLED, UNLABELLED, False))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return xr.Dataset(
        {
            "label": (_PIXELS, labels),
            "name": ("region", np.array(columns[0], dtype=object)),
            "category": ("region", np.array(columns[1], dtype=object)),
            "isthing": ("region", np.array(columns[2], dtype=bool)),
        },
        {"frame": video["frame"]},
    )


def grid_labels(size: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Rectangles that tile an image, numbered row by row: int32 of shape ``size``, sides differ by at most one pixel.

    Raises
    ------
    InputError : fewer pixels than cells along an axis.

    Examples
    --------
    >>> grid_labels((2, 5), (1, 2))
    array([[0, 0, 0, 1, 1],
           [0, 0, 0, 1, 1]], dtype=int32)
    """
    if min(cells) < 1 or cells[0] > size[0] or cells[1] > size[1]:
        raise InputError(
            f"A grid of {cells[0]} x {cells[1]} cells does not fit on frames of {size[0]} x {size[1]} pixels: change "
            "regions.grid."
        )
    rows, columns = (np.arange(length) * count // length for length, count in zip(size, cells, strict=True))
    return (rows[:, None] * cells[1] + columns).astype(np.int32)


def gabor_magnitudes(grey: np.ndarray, bank: Sequence[tuple[float, float]]) -> np.ndarray:
    """Magnitude of the complex response of each Gabor filter (section 6.2), the image mirrored at its edges.

    It equals ``np.hypot(*skimage.filters.gabor(grey, frequency, theta=angle))``, by Fourier transforms.

    Parameters
    ----------
    grey : (y, x) floats.
    bank : (angle in radians, frequency in cycles per pixel) of each filter.

    Returns
    -------
    (y, x, filter) float64.
    """
    from scipy import fft
    from skimage.filters import gabor_kernel

    kernels = [gabor_kernel(frequency, theta=angle) for angle, frequency in bank]
    reach = [max(kernel.shape[axis] for kernel in kernels) // 2 for axis in (0, 1)]
    padded = np.pad(np.asarray(grey, np.float64), [(r, r) for r in reach], mode="symmetric")
    shape = tuple(fft.next_fast_len(length) for length in padded.shape)
    spectrum = fft.fft2(padded, shape)
    out = np.empty((*grey.shape, len(kernels)))
    for at, kernel in enumerate(kernels):
        # Where the kernel's centre lies on the padded image's pixel (reach), which is pixel 0 of the image.
        top, left = (r + k // 2 for r, k in zip(reach, kernel.shape, strict=True))
        response = fft.ifft2(spectrum * fft.fft2(kernel, shape))
        out[..., at] = abs(response[top : top + grey.shape[0], left : left + grey.shape[1]])
    return out


def _angles(settings: RegionSettings) -> list[float]:
    return [k * np.pi / settings.orientations for k in range(settings.orientations)]


class _Features:
    """Features (pixels, features) of every frame, made again each time they are gone through."""

    def __init__(self, frames: int, make: Any, standardise: bool) -> None:
        self.frames, self.make, self.standardise = frames, make, standardise

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.make(at) for at in range(self.frames))


def _colours(video: xr.Dataset) -> _Features:
    frames = video["frames"].transpose("frame", "y", "x", "channel")
    return _Features(video.sizes["frame"], lambda at: frames[at].values.reshape(-1, 3).astype(np.float64), False)


def _responses(video: xr.Dataset, bank: Sequence[tuple[float, float]]) -> _Features:
    frames = video["frames"].transpose("frame", "y", "x", "channel")

    def make(at: int) -> np.ndarray:
        grey = luma(frames[at].values.astype(np.float64))
        # Rounded, or noise of the transforms would make clusters of a flat image.
        return gabor_magnitudes(grey, bank).reshape(-1, len(bank)).round(10)

    return _Features(video.sizes["frame"], make, True)


def _cluster(
    features: _Features, clusters: int, seed: int, generator: np.random.Generator, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (frame, pixel) int32 and centres (cluster, feature), sorted by their product with ``order``."""
    each = -(-SAMPLE // features.frames)
    drawn = []
    for values in features:
        chosen = np.sort(generator.choice(len(values), min(each, len(values)), replace=False))
        drawn.append(values[chosen])
    sample = np.concatenate(drawn)
    scale = sample.std(0) if features.standardise else np.ones(sample.shape[1])
    scale[scale == 0] = 1
    centres = _centres(sample / scale, clusters, seed)
    centres = centres[np.argsort(centres @ order, kind="stable")]
    return np.stack([_nearest(values / scale, centres) for values in features]), centres


def _centres(sample: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Centres (cluster, feature) of a k-means of the sample; its distinct values where there are not more of them."""
    distinct = np.unique(sample, axis=0)
    if len(distinct) <= clusters:
        return distinct
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # On one thread: with several, sums and so the clusters depend on their number.
    with threadpool_limits(1):
        fitted = KMeans(clusters, n_init=STARTS, random_state=seed).fit(sample)
    return np.asarray(fitted.cluster_centers_, np.float64)


def _nearest(values: np.ndarray, centres: np.ndarray, block: int = 65536) -> np.ndarray:
    """Position of the centre nearest to each of the values (pixel, feature): int32."""
    squares = (centres**2).sum(1)
    parts = [values[start : start + block] for start in range(0, len(values), block)]
    return np.concatenate([(squares - 2 * part @ centres.T).argmin(1) for part in parts]).astype(np.int32)
