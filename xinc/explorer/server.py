"""The explorer's page over HTTP, for the browsers of this machine alone.

The server listens on the loopback address. All of its addresses begin with a random token, without which everything is
a 404, as it is for requests in the name of another host (so that no name which resolves to this machine is accepted)
or from another origin. Paths are compared with a list of three files and one address for questions; no part of a path
or a question becomes a path of the file system.
"""

from __future__ import annotations

import contextlib
import hmac
import importlib.resources
import json
import secrets
import socket
import threading
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from xinc.errors import InputError
from xinc.explorer.messages import Answer, Beginning, Malformed, Superseded, read_question
from xinc.explorer.sources import Source, beginning, find_sources

if TYPE_CHECKING:
    from xinc.explorer.session import Session

#: By name in the address, a file of this package and its type.
FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
}
#: Names of this machine. `ssh -L` keeps them, with another port.
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
#: Bytes of a question, at most.
_LONGEST = 2**16
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page_file(name: str) -> bytes:
    """The content of a file of the page."""
    return importlib.resources.files("xinc.explorer").joinpath(name).read_bytes()


class Server(ThreadingHTTPServer):
    """A server of one session.

    Parameters
    ----------
    session : what is asked, or a future that has it once all is imported.
    port : 0 for any that is free.
    sources : networks that are known before the session is there.

    Raises
    ------
    InputError : a port that is taken or may not be used.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, session: Session | Future[Session], port: int = 0, sources: Sequence[Source] = ()) -> None:
        self._session, self._sources = session, sources
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__(("127.0.0.1", port), Handler)
        except (OSError, OverflowError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise InputError(f"Port {port} cannot be used ({said}): give another --port, or none for any.") from None

    @property
    def session(self) -> Session:
        """What is asked; waits for it."""
        return self._session.result() if isinstance(self._session, Future) else self._session

    def ask(self, question: Any, subject: str) -> Answer:
        """The session's answer; what a page begins with needs none."""
        if self._sources and isinstance(self._session, Future) and not self._session.done():
            known = read_question(question)
            if isinstance(known, Beginning):
                return beginning(self._sources, known)
        return self.session.ask(question, subject)

    @property
    def address(self) -> str:
        """Where the page is, token and all."""
        return f"http://127.0.0.1:{self.server_address[1]}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing of browsers that went away; anything else as usual."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """A connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "xinc", ""
    timeout = 600
    server: Server

    def setup(self) -> None:
        super().setup()
        # Answers are two writes, head and body: without this the second waits 40 ms for the first to be confirmed.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        """A file of the page."""
        name = self._asked()
        if name is None or name not in FILES:
            self._refuse()
            return
        file, kind = FILES[name]
        self._send(200, kind, page_file(file))

    def do_HEAD(self) -> None:
        self._refuse()

    do_OPTIONS = do_PUT = do_DELETE = do_PATCH = do_HEAD

    def do_POST(self) -> None:
        """A question, in JSON; its ``subject`` is that of `Session.ask`."""
        length = self.headers.get("Content-Length", "")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self._asked() != "ask" or kind != "application/json":
            self._refuse()
            return
        if not length.isascii() or not length.isdigit() or int(length) > _LONGEST:
            self._say(413, f"A question of at most {_LONGEST} bytes was expected.")
            return
        try:
            question = json.loads(self.rfile.read(int(length)))
            subject = question.pop("subject", "") if isinstance(question, dict) else ""
            answer = self.server.ask(question, str(subject)[:80])
        except (Malformed, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
            self._say(400, str(error) if isinstance(error, InputError) else "The question is not JSON.")
        except (InputError, Superseded) as error:  # said on the page; a browser would call other statuses failures
            refused = {"refused": str(error), "status": 400 if isinstance(error, InputError) else 409}
            self._send(200, "application/octet-stream", Answer(refused).packed())
        except Exception:
            self._say(500, "The answer failed; the terminal of xinc explore says why.")
            raise
        else:
            self._send(200, "application/octet-stream", answer.packed())

    def _asked(self) -> str | None:
        """What is asked for below the token; None where the request is not from this page."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not _is_here(hosts[0]):
            return None
        origins = self.headers.get_all("Origin") or []
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return None
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return None
        # As it was sent: `path` has been tidied up.
        start, token, *rest = [*self.requestline.split(" ")[1].split("/"), ""]
        rest = rest[:-1]
        mine = self.server.token
        if start or not hmac.compare_digest(token.encode("utf-8", "replace"), mine.encode()) or len(rest) != 1:
            return None
        return rest[0]

    def _refuse(self) -> None:
        self._say(404, "There is nothing here.")

    def _say(self, status: int, text: str) -> None:
        # Whatever is left of the request is not read as another one.
        self.close_connection = self.close_connection or status in (404, 413)
        self._send(status, "text/plain; charset=utf-8", text.encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # the page asked for something else meanwhile
            self.send_response(status)
            for name, value in (_HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: addresses hold the token."""


def _is_here(host: str) -> bool:
    """Whether a Host header names this machine, with any port."""
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    return name.lower() in _HOSTS and (not port or (port.isascii() and port.isdigit()))


@contextlib.contextmanager
def serving(session: Session | Future[Session], port: int = 0, sources: Sequence[Source] = ()) -> Iterator[Server]:
    """A server that answers in a thread of its own, inside the block."""
    server = Server(session, port, sources)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def explore(
    path: str,
    port: int = 0,
    show: bool = False,
    video: str | None = None,
    hints: Mapping[str, Any] | None = None,
    until: threading.Event | None = None,
) -> Iterator[str]:
    """Serve the page until interrupted; lines for the terminal as they come.

    Parameters
    ----------
    path : see `Session`.
    port : see `Server`.
    show : whether to open a browser.
    video : the video of a canvas or a checkpoint that is not in a folder of results, a ``video.zarr``.
    hints : of a checkpoint of another code base, see `xinc.load_model`.
    until : what ends it beside an interrupt.
    """
    sources = [] if hints else find_sources(path)
    found = len(sources) or 1
    # PyTorch and all that takes a second or more is imported while the browser starts.
    with ThreadPoolExecutor(1, "xinc-explorer") as pool:
        session = pool.submit(_session, path, video, hints)
        if hints or video is not None:  # so that what is wrong with them is said here
            yield f"Reading {path}"
            session.result()
        yield from _serve(session, port, sources, show, until, f"{found} network{'s' * (found > 1)} in {path}")


def _session(path: str, video: str | None, hints: Mapping[str, Any] | None) -> Session:
    from xinc.explorer.session import Session

    what: Any = path
    if hints:
        from xinc.models.checkpoints import load_model

        what = load_model(path, **hints)
    return Session(what, video)


def _serve(
    session: Future[Session],
    port: int,
    sources: Sequence[Source],
    show: bool,
    until: threading.Event | None,
    found: str,
) -> Iterator[str]:
    with serving(session, port, sources) as server:
        yield f"{found}. The explorer, on this machine only:"
        yield f"    {server.address}"
        yield "Stop it with Ctrl+C. From another machine: ssh -L and the port; the address holds the key."
        stop = threading.Event()

        def warm_up() -> None:
            server.session.warm_up(stop)

        warming = threading.Thread(target=warm_up, daemon=True)
        warming.start()
        with TemporaryDirectory(prefix="xinc-") as folder:
            if show:
                open_browser(server.address, Path(folder))
            with contextlib.suppress(KeyboardInterrupt):
                (until or threading.Event()).wait()
        stop.set()
        warming.join(10)


def open_browser(address: str, folder: Path) -> None:
    """Show the page by way of a file that only this user can read: other users see the arguments of a browser."""
    file = folder / "explorer.html"
    file.touch(mode=0o600)
    target = json.dumps(address)
    file.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>xinc</title>'
        f"<script>location.replace({target})</script>",
        encoding="utf-8",
    )
    webbrowser.open(file.as_uri())
