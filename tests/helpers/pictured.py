"""The picture of the explorer in the documentation.

    python -m tests.helpers.pictured results

Of the example's results, in Chromium; tests compare its size, and that the documentation shows it, not its pixels.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.helpers.browser import opened
from xinc.explorer.server import serving
from xinc.explorer.session import Session

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "explorer.png"
SIZE = (1440, 900)
VIEW = "#network=bunny/nerv/seed0&layer=head&frame=8&box=22,34,36,54"
_PAGE = "document.querySelector('.xinc-explorer')"


def main(results: str) -> None:
    with serving(Session(results)) as server, opened() as page, tempfile.TemporaryDirectory() as folder:
        page.look(*SIZE)
        page.open(server.address + VIEW)
        for _ in range(2):
            page.run("new Promise((done) => setTimeout(done, 300))")
            page.wait(f"{_PAGE}?.dataset.state && {_PAGE}.dataset.pending === '0'")
        page.run("document.querySelector('.status').textContent = ''; 0")
        shot = Path(folder) / "shot.png"
        page.picture(shot)
        Image.open(shot).convert("RGB").save(PICTURE, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
