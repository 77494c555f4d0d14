"""An object storage on this machine that speaks S3, for tests."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest


class Server:
    """What came to the server, and how long each request waits.

    Attributes
    ----------
    address : of the server.
    requests : method and path of every request, in order; a list to empty.
    delay : seconds that a request waits, as on the way to a data centre.
    """

    def __init__(self, address: str, app: Callable[..., Iterable[bytes]]) -> None:
        self.address, self._app = address, app
        self.requests: list[str] = []
        self.delay = 0.0

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        time.sleep(self.delay)
        return self._app(environ, start)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """It runs inside the block; its address is in the environment too, with the name and password of a user."""
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed: the extra s3")
    moto = pytest.importorskip("moto.server", reason="moto is not installed: the extra test")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    inner: Any = running._server
    inner.app = found = Server(f"http://{host}:{port}", inner.app)
    values = {
        "AWS_ENDPOINT_URL": found.address,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            yield found
    finally:
        # They keep the address that they were made with, and the next server has another.
        s3fs.S3FileSystem.clear_instance_cache()
        running.stop()


def new_bucket() -> str:
    """The address of a new bucket of the server."""
    import boto3

    name = f"canvas-{os.urandom(6).hex()}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"
