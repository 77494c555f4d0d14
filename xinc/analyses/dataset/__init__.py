"""The videos: their number, instances, length and labels (paper section 4.1, table 1)."""

from __future__ import annotations

from pydantic import Field

from xinc.analyses import analyses
from xinc.analyses.base import ProjectAnalysis
from xinc.settings import StrictModel


@analyses.register("dataset")
class Dataset(ProjectAnalysis):
    """The videos of this experiment, by data set: annotated instances, frames and the share of frames with labels.

    All numbers are those of the videos as analysed, after frames were selected, cropped and resized. Instances are the
    countable segments (things) that occur anywhere in a video, counted only in the frames with masks, which the table
    lists; a data set's row gives the range over its videos. A data set is named in the settings, or is a known data
    set, the built-in examples, or all videos in one folder.
    """

    question = "What do the videos show, and how much of it is labelled?"
    section = "4.1"
    needs = frozenset()
    figure_settings = frozenset({"domains", "listed"})
    undefined = dict.fromkeys(("instances", "stuff", "fewest_instances", "most_instances"), "videos without masks")

    class Settings(StrictModel):
        datasets: dict[str, tuple[str, ...]] = Field(
            {}, description="Names of data sets and their videos; other videos are grouped by where they come from."
        )
        domains: dict[str, str] = Field(
            {}, description="What the videos of a data set show (streets, say), by its name; for the table."
        )
        listed: int = Field(
            40,
            ge=0,
            description="Largest number of videos that the figure lists one by one; of more, it lists only data sets.",
        )
