"""Definitions of the released notebooks and of the paper's words, against plain loops and closed forms."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import ndimage
from skimage.filters import gabor_kernel
from sklearn.metrics import silhouette_score

import xinc
from tests.helpers.subjects import Make
from xinc.analyses.making import make_analysis
from xinc.analyses.released.deltas import absolute, with_union
from xinc.analyses.released.gabor import released_gabor_labels, released_responses
from xinc.analyses.released.lattices import constant_kernel_variances, lattice_labels
from xinc.analyses.released.numbers import DEFINITIONS, GROUPINGS, variants_of
from xinc.analyses.released.pairing import released_pairs
from xinc.analyses.released.plane import MEASURES
from xinc.analyses.subject import Subject
from xinc.errors import InputError
from xinc.models.storage import build
from xinc.video.regions import UNLABELLED

RNG = np.random.default_rng(0)
SIZE = (9, 14)
OFF = {"max_neurons": 2, "gabor": 4}  # two neurons are too few to be clustered


def subject_of(maps: dict[str, np.ndarray], annotated: list[int] | None = None, seed: int = 1) -> Subject:
    """Layers (frame, neuron, y, x), and label maps of two objects and the rest, in these frames or in all."""
    draw = np.random.default_rng(seed)
    frames, _, *size = next(iter(maps.values())).shape
    axes = {"frame": range(frames), "y": range(size[0]), "x": range(size[1])}
    pixels = ("frame", "y", "x")
    known = np.isin(range(frames), range(frames) if annotated is None else annotated)
    instances = draw.integers(0, 3, (frames, *size)).astype(np.int32)
    instances[~known] = -1
    labels = {name: draw.integers(0, 5, (frames, *size)).astype(np.int32) for name in ("rgb", "gabor")}
    subject = Subject(video_path=Path("nowhere"))
    subject.__dict__["video"] = xr.Dataset(
        {"frames": ((*pixels, "channel"), draw.random((frames, *size, 3))), "annotated": ("frame", known)}, axes
    )
    subject.__dict__["regions"] = xr.Dataset(
        {name: (pixels, label) for name, label in (labels | {"instances": instances}).items()}
        | {"instances_name": ("instances_region", np.array(["dog 1", "sky", UNLABELLED], dtype=object))},
        axes,
    )
    subject.__dict__["canvas"] = {
        name: xr.Dataset(
            {"contribution": (("frame", "neuron", "y", "x"), own.astype(np.float32))},
            axes | {"neuron": range(own.shape[1])},
        )
        for name, own in maps.items()
    }
    return subject


def plain_deltas(magnitude: np.ndarray, regions: list[list[tuple[int, int]]]) -> list[float]:
    """The paper's equation, in plain loops over lists of pixels (y, x)."""
    total = sum(magnitude[y, x] for y in range(magnitude.shape[0]) for x in range(magnitude.shape[1]))
    found = []
    for region in regions:
        expected = total * len(region) / magnitude.size
        found.append((sum(magnitude[y, x] for y, x in region) - expected) / expected)
    return found


def plain_variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def lattice(size: tuple[int, int], tile: tuple[int, int]) -> list[list[tuple[int, int]]]:
    """Of every place within a tile, that pixel of all whole tiles."""
    tiles = [(i, j) for i in range(size[0] // tile[0]) for j in range(size[1] // tile[1])]
    return [[(i * tile[0] + a, j * tile[1] + b) for i, j in tiles] for a in range(tile[0]) for b in range(tile[1])]


def rectangles(size: tuple[int, int], cells: tuple[int, int]) -> list[list[tuple[int, int]]]:
    found: list[list[tuple[int, int]]] = [[] for _ in range(cells[0] * cells[1])]
    for y in range(size[0]):
        for x in range(size[1]):
            found[y * cells[0] // size[0] * cells[1] + x * cells[1] // size[1]].append((y, x))
    return found


def pixels_of(labels: np.ndarray, *known: int) -> list[list[tuple[int, int]]]:
    return [list(zip(*np.nonzero(labels == k), strict=True)) for k in known]


@pytest.fixture(scope="module")
def made() -> tuple[Subject, xr.Dataset]:
    """A subject of one frame, with a dead neuron, and its result."""
    maps = RNG.standard_normal((1, 4, *SIZE)) ** 3
    maps[0, 2] = 0
    subject = subject_of({"a": maps})
    return subject, make_analysis("released", OFF | {"lattices": [[4, 6], [2, 4]]}).compute(subject).sel(
        layer="a", frame=0
    )


@pytest.mark.parametrize("regions", ["lattice_4x6", "lattice_2x4", "grid_4x6", "grid_2x4", "rgb", "instances_union"])
def test_against_plain_loops(made: tuple[Subject, xr.Dataset], regions: str) -> None:
    subject, result = made
    labels = {name: subject.regions[name].values[0] for name in ("rgb", "instances")}
    objects = pixels_of(labels["instances"], 0, 1)
    chosen = {
        "lattice_4x6": lattice(SIZE, (4, 6)),
        "lattice_2x4": lattice(SIZE, (2, 4)),
        "grid_4x6": rectangles(SIZE, (4, 6)),
        "grid_2x4": rectangles(SIZE, (2, 4)),
        "rgb": pixels_of(labels["rgb"], *range(5)),
        "instances_union": [*objects, objects[0] + objects[1]],
    }[regions]
    for neuron in range(4):
        magnitude = abs(subject.canvas["a"]["contribution"].values[0, neuron].astype(float))
        found = result["variance"].sel(regions=regions, neuron=neuron)
        if not magnitude.any():
            assert found.isnull().all()
            continue
        signed = plain_deltas(magnitude, chosen)
        assert float(found.sel(delta="signed")) == pytest.approx(plain_variance(signed), rel=1e-5)
        assert float(found.sel(delta="absolute")) == pytest.approx(plain_variance([abs(d) for d in signed]), rel=1e-5)
    assert int(result["dead"]) == 1


def test_a_lattice_is_the_pixels_at_one_place_of_all_tiles() -> None:
    for size, tile in (((8, 16), (4, 8)), (SIZE, (4, 6)), ((4, 6), (4, 6))):
        labels = lattice_labels(size, tile)
        for label, region in enumerate(lattice(size, tile)):
            assert set(region) == set(zip(*np.nonzero(labels == label), strict=True))
        assert (labels < 0).sum() == size[0] * size[1] - size[0] // tile[0] * tile[0] * (size[1] // tile[1] * tile[1])


def variance_over(maps: np.ndarray, regions: str, **settings: object) -> np.ndarray:
    """Signed variance (neuron,) of maps (neuron, y, x)."""
    result = make_analysis("released", OFF | settings).compute(subject_of({"a": maps[None]}))
    found: np.ndarray = result["variance"].sel(layer="a", frame=0, regions=regions, delta="signed").values
    return found


def test_a_constant_map_has_no_variance_over_lattice_or_grid() -> None:
    maps = np.full((1, 16, 25), -0.3)
    for regions in ("lattice_4x8", "lattice_4x6", "grid_4x8", "grid_4x6"):
        assert variance_over(maps, regions).tolist() == [0]


def test_a_lattice_does_not_see_where_the_pixels_of_a_class_lie() -> None:
    """One half of the frame alone contributes: extreme over rectangles, nothing over the lattice."""
    maps = np.zeros((2, 16, 32))
    maps[0, :8] = 1
    maps[1] = maps[0]
    labels = lattice_labels((16, 32), (4, 8))
    for label in range(32):
        there = labels == label
        maps[1][there] = RNG.permutation(maps[0][there])
    over_lattice, over_grid = variance_over(maps, "lattice_4x8"), variance_over(maps, "grid_4x8")
    np.testing.assert_allclose(over_lattice, 0, atol=1e-9)
    assert over_grid[0] == pytest.approx(32 / 31)
    assert over_grid[1] < over_grid[0] / 4
    maps = np.stack([RNG.random((16, 32)) ** 4] * 2)
    for label in range(32):
        there = labels == label
        maps[1][there] = RNG.permutation(maps[1][there])
    found = variance_over(maps, "lattice_4x8")
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def exact_profile(length: int, side: int, phase: int) -> list[Fraction]:
    """Sums by position modulo ``side`` along an axis, relative to what is expected, of every second place, boxed by 3.

    A place of the phase has itself in its box; one between two of them has both, but at the frame's end one.
    """
    on = [y % 2 == phase for y in range(length)]
    values = [sum(on[max(y - 1, 0) : y + 2]) for y in range(length)]
    tiles = length // side
    classes = [sum(values[i * side + a] for i in range(tiles)) for a in range(side)]
    return [Fraction(one * length, sum(values) * tiles) for one in classes]


@pytest.mark.parametrize(("tile", "phase", "rounded"), [((4, 8), 0, 0.238), ((4, 8), 1, 0.238), ((4, 6), 0, 0.243)])
def test_the_closed_form_of_a_constant_kernel_at_the_papers_size(
    tile: tuple[int, int], phase: int, rounded: float
) -> None:
    ratios = [a * b for a in exact_profile(128, tile[0], phase) for b in exact_profile(256, tile[1], phase)]
    mean = sum(ratios) / len(ratios)
    exact = sum((ratio - mean) ** 2 for ratio in ratios) / (len(ratios) - 1)
    assert round(float(exact), 3) == rounded
    # Phases are numbered row by row: 0 is (0, 0), 3 is (1, 1).
    found = constant_kernel_variances((128, 256), tile, 2, 3)
    assert found.shape == (4,)
    assert found[3 * phase] == pytest.approx(float(exact), rel=1e-12)


def test_the_closed_form_without_borders() -> None:
    """Values 1, 2, 2 and 4 in equal numbers: deltas 5/9, 1/9, 1/9 and −7/9, of variance 19/81 · n / (n − 1)."""
    assert constant_kernel_variances((4000, 8000), (4, 8), 2, 3) == pytest.approx(19 / 81 * 32 / 31, abs=2e-4)
    assert constant_kernel_variances((4000, 8000), (4, 6), 2, 3) == pytest.approx(19 / 81 * 24 / 23, abs=2e-4)


def test_the_closed_form_is_what_a_network_with_constant_kernels_gives() -> None:
    settings = {"widths": [2, 2, 2], "strides": [2, 2], "embed_levels": 4}
    model = build("nerv", settings, (16, 40), range(1), 1)
    block = dict(model.named_modules())
    convolutions = [m for m in block.values() if isinstance(m, torch.nn.Conv2d)]
    with torch.no_grad():
        last = convolutions[-2]
        last.weight.zero_()
        last.bias.copy_(torch.linspace(0.5, 2, len(last.bias)))
    layer = xinc.dissect(model, layers=["block2"])["block2"].to_dataset()
    subject = subject_of({"block2": np.zeros((1, 1, 16, 40))})
    subject.__dict__["canvas"] = {"block2": layer}
    result = make_analysis("released", OFF).compute(subject).sel(layer="block2", frame=0)
    for tile in ((4, 8), (4, 6)):
        name = f"{tile[0]}x{tile[1]}"
        expected = constant_kernel_variances((16, 40), tile, 2, 3)
        phases = 2 * layer["phase_y"].values + layer["phase_x"].values
        found = result["variance"].sel(regions=f"lattice_{name}", delta="signed").values
        np.testing.assert_allclose(found, expected[phases], rtol=1e-4)
        assert float(result["constant_kernel"].sel(lattice=name)) == pytest.approx(expected.mean())


def test_written_is_what_grouping_finds(subjects: Make) -> None:
    subject = subjects("nerv")
    released = make_analysis("released", OFF).compute(subject)
    grouping = make_analysis("grouping", {"shifts": 8, "neurons": 2}).compute(subject)
    assert released["frame"].values.tolist() == grouping["frame"].values.tolist()
    assert (released["picture_frame"] == released["frame"]).all()
    for name in GROUPINGS:
        regions, delta = variants_of(name, "4x8")["written"]
        found = released["variance"].sel(regions=regions, delta=delta).transpose("layer", "frame", "neuron")
        own = grouping["variance"].sel(grouping=name).transpose("layer", "frame", "neuron")
        np.testing.assert_allclose(found.values, own.values, rtol=1e-5, atol=1e-9)
    assert np.isfinite(released["constant_kernel"].sel(layer="block2")).all()
    assert released["constant_kernel"].sel(layer=["block1", "head"]).isnull().all()


def test_other_is_the_union_of_objects_as_released_and_the_rest_as_written(made: tuple[Subject, xr.Dataset]) -> None:
    subject, result = made
    labels = subject.regions["instances"].values[0]
    parts: dict[str, list[list[float]]] = {"other_share": [[], []], "objects_share": [[], []]}
    for magnitude in abs(subject.canvas["a"]["contribution"].values[0].astype(float)):
        if magnitude.any():
            objects = [magnitude[labels == k].mean() for k in (0, 1)]
            for at, other in enumerate((labels == 2, labels != 2)):
                parts["other_share"][at].append(magnitude[other].sum() / magnitude.sum())
                parts["objects_share"][at].append(sum(objects) / (sum(objects) + magnitude[other].mean()))
    for name, values in parts.items():
        np.testing.assert_allclose(result[name].values, np.median(values, axis=1), rtol=1e-5)


def test_a_frame_that_masks_fill_has_no_other_as_written() -> None:
    sums, areas = np.array([[[3.0, 1.0]]]), np.array([[2, 2]])
    whole, union = with_union(sums, areas, np.array([False, False]))
    assert whole.tolist() == [[[3, 1, 4]]]
    assert union.tolist() == [[2, 2, 4]]
    subject = subject_of({"a": RNG.random((1, 2, 8, 12))})
    subject.regions["instances"] = subject.regions["instances"].clip(max=1)
    result = make_analysis("released", OFF).compute(subject).sel(layer="a", frame=0)
    assert result["other_share"].values.tolist() == pytest.approx([0, 1])
    assert float(result["objects_share"].sel(definition="written")) == 1
    # Two objects and their union, the mean of which lies between theirs.
    assert float(result["objects_share"].sel(definition="released")) == pytest.approx(2 / 3, abs=0.05)


def test_frames_and_videos_without_masks_say_nothing_of_objects() -> None:
    maps = RNG.random((2, 3, 8, 12))
    result = make_analysis("released", OFF | {"frames": "all"}).compute(subject_of({"a": maps}, annotated=[1]))
    for name in ("other_share", "objects_share"):
        assert result[name].isnull().sel(layer="a", definition="released").values.tolist() == [True, False]
    assert result["variance"].sel(regions="instances", frame=0).isnull().all()
    bare = subject_of({"a": maps})
    bare.__dict__["regions"] = bare.regions.drop_vars(["instances", "instances_name"])
    analysis = make_analysis("released", OFF)
    result = analysis.compute(bare)
    assert not [name for name in result["regions"].values if "instances" in name]
    table = analysis.table(result)
    assert table is not None
    assert not table["number"].str.contains("instances|other|objects").any()
    assert list(analysis.plot(result)) == ["frame0", "frame1"]


def test_released_gabor_filters_are_six_of_one_orientation_on_bytes() -> None:
    colours = np.zeros((24, 32, 3))
    colours[6:18, 8:20] = RNG.random((12, 12, 1))
    found = released_responses(colours)
    assert found.shape == (24, 32, 6)
    grey = (colours[..., 0] * 255).astype(np.uint8)
    for at, (sigma, frequency) in enumerate((s, f) for s in (1, 3) for f in (0.05, 0.25, 0.5)):
        kernel = np.real(gabor_kernel(frequency, theta=0, sigma_x=sigma, sigma_y=sigma))
        exact = ndimage.convolve(grey.astype(float), kernel, mode="wrap")
        # Cut off towards zero; what is negative comes in again from above.
        expected = [[int(value) % 256 for value in row] for row in exact]
        assert found[..., at].tolist() == expected
        in_bytes = ndimage.convolve(grey, kernel, mode="wrap")
        assert (found[..., at] == in_bytes)[exact < 255].all()
    assert (found > 200).any(), "negative responses are wrapped"


def test_released_gabor_labels() -> None:
    colours = RNG.random((16, 24, 3))
    labels = released_gabor_labels(colours, 5)
    assert labels.shape == (16, 24)
    assert np.unique(labels).tolist() == [0, 1, 2, 3, 4]
    assert (labels == released_gabor_labels(colours, 5)).all()
    assert np.unique(released_gabor_labels(np.zeros((16, 24, 3)), 5)).tolist() == [0]


def test_layer3_is_counted_from_layer2(subjects: Make) -> None:
    subject = subjects("ffn")
    result = make_analysis("released", OFF).compute(subject)
    for frame in result["frame"].values:
        two, three = (
            abs(subject.canvas[n]["contribution"].sel(frame=frame).values.astype(float)) for n in ("layer2", "layer3")
        )
        ordered = np.sort(three.ravel())
        area = np.cumsum(ordered)
        for percent in (10, 50):
            tau = ordered[np.searchsorted(area, percent / 100 * area[-1])]
            for definition, counted in (("written", three), ("released", two)):
                density = (counted > tau).sum(0) / len(three)
                expected = density.std() / density.mean() if density.any() else np.nan
                found = result["layer3_variation"].sel(definition=definition, frame=frame, percent=percent)
                np.testing.assert_allclose(float(found), expected, rtol=1e-6)
    table = make_analysis("released").table(result)
    assert table is not None
    assert set(table[table["number"].str.contains("layer 3")]["layer"]) == {"layer3"}
    assert make_analysis("released", OFF).compute(subjects("nerv"))["layer3_variation"].isnull().all()


def test_clusters_are_made_in_the_plane_and_measured_in_both_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def first_two(vectors: np.ndarray, neighbours: int, seed: int) -> np.ndarray:
        seen.append((len(vectors), neighbours, seed))
        return vectors[:, :2] * np.array([100.0, 1.0])

    monkeypatch.setattr("xinc.analyses.released.plane.layout", first_two)
    maps = {name: RNG.random((1, 40, 8, 12)) for name in ("head", "block1", "mine")}
    subject = subject_of(maps)
    result = make_analysis("released", {"clusters": 3, "max_neurons": 30, "gabor": 4}).compute(subject)
    # Each twice: the vectors, and a normal distribution like theirs.
    assert seen == [(30, n, 0) for n in (5, 5, 150, 150, 15, 15)]
    found = result["silhouette"].sel(layer="mine", frame=0)
    assert found["measure"].values.tolist() == list(MEASURES)
    assert found.notnull().all()
    everyone = make_analysis("released", {"clusters": 3, "gabor": 4}).compute(subject).sel(layer="mine", frame=0)
    scaled = maps["mine"][0].astype(np.float32).astype(float)
    low, high = (f(scaled, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
    labels = subject.regions["gabor"].values[0]
    vectors = np.stack([((scaled - low) / (high - low))[:, labels == k].mean(1) for k in range(5)], axis=1)
    from sklearn.cluster import KMeans

    plane = vectors[:, :2] * np.array([100.0, 1.0])
    in_plane = KMeans(3, n_init=10, random_state=0).fit_predict(plane)
    for measure, space in (("plane", plane), ("plane_in_vectors", vectors)):
        expected = silhouette_score(space, in_plane)
        assert float(everyone["silhouette"].sel(measure=measure)) == pytest.approx(expected, abs=1e-4)
    own = KMeans(3, n_init=10, random_state=0).fit_predict(vectors)
    expected = silhouette_score(vectors, own)
    assert float(everyone["silhouette"].sel(measure="vectors")) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_one_normal_distribution_falls_into_clusters_in_the_plane() -> None:
    vectors = RNG.standard_normal((300, 20))
    maps = (vectors @ RNG.standard_normal((20, 8 * 12))).reshape(1, 300, 8, 12)
    found = (
        make_analysis("released", {"gabor": 4}).compute(subject_of({"a": maps}))["silhouette"].sel(layer="a", frame=0)
    )
    assert float(found.sel(measure="vectors")) < 0.2
    assert float(found.sel(measure="plane")) > 0.3
    assert float(found.sel(measure="gaussian_plane")) > 0.3
    assert float(found.sel(measure="plane_in_vectors")) < float(found.sel(measure="vectors"))


@pytest.mark.slow
def test_cityscapes_frames_are_paired_with_the_network_four_frames_before() -> None:
    masked, before = [4, 9, 14, 19, 24, 29], [0, 5, 10, 15, 20, 25]
    assert released_pairs(masked, list(range(30))) == dict(zip(before, masked, strict=True))
    assert released_pairs(list(range(7)), list(range(7))) == {f: f for f in range(7)}
    maps = RNG.random((30, 3, 8, 12))
    subject = subject_of({"a": maps}, annotated=masked)
    released = make_analysis("released", OFF | {"frames": "all", "offset": "released"}).compute(subject)
    by_four = make_analysis("released", OFF | {"frames": before, "offset": 4}).compute(subject)
    assert released["frame"].values.tolist() == before
    assert released["picture_frame"].values.tolist() == masked
    xr.testing.assert_identical(released.drop_attrs(), by_four.drop_attrs())
    shifted = subject_of({"a": np.roll(maps, 4, axis=0)}, annotated=masked)
    right = make_analysis("released", OFF | {"frames": masked}).compute(shifted)
    np.testing.assert_allclose(released["variance"], right["variance"])
    assert (released.attrs["offset"], right.attrs["offset"]) == ("released", "0")
    figure = make_analysis("released").plot(released)["frame5"]
    assert "frame 5 beside the picture's frame 9" in figure._suptitle.get_text()  # type: ignore[attr-defined]


def test_networks_of_one_frame_are_paired_with_it(subjects: Make) -> None:
    result = make_analysis("released", OFF | {"offset": "released"}).compute(subjects("ffn"))
    assert (result["picture_frame"] == result["frame"]).all()


def test_frames_with_masks_are_preferred() -> None:
    subject = subject_of({"a": RNG.random((6, 2, 8, 12))}, annotated=[2, 5])
    assert make_analysis("released", OFF).compute(subject)["frame"].values.tolist() == [2, 5]
    assert make_analysis("released", OFF | {"offset": 1}).compute(subject)["frame"].values.tolist() == [1, 4]
    assert make_analysis("released", OFF | {"frames": [0]}).compute(subject)["frame"].values.tolist() == [0]


def test_a_canvas_without_the_frames_of_an_offset_says_which_it_needs() -> None:
    subject = subject_of({"a": RNG.random((30, 2, 8, 12))}, annotated=[4, 9, 14, 19, 24, 29])
    subject.__dict__["canvas"] = {"a": subject.canvas["a"].sel(frame=[4, 9])}
    with pytest.raises(InputError, match=r"needs the network's frames 0, 5, 10, .* the canvas has frames 4, 9: add"):
        make_analysis("released", {"offset": "released"}).compute(subject)
    with pytest.raises(InputError, match=r"Frames 9 were asked for, but the canvas, with this offset, has frames 4:"):
        make_analysis("released", {"offset": 25, "frames": [9]}).compute(subject)


def test_a_lattice_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(InputError, match=r"lattice of 4 x 50 does not fit on frames of 8 x 12 .*released.lattices"):
        variance_over(RNG.random((1, 8, 12)), "lattice_4x50", lattices=[[4, 50]])


def test_layers_that_contribute_nothing_and_flat_pictures_have_no_numbers() -> None:
    subject = subject_of({"layer2": np.zeros((1, 3, 8, 12)), "layer3": np.zeros((1, 3, 8, 12))})
    subject.video["frames"][:] = 0
    for name in ("rgb", "gabor", "instances"):
        subject.regions[name][:] = 0
    analysis = make_analysis("released")
    result = analysis.compute(subject)
    assert (result["dead"] == 3).all()
    for name in ("variance", "silhouette", "other_share", "objects_share", "layer3_variation", "constant_kernel"):
        assert result[name].isnull().all(), name
    table = analysis.table(result)
    assert table is not None
    assert list(table.columns) == ["layer", "frame", "number", *DEFINITIONS]
    assert not len(table)
    assert "no variance" in {text.get_text() for axis in analysis.plot(result)["frame0"].axes for text in axis.texts}
    live = subject_of({"layer3": RNG.random((1, 3, 8, 12))})
    live.__dict__["regions"] = subject.regions
    result = analysis.compute(live)
    assert result["variance"].sel(regions=["rgb", "gabor", "instances"]).isnull().all()
    assert result["variance"].sel(regions=["grid_4x8", "lattice_4x8"]).notnull().all()


def test_the_table_has_both_definitions_side_by_side(made: tuple[Subject, xr.Dataset]) -> None:
    subject, _ = made
    result = make_analysis("released", OFF | {"lattices": [[4, 6], [2, 4]]}).compute(subject)
    table = make_analysis("released").table(result)
    assert table is not None
    assert list(table.columns) == ["layer", "frame", "number", *DEFINITIONS]
    rows = table.set_index("number")
    assert {f"variance over {name}" for name in ("instances", "rgb", "gabor", "grid 4x6", "grid 2x4")} <= set(
        rows.index
    )
    medians = result["variance"].median("neuron").sel(layer="a", frame=0)
    assert rows.loc["variance over grid 4x6", "released"] == float(medians.sel(regions="lattice_4x6", delta="signed"))
    assert rows.loc["variance over rgb", "released"] == float(medians.sel(regions="rgb", delta="absolute"))
    assert rows.loc["variance over instances", "released"] == float(
        medians.sel(regions="instances_union", delta="absolute")
    )
    assert (absolute(np.array([-2.0, 1.0])) == [2, 1]).all()


def test_clusters_may_be_left_out(subjects: Make) -> None:
    result = make_analysis("released", {"clusters": None, "frames": 1}).compute(subjects("nerv"))
    assert result["silhouette"].isnull().all()
    assert result["variance"].notnull().any()
