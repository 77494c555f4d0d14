"""The rules of the example and what each waits for, as text for Graphviz.

python docs/workflow_graph.py > docs/images/workflow.dot
dot -Tsvg docs/images/workflow.dot -o docs/images/workflow.svg
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import networkx as nx

ROOT = Path(__file__).resolve().parents[1]
#: Fill of a rule: the first line whose expression its name matches.
COLOURS = {
    r".*figure.*|report": "#fdebd0",
    r"analysis.*": "#d5e8d4",
    r"train|import_model|canvas|materialise": "#dae8fc",
    r".*": "#eeeeee",
}
HEAD = """\
digraph workflow {
    rankdir=LR; bgcolor=transparent; margin=0; nodesep=0.25; ranksep=0.45;
    node [shape=box, style="rounded,filled", color="#666666", fontname="Helvetica,Arial,sans-serif", fontsize=12];
    edge [color="#888888", arrowsize=0.7];
"""


def rules() -> nx.DiGraph:
    """What waits for what, by `snakemake --rulegraph`; an arrow that follows from others is left out."""
    with tempfile.TemporaryDirectory() as empty:
        shutil.copytree(ROOT / "config", f"{empty}/config")
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--rulegraph",
            "--snakefile",
            str(ROOT / "workflow" / "Snakefile"),
        ]
        text = subprocess.run(command, cwd=empty, stdout=subprocess.PIPE, text=True, check=True).stdout
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', text, re.MULTILINE))
    arrows = re.findall(r"^\s*(\d+) -> (\d+)", text, re.MULTILINE)
    graph = nx.transitive_reduction(nx.DiGraph((names[a], names[b]) for a, b in arrows))
    graph.remove_node("all")
    return graph


def render(graph: nx.DiGraph) -> str:
    """The graph in Graphviz's language, always in the same order."""
    lines = [f'    {name} [fillcolor="{_colour(name)}"];' for name in sorted(graph)]
    lines += [f"    {a} -> {b};" for a, b in sorted(graph.edges)]
    return HEAD + "\n".join(lines) + "\n}\n"


def _colour(name: str) -> str:
    return next(colour for pattern, colour in COLOURS.items() if re.fullmatch(pattern, name))


if __name__ == "__main__":
    sys.stdout.write(render(rules()))
