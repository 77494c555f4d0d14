"""The documentation site, built from this tree alone, without the network; in `make docs` warnings are errors."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "xinc"
author = "The xinc authors"
copyright = author
version = release = importlib.metadata.version("xinc")

sys.path.insert(0, str(Path(__file__).parent))
extensions = [
    "docstrings",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build", "_jupyter", "_templates"]
nitpicky = True

# Markdown: headings are targets of links (`page.md#heading`); GitHub's anchors, so that links work there too.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

# Notebooks are kept without outputs and executed at every build, by this interpreter whatever kernels a user has. No
# script is loaded for widgets, there are none.
os.environ["JUPYTER_PATH"] = str(Path(__file__).parent / "_jupyter")
nb_execution_mode = "force"
nb_execution_timeout = 120
# One reads what `make demo` leaves; where that is not, it is shown as it is kept.
_EXAMPLE = Path(__file__).parents[1] / "results" / "bunny"
_READ = ("ffn/seed0/canvas.zarr", "nerv/seed0/motion", "nerv/seed1/canvas.zarr", "nerv/seeds/clusters")
nb_execution_excludepatterns = (
    [] if all((_EXAMPLE / path).is_dir() for path in _READ) else ["tutorials/ten_questions.ipynb"]
)
nb_execution_raise_on_error = True
nb_output_stderr = "remove"  # displays of progress
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
templates_path = ["_templates"]
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
