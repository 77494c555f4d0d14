"""Entries of hash grids that serve several places, and what that costs; not in the paper, which has no tables."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import NetworkAnalysis
from xinc.frames import FrameChoice
from xinc.settings import StrictModel


@analyses.register("collisions")
class Collisions(NetworkAnalysis):
    """How many vertices of a hash grid share an entry at each level, and what the frame loses by it.

    A place is a vertex of a level that pixels of the frame read; an entry that several of them share collides. Of each
    level: pixels and places for an entry that is read; the share of what pixels read that is from entries that collide;
    the mean squared error where these are read over that where others are, weighted by the shares of pixels, beside
    what 95 % of all toroidal shifts of the error do not reach; and how many places would be *better* with zeros in the
    place of their entry, of entries that collide and of those that do not. The latter two differ by more than chance
    where they do so by more than when entries exchange their labels (95 %). On the frame, the entry that helps one of
    its places most where another would be better without it: circles are its places, as large as the change.
    """

    question = "What do entries cost that serve several places?"
    section = "3.2"
    needs = frozenset({"model"})
    architectures = frozenset({"hashgrid"})
    undefined = {
        **dict.fromkeys(
            ("error_ratio", "error_ratio_null", "worse_off_null"),
            "levels whose entries all collide, or none, and frames without an error",
        ),
        "worse_off": "levels without entries of a kind",
        **dict.fromkeys(("example", "example_change"), "past the last place of a frame's example"),
    }

    class Settings(StrictModel):
        frames: FrameChoice = Field(1, description="Frames: how many evenly spread, a list, or all.")
        exchanges: int = Field(199, ge=19, description="Exchanges of labels among the entries of a level.")
        seed: int = Field(0, ge=0, description="Seed of those exchanges.")
