"""JupyterLab on this machine alone, with settings, runtime files and notebooks in a folder of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

#: A folder that holds it (``pip install --target``), set in continuous integration. It is not in the environment, for
#: what it brings makes jsonschema, and with it every start of Snakemake, a second slower.
_FOLDER = os.environ.get("XINC_JUPYTERLAB", "")
#: The flags that let a test call JupyterLab's own commands in the page, and keep it from asking for news elsewhere.
_FLAGS = (
    "--expose-app-in-browser",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)


def need_jupyterlab() -> None:
    """Skip the test where JupyterLab is not installed; fail it where it is said to be in a folder, and is not."""
    if _FOLDER:
        assert (Path(_FOLDER) / "jupyterlab").is_dir(), f"XINC_JUPYTERLAB is {_FOLDER}, which does not hold JupyterLab"
    elif importlib.util.find_spec("jupyterlab") is None:
        how = "pip install --target FOLDER jupyterlab, and set XINC_JUPYTERLAB=FOLDER"
        pytest.skip(f"JupyterLab is not installed, for this test alone: {how}")


@contextmanager
def serving_notebook(folder: Path, cells: Sequence[str]) -> Iterator[str]:
    """The address of a notebook of these cells, none of which has been run."""
    source = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    written = [{**source, "id": f"cell{at}", "source": cell} for at, cell in enumerate(cells)]
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": written}
    notebooks = folder / "notebooks"
    notebooks.mkdir(parents=True)
    (notebooks / "page.ipynb").write_text(json.dumps(content), "utf-8")
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, _FOLDER])), "IPYTHONDIR": str(folder / "ipython")}
    if _FOLDER:
        shared = Path(_FOLDER) / "share" / "jupyter"
        own |= {"JUPYTERLAB_DIR": str(shared / "lab"), "JUPYTER_PATH": str(shared)}
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root", *_FLAGS]
    with (folder / "log").open("w+", encoding="utf-8") as log:
        server = subprocess.Popen([*words, str(notebooks)], stdout=log, stderr=log, env=os.environ | own)
        try:
            yield _address(server, folder / "runtime").replace("/lab", "/lab/tree/page.ipynb", 1)
        except BaseException:
            sys.stderr.write((folder / "log").read_text("utf-8"))
            raise
        finally:
            server.terminate()
            server.wait(30)


def _address(server: subprocess.Popen[bytes], runtime: Path) -> str:
    """Where it is, token and all, as it notes beside its process number once it listens."""
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        for file in runtime.glob(f"jpserver-{server.pid}-open.html"):
            found = re.search(r'href="(http://[^"]+)"', file.read_text("utf-8"))
            if found:
                return found[1]
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start")
