"""What the server gives and refuses, by raw sockets where a client library would tidy a request up."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xinc.errors import InputError
from xinc.experiment.cli import main
from xinc.explorer import server as served
from xinc.explorer.messages import Beginning
from xinc.explorer.server import FILES, Server, open_browser, serving
from xinc.explorer.session import Session
from xinc.explorer.sources import beginning, find_sources

QUESTION = {"ask": "networks"}
NERV = "clip/nerv/seed0"


@pytest.fixture(scope="module")
def server(session: Session) -> Iterator[Server]:
    for file, _ in FILES.values():
        assert (Path(served.__file__).parent / file).is_file()
    with serving(session) as one:
        yield one


def talk(server: Server, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by name in lower case, and body of the answer to a request as it is."""
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        connection.sendall(request)
        found = bytearray()
        while b"\r\n\r\n" not in found:
            arrived = connection.recv(65536)
            if not arrived:
                break
            found += arrived
        head, _, body = bytes(found).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
    return int(first.split(" ")[1]), headers, body


def get(server: Server, path: str, host: str | None = None, *lines: str, method: str = "GET") -> Any:
    own = f"127.0.0.1:{server.server_address[1]}" if host is None else host
    return talk(server, "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {own}", *lines, "", ""]).encode())


def ask(server: Server, body: bytes, *lines: str, path: str = "ask") -> Any:
    own = f"127.0.0.1:{server.server_address[1]}"
    head = [f"POST /{server.token}/{path} HTTP/1.1", f"Host: {own}", f"Content-Length: {len(body)}"]
    kind = () if any(line.startswith("Content-Type") for line in lines) else ("Content-Type: application/json",)
    return talk(server, "\r\n".join([*head, *kind, *lines, "", ""]).encode() + body)


def test_the_video_is_there_before_the_session(session: Session, results: Path) -> None:
    """PyTorch takes seconds to import; nothing else is answered without it."""
    late: Future[Session] = Future()
    with serving(late, sources=find_sources(results)) as early:
        for question, network in (
            ({}, NERV),
            ({"network": "clip/ffn/seed0"}, "clip/ffn/seed0"),
            ({"network": "?"}, NERV),
        ):
            wanted = {"ask": "beginning", "frame": 2, **question}
            status, _, body = ask(early, json.dumps(wanted).encode())
            assert status == 200
            assert body == beginning(session.sources, Beginning(**wanted)).packed()
            found = early.ask(wanted, "")
            assert found.head["first"] == network
            picture = session.ask({"ask": "picture", "network": NERV, "frame": 2, "what": "video"})
            np.testing.assert_array_equal(found.arrays["image"], picture.arrays["image"])
        assert ask(early, b'{"ask": "beginning", "path": "/"}')[0] == 400
        asking = threading.Thread(target=lambda: early.ask(QUESTION, ""))
        asking.start()
        asking.join(0.05)
        assert asking.is_alive()
        late.set_result(session)
        asking.join(10)
        assert not asking.is_alive()
        assert early.ask({"ask": "beginning"}, "").head["networks"] == session.ask(QUESTION).head["networks"]


def test_only_this_machine_reaches_it(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.socket.family == socket.AF_INET
    assert len(server.token) >= 32
    assert server.token not in Server.__doc__  # type: ignore[operator]


def test_the_page(server: Server) -> None:
    for name, (file, kind) in FILES.items():
        status, headers, body = get(server, f"/{server.token}/{name}")
        assert (status, headers["content-type"]) == (200, kind)
        assert body == (Path(served.__file__).parent / file).read_bytes()
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert not [one for one in headers if one.startswith("access-control")]


def test_a_question(server: Server) -> None:
    status, headers, body = ask(server, json.dumps(QUESTION).encode())
    assert (status, headers["content-type"]) == (200, "application/octet-stream")
    size = int.from_bytes(body[:4], "little")
    assert len(json.loads(body[8 : 8 + size])["networks"]) == 3
    own = f"Origin: http://127.0.0.1:{server.server_address[1]}"
    assert ask(server, json.dumps(QUESTION).encode(), own, "Sec-Fetch-Site: same-origin")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/page.js",
        "/wrong/",
        "/{token}",
        "/{token}//",
        "//{token}/",
        "/{token}/../{token}/",
        "/{token}/../page.js",
        "/{token}/%2e%2e/%2e%2e/etc/passwd",
        "/{token}/..%2f..%2fetc%2fpasswd",
        "/{token}/page.html",
        "/{token}/session.py",
        "/{token}/page.js/",
        "/{token}/page.js?x=1",
        "/{token}/./page.js",
        "/{token}/page.js%00.html",
        "/{token}/ask",
        "/{upper}/",
        "/{short}/",
        "http://127.0.0.1/{token}/",
        "*",
    ],
)
def test_other_paths_are_not_there(server: Server, path: str) -> None:
    token = server.token
    asked = path.format(token=token, upper=token.swapcase(), short=token[:-1])
    status, headers, body = get(server, asked)
    assert status == 404
    assert token not in body.decode() + str(headers)


@pytest.mark.parametrize(
    "host",
    ["example.com", "evil.127.0.0.1", "127.0.0.1.evil.com:80", "", "0.0.0.0", "127.0.0.1:x", "[::2]", "user@localhost"],
)
def test_other_hosts_are_refused(server: Server, host: str) -> None:
    assert get(server, f"/{server.token}/", host)[0] in (400, 404)
    assert get(server, f"/{server.token}/page.js", host)[0] in (400, 404)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9999", "127.0.0.1:1", "[::1]:8080", "127.0.0.1"])
def test_this_machine_by_any_port(server: Server, host: str) -> None:
    """As `ssh -L` makes it."""
    assert get(server, f"/{server.token}/", host)[0] == 200


def test_without_or_with_two_hosts(server: Server) -> None:
    assert talk(server, f"GET /{server.token}/ HTTP/1.1\r\n\r\n".encode())[0] == 404
    assert get(server, f"/{server.token}/", "localhost", "Host: localhost")[0] == 404


@pytest.mark.parametrize("origin", ["null", "http://example.com", "https://127.0.0.1", "http://127.0.0.1:1", ""])
def test_other_origins_are_refused(server: Server, origin: str) -> None:
    assert ask(server, json.dumps(QUESTION).encode(), f"Origin: {origin}")[0] == 404
    assert get(server, f"/{server.token}/", None, f"Origin: {origin}")[0] == 404


def test_requests_of_other_sites_are_refused(server: Server) -> None:
    assert get(server, f"/{server.token}/", None, "Sec-Fetch-Site: cross-site")[0] == 404
    assert ask(server, json.dumps(QUESTION).encode(), "Sec-Fetch-Site: same-site")[0] == 404


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods_are_refused(server: Server, method: str) -> None:
    assert get(server, f"/{server.token}/", method=method)[0] == 404


def test_unknown_methods_and_nonsense(server: Server) -> None:
    assert get(server, f"/{server.token}/", method="BREW")[0] == 501
    assert get(server, f"/{server.token}/" + "a" * 70000)[0] == 414


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 60000, 400),
        (b"null", 400),
        (b'{"ask": "run", "code": "1"}', 400),
        (b" " * 70000, 413),
    ],
)
def test_bad_questions(server: Server, body: bytes, status: int) -> None:
    found = ask(server, body)
    assert found[0] == status
    assert found[1]["content-type"].startswith("text/plain")
    assert b"Traceback" not in found[2]


def test_what_is_not_there_is_said(server: Server) -> None:
    """In the answer, so that the console of the browser stays empty."""
    status, _, body = ask(server, b'{"ask": "network", "network": "../../../etc/passwd"}')
    head = json.loads(body[8 : 8 + int.from_bytes(body[:4], "little")])
    assert (status, head["status"]) == (200, 400)
    assert head["refused"].startswith("Unknown network '../../../etc/passwd'")


def test_forms_cannot_ask(server: Server) -> None:
    """What a page elsewhere can send without asking the browser for permission."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert ask(server, json.dumps(QUESTION).encode(), f"Content-Type: {kind}")[0] == 404
    assert ask(server, json.dumps(QUESTION).encode(), path="other")[0] == 404


def test_lengths_that_are_none(server: Server) -> None:
    for length in ("-1", "1e3", "x", "٣"):
        head = f"POST /{server.token}/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        assert talk(server, (head + f"Content-Length: {length}\r\n\r\n").encode())[0] == 413


def test_a_refused_request_is_not_continued(server: Server) -> None:
    """The body of a request that was refused is not taken for another one."""
    inner = f"GET /{server.token}/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = f"POST /wrong/ask HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(inner)}\r\n\r\n"
    with socket.create_connection(server.server_address[:2], timeout=10) as connection:
        connection.sendall((head + inner).encode())
        found = b""
        while arrived := connection.recv(65536):
            found += arrived
    assert found.count(b"HTTP/1.1") == 1


def test_browsers_that_go_away(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(5):
        with socket.create_connection(server.server_address[:2], timeout=10) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(f"GET /{server.token}/page.js HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert get(server, f"/{server.token}/")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_failures_say_nothing_of_this_machine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("/somewhere/secret")

    monkeypatch.setattr(server.session, "ask", fail)
    monkeypatch.setattr(server, "handle_error", lambda *_: None)
    status, _, body = ask(server, json.dumps(QUESTION).encode())
    assert status == 500
    assert b"secret" not in body


def test_a_port_that_is_taken(server: Server, session: Session) -> None:
    for port in (server.server_address[1], 2**17):
        with pytest.raises(InputError, match=f"Port {port} cannot be used"), serving(session, port):
            pass


def test_opening_does_not_show_the_token_to_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    open_browser("http://127.0.0.1:1/secret/", tmp_path)
    [address] = opened
    assert "secret" not in address
    file = tmp_path / "explorer.html"
    assert address == file.as_uri()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 'location.replace("http://127.0.0.1:1/secret/")' in file.read_text()


def test_the_command(results: Path) -> None:
    until = threading.Event()
    until.set()
    first, address, last = served.explore(str(results), until=until)
    assert first.startswith("3 networks in ")
    assert address.strip().startswith("http://127.0.0.1:")
    assert "Ctrl+C" in last


def test_the_command_of_a_checkpoint(results: Path) -> None:
    until = threading.Event()
    until.set()
    run = results / "clip" / "nerv" / "seed0"
    first, second, *_ = served.explore(str(run / "model.pt"), video=str(results / "clip" / "video.zarr"), until=until)
    assert first == f"Reading {run / 'model.pt'}"
    assert second.startswith("1 network in ")
    with pytest.raises(InputError, match="hint"):
        list(served.explore(str(run / "model.pt"), hints={"num_frames": 3}, until=until))


def test_the_command_line(results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def explore(*given: Any) -> list[str]:
        told.append(given)
        return ["there"]

    monkeypatch.setattr(served, "explore", explore)
    assert main(["explore", "here", "--port", "8080", "--open", "--hints", "num_frames=3", "fc_hw=8_16"]) == 0
    assert main(["explore"]) == 0
    assert told == [("here", 8080, True, None, {"num_frames": 3, "fc_hw": "8_16"}), ("results", 0, False, None, {})]
    assert main(["explore", "--hints", "3"]) == 1
    assert "expected KEY=VALUE" in capsys.readouterr().err
