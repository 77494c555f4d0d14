"""Titles of analyses and names of figures, as both reports show them."""

from __future__ import annotations

import re
from pathlib import Path


def title_of(analysis: str) -> str:
    """The name of an analysis as people write it.

    >>> title_of("pixels_per_neuron")
    'Pixels per neuron'
    """
    return analysis.replace("_", " ").capitalize()


def view_of(part: str) -> str:
    """What a figure or an animation of this file name is called.

    >>> view_of("all"), view_of("frame8"), view_of("block1-animation"), view_of("section1-2")
    ('overview', 'frame 8', 'block1, animation', 'section 1, page 2')
    """
    named = re.sub(r"^all\b", "overview", re.sub(r"^(section[\d.]+)-(\d+)$", r"\1, page \2", part))
    return re.sub(r"\b(frame|section)(\d)", r"\1 \2", named.replace("-", ", "))


#: Analyses whose results the page itself reads, beside the figures of all.
READ = ("faithfulness", "findings", "maps", "quality")
#: Files of the page beside its modules: the template, its style and its script.
TEMPLATE, STYLE, SCRIPT = (Path(__file__).with_name(f"page.{suffix}") for suffix in ("html", "css", "js"))
