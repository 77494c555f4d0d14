"""Half an hour of whatever a hand may do on the page: no error, no stale view, no growing memory."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.browser import Page, opened
from tests.helpers.explorer_page import drawn, listed, same_colours, settle, spot, visit
from tests.helpers.tiers import exhaustive
from xinc.explorer import server as served
from xinc.explorer.server import page_file, serving
from xinc.explorer.session import Session

pytestmark = [pytest.mark.slow, exhaustive]

STATE = "document.querySelector('.xinc-explorer').dataset.state"
#: Seconds that it goes on; with XINC_PATIENT=1 the half hour.
SECONDS = 1800 if os.environ.get("XINC_PATIENT") else 12
PICTURES = ("Frame of the video", "Sum over neurons of |C|: arrows", "Map of the neuron")
_KINDS = ".choice button:not(:disabled), :is(.tools, .under) button:not([hidden]), .option, .more"
BUTTONS = f"[...document.querySelectorAll('{_KINDS}')]"
KEYS = ["ArrowLeft", "ArrowDown", ",", ".", "s", "p", "Escape", "ArrowUp", "ArrowRight", "g", "b", "+", "-", "v", "l"]


def test_whatever_a_hand_may_do(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The page keeps answers up to 96 MB, which these small ones reach in hours: with less, what else grows is seen.
    script = page_file("page.js").replace(b"96 * 2 ** 20", b"2 ** 20")
    assert script != page_file("page.js")
    monkeypatch.setattr(served, "page_file", lambda name: script if name == "page.js" else page_file(name))
    hand, session = random.Random(0), Session(results)
    end, done, memory = time.monotonic() + SECONDS, 0, []
    with serving(session) as server, opened() as page:
        page.look(1500, 1000)
        visit(page, server, "")
        page.run("URL.createObjectURL = () => 'about:blank#'; HTMLAnchorElement.prototype.click = () => {}; 0")
        while time.monotonic() < end:
            for _ in range(hand.randrange(1, 6)):  # without waiting
                act = hand.randrange(6)
                if act < 2:
                    name = hand.choice(PICTURES)
                    places = [(hand.randrange(16), hand.randrange(32)) for _ in range(1 + act)]
                    page.mouse(*(spot(page, name, *place) for place in places))
                elif act == 2:
                    page.press(hand.choice(KEYS), shift=hand.random() < 0.2)
                elif act == 3:
                    page.run(f"(({BUTTONS}))[{hand.randrange(1000)} % {BUTTONS}.length]?.click(); 0")
                else:
                    which, what = hand.randrange(1000), hand.randrange(1000)
                    page.run(
                        "(() => { const all = [...document.querySelectorAll('select:not(:disabled)')];"
                        f"const one = all[{which} % all.length]; one.selectedIndex = {what} % one.options.length;"
                        "one.dispatchEvent(new Event('change', { bubbles: true })); })()"
                    )
            settle(page)
            done += 1
            assert page.errors == [], page.run(STATE)
            if done % 5 == 0:
                check(page, session)
                memory.append(held(page))
        page.wait(f"{STATE} === location.hash.slice(1)", 35)  # written at most so many times in half a minute
    server_mb, page_mb = np.array(memory).T
    half = len(memory) // 2
    print(f"{done} rounds; MB at the start, in the middle and at the end: server {server_mb[[0, half, -1]].round()}, ")
    print(f"page {page_mb[[0, half, -1]].round(1)}")
    if SECONDS > 600:
        third = len(memory) // 3
        for held_mb in (server_mb, page_mb):
            assert np.median(held_mb[-third:]) < 1.1 * np.median(held_mb[third : 2 * third])


def held(page: Page) -> tuple[float, float]:
    """Megabytes of this process, which is the server's, and of what the page's script holds."""
    page.call("HeapProfiler.collectGarbage")
    heap = page.call("Runtime.getHeapUsage")
    own = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    return own / 2**20, (heap["usedSize"] + heap.get("backingStorageSize", 0)) / 2**20


def check(page: Page, session: Session) -> None:
    """That the list and the map are those of the state."""
    now = dict(part.split("=", 1) for part in page.run(STATE).split("&"))
    at = {"network": now["network"], "layer": now["layer"], "frame": int(now["frame"])}
    place = {key: [int(one) for one in now[key].split(",")] for key in ("pixel", "box") if key in now}
    if "instance" in now:
        place = {"instance": page.run(f"decodeURIComponent({now['instance']!r})")}
    rank = {"ask": "rank", **at, "place": place, "by": now.get("by", "contribution"), "everywhere": "all" in now}
    found = session.ask({**rank, "count": int(now.get("count", 24))}).head
    assert listed(page) == list(zip(found["layer"], found["neuron"], strict=True)), now
    shown = now.get("shown", "")
    one = (now["layer"], int(now["neuron"])) if "neuron" in now else listed(page)[0]
    question = {"ask": "map", **at, "layer": one[0], "neuron": one[1], "gained": "gained" in shown}
    answer = session.ask(question)
    values = answer.arrays["map"].astype(float)
    if values.any() and "signed" not in shown:
        same_colours(drawn(page, "Map of a neuron"), np.abs(values))
