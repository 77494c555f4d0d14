"""The table of findings as a page of HTML that stands alone, for the report."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from xinc.analyses.findings.colours import COLOURS
from xinc.analyses.findings.effects import bound, effect_of, in_words
from xinc.analyses.findings.regime import FAR, FLOOR, LEARNED, PAPER_BITS, RAW_BITS, networks_of, warnings_of

_STYLE = """
body { font: 13px/1.35 sans-serif; margin: 1em; color: #222; background: #fff; }
table { border-collapse: collapse; }
th { position: sticky; top: 0; background: #fff; border-bottom: 2px solid #666; text-align: left; }
th, td { padding: 2px 8px; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.claim td { padding-top: 14px; border-bottom: 1px solid #bbb; max-width: 60em; }
tr.claim small { color: #555; display: block; }
td.v { white-space: nowrap; }
p.w { border-left: 4px solid #F0B27A; padding-left: 8px; max-width: 60em; }
table.e { margin-bottom: 2em; }
table.e td { max-width: 45em; }
"""
_EFFECTS = ("section", "claim", "model", "holds in", "median (range)", "holds if")
_HEADER = ("video", "model", "layer", "seed", "value", "threshold", "chance", "95 % of chance", "p", "q", "verdict", "")


def page(table: pd.DataFrame, question: str, level: float) -> str:
    """The whole table, a heading for each claim, with what it measures and what chance is."""
    counts = table["verdict"].value_counts()
    summary = ", ".join(f"{verdict} {counts.get(verdict, 0)}" for verdict in COLOURS)
    body = []
    for (section, name), rows in table.groupby(["section", "claim"], sort=False):
        first = rows.iloc[0]
        about = f"<b>{escape(str(section))} · {escape(str(name))}</b> {escape(first['sentence'])}"
        if first["measure"]:
            about += f"<small>Value: {escape(first['measure'])} ({escape(first['analysis'])}).</small>"
            about += f"<small>Chance: {escape(first['null'])}.</small>"
            about += f"<small>Depends on {escape(first['depends'])}.</small>" if first["depends"] else ""
        body.append(f'<tr class="claim"><td colspan="{len(_HEADER)}">{about}</td></tr>')
        body += [_row(row) for row in rows.to_dict("records")]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(question)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h2>{escape(question)}</h2>\n{_networks(table)}\n"
        f"<h3>Effects</h3>\n{_effects(table)}\n<h3>Each network and layer</h3>\n"
        f"<p>Verdicts of {len(table)} rows: {escape(summary)}. q is p corrected for the number of tests; a number is "
        f"beyond chance if q is at most {level:g}.</p>\n<table><thead><tr>{_head(_HEADER)}</tr></thead><tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table></body></html>\n"
    )


def _head(names: tuple[str, ...]) -> str:
    return "".join(f"<th>{escape(text)}</th>" for text in names)


def _networks(table: pd.DataFrame) -> str:
    """What the numbers are of, and what to mind about that."""
    networks = networks_of(table.to_dict("records"))
    sizes = "; ".join(
        f"{video} {model}: {one.bits_per_pixel:.3g} bits per pixel, {one.psnr:.1f} dB"
        for (video, model), one in sorted(networks.items())
        if not one.unknown
    )
    text = f"Size of the networks at 8 bits a weight, and PSNR: {sizes}." if sizes else "Size of the networks: unknown."
    text += (
        f" The paper's networks have {PAPER_BITS:.1f} bits per pixel; raw colours have {RAW_BITS:g}. Warned of are "
        f"networks of {FAR:g} times the paper's size or more, or its inverse, those below {FLOOR:g} dB, and those that "
        f"explain less than {LEARNED:.0%} of the variance of colours, on which no claim is judged."
    )
    mind = "".join(f'<p class="w">{escape(warning)}</p>\n' for warning in warnings_of(networks))
    return f"{mind}<p>{escape(text)}</p>"


def _effects(table: pd.DataFrame) -> str:
    """For each claim and model, in how many cases it holds, and the median and range of its number."""
    body = []
    for (section, _, model), rows in table.groupby(["section", "claim", "model"], sort=False):
        records = rows.to_dict("records")
        effect = effect_of(records)
        if effect.cases:
            where = bound(records[0]["direction"], records[0]["threshold"])
            sentence = f'<span title="{escape(records[0]["measure"])}">{escape(records[0]["sentence"])}</span>'
            texts = (f"{effect.holds} of {effect.cases}", in_words(effect), where)
            body.append(
                f'<tr class="e"><td>{escape(str(section))}</td><td>{sentence}</td><td>{escape(str(model))}</td>'
                + "".join(f'<td class="n">{escape(text)}</td>' for text in texts)
                + "</tr>"
            )
    about = (
        "Over videos, seeds and layers, of the rows with a verdict. To hold, a number has to be beyond the threshold "
        "and, where there is a null, beyond chance; what the number is, is told further below."
    )
    head = f"<thead><tr>{_head(_EFFECTS)}</tr></thead>"
    return f'<p>{about}</p>\n<table class="e">{head}<tbody>\n' + "\n".join(body) + "\n</tbody></table>"


def _row(row: dict[str, Any]) -> str:
    bound = "" if not row["direction"] else _bound(row["direction"], row["threshold"])
    numbers = [_number(row["value"]), bound, *(_number(row[k]) for k in ("null_mean", "null_edge"))]
    numbers += [_chance(row[k]) for k in ("p_value", "q_value")]
    texts = "".join(f"<td>{escape(str(row[k]))}</td>" for k in ("video", "model", "layer", "seed"))
    values = "".join(f'<td class="n">{escape(text)}</td>' for text in numbers)
    colour = COLOURS[row["verdict"]]
    verdict = f'<td class="v" style="background:{colour}">{escape(row["verdict"])}</td><td>{escape(row["note"])}</td>'
    return f"<tr>{texts}{values}{verdict}</tr>"


def _bound(direction: str, threshold: float) -> str:
    if direction == "within":
        return f"{1 / threshold:.3g} – {threshold:.3g}"
    return f"{direction} {threshold:.3g}"


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else ""


def _chance(value: float) -> str:
    return "" if not np.isfinite(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
