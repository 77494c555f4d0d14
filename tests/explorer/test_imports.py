"""What a page shows first is there before PyTorch, and PyTorch does not keep it waiting."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from xinc.errors import InputError
from xinc.explorer import session as sessions
from xinc.explorer.session import Session

NERV = "clip/nerv/seed0"
#: Asks what the page of a network asks as it opens; then what needs PyTorch.
SCRIPT = """
import sys
import xinc
from xinc.explorer.session import Session

def light():
    return "torch" not in sys.modules

session = Session(sys.argv[1])
session.ask({"ask": "networks"})
for network in ("clip/nerv/seed0", "clip/nerv/seed1", "clip/ffn/seed0"):
    about = session.ask({"ask": "network", "network": network}).head
    at = {"network": network, "layer": about["layers"][0]["name"], "frame": about["frames"][0]}
    of = {"network": network, "frame": about["frames"][0]}
    place = {"place": {"pixel": [3, 30]}}
    neurons = session.ask({"ask": "rank", **at, **place}).head["neuron"]
    assert about["model"] and about["gains"] and len(neurons) > 3
    more = [{"ask": "map", **at, "neuron": neurons[0]}, {"ask": "course", **at, "neuron": neurons[0], **place}]
    more += [{"ask": "thumbnails", **at, "neurons": neurons}, {"ask": "heat", **at}, {"ask": "labels", **of}]
    more += [{"ask": "picture", **of, "what": "video"}, {"ask": "python", **at, **place}]
    more += [{"ask": "rank", **at, "place": {"instance": about["instances"][0]}}] if about["instances"] else []
    if about["overview"]:
        more += [{"ask": "picture", **of, "what": what} for what in ("reconstruction", "error")]
    if about["clusters"]:
        more += [{"ask": "points", **at}]
    for question in more:
        session.ask(question)
        assert light(), question
session.ask({"ask": "rank", **at, **place, "by": "effect"})
assert not light()
"""


@pytest.mark.slow
def test_a_page_opens_without_pytorch(results: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(results)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_rest_is_imported_once_a_page_has_its_answers(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = threading.Event()
    monkeypatch.setattr(sessions, "import_the_rest", imported.set)
    monkeypatch.setattr(sessions, "QUIET", 0.2)
    session = Session(results)
    warming = threading.Thread(target=session.warm_up, args=(threading.Event(),))
    warming.start()
    assert not imported.wait(0.4), "no page was opened yet"
    with session._turns["quick"]:
        asking = threading.Thread(target=session.ask, args=({"ask": "networks"}, "networks"))
        asking.start()
        assert not imported.wait(0.4), "its first question is under way"
    asking.join()
    answered = time.monotonic()
    assert imported.wait(20)
    assert time.monotonic() - answered > 0.15
    warming.join()


def test_it_is_imported_where_no_page_is_opened_and_not_after_the_end(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = threading.Event()
    monkeypatch.setattr(sessions, "import_the_rest", imported.set)
    monkeypatch.setattr(sessions, "PATIENCE", 60.0)
    stop = threading.Event()
    warming = threading.Thread(target=Session(results).warm_up, args=(stop,))
    warming.start()
    stop.set()
    warming.join(20)
    assert not warming.is_alive()
    assert not imported.is_set()
    monkeypatch.setattr(sessions, "PATIENCE", 0.0)
    Session(results).warm_up(threading.Event())
    assert imported.is_set()


def test_a_network_is_said_to_be_there_as_it_is(results: Path, tmp_path: Path) -> None:
    """A damaged one is seen when it is needed; maps are shown."""
    shutil.copytree(results / NERV / "canvas.zarr", tmp_path / "canvas.zarr")
    alone = Session(tmp_path)
    assert not alone.network(tmp_path.name).has_model
    (tmp_path / "model.pt").write_bytes(b"damaged")
    session = Session(tmp_path)
    at = {"network": tmp_path.name, "layer": "head", "frame": 0}
    assert session.ask({"ask": "network", "network": tmp_path.name}).head["model"]
    assert session.ask({"ask": "rank", **at, "place": {}}).head["neuron"]
    with pytest.raises(InputError, match=r"model\.pt"):
        session.ask({"ask": "rank", **at, "place": {}, "by": "effect"})
    for name in (NERV, "clip/nerv/seed1", "clip/ffn/seed0"):
        of = Session(results).network(name)
        assert of.has_model == (of.model is not None and of.model.resolution == of.size)
