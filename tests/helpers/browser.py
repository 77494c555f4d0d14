"""Headless Chromium, driven by its DevTools protocol over pipes: real keys and window sizes, without more packages."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: The browser; empty where there is none.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


def browser() -> str:
    """The browser; where there is none the test is skipped, or fails if XINC_REQUIRE_BROWSER is set."""
    if not CHROMIUM:
        missing = "no chromium is installed"
        (pytest.fail if os.environ.get("XINC_REQUIRE_BROWSER") else pytest.skip)(missing)
    return CHROMIUM


class Page:
    """A tab of the browser."""

    def __init__(self, write: Any, read: Any) -> None:
        self._write, self._read = write, read
        self._number, self._session = 0, ""
        #: What the page printed as an error, or threw.
        self.errors: list[str] = []
        #: Addresses that were asked for, but for those that hold the data themselves.
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                found: dict[str, Any] = answer["result"]
                return found

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while not text.endswith(b"\0"):
            arrived = self._read.peek()
            assert arrived, "the browser is gone"
            text += self._read.read(arrived.find(b"\0") + 1 or len(arrived))
        answer: dict[str, Any] = json.loads(text[:-1])
        about = answer.get("params", {})
        if answer.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"]))
        elif answer.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(str(about["entry"]))
        elif answer.get("method") == "Network.requestWillBeSent" and not about["request"]["url"].startswith("data:"):
            self.requests.append(about["request"]["url"])
        return answer

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression, promises waited for."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 10) -> None:
        """Until an expression is true, so many seconds at most."""
        end = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < end, f"never became true: {condition}"
            time.sleep(0.02)

    def press(self, key: str, shift: bool = False) -> None:
        """Press and release a key, such as ``ArrowRight``, ``Tab`` or ``s``."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        codes |= {f"Arrow{name}": 37 + at for at, name in enumerate(("Left", "Up", "Right", "Down"))}
        code = codes.get(key, ord(key.upper()[0]))
        about = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        about |= {"modifiers": 8} if shift else {}
        about |= {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)
        self.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")

    def mouse(self, *points: tuple[float, float]) -> None:
        """Press at the first point of the window, move over the others, and release at the last one."""
        for kind, (x, y) in [
            ("mouseMoved", points[0]),
            ("mousePressed", points[0]),
            *(("mouseMoved", point) for point in points[1:]),
            ("mouseReleased", points[-1]),
        ]:
            buttons = {} if kind == "mouseMoved" and points[1:] == () else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **buttons)

    def look(self, width: int, height: int = 900, dark: bool = False, script: bool = True, media: str = "") -> None:
        """How the page is looked at from now on."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def picture(self, file: str | Path) -> None:
        """The window as a PNG."""
        shot = self.call("Page.captureScreenshot", format="png")
        Path(file).write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def opened() -> Iterator[Page]:
    """A page of a browser of its own."""
    program = browser()
    ours, theirs = os.pipe(), os.pipe()  # the browser reads from its descriptor 3 and writes to 4
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:

        def connect() -> None:
            for source, at in ((os.dup(ours[0]), 3), (os.dup(theirs[1]), 4)):
                os.dup2(source, at)

        words = [
            *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"),
            *("--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}"),
        ]
        process = subprocess.Popen(
            words, preexec_fn=connect, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(ours[0])
        os.close(theirs[1])
        with os.fdopen(ours[1], "wb") as write, os.fdopen(theirs[0], "rb") as read:
            try:
                yield Page(write, read)
            finally:
                process.kill()
                process.wait()
