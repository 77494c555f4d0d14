"""The tutorial of ten questions, executed on the results of a small experiment in the place of the example's."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbclient
import nbformat
import pytest

from tests.helpers.tiers import exhaustive
from tests.helpers.workflow.runs import REPOSITORY, Workspace

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

NOTEBOOK = REPOSITORY / "docs" / "tutorials" / "ten_questions.ipynb"

#: What of the example is named in the notebook, and what takes its place in the small experiment, whose canvases lack
#: the frames that `motion` needs.
INSTEAD = {
    "/bunny/": "/clip/",
    "/ffn/": "/siren/",
    '"../../resources/bunny-nerv.pt"': 'f"{nerv}/model.pt"',
    "frame = 8": "frame = 2",
    "ears = (22, 33, 37, 53)": "ears = (2, 9, 5, 20)",
    '{"layer1": "block1", "layer3": "head"}': '{"layer1": "block2"}',
    'xinc.open_canvas(f"{nerv}/canvas.zarr")': "xinc.dissect(model)",
    'open_result(f"{nerv}/motion")': 'xinc.analyse("motion", model, video, frames=[frame])',
}


@pytest.fixture
def results(complete: Workspace, finished: Workspace, tmp_path: Path) -> Path:
    """Two seeds of a NeRV with the results of every analysis, and a SIREN of the same video."""
    root = tmp_path / "results"
    shutil.copytree(complete.run / "results" / "clip", root / "clip")
    shutil.copytree(finished.run / "results" / "clip" / "siren", root / "clip" / "siren")
    return root


@exhaustive
def test_every_cell_runs(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for old, new in {"../../results": str(results), **INSTEAD}.items():
        assert any(old in cell.source for cell in cells), old
        for cell in cells:
            cell.source = cell.source.replace(old, new)
    monkeypatch.setenv("JUPYTER_PATH", str(REPOSITORY / "docs" / "_jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    for cell in cells[2:]:
        shown = [name for output in cell.outputs for name in (output.get("data") or {"text/plain": ""})]
        assert "image/png" in shown if "xinc.plot(" in cell.source else shown, cell.source
