"""The explorer in notebooks: messages of the page, a real kernel, and the page in a browser with a kernel's part."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import xinc
from tests.helpers.browser import Page, opened
from xinc.errors import InputError
from xinc.explorer import widget as widgets
from xinc.explorer.server import page_file
from xinc.explorer.session import Session
from xinc.explorer.widget import reply

AT = {"network": "clip/nerv/seed0", "layer": "block1", "frame": 2}


def test_replies(session: Session) -> None:
    question = {"ask": "map", **AT, "neuron": 3}
    head, parts = reply(session, {"id": "a-1", "question": question, "subject": "map"})
    assert head["id"] == "a-1"
    about = json.loads(head["head"])
    [of] = about["arrays"]
    values = np.frombuffer(parts[0], of["type"]).reshape(of["shape"])
    np.testing.assert_array_equal(values, session.ask(question).arrays["map"])
    assert reply(session, {"id": 1, "question": {"ask": "x"}})[0]["status"] == 400
    for nonsense in (None, {}, {"id": 2, "question": None}, []):
        assert "error" in reply(session, nonsense)[0]


def test_failures_are_said(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(session, "ask", fail)
    assert reply(session, {"id": 1, "question": {}})[0]["error"] == "The answer failed: RuntimeError: broken"


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, results: Path) -> None:
    monkeypatch.setattr(widgets, "_CLASS", None)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(InputError, match=r"pip install 'xinc\[notebook\]'"):
        xinc.explore(results)


def test_what_is_shown_first(results: Path) -> None:
    pytest.importorskip("anywidget")
    found = xinc.explore(results, network="clip/a & b/seed0", pixel=(3, 5), layer="head")
    assert found.view == "network=clip/a%20%26%20b/seed0&pixel=3,5&layer=head"
    assert found.pixel is None
    found.pixel = [1, 2]
    with pytest.raises(InputError, match="Unknown argument 'pixels'"):
        xinc.explore(results, pixels=(1, 2))
    with pytest.raises(InputError, match="video is"):
        xinc.explore(results / "clip" / "nerv" / "seed0", video=np.zeros((4, 8, 8, 3)))


@pytest.mark.slow
def test_any_module(results: Path) -> None:
    pytest.importorskip("anywidget")
    module = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)).eval()
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 12), indexing="ij")
    inputs = torch.stack([rows, columns], -1).reshape(-1, 2)
    found = xinc.explore(module, inputs=inputs, resolution=(8, 12))
    name = found.session.sources[0].name
    layers = found.session.ask({"ask": "network", "network": name}).head["layers"]
    at = {"network": name, "layer": layers[-1]["name"], "frame": 0}
    assert found.session.ask({"ask": "rank", **at, "place": {"pixel": [2, 3]}}).head["neuron"]


@pytest.mark.slow
def test_a_real_kernel(results: Path) -> None:
    pytest.importorskip("anywidget")
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", env=_environment())
    try:
        client.execute(f"import xinc; page = xinc.explore({str(results)!r}); page")
        state: dict[str, Any] = {}
        while "_esm" not in state:  # that of its layout comes first
            opening = _message(client, "comm_open")
            number, state = opening["content"]["comm_id"], opening["content"]["data"]["state"]
        assert state["_esm"] == page_file("page.js").decode()
        content = {"id": "q-1", "question": {"ask": "map", **AT, "neuron": 3}, "subject": "map"}
        data = {"comm_id": number, "data": {"method": "custom", "content": content}}
        client.shell_channel.send(client.session.msg("comm_msg", data))
        while True:
            answer = _message(client, "comm_msg")
            if answer["content"]["data"].get("method") == "custom":
                break
        said = answer["content"]["data"]["content"]
        assert said["id"] == "q-1"
        [of] = json.loads(said["head"])["arrays"]
        values = np.frombuffer(answer["buffers"][0], of["type"]).reshape(of["shape"])
        np.testing.assert_array_equal(values, Session(results).ask(content["question"]).arrays["map"])  # type: ignore[arg-type]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _message(client: Any, kind: str) -> Any:
    while True:
        found = client.get_iopub_msg(timeout=60)
        assert found["msg_type"] != "error", found["content"]
        if found["msg_type"] == kind:
            return found


MODEL = """
window.traits = { view: %s, pixel: null, box: null, neuron: null };
window.asked = []; window.heard = {};
const model = {
    get: (name) => traits[name], set: (name, value) => { traits[name] = value; }, save_changes: () => {},
    on: (name, act) => { (heard[name] ??= []).push(act); }, off: () => {}, send: (message) => asked.push(message),
};
window.arrive = (text, parts) => {
    const buffers = parts.map((one) => new DataView(Uint8Array.from(atob(one), (c) => c.charCodeAt(0)).buffer));
    for (const act of heard["msg:custom"]) act(JSON.parse(text), buffers);
};
const address = URL.createObjectURL(new Blob([%s], { type: "text/javascript" }));
const style = document.createElement("style");
style.textContent = %s;
document.head.append(style);
import(address).then((module) => { window.leave = module.default.render({ model, el: document.body }); });
"""


@pytest.fixture(scope="module")
def notebook(results: Path) -> Iterator[tuple[Page, Session]]:
    """The page as a notebook shows it, its messages carried to a session here."""
    with opened() as page:
        page.look(1200, 900)
        texts = [f"layer=block1&frame=2&pixel=3,30&network={AT['network']}"]
        texts += [page_file(name).decode() for name in ("page.js", "page.css")]
        page.run(MODEL % tuple(map(json.dumps, texts)) + "0")
        yield page, Session(results)
    assert page.errors == []


def carry(page: Page, session: Session) -> None:
    """Answer all that the page asks, until it asks nothing more."""
    quiet, end = 0, time.monotonic() + 30
    while quiet < 5 and time.monotonic() < end:
        messages = page.run("window.asked.splice(0)")
        quiet = 0 if messages else quiet + 1
        for message in messages:
            head, parts = reply(session, message)
            page.run(
                f"arrive({json.dumps(json.dumps(head))}, {json.dumps([base64.b64encode(p).decode() for p in parts])})"
            )
        time.sleep(0.03)
    assert page.run("document.querySelector('.xinc-explorer').dataset.pending") == "0"


@pytest.mark.slow
def test_the_page_in_a_notebook(notebook: tuple[Page, Session]) -> None:
    page, session = notebook
    carry(page, session)
    first = session.ask({"ask": "rank", **AT, "place": {"pixel": [3, 30]}}).head["neuron"][0]
    assert page.run("document.querySelector('.option').dataset.neuron") == str(first)
    assert page.run("traits.pixel") == [3, 30]
    page.run("document.querySelectorAll('.option')[2].click()")
    carry(page, session)
    third = session.ask({"ask": "rank", **AT, "place": {"pixel": [3, 30]}}).head["neuron"][2]
    assert page.run("traits.neuron") == third
    page.run("traits.pixel = [0, 1]; heard['change:pixel'].forEach((act) => act()); 0")
    carry(page, session)
    assert "pixel=0,1" in page.run("traits.view")
    page.run("leave(); 0")
    assert page.run("document.querySelector('.xinc-explorer').children.length") == 0
