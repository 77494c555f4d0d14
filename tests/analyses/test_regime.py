"""Warnings of networks that are not like the paper's, or have learned nothing."""

from __future__ import annotations

import math

import pytest

from xinc.analyses.findings.regime import PAPER_BITS, Regime, networks_of, warning, warnings_of, worst
from xinc.models.storage import build

PAPER = Regime(8.0, 33.5, 0.98)


def kinds(regime: Regime) -> list[str]:
    return [text for text in warning(regime).split(", ") if text]


def test_the_papers_sizes() -> None:
    nerv = build("nerv", {"strides": [4, 2, 2], "size": 1e6}, (128, 256), range(30), 30).parameter_count()
    ffn = build("ffn", {}, (128, 256), [0], 30).parameter_count()
    assert pytest.approx((8 * nerv / (30 * 128 * 256) + 8 * ffn / (128 * 256)) / 2) == PAPER_BITS
    assert not kinds(Regime(8 * nerv / (45 * 128 * 256), 33.5, 0.98))  # the paper's longest videos


@pytest.mark.parametrize(
    ("regime", "expected"),
    [
        (PAPER, []),
        (Regime(16.1, 33.5, 0.98), ["far larger than the paper's networks"]),
        (Regime(15.9, 33.5, 0.98), []),
        (Regime(3.9, 33.5, 0.98), ["far smaller than the paper's networks"]),
        (Regime(8.0, 29.9, 0.98), ["badly trained"]),
        (Regime(32.0, 29.9, 0.98), ["badly trained", "far larger than the paper's networks"]),
        (Regime(8.0, 16.0, 0.49), ["not learned"]),
        (Regime(8.0, 16.0, 0.51), ["badly trained"]),
        (Regime(8.0, 12.0, -2.5), ["not learned"]),
        (Regime(8.0, 12.0, math.nan), ["nothing to see"]),
        (Regime(8.0, 60.0, math.nan), ["nothing to see"]),
        (Regime(), ["not checked"]),
    ],
)
def test_kinds(regime: Regime, expected: list[str]) -> None:
    assert kinds(regime) == expected
    assert bool(regime.unjudged()) == (expected[:1] in (["not learned"], ["nothing to see"]))
    assert [text.partition(" (all networks)")[0].lower() for text in warnings_of({("a", "b"): regime})] == expected


def test_ranges_and_names() -> None:
    networks = {(f"v{k}", "nerv"): Regime(8.0, 20.0 + k, 0.9) for k in range(6)} | {("w", "ffn"): PAPER}
    [text] = warnings_of(networks)
    assert text.startswith("Badly trained (v0 nerv, v1 nerv, v2 nerv, v3 nerv and 2 more, 6 of 7): 20.0 to 25.0 dB,")
    assert not warnings_of({("w", "ffn"): PAPER})


def test_of_several_seeds_the_worst_counts() -> None:
    assert worst([PAPER, Regime(9.0, 20.0, 0.8)]) == Regime(9.0, 20.0, 0.8)
    assert worst([PAPER, Regime(9.0, 20.0, math.nan)]).one_colour
    assert worst([PAPER, Regime()]).unknown
    assert worst([]).unknown


def test_networks_of_a_file() -> None:
    """Numbers as text, an empty one is NaN, and 0 is a number; of a seed that nobody looked at nothing is said."""
    row = {"video": "v", "model": "m", "bits_per_pixel": "8.0", "psnr": "12.5", "explained": "0"}
    empty = row | {"bits_per_pixel": "", "psnr": "", "explained": ""}
    sentence = empty | {"video": "", "model": ""}
    assert networks_of([row, empty, sentence]) == {("v", "m"): Regime(8.0, 12.5, 0.0)}
    assert networks_of([empty])["v", "m"].unknown
    assert networks_of([{"video": "v", "model": "m"}])["v", "m"].unknown
