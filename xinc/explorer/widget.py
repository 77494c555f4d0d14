"""The explorer in a notebook: ``xinc.explore``."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from xinc.analyses.given import is_module
from xinc.errors import InputError
from xinc.explorer.messages import Superseded
from xinc.explorer.server import page_file
from xinc.explorer.session import Session


def explore(
    what: Any = "results",
    video: Any = None,
    *,
    inputs: Any = None,
    resolution: tuple[int, int] | None = None,
    frames: Sequence[int] | None = None,
    layers: str | Sequence[str] | None = None,
    **shown: Any,
) -> Any:
    """Look into networks in a notebook: click a pixel and see which neurons make it.

    The page and its questions go through the notebook's own messages, so that it works wherever the kernel runs; in
    a terminal, ``xinc explore`` shows the same page in a browser.

    Parameters
    ----------
    what : a folder of results, of a video, a model or a seed in them; a canvas, as from `xinc.dissect`, or the path of
        one (also ``s3://…``); a network, or the path of a checkpoint that needs no hints (of others,
        ``xinc.explore(xinc.load_model(path, …))``); or any module of PyTorch, with its ``inputs``.
    video : of what is not in a folder of results: frames (frame, y, x, channel) in [0, 1], a dataset with them as
        ``frames``, or the path of a ``video.zarr``. Errors and blame need it.
    inputs, resolution, frames, layers : of a module, see `xinc.network`.
    shown : what is shown first: ``network="bunny/nerv/seed0"``, ``layer``, ``frame``, ``pixel=(y, x)``,
        ``box=(y0, y1, x0, x1)``, ``neuron``.

    Returns
    -------
    A widget. Its ``pixel``, ``box`` and ``neuron`` are those chosen on the page, None where there is none, and choose
    them when they are set; ``view`` is all of the state, as in the address of the page in a browser.

    Raises
    ------
    InputError : nothing that can be looked at, a video of another size, something else to be shown first, or the extra
        ``notebook`` is not installed.

    Examples
    --------
    >>> import xinc
    >>> xinc.explore("results", pixel=(31, 64))  # doctest: +SKIP
    """
    if inputs is not None:
        from xinc.modules.front import network

        what = network(what, inputs, resolution, frames, layers)
    elif is_module(what):
        from xinc.canvas.network import as_network

        what = as_network(what)
    for name in shown:
        if name not in _SHOWN:
            raise InputError(f"Unknown argument '{name}' of explore: expected one of {', '.join(_SHOWN)}.")
    widget = _widget_class()(Session(what, video))
    widget.view = "&".join(f"{name}={_written(value)}" for name, value in shown.items())
    return widget


_SHOWN = ("network", "layer", "frame", "pixel", "box", "neuron")


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else quote(str(value))


def _widget_class() -> Any:
    """The class of the widget: made when first used, since what it is made of is an extra."""
    global _CLASS
    if _CLASS is None:
        try:
            import anywidget
            import traitlets
        except ImportError:
            raise InputError(
                "Notebooks need the extra notebook: pip install 'xinc[notebook]'. In a terminal, xinc explore shows "
                "the same page in a browser."
            ) from None

        class Explorer(anywidget.AnyWidget):
            """The page, and the answers to its questions."""

            _esm = page_file("page.js").decode()
            _css = page_file("page.css").decode()
            view = traitlets.Unicode().tag(sync=True)
            pixel = traitlets.List(traitlets.Int(), allow_none=True, default_value=None).tag(sync=True)
            box = traitlets.List(traitlets.Int(), allow_none=True, default_value=None).tag(sync=True)
            neuron = traitlets.Int(allow_none=True, default_value=None).tag(sync=True)

            def __init__(self, session: Session) -> None:
                super().__init__()
                self.session = session
                # Not in the kernel's own thread: cells run while a long question is answered, and newer questions come.
                self._answering = ThreadPoolExecutor(4, "xinc-explorer")
                threading.Thread(target=session.warm_up, args=(threading.Event(),), daemon=True).start()
                self.on_msg(lambda _, content, __: self._answering.submit(self._answer, content))

            def _answer(self, content: Any) -> None:
                head, buffers = reply(self.session, content)
                self.send(head, buffers)

        _CLASS = Explorer
    return _CLASS


_CLASS: Any = None


def reply(session: Session, content: Any) -> tuple[dict[str, Any], list[bytes]]:
    """The message that answers one of a page, and its buffers; what went wrong as ``error``, never an exception."""
    content = content if isinstance(content, Mapping) else {}
    number = content.get("id")
    try:
        answer = session.ask(content.get("question", {}), str(content.get("subject", ""))[:80])
        head, parts = answer.parts()
    except Superseded:
        return {"id": number, "error": "", "status": 409}, []
    except InputError as error:
        return {"id": number, "error": str(error), "status": 400}, []
    except Exception as error:
        said = f"The answer failed: {type(error).__name__}: {error}"
        return {"id": number, "error": said, "status": 500}, []
    return {"id": number, "head": head}, parts
