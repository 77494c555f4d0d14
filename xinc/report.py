"""What the report calls things, and what it says of the findings on its first page, as reStructuredText."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

#: Verdicts of the table of findings.
_HOLDS, _UNMEASURED = "holds", ("not measured", "not applicable")
_GROUPS = ("everywhere", "in part", "nowhere", "not measured")


def title_of(analysis: str) -> str:
    """The name of an analysis as people write it.

    >>> title_of("pixels_per_neuron")
    'Pixels per neuron'
    """
    return analysis.replace("_", " ").capitalize()


def view_of(part: str) -> str:
    """What a figure or an animation of this file name is called.

    >>> view_of("all"), view_of("frame8"), view_of("block1-animation")
    ('overview', 'frame 8', 'block1, animation')
    """
    return re.sub(r"\bframe(\d+)", r"frame \1", re.sub(r"^all\b", "overview", part).replace("-", ", "))


def summary_of_findings(table: str | Path) -> str:
    """How many of the paper's claims hold here, a row for each analysis.

    It is short: the page that it stands on cannot be scrolled to its top.

    Parameters
    ----------
    table : ``table.csv`` of the analysis ``findings``, with the columns analysis, section, claim and verdict, and a row
        for each video, model and layer.

    Returns
    -------
    reStructuredText; empty where there is no such table or nothing in it.
    """
    if not Path(table).is_file():
        return ""
    held: dict[str, dict[str, list[bool]]] = {}
    sections: dict[str, set[str]] = {}
    with open(table, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            own = held.setdefault(row["analysis"], {}).setdefault(row["claim"], [])
            sections.setdefault(row["analysis"], set()).add(row["section"])
            if row["verdict"] not in _UNMEASURED:
                own.append(row["verdict"] == _HOLDS)
    if not held:
        return ""
    counts = {analysis: Counter(_group(verdicts) for verdicts in claims.values()) for analysis, claims in held.items()}
    total = sum(counts.values(), Counter[str]())
    shown = [group for group in _GROUPS if total[group]]
    rows = [["", "section", *shown]]
    for analysis in sorted(counts, key=lambda name: (sorted(sections[name]), name)):
        numbers = [str(counts[analysis][group] or "") for group in shown]
        rows.append([title_of(analysis), ", ".join(sorted(sections[analysis])), *numbers])
    rows.append(["**All**", "", *(f"**{total[group]}**" for group in shown)])
    text = (
        f"**The findings in short: of {total.total()} claims of the paper, {total['everywhere']} hold everywhere here, "
        f"{total['in part']} in part, {total['nowhere']} nowhere.** Everywhere means in each video, network and layer "
        "in which a claim was measured; where there is a null, it has to be beaten too. Which claims these are, and "
        "where they hold, shows *0. Findings*."
    )
    body = "\n".join("   " + ", ".join(f'"{cell}"' for cell in row) for row in rows)
    return f"{text}\n\n.. csv-table::\n   :header-rows: 1\n\n{body}\n"


def _group(held: Sequence[bool]) -> str:
    if not held:
        return "not measured"
    return "everywhere" if all(held) else "in part" if any(held) else "nowhere"
