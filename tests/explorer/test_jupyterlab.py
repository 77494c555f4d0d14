"""The explorer in JupyterLab: its own front end of widgets, a kernel, and a browser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.browser import browser, opened
from tests.helpers.explorer_page import ROOT, drawn, listed, same_colours, settle
from tests.helpers.jupyterlab import need_jupyterlab, serving_notebook
from tests.helpers.tiers import exhaustive
from xinc.canvas.reader import open_canvas

pytestmark = [pytest.mark.slow, exhaustive]

RUN = "jupyterapp.commands.execute('notebook:run-all-cells')"
#: What a line of Python prints in the notebook's kernel.
PRINTED = """(async () => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const asked = kernel.requestExecute({ code: %s });
    let text = "";
    asked.onIOPub = ({ content }) => { text += content.text ?? ""; };
    await asked.done;
    return text.trim();
})()"""


def test_a_notebook_in_jupyterlab(results: Path, tmp_path: Path) -> None:
    need_jupyterlab()
    browser()
    network = "clip/nerv/seed0"
    shown = f"xinc.explore({str(results)!r}, network={network!r}, pixel=(3, 30), layer='block1', frame=2)"
    with serving_notebook(tmp_path, [f"import xinc\npage = {shown}\npage"]) as address:
        with opened() as page:
            page.look(1600, 1400)
            page.open(address)
            page.wait("window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", 180)
            page.run(f"{RUN}; 0")
            page.wait(f"{ROOT} !== null", 120)
            settle(page)
            maps = np.abs(open_canvas(results / network / "canvas.zarr")["block1"]["contribution"].sel(frame=2).values)
            order = np.argsort(-maps[:, 3, 30], kind="stable")
            assert listed(page) == [("block1", int(one)) for one in order[:24]]
            same_colours(drawn(page, "Map of a neuron"), maps[order[0]])
            page.run("document.querySelectorAll('[role=option]')[2].click()")
            settle(page)
            same_colours(drawn(page, "Map of a neuron"), maps[order[2]])
            printed = PRINTED % json.dumps("print(page.neuron, page.pixel)")
            assert page.run(printed) == f"{order[2]} [3, 30]"
            page.run(PRINTED % json.dumps("page.pixel = [0, 1]"))
            page.wait(f"{ROOT}.dataset.state.includes('pixel=0,1')")
            settle(page)
            here = address.split("/lab")[0]
            elsewhere = [one for one in page.requests if not one.startswith((here, "blob:", "about:", "data:"))]
            assert elsewhere == [], "something was asked of another place"
            assert [one for one in page.errors if "xinc" in one] == []
