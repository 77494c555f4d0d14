"""Titles and labels of the report, and its first page's summary of the findings, as reStructuredText."""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xinc.analyses.findings.effects import bound, effect_of, in_words
from xinc.analyses.findings.names import DECIDED
from xinc.analyses.findings.regime import networks_of, warnings_of

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
#: A blank at which no line is broken.
_CLOSED = "\u00a0"
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
    """What to mind about the networks, how large the effects of the main claims are, and how many claims hold.

    It is short: with the text above it, it is to fit on a screen or two.

    Parameters
    ----------
    table : ``table.csv`` of the analysis ``findings``, with a row for each claim, video, model and layer.

    Returns
    -------
    reStructuredText; empty if the table does not exist or is empty.
    """
    if not Path(table).is_file():
        return ""
    with open(table, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows:
        return ""
    claims: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        claims.setdefault(row["claim"], []).append(row)
    main = [several for several in claims.values() if several[0]["section"] == _MAIN]
    parts = [_warned(warnings_of(networks_of(rows))), _effects(main) if main else "", _counts(claims)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _warned(warnings: list[str]) -> str:
    """What to mind, before anything else."""
    if not warnings:
        return ""
    return "\n".join(["**Mind the networks before you read the findings.**", "", *(f"* {_plain(w)}" for w in warnings)])


def _effects(claims: list[list[dict[str, str]]]) -> str:
    """The main claims: what is measured, its median and range, where the claim holds, and in how many cases."""
    cells = io.StringIO()
    writer = csv.writer(cells, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([f"the paper's section {_MAIN}", "median (range)", "holds if", "holds in"])
    for rows in claims:
        first, effect = rows[0], effect_of(rows)
        # Without what explains it, which the page of findings has.
        measure = re.sub(r" \([^)]*\)", "", re.split("[;:] ", first["measure"])[0])
        where = bound(first["direction"], float(first["threshold"])) if first["direction"] else ""
        counts = f"{effect.holds} of {effect.cases}" if effect.cases else _unjudged(rows)
        numbers = (in_words(effect), where.replace(" ", _CLOSED), counts.replace(" ", _CLOSED))
        writer.writerow([f"{_plain(first['sentence'])} *{_plain(measure)}*", *numbers])
    body = "".join(f"   {line}\n" for line in cells.getvalue().splitlines())
    return (
        "**The main claims and how large their effects are:** median and range over videos, networks, seeds and "
        "layers, and in how many of these cases the claim holds: beyond its threshold, and beyond chance.\n\n"
        f".. csv-table::\n   :header-rows: 1\n   :widths: 54 20 12 14\n\n{body}"
    )


def _unjudged(rows: list[dict[str, str]]) -> str:
    """The commonest of the verdicts that no number decides."""
    return Counter(row["verdict"] for row in rows).most_common(1)[0][0]


def _counts(claims: Mapping[str, list[dict[str, str]]]) -> str:
    """How many of all claims hold everywhere, in part, or nowhere."""
    groups = {claim: _group(Counter(row["verdict"] for row in rows)) for claim, rows in claims.items()}
    numbers = Counter(groups.values())
    everywhere = [claim for claim, group in groups.items() if group == "everywhere"]
    short = ", ".join(f"{numbers[group]} {words}" for group, words in _GROUPS.items() if numbers[group])
    beaten = sum(any(_tested(row) for row in claims[claim]) for claim in everywhere)
    return (
        f"**In all, of {len(claims)} sentences of the paper that state a comparison, {short}.** Everywhere means in "
        f"every video, network and layer where it was measured; {beaten} of these {len(everywhere)} were tested "
        "against chance, the others against a threshold only. *0. Findings* has all of them, with their numbers."
    )


def _tested(row: Mapping[str, str]) -> bool:
    return bool(row["null"]) and not row["null"].startswith("none")


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
    holds, unclear, fails = (verdicts.get(verdict, 0) for verdict in DECIDED)
    if holds:
        return "in part" if unclear or fails else "everywhere"
    return "nowhere" if fails else "undecided" if unclear else "not measured"


def _plain(text: str) -> str:
    """Text that has no meaning to reStructuredText."""
    return re.sub(r"([\\*_|`])", r"\\\1", text)
