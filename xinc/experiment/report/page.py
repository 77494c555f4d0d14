"""The page itself: content into the template, and the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from xinc.analyses.findings.colours import COLOURS
from xinc.analyses.findings.names import DECIDED
from xinc.analyses.findings.regime import PAPER_BITS, RAW_BITS
from xinc.experiment.report.content import Report, collect
from xinc.experiment.report.names import SCRIPT, STYLE, TEMPLATE
from xinc.experiment.report.summary import MAPS
from xinc.storage.atomic import whole_file


def write_report(
    paths: Iterable[str | Path], settings: Mapping[str, Any], output: str | Path, threads: int = 1
) -> tuple[str, ...]:
    """Write the report of results and figures as one file of HTML, the same bytes for the same content.

    Parameters
    ----------
    paths, settings, threads : see `collect`.
    output : the page.

    Returns
    -------
    Paths of results and figures that are not there, as the page says too.
    """
    report = collect(paths, settings, Path(output).parent, threads)
    with whole_file(output) as partial:
        partial.write_text(render(report), encoding="utf-8")
    return report.missing


def render(report: Report) -> str:
    """The page's HTML."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["code"] = _code
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        report=report,
        style=STYLE.read_text(encoding="utf-8"),
        script=SCRIPT.read_text(encoding="utf-8"),
        colours={verdict: COLOURS[verdict] for verdict in DECIDED},
        paper_bits=PAPER_BITS,
        raw_bits=RAW_BITS,
        maps=MAPS,
        title=_title(report.videos),
        keys={section.key for section in report.sections},
    )


def _title(videos: tuple[str, ...]) -> str:
    """What the page is about.

    >>> _title(("bunny", "collage")), _title(("a", "b", "c", "d", "e"))
    ('Implicit neural canvases of bunny and collage', 'Implicit neural canvases of a, b, c and 2 more videos')
    """
    named = [*videos[:3], f"{len(videos) - 3} more videos"] if len(videos) > 4 else list(videos)
    said = ", ".join(named[:-1]) + " and " + named[-1] if len(named) > 1 else "".join(named)
    return f"Implicit neural canvases of {said}" if said else "Implicit neural canvases"


def _code(text: str) -> Any:
    """HTML of a text in which names stand in `backquotes`, as in reStructuredText."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", str(escape(text))))
