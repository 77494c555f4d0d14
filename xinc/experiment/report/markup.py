"""What Snakemake's report says on its first page, as reStructuredText."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from xinc.experiment.report.summary import MAIN, Claim, Findings, read_faithfulness, read_findings

#: A blank at which no line is broken.
_CLOSED = "\u00a0"


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
    found = read_findings(table)
    if found is None:
        return ""
    parts = [_warned(found.warnings), _effects(found.main) if found.main else "", _counts(found)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _warned(warnings: Sequence[str]) -> str:
    """What to mind, before anything else."""
    if not warnings:
        return ""
    return "\n".join(["**Mind the networks before you read the findings.**", "", *(f"* {_plain(w)}" for w in warnings)])


def _effects(claims: Sequence[Claim]) -> str:
    """The main claims: what is measured, its median and range, where the claim holds, and in how many cases."""
    cells = io.StringIO()
    writer = csv.writer(cells, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow([f"the paper's section {MAIN}", "median (range)", "holds if", "holds in"])
    for claim in claims:
        closed = (text.replace(" ", _CLOSED) for text in (claim.where, claim.holds_in))
        writer.writerow([f"{_plain(claim.sentence)} *{_plain(claim.measure)}*", claim.numbers, *closed])
    body = "".join(f"   {line}\n" for line in cells.getvalue().splitlines())
    return (
        "**The main claims and how large their effects are:** median and range over videos, networks, seeds and "
        "layers, and in how many of these cases the claim holds: beyond its threshold, and beyond chance.\n\n"
        f".. csv-table::\n   :header-rows: 1\n   :widths: 54 20 12 14\n\n{body}"
    )


def _counts(found: Findings) -> str:
    """How many of all claims hold everywhere, in part, or nowhere."""
    everywhere, beaten = found.everywhere
    return (
        f"**In all, of {len(found.claims)} sentences of the paper that state a comparison, {found.counts}.** "
        f"Everywhere means in every video, network and layer where it was measured; {beaten} of these {everywhere} "
        "were tested against chance, the others against a threshold only. *0. Findings* has all of them, with numbers."
    )


def summary_of_faithfulness(tables: Iterable[tuple[str, str | Path]]) -> str:
    """How far maps agree with the effect of ablating their neurons, in a sentence for all networks.

    Parameters
    ----------
    tables : see `read_faithfulness`.

    Returns
    -------
    reStructuredText; empty if no table exists.
    """
    said: dict[str, list[str]] = {}
    for one in read_faithfulness(tables):
        said.setdefault(one.model, []).append(f"{one.layer} {' / '.join(one.texts)}")
    if not said:
        return ""
    models = "; ".join(f"{_plain(model)}: {', '.join(map(_plain, layers))}" for model, layers in said.items())
    return (
        "**How far maps can be believed:** their correlation over pixels with what the colours lose without their "
        f"neuron, of \\|C\\| / of gained maps, median over neurons, videos and seeds, is for {models}.\n"
    )


def _plain(text: str) -> str:
    """Text that has no meaning to reStructuredText."""
    return re.sub(r"([\\*_|`])", r"\\\1", text)
