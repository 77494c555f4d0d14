"""The documentation site: everything is built from this tree, without the network; `make docs` turns warnings to errors."""

from __future__ import annotations

import importlib.metadata
import os
import re
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "xinc"
author = "The xinc authors"
copyright = author
version = release = importlib.metadata.version("xinc")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_jupyter"]
nitpicky = True

# Markdown: headings are targets of links (`page.md#heading`); GitHub's anchors, so that links work there too.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

# Notebooks are kept without outputs and executed at every build, by this interpreter whatever kernels a user has. No
# script is loaded for widgets, there are none.
os.environ["JUPYTER_PATH"] = str(Path(__file__).parent / "_jupyter")
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

# Docstrings: a name in `backquotes` is a link where the name is documented, and code elsewhere.
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
default_role = "py:obj"
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "pydata_sphinx_theme"
html_title = "xinc"
html_static_path = ["_static"]
html_css_files = ["xinc.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_sidebars = {"index": []}
copybutton_exclude = ".linenos, .gp, .go"


def setup(app: Sphinx) -> None:
    app.add_lexer("tsv", TextLexer)
    app.connect("autodoc-process-docstring", _escape_magnitudes)


def _escape_magnitudes(app: Sphinx, kind: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """Escape the bars of |C|, which in reStructuredText stand for a substitution."""
    lines[:] = [re.sub(r"(?<!`)\|(\w+)\|", r"\\|\1\\|", line) for line in lines]
