"""Size and quality of the networks that findings are about, beside the paper's, and warnings of them (section 6.1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Bits per pixel of the paper's networks at 8 bits a weight: a NeRV of 978,557 weights for 30 frames of 128 × 256
#: (7.96), an FFN of 32,971 for one frame (8.05).
PAPER_BITS = (8 * 978_557 / (30 * 128 * 256) + 8 * 32_971 / (128 * 256)) / 2
#: Bits per pixel of raw colours.
RAW_BITS = 24.0
#: A warning is due for so many times the paper's bits per pixel, or its inverse. The paper's own videos, of 30 to 45
#: frames, differ by a factor of 1.5.
FAR = 2.0
#: PSNR in dB below which a warning is due: the squared error is then more than twice that of the paper's networks,
#: which reach 33.50 (NeRV) and 34.29 (FFN) on average.
FLOOR = 30.0
#: Share of the variance of colours that a network has to explain for the claims to be judged on it. Below one half, the
#: mean colour of a frame says more about its pixels than the network adds to that.
LEARNED = 0.5
#: Networks that a warning names.
_NAMED = 4


@dataclass(frozen=True)
class Regime:
    """Bits per pixel at 8 bits a weight, PSNR in dB, and share of the variance of colours that is explained.

    NaN where `quality` did not look at the network; ``explained`` alone where all frames are of one colour.
    """

    bits_per_pixel: float = math.nan
    psnr: float = math.nan
    explained: float = math.nan

    @property
    def unknown(self) -> bool:
        return math.isnan(self.psnr)

    @property
    def one_colour(self) -> bool:
        return math.isnan(self.explained) and not self.unknown

    @property
    def unlearned(self) -> bool:
        return self.explained < LEARNED

    @property
    def poor(self) -> bool:
        return self.psnr < FLOOR and not self.unlearned and not self.one_colour

    @property
    def far(self) -> bool:
        return not self.unknown and not 1 / FAR <= self.bits_per_pixel / PAPER_BITS <= FAR

    def unjudged(self) -> str:
        """Why the claims are not judged on this network; empty where they are."""
        if self.one_colour:
            return "nothing to see: the frames are of one colour"
        if self.unlearned:
            return (
                f"the network has not learned the video: {self.psnr:.1f} dB, {_share(self.explained)} of the variance "
                f"of colours; it takes {LEARNED:.0%}"
            )
        return ""


def worst(regimes: Iterable[Regime]) -> Regime:
    """Of several networks, the largest size and the lowest quality; what is not known of one is not known of all."""
    several = list(regimes) or [Regime()]
    sizes, psnr, explained = zip(*((one.bits_per_pixel, one.psnr, one.explained) for one in several), strict=True)
    return Regime(max(sizes), *(math.nan if any(map(math.isnan, one)) else min(one) for one in (psnr, explained)))


def networks_of(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Regime]:
    """The networks of rows of the table, also as text of a file, by video and model: of several seeds, their worst."""
    found: dict[tuple[str, str], list[Regime]] = {}
    for row in rows:
        if row["video"]:
            # A table of an earlier version may lack a column.
            texts = (row.get(name, "") for name in ("bits_per_pixel", "psnr", "explained"))
            numbers = [math.nan if text == "" else float(text) for text in texts]
            found.setdefault((row["video"], row["model"]), []).append(Regime(*numbers))
    # Rows of seeds that `quality` did not look at say nothing of the others.
    return {of: worst(one for one in several if not one.unknown) for of, several in found.items()}


@dataclass(frozen=True)
class _Kind:
    """A kind of warning: of which networks it is due, its name, and what it says, with ranges of their numbers."""

    due: Callable[[Regime], bool]
    name: str
    says: str


_KINDS = (
    _Kind(
        lambda one: one.unknown,
        "not checked",
        "size and quality are unknown, because the analysis 'quality' has not looked; verdicts take them for granted",
    ),
    _Kind(lambda one: one.one_colour, "nothing to see", "all frames are of one colour; no claim is judged"),
    _Kind(
        lambda one: one.unlearned,
        "not learned",
        f"{{psnr}} dB, {{explained}} of the variance of colours, where it takes {LEARNED:.0%}; no claim is judged",
    ),
    _Kind(
        lambda one: one.poor,
        "badly trained",
        f"{{psnr}} dB, less than {FLOOR:g}; the paper's networks reach 33.5 and 34.3 on average",
    ),
    _Kind(
        lambda one: one.far and one.bits_per_pixel > PAPER_BITS,
        "far larger than the paper's networks",
        f"{{bits_per_pixel}} bits per pixel at 8 bits a weight, where the paper's have {PAPER_BITS:.1f} and raw "
        f"colours {RAW_BITS:g}; networks that have to compress may do otherwise",
    ),
    _Kind(
        lambda one: one.far and one.bits_per_pixel < PAPER_BITS,
        "far smaller than the paper's networks",
        f"{{bits_per_pixel}} bits per pixel at 8 bits a weight, where the paper's have {PAPER_BITS:.1f}",
    ),
)


def warning(regime: Regime) -> str:
    """Names of the warnings that are due of one network; empty where none is."""
    return ", ".join(kind.name for kind in _KINDS if kind.due(regime))


def warnings_of(networks: Mapping[tuple[str, str], Regime]) -> list[str]:
    """A sentence for each kind of warning that is due, of networks by video and model.

    >>> warnings_of({("clip", "nerv"): Regime(8.0, 28.04, 0.9), ("clip", "ffn"): Regime(8.0, 33.0, 0.98)})
    ["Badly trained (clip nerv, 1 of 2): 28.0 dB, less than 30; the paper's networks reach 33.5 and 34.3 on average."]
    """
    found = []
    for kind in _KINDS:
        due = {name: one for name, one in networks.items() if kind.due(one)}
        if due:
            ranges = {
                "psnr": _range([f"{v:.1f}" for v in sorted(one.psnr for one in due.values())]),
                "explained": _range([_share(v) for v in sorted(one.explained for one in due.values())]),
                "bits_per_pixel": _range([f"{v:.1f}" for v in sorted(one.bits_per_pixel for one in due.values())]),
            }
            of = f"{_named(due)}, {len(due)} of {len(networks)}" if len(due) < len(networks) else "all networks"
            found.append(f"{kind.name.capitalize()} ({of}): {kind.says.format(**ranges)}.")
    return found


def _range(texts: list[str]) -> str:
    """The first and the last of sorted values, or the one that they are."""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"


def _share(value: float) -> str:
    return f"{value:.0%}" if value >= 0.005 else "nothing"


def _named(networks: Iterable[tuple[str, str]]) -> str:
    names = [" ".join(one) for one in sorted(networks)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
