"""The explorer's page in a browser: what is on it, and what is done to it."""

from __future__ import annotations

import base64

import numpy as np

from tests.helpers.browser import Page
from xinc.explorer.server import Server
from xinc.plotting import style

ROOT = "document.querySelector('.xinc-explorer')"
IDLE = f"{ROOT}?.dataset.state !== undefined && {ROOT}.dataset.pending === '0'"


def visit(page: Page, server: Server, view: str) -> None:
    page.open("about:blank")
    page.open(server.address + view)
    settle(page)


def settle(page: Page) -> None:
    """Until no answer is waited for, twice: what follows from an answer is asked for then."""
    for _ in range(2):
        page.run("new Promise((done) => setTimeout(done, 30))")
        page.wait(IDLE, 60)


def view(page: Page) -> dict[str, str]:
    parts = page.run("location.hash.slice(1)").split("&")
    return dict(part.split("=", 1) for part in parts)


def spot(page: Page, name: str, y: float, x: float) -> tuple[float, float]:
    """Where the middle of a pixel of a picture is in the window."""
    box = page.run(
        f"(() => {{ const f = document.querySelector('[aria-label^=\"{name}\"].frame'); "
        "f.scrollIntoView({ block: 'nearest' }); const b = f.getBoundingClientRect(); "
        "return [b.left, b.top, b.width, b.height]; })()"
    )
    return box[0] + (x + 0.5) / 32 * box[2], box[1] + (y + 0.5) / 16 * box[3]


def listed(page: Page) -> list[tuple[str, int]]:
    found = page.run(
        "[...document.querySelectorAll('section[aria-label=Neurons] [role=option]')]"
        ".map((row) => [row.dataset.layer, Number(row.dataset.neuron)])"
    )
    return [(layer, number) for layer, number in found]


def drawn(page: Page, panel: str, selector: str = ".frame canvas") -> np.ndarray:
    """(y, x, 3) colours of a canvas."""
    text, height, width = page.run(
        f"(() => {{ const c = document.querySelector('section[aria-label=\"{panel}\"] {selector}'); "
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; "
        "let s = ''; for (const one of d) s += String.fromCharCode(one); return [btoa(s), c.height, c.width]; })()"
    )
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., :3]


def click(page: Page, text: str, within: str = "") -> None:
    page.run(f"[...document.querySelectorAll('{within} button')].find((one) => one.textContent === {text!r}).click()")
    settle(page)


def heading(page: Page, panel: str) -> str:
    found: str = page.run(f"document.querySelector('section[aria-label=\"{panel}\"] h2').textContent")
    return found


def same_colours(shown: np.ndarray, values: np.ndarray, cmap: str = "", low: float = 0.0) -> None:
    """Colours of values up to a step of the colour map."""
    expected = style.colour(values, cmap, low, float(np.abs(values).max()))
    assert np.abs(shown.astype(int) - expected.astype(int)).max() <= 8
