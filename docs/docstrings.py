"""Docstrings as numpydoc reads them.

Here an entry of a section describes itself behind the colon (``path : the file.``), where numpydoc expects a type. What
is returned is a sentence of its own. And |C| is a magnitude, not one of reStructuredText's substitutions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx

_ENTRIES = {"Parameters", "Attributes", "Raises"}
_SENTENCES = {"Returns", "Yields"}
_ENTRY = re.compile(r"([*\w][^:]*?) : (\S.*)")


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process, priority=100)  # before numpydoc's, 500


def _process(app: Sphinx, kind: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [re.sub(r"(?<!`)\|(\w+)\|", r"\\|\1\\|", line) for line in _as_numpydoc(lines)]


def _as_numpydoc(lines: list[str]) -> Iterator[str]:
    """The lines with every description on lines of its own, and what is returned on one line.

    What follows that line, such as a list, is its description.
    """
    section, sentence, said = "", list[str](), False
    for at, line in enumerate([*lines, ""]):
        if lines[at + 1 : at + 2] and re.fullmatch(r"-{3,}", lines[at + 1]):
            section, said = line.strip(), False
        elif section in _SENTENCES and not re.fullmatch(r"-{3,}", line):
            if said:
                yield f"    {line}".rstrip()
            elif line.strip():
                sentence.append(line.strip())
            elif sentence:
                yield " ".join(sentence).replace(" : ", ": ")
                yield ""
                sentence, said = [], True
            continue
        elif section in _ENTRIES and (entry := _ENTRY.fullmatch(line)):
            yield entry[1]
            yield f"    {entry[2]}"
            continue
        yield line
