"""Titles and labels of the report, and its first page's summary of the findings, as reStructuredText."""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

#: Verdicts of the table of findings that count, in the order of the columns.
_VERDICTS = ("holds", "not significant", "does not hold")
#: What becomes of a claim over all videos, networks and layers.
_GROUPS = {
    "everywhere": "hold everywhere",
    "in part": "in part",
    "nowhere": "nowhere",
    "undecided": "undecided",
    "not measured": "not measured",
}
#: The section that states the paper's main claims.
_MAIN = "1"
#: Maps of the table of the analysis ``faithfulness`` that the first page tells of.
_MAPS = ("|C|", "gained map")


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


def summary_of_findings(table: str | Path) -> str:
    """How many of the paper's claims hold here, and the verdicts on the main ones.

    It is short: with the text above it, it is to fit on a screen or two.

    Parameters
    ----------
    table : ``table.csv`` of the analysis ``findings``, with the columns section, claim, sentence, null and verdict, and
        a row for each video, model and layer.

    Returns
    -------
    reStructuredText; empty if the table does not exist or is empty.
    """
    if not Path(table).is_file():
        return ""
    verdicts: dict[str, Counter[str]] = {}
    main: dict[str, str] = {}
    tested: set[str] = set()
    with open(table, encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            verdicts.setdefault(row["claim"], Counter())[row["verdict"]] += 1
            if row["section"] == _MAIN:
                main[row["claim"]] = row["sentence"]
            if row["null"] and not row["null"].startswith("none"):
                tested.add(row["claim"])
    if not verdicts:
        return ""
    groups = {claim: _group(counts) for claim, counts in verdicts.items()}
    numbers = Counter(groups.values())
    everywhere = [claim for claim, group in groups.items() if group == "everywhere"]
    short = ", ".join(f"{numbers[group]} {words}" for group, words in _GROUPS.items() if numbers[group])
    beaten = len(tested.intersection(everywhere))
    text = (
        f"**The findings in short: of {len(verdicts)} sentences of the paper that state a comparison, {short}.** "
        f"Everywhere means in every video, network and layer where it was measured; {beaten} of these "
        f"{len(everywhere)} were tested against chance, the others against a threshold only. Below are the main claims "
        "and in how many cases each holds; *0. Findings* has all of them, with their numbers."
    )
    if not main:
        return f"{text}\n"
    cells = io.StringIO()
    writer = csv.writer(cells, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([f"the paper's section {_MAIN}", *_VERDICTS])
    for claim, sentence in main.items():
        writer.writerow([_plain(sentence), *(verdicts[claim][verdict] or "" for verdict in _VERDICTS)])
    body = "".join(f"   {line}\n" for line in cells.getvalue().splitlines())
    return f"{text}\n\n.. csv-table::\n   :header-rows: 1\n   :widths: 67 9 13 11\n\n{body}"


def summary_of_faithfulness(tables: Iterable[tuple[str, str | Path]]) -> str:
    """How far maps agree with the effect of ablating their neurons, in a sentence for all networks.

    Parameters
    ----------
    tables : the model's name and ``table.csv`` of the analysis ``faithfulness``, of every network.

    Returns
    -------
    reStructuredText; empty if no table exists.
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for model, table in tables:
        if not Path(table).is_file():
            continue
        with open(table, encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["over"] == "pixels" and row["compared"] in _MAPS and row["correlation"]:
                    own = found.setdefault((model, row["layer"]), {})
                    own.setdefault(row["compared"], []).append(float(row["correlation"]))
    if not found:
        return ""
    said: dict[str, list[str]] = {}
    for (model, layer), values in found.items():
        numbers = " / ".join(_correlation(values.get(name, [])) for name in _MAPS)
        said.setdefault(model, []).append(f"{layer} {numbers}")
    models = "; ".join(f"{_plain(model)}: {', '.join(map(_plain, layers))}" for model, layers in said.items())
    return (
        "**How far maps can be believed:** their correlation over pixels with what the colours lose without their "
        f"neuron, of \\|C\\| / of gained maps, median over neurons, videos and seeds, is for {models}.\n"
    )


def _correlation(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}" if values else "undefined"


def _group(verdicts: Mapping[str, int]) -> str:
    holds, unclear, fails = (verdicts.get(verdict, 0) for verdict in _VERDICTS)
    if holds:
        return "in part" if unclear or fails else "everywhere"
    return "nowhere" if fails else "undecided" if unclear else "not measured"


def _plain(text: str) -> str:
    """Text that has no meaning to reStructuredText."""
    return re.sub(r"([\\*_|`])", r"\\\1", text)
