"""Pairs of networks that an analysis compares: their names in the configuration, and what is refused of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from xinc.errors import InputError, nearest


class Pair(NamedTuple):
    """Two networks of one video."""

    video: str
    model: str
    seed: int
    other: str
    other_seed: int

    def __str__(self) -> str:
        """As paths of results have it: ``nerv-seed0+nerv-seed1``."""
        return f"{self.model}-seed{self.seed}+{self.other}-seed{self.other_seed}"


@dataclass(frozen=True)
class Networks:
    """What is known of the networks of a configuration.

    Attributes
    ----------
    listed : names of all videos of the table.
    videos : names of the videos that are looked at.
    models : names of the models.
    seeds : from a model and a video to its seeds.
    any_seed : from a model to whether there may be a network of any seed.
    """

    listed: Sequence[str]
    videos: Sequence[str]
    models: Sequence[str]
    seeds: Callable[[str, str], list[int]]
    any_seed: Callable[[str], bool]


class _Named(NamedTuple):
    """A network as the configuration names it: on all videos, or of all seeds, where these are left out."""

    text: str
    video: str
    model: str
    seed: int | None


def pairs_of(wanted: Sequence[Sequence[str]] | None, networks: Networks, where: str) -> list[Pair]:
    """The pairs of networks that a setting asks for.

    Parameters
    ----------
    wanted : pairs of names; None for all pairs of seeds of each model on each video.
    networks : of the configuration.
    where : name of the setting, for messages.

    Raises
    ------
    InputError : a name that is malformed, or of an unknown video, model or seed; networks of two videos, or the same
        network twice; a pair of which no video has both; no pair at all.
    """
    if wanted is None:
        found = [
            Pair(video, model, a, model, b)
            for video in networks.videos
            for model in networks.models
            for a, b in itertools.combinations(networks.seeds(model, video), 2)
        ]
        if not found and list(networks.videos) == list(networks.listed):
            model = networks.models[0]
            raise InputError(
                f"Setting '{where}' is not there, and no model has two seeds to compare: name pairs of networks, e.g. "
                f"pairs: [[{model}/seed0, {model}/seed1]], or give more seeds."
            )
        return found
    return list(dict.fromkeys(pair for two in wanted for pair in _of_two(two, networks, where)))


def _of_two(two: Sequence[str], networks: Networks, where: str) -> Iterator[Pair]:
    """The pairs that two names stand for."""
    a, b = (_named(text, networks, where) for text in two)
    said = f"Setting '{where}': [{a.text}, {b.text}]"
    if a.video and b.video and a.video != b.video:
        raise InputError(f"{said} are networks of two videos: compare networks of one.")
    if (a.seed is None) != (b.seed is None):
        raise InputError(f"{said} gives the seed of one network only: give those of both, or of neither.")
    if a.model == b.model and a.seed == b.seed:
        raise InputError(f"{said} is the same network twice: name two.")
    video = a.video or b.video
    for name in [one for one in networks.videos if not video or one == video]:
        for one in (a, b):
            own = networks.seeds(one.model, name)
            if one.seed is not None and one.seed not in own and not networks.any_seed(one.model):
                raise InputError(
                    f"{said}: model '{one.model}' is the same for every seed: write {one.model}/seed{own[0]}."
                )
        seeds = networks.seeds(a.model, name)
        shared = [seed for seed in seeds if seed in networks.seeds(b.model, name)]
        if a.seed is None and not shared:
            raise InputError(f"{said} have no seed in common on video '{name}': give one to each.")
        for seed in shared if a.seed is None else [a.seed]:
            yield Pair(name, a.model, seed, b.model, seed if b.seed is None else b.seed)


def _named(text: str, networks: Networks, where: str) -> _Named:
    """``bunny/nerv/seed0`` in its parts."""
    match = re.fullmatch(r"([^/]+(?:/[^/]+)??)(?:/seed(\d+))?", text)
    if match is None:
        raise InputError(
            f"Setting '{where}': '{text}' is not the name of a network: expected MODEL/seed0, VIDEO/MODEL/seed0, or "
            "either without a seed."
        )
    video, _, model = match[1].rpartition("/")
    if video and video not in networks.listed:
        raise InputError(f"Setting '{where}': unknown video '{video}' in '{text}': {nearest(video, networks.listed)}.")
    if model not in networks.models:
        raise InputError(f"Setting '{where}': unknown model '{model}' in '{text}': {nearest(model, networks.models)}.")
    return _Named(text, video, model, None if match[2] is None else int(match[2]))
