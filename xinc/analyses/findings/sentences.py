"""Sentences of the paper that no number here decides, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """A sentence of the paper that no number here decides, and why."""

    name: str
    section: str
    text: str
    because: str
    applicable: bool = True


SENTENCES: tuple[Sentence, ...] = (
    Sentence(
        "neurons_capture_depth",
        "4.2",
        "Neurons of NeRV's layers capture depth, among other features.",
        "the videos have no depth maps",
    ),
    Sentence(
        "head_sees_whole_scene",
        "4.2",
        "Neurons of the head layers, and of NeRV's penultimate one, represent the whole scene.",
        "the paper gives no number for it; many_pixels_per_neuron is the nearest",
    ),
    Sentence(
        "first_layers_follow_encoding",
        "7.1",
        "The earliest layers correlate with the Fourier features (FFN) and the positional encoding (NeRV).",
        "analyses see canvases, which do not hold the networks' inputs",
    ),
    Sentence(
        "first_block_is_sparse",
        "7.1",
        "Neurons of NeRV's first layer cannot represent certain pixels, because of PixelShuffle.",
        "true of every NeRV by construction, whatever it learned",
        applicable=False,
    ),
    Sentence(
        "same_trends_in_all_videos",
        "7.3",
        "Trends are the same in street and open domain, dim and bright videos.",
        "a statement about many videos: compare the rows of each",
        applicable=False,
    ),
)
