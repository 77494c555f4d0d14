"""Every claim on canvases built for it and against it, and where chance explains what is seen."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.stats import rankdata

from tests.helpers import made_groups as groups
from tests.helpers import made_motions as motions
from tests.helpers import made_things as things
from tests.helpers.judged import CLAIMS, FAILS, HOLDS, UNCLEAR, judged, row_of
from tests.helpers.made import made
from tests.helpers.made_prunings import pruned
from tests.helpers.made_types import networks, types
from xinc.analyses.faithfulness.intervals import effect_of_idle, paired_difference, ranked_better
from xinc.analyses.findings.comparisons import Pair
from xinc.analyses.making import make_analysis
from xinc.statistics.images import edges_of, intensity_of
from xinc.statistics.standing import labelled

HEIGHT, WIDTH = 16, 24
Case = Callable[[], tuple[Any, str]]


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape or (HEIGHT, WIDTH))


def first_unclear(name: str, cases: Iterator[tuple[Any, str]]) -> tuple[Any, str]:
    """The first of random canvases that lies beyond the threshold by chance."""
    return next((about, layer) for about, layer in cases if judged(name, about, layer) == UNCLEAR)


def kept(make: Callable[..., tuple[Any, str]]) -> Callable[..., tuple[Any, str]]:
    """A function that computes once for the same arguments: several claims look at one canvas."""
    known: dict[bytes, tuple[Any, str]] = {}

    @functools.wraps(make)
    def once(*arguments: Any, **named: Any) -> tuple[Any, str]:
        key = pickle.dumps((arguments, sorted(named.items())))
        if key not in known:
            known[key] = make(*arguments, **named)
        return known[key]

    return once


# The frames: noise, and stripes of period 4, of which a quarter of all shifts are the same picture.
NOISE = random(1, HEIGHT, WIDTH, 3)
STRIPES = np.tile(random(2, 4, 3), (HEIGHT, WIDTH // 4, 1))


def bright(picture: np.ndarray) -> np.ndarray:
    out: np.ndarray = intensity_of(xr.DataArray(picture[None], dims=("frame", "y", "x", "channel"))).values[0]
    return out


def edges(picture: np.ndarray) -> np.ndarray:
    out: np.ndarray = edges_of(xr.DataArray(picture[None], dims=("frame", "y", "x", "channel"))).values[0]
    return out


@kept
def heat(values: np.ndarray, picture: np.ndarray = NOISE, layer: str = "layer", people: Any = None) -> tuple[Any, str]:
    """The analysis of intensity, of a layer with this heatmap (y, x)."""
    subject = made(picture[None], **{layer: (values - min(values.min(), 0.0))[None, None]})
    if people is not None:
        subject.__dict__["video"] = subject.video.assign(
            instances=(("frame", "y", "x"), people[None].astype(np.int32)),
            annotated=("frame", [True]),
            segment_id=("segment", [1]),
            category=("segment", np.array(["person"], object)),
            isthing=("segment", [True]),
        )
    return make_analysis("intensity").compute(subject), layer


def noise_heats(**others: Any) -> Iterator[tuple[Any, str]]:
    return (heat(random(seed), **others) for seed in range(100, 200))


PERSON = np.zeros((HEIGHT, WIDTH), int)
PERSON[4:10, 6:10] = 1
ALIKE = np.where(edges(NOISE) >= np.quantile(edges(NOISE), 0.9), 0.5, random(3))
SPOT = np.zeros((HEIGHT, WIDTH))
SPOT[np.unravel_index(edges(NOISE).argmin(), SPOT.shape)] = 1


def intensity_cases(layer: str = "layer", power: float = 1.0) -> dict[str, Case]:
    return {
        HOLDS: lambda: heat(bright(NOISE) ** power, layer=layer),
        FAILS: lambda: heat(-bright(NOISE), layer=layer),
        UNCLEAR: lambda: heat(bright(STRIPES), STRIPES, layer=layer),
    }


def edge_cases(name: str) -> dict[str, Case]:
    return {
        HOLDS: lambda: heat(edges(NOISE)),
        FAILS: lambda: heat(-edges(NOISE)),
        UNCLEAR: lambda: first_unclear(name, noise_heats()),
    }


def people_cases(name: str, layer: str) -> dict[str, Case]:
    with_people = functools.partial(heat, layer=layer, people=PERSON)
    return {
        HOLDS: lambda: with_people(bright(NOISE) + PERSON),
        FAILS: lambda: with_people(bright(NOISE) - PERSON),
        UNCLEAR: lambda: first_unclear(name, noise_heats(layer=layer, people=PERSON)),
    }


INTENSITY: dict[str, dict[str, Case]] = {
    "intensity_biased": intensity_cases(),
    "contribution_follows_intensity": intensity_cases(),
    "ffn_layer3_is_intensity": intensity_cases("layer3"),
    "ffn_magnitude_is_intensity": intensity_cases("layer2"),
    "represent_to_omit": {
        HOLDS: lambda: heat(-bright(NOISE)),
        FAILS: lambda: heat(bright(NOISE)),
        UNCLEAR: lambda: heat(-bright(STRIPES), STRIPES),
    },
    "more_than_magnitude": {HOLDS: lambda: heat(-bright(NOISE)), FAILS: lambda: heat(bright(NOISE) ** 3)},
    "attend_to_edges": edge_cases("attend_to_edges"),
    "edges_beside_intensity": edge_cases("edges_beside_intensity"),
    "not_intensity_alone": {HOLDS: lambda: heat(random(4)), FAILS: lambda: heat(bright(NOISE))},
    "nerv_over_represents_people": people_cases("nerv_over_represents_people", "head"),
    "ffn_layer2_over_represents_people": people_cases("ffn_layer2_over_represents_people", "layer2"),
    "edges_not_alike": {
        HOLDS: lambda: heat(random(5)),
        FAILS: lambda: heat(ALIKE),
        # All edges are alike, but so are nearly all places.
        UNCLEAR: lambda: heat(SPOT),
    },
}


def dedicated(where: np.ndarray, neurons: int = 20) -> np.ndarray:
    """Maps (1, neuron, y, x) of 2, of which the more neurons have 10 the higher ``where`` (y, x) is."""
    rank = rankdata(where, "dense").reshape(where.shape)
    return np.where(np.arange(neurons)[:, None, None] < neurons * rank / rank.max(), 10.0, 2.0)[None]


def emerging(where: np.ndarray) -> np.ndarray:
    """Many weak neurons where ``where`` is low, and few strong ones where it is high."""
    weak, strong = dedicated(-where, 20) > 2, dedicated(where, 4) > 2
    sizes = 2 + 2 * random(6, *weak.shape), 50 + 50 * random(7, *strong.shape)
    return np.concatenate([np.where(weak, sizes[0], 0.01), np.where(strong, sizes[1], 0.01)], axis=1)


@kept
def density(maps: np.ndarray, picture: np.ndarray = NOISE, **others: np.ndarray) -> tuple[Any, str]:
    """The analysis of neurons per pixel; ``others``: layers after the first, ``layer``."""
    return make_analysis("neurons_per_pixel").compute(made(picture[None], layer=maps, **others)), "layer"


@functools.cache
def noisy_density(seed: int) -> tuple[Any, str]:
    return density(np.random.default_rng(seed).lognormal(0, 1, (1, 20, HEIGHT, WIDTH)))


def dense_noise() -> Iterator[tuple[Any, str]]:
    return (noisy_density(seed) for seed in range(100, 200))


ONE_FOR_ALL = np.where(np.arange(20)[:, None, None] == 0, 1, 0.001 * random(8, 20, HEIGHT, WIDTH))[None]
MANY = random(9, 1, 20, HEIGHT, WIDTH)
UNEVEN = dedicated(bright(NOISE)) * (0.5 + random(10, 1, 20, HEIGHT, WIDTH))
DENSITY: dict[str, dict[str, Case]] = {
    "more_neurons_where_bright": {
        HOLDS: lambda: density(dedicated(bright(NOISE))),
        FAILS: lambda: density(dedicated(-bright(NOISE))),
        UNCLEAR: lambda: density(dedicated(bright(STRIPES)), STRIPES),
    },
    "more_neurons_where_textured": {
        HOLDS: lambda: density(dedicated(edges(NOISE))),
        FAILS: lambda: density(dedicated(-edges(NOISE))),
        UNCLEAR: lambda: first_unclear("more_neurons_where_textured", dense_noise()),
    },
    "nerv_densest_pixels_are_edges": {
        HOLDS: lambda: density(emerging(edges(NOISE))),
        FAILS: lambda: density(emerging(-edges(NOISE))),
        UNCLEAR: lambda: first_unclear("nerv_densest_pixels_are_edges", dense_noise()),
    },
    "nerv_threshold_reveals_edges": {
        HOLDS: lambda: density(emerging(edges(NOISE))),
        FAILS: lambda: density(emerging(-edges(NOISE))),
        UNCLEAR: lambda: first_unclear("nerv_threshold_reveals_edges", dense_noise()),
    },
    "many_neurons_per_pixel": {HOLDS: lambda: density(MANY), FAILS: lambda: density(ONE_FOR_ALL)},
    "last_layer_is_sharpest": {
        HOLDS: lambda: density(MANY, last=UNEVEN),
        FAILS: lambda: density(UNEVEN, last=MANY),
    },
}


@kept
def pixels(layer: str, drawn: float = 0.0, idle: float = np.nan, **layers: np.ndarray) -> tuple[Any, str]:
    """With shares of an i.i.d. network's neurons that represent nothing, and of the dead ones without effect."""
    subject = made(np.zeros((1, HEIGHT, WIDTH, 3)), **layers)
    result = make_analysis("pixels_per_neuron").compute(subject)
    names = result["layer"].dims
    return result.assign(
        null_almost_none=(names, np.full(len(layers), drawn)), dead_no_effect=result["dead"] * idle
    ), layer


def random_layers(layer: str) -> Iterator[tuple[Any, str]]:
    return (pixels(layer, layer1=random(s, 1, 6, 16, 24), layer2=random(s + 1000, 1, 6, 16, 24)) for s in range(100))


HALF_DEAD = MANY * (np.arange(20) % 2)[None, :, None, None]
PIXELS: dict[str, dict[str, Case]] = {
    "many_pixels_per_neuron": {
        HOLDS: lambda: pixels("layer1", layer1=MANY),
        FAILS: lambda: pixels("layer1", layer1=ONE_FOR_ALL),
    },
    "outermost_layer_represents_most": {
        HOLDS: lambda: pixels("layer1", layer1=ONE_FOR_ALL, layer2=MANY),
        FAILS: lambda: pixels("layer1", layer1=MANY, layer2=ONE_FOR_ALL),
        UNCLEAR: lambda: first_unclear("outermost_layer_represents_most", random_layers("layer1")),
    },
    "fewer_pixels_in_earlier_layers": {
        HOLDS: lambda: pixels("layer2", layer1=ONE_FOR_ALL, layer2=MANY),
        FAILS: lambda: pixels("layer2", layer1=MANY, layer2=ONE_FOR_ALL),
        UNCLEAR: lambda: first_unclear("fewer_pixels_in_earlier_layers", random_layers("layer2")),
    },
    "ffn_layer2_half_dead": {
        HOLDS: lambda: pixels("layer2", layer1=MANY, layer2=HALF_DEAD),
        FAILS: lambda: pixels("layer2", layer1=HALF_DEAD, layer2=MANY),
        UNCLEAR: lambda: pixels("layer2", 0.5, layer1=MANY, layer2=HALF_DEAD),
    },
    "dead_neurons_elsewhere": {
        HOLDS: lambda: pixels("layer1", layer1=HALF_DEAD),
        FAILS: lambda: pixels("layer1", layer1=MANY),
        UNCLEAR: lambda: pixels("layer1", 0.5, layer1=HALF_DEAD),
    },
    "dead_neurons_do_nothing": {
        HOLDS: lambda: pixels("layer1", idle=0.75, layer1=HALF_DEAD),
        FAILS: lambda: pixels("layer1", idle=0.25, layer1=HALF_DEAD),
    },
}


@kept
def spread(maps: np.ndarray) -> tuple[Any, str]:
    return make_analysis("distribution").compute(made(NOISE[None], layer=maps)), "layer"


def spread_cases() -> dict[str, Case]:
    generator = np.random.default_rng(0)
    skewed = generator.lognormal(0, 2, (1, 10, HEIGHT, WIDTH))
    # Most are as large as the largest, a few are small.
    large = np.where(generator.random(skewed.shape) < 0.1, 0.01, 1 + 0.1 * generator.random(skewed.shape))
    # What would pass if any skew did: as skewed as a normal distribution is, and a little less.
    less = abs(generator.normal(0.3, 1, skewed.shape))

    def hardly() -> tuple[Any, str]:
        about, layer = spread(less)
        assert about["below_mean"].item() > 0.5
        return about, layer

    return {HOLDS: lambda: spread(skewed), FAILS: lambda: spread(large), f"{FAILS} too": hardly}


DISTRIBUTION = {
    "few_contributions_make_up_the_total": spread_cases(),
    "most_contributions_are_small": spread_cases(),
}

CELLS = groups.cells((HEIGHT, WIDTH), 4, 6)
MIXED = np.random.default_rng(3).permutation(CELLS.ravel()).reshape(CELLS.shape)
#: Regions of columns, the same again every twelve.
COLUMNS = np.tile(np.array([0] * 3 + [1] * 4 + [2] * 5)[np.arange(WIDTH) % 12], (HEIGHT, 1))


def following(labels: np.ndarray, neurons: int = 48) -> np.ndarray:
    """Neurons (neuron, y, x) that contribute to whole regions, each to some of them; the same whenever it is asked."""
    weights = np.random.default_rng(0).random((neurons, labels.max() + 1)) ** 3 + 0.01
    out: np.ndarray = weights[:, labels]
    return out


@kept
def grouped(regions: np.ndarray, layer: str = "a", **layers: np.ndarray) -> tuple[Any, str]:
    """The analysis of groupings, of which all but the grid have these regions."""
    labels = dict.fromkeys(("instances", "rgb", "gabor"), regions) | {"grid": CELLS}
    return make_analysis("grouping", {"shifts": "all"}).compute(groups.made(labels, **layers)), layer


def grouping_cases() -> dict[str, Case]:
    return {
        HOLDS: lambda: grouped(MIXED, a=following(MIXED)),
        FAILS: lambda: grouped(MIXED, a=following(CELLS)),
        UNCLEAR: lambda: grouped(COLUMNS, a=following(COLUMNS)),
    }


GROUPING: dict[str, dict[str, Case]] = {
    **{f"{g}_{what}": grouping_cases() for g in ("instances", "rgb", "gabor")
       for what in ("over_space", "top_over_highest_space", "beyond_shifts")},
    "attend_to_colours": grouping_cases(),
    "attend_to_edge_textures": grouping_cases(),
    "space_agnostic": grouping_cases(),
    "ffn_layers_progress_to_image": {
        HOLDS: lambda: grouped(MIXED, "b", a=random(1, 12, HEIGHT, WIDTH), b=following(MIXED)),
        FAILS: lambda: grouped(MIXED, "b", a=following(MIXED), b=random(1, 12, HEIGHT, WIDTH)),
        UNCLEAR: lambda: grouped(COLUMNS, "b", a=random(1, 12, HEIGHT, WIDTH), b=following(COLUMNS)),
    },
    "nerv_block3_follows_space": {
        HOLDS: lambda: grouped(MIXED, "block3", block2=following(MIXED), block3=following(CELLS)),
        FAILS: lambda: grouped(MIXED, "block3", block2=following(CELLS), block3=following(MIXED)),
    },
}  # fmt: skip
for _name in ("rgb", "gabor"):
    _apart = dict.fromkeys(("instances", "rgb", "gabor", "grid"), CELLS) | {_name: MIXED}
    GROUPING[f"{_name}_like_instances"] = {
        HOLDS: lambda: grouped(MIXED, a=following(MIXED)),
        FAILS: lambda apart=_apart: (  # type: ignore[misc]
            make_analysis("grouping").compute(groups.made(apart, a=following(MIXED))),
            "a",
        ),
        # Regions that explain nothing do so as well as others.
        UNCLEAR: lambda: grouped(MIXED, a=random(1, 12, HEIGHT, WIDTH)),
    }


@kept
def objects(values: np.ndarray, categories: list[str] | None = None, frames: int = 4, **others: Any) -> tuple[Any, str]:
    """The analysis of objects, of neurons with these contributions (neuron, frame, instance)."""
    count = values.shape[2]
    masks = things.squares(frames, others.pop("velocities", (0,) * count))
    # Of a picture, so that the instances differ from each other.
    picture = others.pop("picture", random(11, *masks.shape, 3))
    layers = {"a": things.painted(masks, values)} | {k: things.painted(masks, v) for k, v in others.items()}
    subject = things.made(masks, categories or list("abcdefgh")[:count], video=picture, **layers)
    return make_analysis("objects").compute(subject), "a"


def brightness(order: list[float]) -> tuple[Any, str]:
    masks = things.squares(2, (0,) * 5)
    levels = np.broadcast_to(np.array([0.1, 0.3, 0.5, 0.7, 0.9]), (2, 2, 5))
    video = things.painted(masks, levels[:1])[:, 0, ..., None].repeat(3, -1)
    maps = things.painted(masks, np.broadcast_to(np.array(order), (2, 2, 5)))
    return make_analysis("objects").compute(things.made(masks, list("abcde"), video=video, a=maps)), "a"


def moving(changes: list[float]) -> tuple[Any, str]:
    sign = np.where(np.arange(5) % 2, 1, -1)[None, :, None]
    return objects(1 + sign * np.array(changes), frames=5, velocities=(0, 1, 2, 3, 4))


SIX = ["cat"] * 4 + ["dog"] * 4
KINDS = random(3, 6, 1, 2)[:, :, [0, 0, 0, 0, 1, 1, 1, 1]] * np.random.default_rng(4).uniform(0.99, 1.01, (6, 4, 8))
STEADY = np.repeat(random(5, 6, 1, 5), 4, axis=1) * np.random.default_rng(6).uniform(0.95, 1.05, (6, 4, 5))
RESTLESS = 1 + random(7, 6, 4, 1) * np.array([1, 1.01, 1.02, 1.03, 1.04])


def constant_cases(name: str) -> dict[str, Case]:
    return {
        HOLDS: lambda: objects(STEADY),
        FAILS: lambda: objects(RESTLESS),
        UNCLEAR: lambda: first_unclear(name, (objects(random(s, 1, 2, 3), frames=2) for s in range(100))),
        # Where they cannot be seen.
        f"{UNCLEAR} too": lambda: objects(STEADY, picture=np.full((4, 20, 32, 3), 0.3)),
    }


OBJECTS: dict[str, dict[str, Case]] = {
    "categories_not_grouped": {
        HOLDS: lambda: objects(random(8, 6, 4, 8), SIX),
        FAILS: lambda: objects(KINDS, SIX),
        # Two pairs of one category say little, whatever they say.
        UNCLEAR: lambda: objects(random(8, 6, 4, 4), ["cat", "cat", "dog", "dog"]),
        f"{UNCLEAR} too": lambda: objects(KINDS[..., 2:6], ["cat", "cat", "dog", "dog"]),
    },
    "constant_over_time": constant_cases("constant_over_time"),
    "constant_even_with_motion": constant_cases("constant_even_with_motion"),
    "moving_instances_fluctuate": {
        HOLDS: lambda: moving([0, 0.1, 0.2, 0.3, 0.4]),
        FAILS: lambda: moving([0.4, 0.3, 0.2, 0.1, 0]),
        UNCLEAR: lambda: moving([0.2, 0.0, 0.1, 0.4, 0.3]),
    },
    "bright_instances_get_more": {
        HOLDS: lambda: brightness([0.1, 0.2, 0.3, 0.4, 0.5]),
        FAILS: lambda: brightness([0.5, 0.4, 0.3, 0.2, 0.1]),
        UNCLEAR: lambda: brightness([0.3, 0.1, 0.2, 0.5, 0.4]),
    },
    "first_block_even_over_objects": {
        HOLDS: lambda: (objects(np.ones((3, 4, 4)), block1=np.ones((3, 4, 4)), head=KINDS[:3, :, 3:7])[0]
                        .drop_sel(layer="a"), "block1"),
        FAILS: lambda: (objects(np.ones((3, 4, 4)), block1=KINDS[:3, :, 3:7], head=np.ones((3, 4, 4)))[0], "block1"),
    },
}  # fmt: skip


def striped_motion() -> tuple[Any, str]:
    """All around the frame, every fourth column moves by one, reveals one, and changes there."""
    x = np.arange(motions.WIDTH) % 4
    flow = np.zeros((2, motions.HEIGHT, motions.WIDTH, 2))
    flow[1, :, x == 0, 0] = 1
    revealed = np.zeros(flow.shape[:3], bool)
    revealed[1, :, x == 0] = True
    maps = 0.01 * random(1, 2, 3, motions.HEIGHT, motions.WIDTH)
    maps[1] += (x <= 1) * 1.0
    return make_analysis("motion").compute(motions.with_flow(flow, revealed, layer=maps)), "layer"


def moved(at: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> tuple[Any, str]:
    """Contributions that change by ``at(moving, revealed)`` (y, x), and noise."""
    flow, revealed, there = motions.moving_square()
    touched = there.any(0) & ~revealed[1]
    maps = 0.02 * random(1, 2, 3, motions.HEIGHT, motions.WIDTH)
    maps[1] += at(touched, revealed[1])
    return make_analysis("motion").compute(motions.with_flow(flow, revealed, layer=maps)), "layer"


@functools.cache
def motion_cases() -> dict[str, Case]:
    return {
        HOLDS: functools.cache(lambda: moved(lambda moving, revealed: 1.0 * moving + revealed)),
        FAILS: functools.cache(lambda: moved(lambda moving, revealed: 1.0 * ~(moving | revealed))),
        UNCLEAR: functools.cache(striped_motion),
    }


MOTION: dict[str, dict[str, Case]] = {
    "motion_drives_change": motion_cases(),
    "fluctuation_follows_flow": motion_cases(),
    "fluctuation_follows_relative_motion": motion_cases(),
    "moving_areas_fluctuate_more": motion_cases(),
    "revealed_areas_fluctuate_more": motion_cases(),
    "revealed_areas_matter_equally": motion_cases()
    | {
        # Like still pixels, which the ratio to moving pixels alone would let pass; and far more than moving ones.
        FAILS: lambda: moved(lambda moving, revealed: 0.3 * moving),
        f"{FAILS} too": lambda: moved(lambda moving, revealed: 1.0 * moving + 8 * revealed),
    },
}


@kept
def clustered(*maps: np.ndarray, clusters: int = 3) -> tuple[Any, str]:
    return make_analysis("clusters", {"clusters": clusters}).compute(networks(*maps)), "layer"


def blobs(seed: int, count: int = 40) -> np.ndarray:
    """Neurons of no type."""
    return np.random.default_rng(seed).random((count, 3))[:, [0, 0, 1, 1, 2, 2, 2, 2]][:, :, None] + 0.2 * random(
        seed, count, 8, 12
    )


def along_a_line(count: int = 60) -> np.ndarray:
    """Neurons that contribute to the second region more or less."""
    second = np.random.default_rng(0).normal(0.5, 0.12, count).clip(0, 1)
    levels = np.stack([np.ones(count), second, np.zeros(count)], axis=1)
    out: np.ndarray = levels[:, [0, 0, 1, 1, 2, 2, 2, 2]][:, :, None] * np.ones(12)
    return out


def shared_out() -> Iterator[tuple[Any, str]]:
    """Eleven neurons of each of three types, shared out between two seeds at random."""
    for seed in range(12, 100):
        kinds = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], 11))
        yield clustered(types(kinds[:16], 0), types(kinds[16:], 1))


def islands(count: int = 30) -> list[np.ndarray]:
    """Two seeds whose neurons lie in islands of their own in each of three types."""
    found = []
    for seed in range(2):
        maps = types([0, 1, 2] * (count // 3), seed)
        found.append(maps + 0.5 * seed * (np.arange(12) < 6) * (maps > 1))
    return found


def few_neurons(clusters: int) -> Iterator[tuple[Any, str]]:
    return (clustered(blobs(s, 6), blobs(s + 500, 6), clusters=clusters) for s in range(100))


#: Made once for both claims about types.
TYPES: dict[str, Case] = {
    HOLDS: functools.cache(lambda: clustered(types([0, 1, 2] * 12, 0))),
    FAILS: functools.cache(lambda: clustered(np.random.default_rng(0).random((60, 8, 12)), clusters=2)),
    # Along one line, normally distributed: k-means cuts it well, as it cuts what has no types.
    UNCLEAR: functools.cache(lambda: clustered(along_a_line(), clusters=2)),
}


@functools.cache
def three_mixed_seeds() -> tuple[Any, str]:
    return clustered(*(types([0, 1, 2] * 8, seed) for seed in range(3)))


@functools.cache
def without_types() -> tuple[Any, str]:
    """Two seeds of neurons that k-means cuts into clusters, as it does with anything."""
    return clustered(*(np.random.default_rng(seed).random((30, 8, 12)) for seed in range(2)))


@functools.cache
def a_type_each_seed() -> tuple[Any, str]:
    return clustered(*(types([kind] * 12, kind) for kind in range(3)))


CLUSTERS: dict[str, dict[str, Case]] = {
    "group_similar_neurons": TYPES,
    "many_neuron_types": TYPES,
    "clusters_mix_seeds": {
        HOLDS: three_mixed_seeds,
        FAILS: a_type_each_seed,
        UNCLEAR: lambda: first_unclear("clusters_mix_seeds", few_neurons(3)),
        f"{UNCLEAR} too": without_types,
        # Shares of 0.6, 0.3 and 0.1 in each cluster, whose entropy is 0.82 of the highest.
        f"{FAILS} too": lambda: clustered(
            *(
                types([0] * n[0] + [1] * n[1] + [2] * n[2], s)
                for s, n in enumerate(np.roll([36, 18, 6], k) for k in range(3))
            )
        ),
    },
    "seeds_share_types": {
        HOLDS: three_mixed_seeds,
        FAILS: a_type_each_seed,
        UNCLEAR: lambda: first_unclear("seeds_share_types", shared_out()),
        f"{UNCLEAR} too": without_types,
        # Clusters are mixed, and yet the seeds lie in islands.
        f"{FAILS} too": lambda: clustered(*islands()),
    },
}


def pair(own: np.ndarray, other: np.ndarray, picture: np.ndarray = NOISE) -> tuple[Pair, str]:
    """Of an FFN and a NeRV with these maps."""
    return Pair(density(own, picture)[0], density(other, picture)[0]), "layer"


def noise_pairs() -> Iterator[tuple[Pair, str]]:
    return ((Pair(noisy_density(s)[0], noisy_density(s + 1)[0]), "layer") for s in range(100, 200))


def subdued_cases(name: str, where: np.ndarray, build: Callable[[np.ndarray], np.ndarray]) -> dict[str, Case]:
    return {
        HOLDS: lambda: pair(MANY, build(where)),
        FAILS: lambda: pair(build(where), MANY),
        UNCLEAR: lambda: first_unclear(name, noise_pairs()),
    }


def middle(own: np.ndarray, other: np.ndarray, regions: np.ndarray) -> tuple[Pair, str]:
    """Of a NeRV with a middle layer of these maps, and an FFN."""
    return Pair(grouped(regions, a=own, b=own, c=own)[0], grouped(regions, a=other)[0]), "b"


COMPARED: dict[str, dict[str, Case]] = {
    "ffn_brightness_subdued": subdued_cases("ffn_brightness_subdued", bright(NOISE), dedicated),
    "ffn_texture_subdued": subdued_cases("ffn_texture_subdued", edges(NOISE), dedicated),
    "ffn_edge_bias_subdued": subdued_cases("ffn_edge_bias_subdued", edges(NOISE), emerging),
    "ffn_more_even_at_the_end": {
        HOLDS: lambda: pair(MANY, UNEVEN),
        FAILS: lambda: pair(UNEVEN, MANY),
    },
    "ffn_more_even": {
        HOLDS: lambda: (pair(MANY, UNEVEN)[0], "all"),
        FAILS: lambda: (pair(UNEVEN, MANY)[0], "all"),
    },
    "nerv_middle_weaker_on_space": {
        HOLDS: lambda: middle(following(CELLS), following(MIXED), MIXED),
        FAILS: lambda: middle(following(MIXED), following(CELLS), MIXED),
        UNCLEAR: lambda: middle(following(CELLS), following(COLUMNS), COLUMNS),
    },
}


def removed(**ahead: float) -> Case:
    """See `tests.helpers.made_prunings`."""
    return lambda: (pruned(**ahead), "all")


PRUNING: dict[str, dict[str, Case]] = {
    **{
        name: {HOLDS: removed(**{number: 1.1}), FAILS: removed(**{number: 0.9}), f"{FAILS} too": removed()}
        for name, number in (
            ("contribution_prunes_kernels", "kernel_before_contribution"),
            ("contribution_ranks_kernels", "kernel_before_contribution"),
            ("contribution_prunes_weights", "weight_before_map_weight"),
            ("contribution_beats_activation", "weight_before_map_weight"),
        )
    },
    "contribution_prunes_kernels_tuned": {
        HOLDS: removed(kernel_after_magnitude=0.9),
        FAILS: removed(kernel_after_magnitude=1.1),
    },
}


def standing(name: str, find: Callable[[], tuple[float, np.ndarray]]) -> Case:
    """A result of the analysis of faithfulness with one of its numbers and where it stands among chance's."""

    def case() -> tuple[Any, str]:
        value, null = find()
        found = {name: ("layer", [value]), f"{name}_null": labelled([null], ("layer",))}
        return xr.Dataset(found, {"layer": ["layer"]}), "layer"

    return case


def maps_of(own: float, other: float) -> Case:
    """Maps of 40 neurons that agree so well with effects, and so well with those of another neuron."""
    noise = np.random.default_rng(0).normal(0, 0.3, (2, 40))
    return standing("own_over_other", lambda: paired_difference(own + noise[0], other + noise[1], 500, rng()))


def totals_of(contribution: float, weights: float) -> Case:
    """Totals of 60 neurons that follow their effects by so much."""
    effects, *noise = np.random.default_rng(1).normal(size=(3, 1, 60))
    totals = [share * effects + n for share, n in zip((contribution, weights), noise, strict=True)]
    return standing("over_magnitude", lambda: ranked_better(*totals, effects, 500, rng()))


def idle(effect: float, count: int) -> Case:
    """So many neurons without contribution, of such an effect, among 30 whose effects lie between 0 and 1."""
    return standing("idle_effect", lambda: effect_of_idle(np.full(count, effect), np.linspace(0, 1, 30), 500, rng()))


def rng() -> np.random.Generator:
    return np.random.default_rng(2)


FAITHFULNESS: dict[str, dict[str, Case]] = {
    "maps_show_their_neurons": {HOLDS: maps_of(0.6, 0.1), FAILS: maps_of(0.1, 0.6), UNCLEAR: maps_of(0.45, 0.3)},
    "contribution_ranks_ablation": {HOLDS: totals_of(3, 0), FAILS: totals_of(0, 3), UNCLEAR: totals_of(0.6, 0.5)},
    "no_contribution_no_effect": {HOLDS: idle(0, 10), FAILS: idle(0.5, 10), UNCLEAR: idle(0, 1)},
}

CASES = (
    INTENSITY
    | DENSITY
    | PIXELS
    | DISTRIBUTION
    | GROUPING
    | OBJECTS
    | MOTION
    | CLUSTERS
    | PRUNING
    | FAITHFULNESS
    | COMPARED
)


@pytest.fixture(autouse=True)
def _flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP takes ten seconds to import, and no claim is about layouts."""
    monkeypatch.setattr("xinc.analyses.clusters.compute.layout", lambda vectors, *_: vectors[:, :2].astype(np.float32))


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        pytest.param(name, verdict, marks=pytest.mark.slow if verdict not in (HOLDS, FAILS) else ())
        for name, cases in CASES.items()
        for verdict in cases
    ],
)
def test_a_canvas_built_for_it(name: str, verdict: str) -> None:
    about, layer = CASES[name][verdict]()
    assert judged(name, about, layer) == verdict.removesuffix(" too"), row_of(name, about, layer)


def test_every_claim_can_say_yes_and_no_and_where_there_is_a_null_that_it_is_chance() -> None:
    assert set(CASES) == set(CLAIMS)
    for name, cases in CASES.items():
        assert {HOLDS, FAILS} <= set(cases), name
        assert (UNCLEAR in cases) == (CLAIMS[name].null is not None or CLAIMS[name].premise is not None), name
