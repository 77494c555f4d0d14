"""Claims by section: what each says, and in how many layers it holds."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from xinc.analyses.findings.colours import COLOURS
from xinc.analyses.findings.effects import bound, effect_of, in_words, short
from xinc.analyses.findings.names import DECIDED, INAPPLICABLE, UNMEASURED
from xinc.analyses.findings.page import page
from xinc.analyses.findings.table import table
from xinc.plotting import layout

if TYPE_CHECKING:
    from xinc.analyses.findings import Findings

#: Inches of the highest figure: 200 of its pixels each, it has to fit into a browser's window.
HIGHEST = 4.4
_CELL, _LINE, _FOOT = 0.75, 0.125, 0.35
#: Inches of the column for the effects of all networks.
_EFFECT = 1.25
#: Characters of a video's name that fit above a cell.
_NAME = 10
#: Inches of a page on which sentences stand above their cells, and of the gap between sentences and cells there.
_NARROW, _GAP = 6.0, 0.28
#: Columns up to which each network has its own; beyond, a model's column is of all its videos.
MOST = 24

_Rows = Sequence[Mapping[str, Any]]


def plot(analysis: Findings, result: xr.Dataset) -> dict[str, Figure]:
    """A figure for each section, or several: rows: claims; columns: video and model, and the effect over all."""
    return section_figures(table(result), analysis.question, analysis.settings.wrap)


def pages(analysis: Findings, result: xr.Dataset) -> dict[str, str]:
    """The whole table."""
    return {"table": page(table(result), analysis.question, analysis.settings.level)}


def section_figures(rows: pd.DataFrame, question: str, wrap: int) -> dict[str, Figure]:
    """Figures by name: ``section4.2``, and ``section4.2-2`` where one does not hold all claims of a section."""
    columns = _columns(rows)
    narrow = layout.page() < _NARROW
    if len(columns) > (int((layout.page() - _EFFECT) / _CELL) if narrow else MOST):
        every = f"all {rows['video'][rows['video'] != ''].nunique()} videos"
        rows = rows.assign(video=rows["video"].where(rows["video"] == "", every))
        columns = _columns(rows)
    wrap = int((layout.page() - 0.3) / 0.055) if narrow else wrap
    head = 0.15 + _LINE * max((len(_broken(video) + _broken(model)) for video, model in columns), default=2)
    found = {}
    for section, members in rows.groupby("section", sort=False):
        claims = list(dict.fromkeys(zip(members["claim"], members["sentence"], strict=True)))
        parts = _parts([textwrap.wrap(sentence, wrap) for _, sentence in claims], head)
        for at, (start, stop, lines) in enumerate(parts):
            title = f"{question} Section {section}" + (f" ({at + 1} of {len(parts)})" if len(parts) > 1 else "")
            names = [name for name, _ in claims[start:stop]]
            figure = _figure(members, names, lines, columns, title, wrap, head)
            found[f"section{section}" + (f"-{at + 1}" if at else "")] = figure
    return found


def _columns(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Every (video, model)."""
    measured = rows[rows["video"] != ""]
    return sorted(set(zip(measured["video"], measured["model"], strict=True)))


def _broken(name: str) -> list[str]:
    """A name in lines that fit above a cell, broken after ``-``, ``_``, ``.`` or blanks where it has some."""
    lines = [""]
    for piece in re.findall(r"[^-_. ]*[-_. ]?", name):
        if lines[-1] and len((lines[-1] + piece).strip()) > _NAME:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].strip()) > _NAME:
            lines[-1:] = [lines[-1][:_NAME], lines[-1][_NAME:]]
    return [line.strip() for line in lines]


def _parts(sentences: list[list[str]], head: float) -> list[tuple[int, int, list[list[str]]]]:
    """Sentences (wrapped) cut into figures that are not too high: first, end, and the sentences of each."""
    room = HIGHEST - head - _FOOT - 0.5
    cuts, used = [0], 0.0
    for at, lines in enumerate(sentences):
        if used + _height(lines) > room and at > cuts[-1]:
            cuts.append(at)
            used = 0.0
        used += _height(lines)
    return [(a, b, sentences[a:b]) for a, b in zip(cuts, [*cuts[1:], len(sentences)], strict=True)]


def _height(lines: list[str]) -> float:
    if layout.page() < _NARROW:
        return len(lines) * _LINE + _GAP + 0.12
    return max(2, len(lines)) * _LINE + 0.1


def _figure(
    rows: pd.DataFrame,
    names: list[str],
    lines: list[list[str]],
    columns: list[tuple[str, str]],
    title: str,
    wrap: int,
    head: float,
) -> Figure:
    top = sum(_height(one) for one in lines)
    narrow = layout.page() < _NARROW
    text_width = 0.0 if narrow else 0.047 * wrap + 0.2
    # A single column leaves room for the legend.
    right = _CELL * len(columns)
    width = max(text_width + right + _EFFECT, layout.page() - 0.1 if narrow else 6.6)
    foot = _FOOT + (0.4 if narrow else 0)
    figure = layout.new_figure(width + 0.1, top + head + foot + 0.35, title)
    axis = figure.add_subplot()
    axis.axis("off")
    axis.set(xlim=(-text_width, width - text_width), ylim=(-foot, top + head))
    for at, (video, model) in enumerate(columns):
        heading = "\n".join(_broken(video) + _broken(model))
        axis.text(_CELL * (at + 0.5), top + 0.08, heading, ha="center", va="bottom", fontsize="x-small")
    axis.text(right + 0.08, top + 0.08, "median (range),\nwhere it holds", va="bottom", fontsize="x-small")
    # As plain records: taking rows out of a table once a cell took a sixth of the figure's time.
    claims = {name: one.to_dict("records") for name, one in rows.groupby("claim", sort=False)}
    y = top
    for name, own in zip(names, lines, strict=True):
        height = _height(own)
        y -= height
        if narrow:
            axis.text(0, y + height - 0.06, "\n".join(own), va="top", fontsize="x-small")
            height = _GAP
        else:
            axis.text(-text_width, y + height / 2, "\n".join(own), va="center", fontsize="x-small")
        claim = claims[name]
        if all(row["video"] == "" for row in claim):
            _reason(axis, y, height, _CELL * len(columns), claim[0])
            continue
        for at, (video, model) in enumerate(columns):
            own_rows = [row for row in claim if (row["video"], row["model"]) == (video, model)]
            _cell(axis, _CELL * at, y, height, own_rows)
        _overall(axis, right + 0.08, y + height / 2, claim)
    _legend(axis, -text_width, 3 if narrow else len(COLOURS) + 1)
    return figure


def _cell(axis: Axes, x: float, y: float, height: float, rows: _Rows) -> None:
    """A cell divided in proportion to the verdicts on its layers; in how many it holds, and the median number."""
    verdicts = [row["verdict"] for row in rows]
    effect = effect_of(rows)
    if not effect.cases:
        verdict = UNMEASURED if UNMEASURED in verdicts else INAPPLICABLE
        label = "–" if verdict == UNMEASURED else ""
        parts = {verdict: 1.0}
    else:
        parts = {verdict: verdicts.count(verdict) / effect.cases for verdict in DECIDED}
        label = f"{effect.holds}/{effect.cases}"
        axis.text(x + _CELL / 2, y + height / 2 - 0.02, short(effect.median), ha="center", va="top", fontsize="x-small")
    left = x + 0.01
    for verdict, share in parts.items():
        if share:
            part = (_CELL - 0.02) * share
            axis.add_patch(Rectangle((left, y + 0.015), part, height - 0.03, facecolor=COLOURS[verdict], lw=0))
            left += part
    at = y + height / 2 + (0.01 if effect.cases else 0)
    axis.text(x + _CELL / 2, at, label, ha="center", va="bottom" if effect.cases else "center", fontsize="x-small")


def _overall(axis: Axes, x: float, y: float, claim: _Rows) -> None:
    """The effect over all networks and layers, and where the claim holds."""
    effect = in_words(effect_of(claim))
    if effect:
        where = bound(claim[0]["direction"], claim[0]["threshold"])
        axis.text(x, y, f"{effect}\n{where}", va="center", fontsize="x-small")


def _reason(axis: Axes, y: float, height: float, width: float, row: Mapping[str, Any]) -> None:
    verdict, note = row["verdict"], row["note"]
    axis.add_patch(Rectangle((0.01, y + 0.015), width - 0.02, height - 0.03, facecolor=COLOURS[verdict], lw=0))
    text = "\n".join(textwrap.wrap(f"{verdict}: {note}", max(20, int(width / 0.047)))[:3])
    axis.text(width / 2, y + height / 2, text, ha="center", va="center", fontsize="x-small", color="0.3")


def _legend(axis: Axes, left: float, columns: int) -> None:
    for at, (verdict, colour) in enumerate(COLOURS.items()):
        x, y = left + 1.05 * (at % columns), -0.24 - 0.17 * (at // columns)
        axis.add_patch(Rectangle((x, y - 0.07), 0.2, 0.14, facecolor=colour, edgecolor="0.7", lw=0.4))
        axis.text(x + 0.25, y, verdict, va="center", fontsize="x-small")
    words = "2/4: holds in 2 of 4 layers; below, the median"
    rows = len(COLOURS) // columns
    x, y = (left + 1.05 * len(COLOURS), -0.24) if not rows else (left, -0.24 - 0.17 * -(-len(COLOURS) // columns))
    axis.text(x, y, words, va="center", fontsize="x-small")
