"""The table of findings as a page of HTML that stands alone, for the report."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from xinc.analyses.findings.colours import COLOURS

_STYLE = """
body { font: 13px/1.35 sans-serif; margin: 1em; color: #222; background: #fff; }
table { border-collapse: collapse; }
th { position: sticky; top: 0; background: #fff; border-bottom: 2px solid #666; text-align: left; }
th, td { padding: 2px 8px; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.claim td { padding-top: 14px; border-bottom: 1px solid #bbb; max-width: 60em; }
tr.claim small { color: #555; display: block; }
td.v { white-space: nowrap; }
"""
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
    head = "".join(f"<th>{escape(text)}</th>" for text in _HEADER)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(question)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h2>{escape(question)}</h2>\n"
        f"<p>Verdicts of {len(table)} rows: {escape(summary)}. q is p corrected for the number of tests; a number is "
        f"beyond chance if q is at most {level:g}.</p>\n{_sizes(table)}\n<table><thead><tr>{head}</tr></thead><tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table></body></html>\n"
    )


def _sizes(table: pd.DataFrame) -> str:
    """The regime that the numbers are of."""
    known = table[np.isfinite(table["bits_per_pixel"])].drop_duplicates(["video", "model"])
    sizes = "; ".join(
        f"{row['video']} {row['model']}: {row['bits_per_pixel']:.3g} bits per pixel, {row['psnr']:.1f} dB"
        for row in known.sort_values(["video", "model"]).to_dict("records")
    )
    text = f"Size of the networks at 8 bits a weight, and PSNR: {sizes}." if sizes else "Size of the networks: unknown."
    return f"<p>{escape(text)} The paper's networks have 8.0 bits per pixel; raw colours have 24.</p>"


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
